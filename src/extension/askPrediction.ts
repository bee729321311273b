/** The questions of a posterior predictive, one after the other, with the last answers filled in. */
import path from 'node:path';
import * as vscode from 'vscode';
import type { Holding, PredictionMethod } from '../protocol/service.ts';
import { t } from '../protocol/words.ts';
import { askDataFile, askLikelihood } from './askData.ts';
import type { PredictionChoice } from './predictionChoices.ts';
import { rankSettings } from './settings.ts';
import type { SummaryCache } from './summaryCache.ts';
import { EVIDENCE, positiveNumber, priorPrecisionFrom, rateFrom } from './typedNumber.ts';

const methodItems = (): readonly { readonly method: PredictionMethod; readonly label: string; readonly detail: string }[] => [
  { method: 'sampled', label: t('Sampled Laplace'), detail: t('The network at draws of the Gaussian at the mode') },
  { method: 'linearized', label: t('Linearised Laplace'), detail: t('The network linearised at the mode, in closed form') },
  { method: 'linearized-sampled', label: t('Linearised Laplace, sampled'), detail: t('The same by draws') },
  { method: 'projected', label: t('Projected Laplace'), detail: t('Draws without their part in the kernel of the GGN') },
  { method: 'diffusion', label: t('Laplace diffusion'), detail: t('Small steps, each with the curvature where it is') },
  { method: 'diffusion-image', label: t('Laplace diffusion, image part'), detail: t('Its steps in the image of the GGN alone') },
  { method: 'diffusion-kernel', label: t('Laplace diffusion, kernel part'), detail: t('Its steps in the kernel of the GGN alone') },
  { method: 'last-layer', label: t('Last-layer Laplace'), detail: t('Weights before the last layer are fixed') },
  { method: 'bayesian-last-layer', label: t('Bayesian last layer'), detail: t('The exact posterior of the last layer’s weights; regression') },
  { method: 'diagonal', label: t('Diagonal Laplace'), detail: t('Weights are independent') },
  { method: 'swag', label: t('SWAG'), detail: t('A Gaussian fitted to the iterates of stochastic gradient descent: those selected, or by training') },
  { method: 'dropout', label: t('MC dropout'), detail: t('Units are left out at random') },
  { method: 'vi', label: t('Mean-field variational inference'), detail: t('The closest Gaussian of independent weights; trains') },
  { method: 'ensemble', label: t('Ensemble, or draws of a chain'), detail: t('Every network of the files is a draw') },
  { method: 'hmc', label: t('Hamiltonian Monte Carlo'), detail: t('Draws of the posterior itself; slow') },
];

/** The four that differ in one thing at a time: the kernel, and the linearisation. */
export const usualMethods: readonly PredictionMethod[] = ['sampled', 'linearized', 'projected', 'diffusion'];

/** What the files are for, when nothing was chosen before. */
function ownMethods(files: readonly string[], holds: Holding): readonly PredictionMethod[] {
  switch (holds) {
    case 'swag': return ['swag'];
    case 'mean-field': return ['vi'];
    case 'draws': return ['ensemble'];
    case 'tensorflow': return [];
    case 'network': return files.length > 1 ? ['ensemble'] : usualMethods;
  }
}

/** Whether the method is of draws that are there already, so that no prior comes into it. */
function withoutPrior(method: PredictionMethod, files: readonly string[], holds: Holding): boolean {
  const several = holds === 'draws' || files.length > 1;
  return method === 'ensemble' || method === 'dropout' || (method === 'swag' && (holds === 'swag' || several)) || (method === 'vi' && holds === 'mean-field');
}

