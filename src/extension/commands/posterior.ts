/** Posterior over Weights: a set of draws, one a file or all in one, before and after its symmetries are removed. */
import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import type { PosteriorRequest } from '../../protocol/service.ts';
import { t } from '../../protocol/words.ts';
import { chosenFiles } from '../chosenFiles.ts';
import type { PredictionChoice } from '../predictionChoices.ts';
import { canonicalForm, posteriorPermutation, seed } from '../settings.ts';
import type { Surroundings } from '../surroundings.ts';
import { namesOf, type Command } from './command.ts';

type PosteriorData = Pick<PosteriorRequest, 'data' | 'likelihood' | 'noise' | 'priorPrecision'>;

export const posterior: Command = async (surroundings, selection) => {
  const files = await chosenFiles({ title: t('Draws of the posterior: one file each, or one file with all'), folders: true, inFront: surroundings.panels.inFront }, selection);
  return files === undefined ? undefined : showPosterior(surroundings, files);
};

/** @param over the data and the likelihood that the draws are a posterior of; by default those of the last prediction with the first of them */
export async function showPosterior({ panels, choices, predictions }: Surroundings, files: readonly string[], over?: PosteriorData): Promise<unknown> {
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  const report = await panels.ask(
    { method: 'posterior', title: t('Posterior over the weights of {0}', namesOf(files)), request: { files, scaling: canonicalForm().scaling, permutation: posteriorPermutation(), seed: seed(), ...(over ?? knownData(predictions.of(files[0] ?? ''))), ...options } },
    files,
  );
  // Completes the walkthrough's step.
  if (report !== undefined) void vscode.commands.executeCommand('setContext', 'quotient.sawPosterior', true);
  return report;
}

function knownData({ data, likelihood, noise, priorPrecision }: Partial<PredictionChoice>): PosteriorData {
  if (data === undefined || likelihood === undefined || !existsSync(data)) return {};
  return { data, likelihood, ...(noise === undefined ? {} : { noise }), ...(typeof priorPrecision === 'number' ? { priorPrecision } : {}) };
}
