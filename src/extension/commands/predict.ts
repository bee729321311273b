/** Posterior Predictive: what a network's posterior predicts by several methods side by side; several networks, or a folder of them, are draws. */
import * as vscode from 'vscode';
import { t } from '../../protocol/words.ts';
import { askPrediction } from '../askPrediction.ts';
import { chosenFiles, isSavedModel } from '../chosenFiles.ts';
import type { PredictionChoice } from '../predictionChoices.ts';
import { predictSettings, seed } from '../settings.ts';
import type { Surroundings } from '../surroundings.ts';
import { namesOf, type Command } from './command.ts';

export const predict: Command = async (surroundings, selection) => {
  const { panels, choices, predictions, summaries } = surroundings;
  const files = await chosenFiles({ title: t('Network whose posterior to predict with, or draws of a posterior'), folders: true, savedModels: true, inFront: panels.inFront }, selection);
  const [first] = files ?? [];
  if (files === undefined || first === undefined) return undefined;
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  // A file that cannot be summarised is left to the analysis, which says why.
  const holds = await isSavedModel(first) ? 'tensorflow' : await summaries.of(first).then((summary) => summary.holds, () => 'network' as const);
  const choice = await askPrediction(files, holds, predictions.of(first), summaries);
  return choice === undefined ? undefined : showPrediction(surroundings, files, choice);
};

/** The answers are remembered for the next time. */
export async function showPrediction({ panels, choices, predictions }: Surroundings, files: readonly string[], choice: PredictionChoice): Promise<unknown> {
  const [first] = files;
  if (first !== undefined) await predictions.remember(first, choice);
  const report = await panels.ask(
    { method: 'predict', title: t('Posterior predictive of {0}', namesOf(files)), request: { files, ...choice, ...predictSettings(), seed: seed(), ...await choices.known(files) } },
    files,
  );
  // Completes the walkthrough's step.
  if (report !== undefined) void vscode.commands.executeCommand('setContext', 'quotient.sawPrediction', true);
  return report;
}