/** Undefined when the user did not want to answer. @param holds what the first file holds */
export async function askPrediction(files: readonly string[], holds: Holding, last: Partial<PredictionChoice>, summaries: SummaryCache): Promise<PredictionChoice | undefined> {
  const name = path.basename(files[0] ?? '');
  const data = await askDataFile({ summaries, title: files.length === 1 ? t('Data that {0} was trained on', name) : t('Data that these {0} networks were trained on', files.length), weights: files, remembered: last.data });
  if (data === undefined) return undefined;
  const test = await askDataFile({
    summaries, title: t('Inputs to predict at'), weights: [...files, data], remembered: last.test, likely: (beside) => /test|val/i.test(beside),
    without: { label: t('No test data'), detail: t('The training inputs, and a curve where there is one input') },
  });
  if (test === undefined) return undefined;
  const likelihood = await askLikelihood(data, summaries, last.likelihood);
  if (likelihood === undefined) return undefined;
  const noise = likelihood === 'gaussian' ? await askNoise(last.noise ?? rankSettings().noise) : rankSettings().noise;
  if (noise === undefined) return undefined;
  // TensorFlow.js gives forward passes only: the analysis takes what the files and the model's layers allow.
  const methods = holds === 'tensorflow' ? [] : await askMethods(last.methods ?? ownMethods(files, holds));
  if (methods === undefined) return undefined;
  const known = last.priorPrecision ?? rankSettings().priorPrecision;
  const priorPrecision = methods.every((method) => withoutPrior(method, files, holds)) ? known : await askPriorPrecision(known);
  if (priorPrecision === undefined) return undefined;
  const dropoutRate = methods.includes('dropout') ? await askDropoutRate(last.dropoutRate) : 'own';
  if (dropoutRate === undefined) return undefined;
  return { data, ...(test === 'without' ? {} : { test }), likelihood, noise, priorPrecision, methods, ...(dropoutRate === 'own' ? {} : { dropoutRate }) };
}

async function askNoise(value: number): Promise<number | undefined> {
  const text = await vscode.window.showInputBox({
    title: t('Observation noise σ'), prompt: t('Standard deviation of the targets about the outputs'), value: String(value), ignoreFocusOut: true,
    validateInput: (typed) => (positiveNumber(typed) === undefined ? t('A number above 0, such as 0.1.') : undefined),
  });
  return text === undefined ? undefined : positiveNumber(text);
}

async function askPriorPrecision(value: number | typeof EVIDENCE): Promise<number | typeof EVIDENCE | undefined> {
  const text = await vscode.window.showInputBox({
    title: t('Prior precision α'), prompt: t('Of the Gaussian prior over weights; or "{0}": where the Laplace evidence is largest', EVIDENCE), value: String(value), ignoreFocusOut: true,
    validateInput: (typed) => (priorPrecisionFrom(typed) === undefined ? t('A number above 0, such as 1, or {0}.', EVIDENCE) : undefined),
  });
  return text === undefined ? undefined : priorPrecisionFrom(text);
}

async function askMethods(chosen: readonly PredictionMethod[]): Promise<readonly PredictionMethod[] | undefined> {
  const known = methodItems();
  // What is ticked is in sight.
  const items = known.map(({ method, label, detail }) => ({ method, label, detail, picked: chosen.includes(method) })).sort((a, b) => Number(b.picked) - Number(a.picked));
  const picked = await vscode.window.showQuickPick(items, { title: t('Methods, side by side'), canPickMany: true, ignoreFocusOut: true });
  // A report has them in one order, whichever way they were offered.
  return picked === undefined || picked.length === 0 ? undefined : known.map(({ method }) => method).filter((method) => picked.some((item) => item.method === method));
}

/** 'own': the rates of the network's own dropout layers. */
async function askDropoutRate(value: number | undefined): Promise<number | 'own' | undefined> {
  const text = await vscode.window.showInputBox({
    title: t('Dropout rate'), prompt: t('Left empty: the rates of the network’s own dropout layers'), value: value === undefined ? '' : String(value), ignoreFocusOut: true,
    validateInput: (typed) => (typed.trim() === '' || rateFrom(typed) !== undefined ? undefined : t('A number between 0 and 1, or nothing.')),
  });
  if (text === undefined) return undefined;
  return text.trim() === '' ? 'own' : rateFrom(text);
}
