/** Every setting of the extension, read when it is used, with the defaults of package.json. */
import * as vscode from 'vscode';
import { machineMemory } from '../protocol/machineMemory.ts';
import type { CanonicalizeRequest, PredictRequest, RankRequest } from '../protocol/service.ts';

const get = <T>(name: string, otherwise: T): T => vscode.workspace.getConfiguration('quotient').get(name, otherwise);

/** A whole or broken number that settings.json may spell as anything. */
function number(name: string, otherwise: number, least: number): number {
  const value = get<unknown>(name, otherwise);
  return typeof value === 'number' && Number.isFinite(value) && value >= least ? value : otherwise;
}

/** Below this not even the host itself starts. */
const LEAST_HOST_MB = 256;

/** 0, the default, stands for half of the memory that this machine (or container) has. */
export function memoryLimitBytes(): number {
  const megabytes = number('host.memoryLimit', 0, 0);
  if (megabytes > 0) return Math.max(LEAST_HOST_MB, megabytes) * 2 ** 20;
  return Math.max(LEAST_HOST_MB * 2 ** 20, Math.floor(machineMemory() / 2));
}

export const idleMilliseconds = (): number => number('host.idleMinutes', 5, 0.1) * 60_000;

export const hasCodeLens = (document: vscode.TextDocument): boolean => vscode.workspace.getConfiguration('quotient', document).get<unknown>('codeLens', true) !== false;

export const seed = (): number => Math.floor(number('seed', 0, 0));

export function rankSettings(): Pick<RankRequest, 'inputs' | 'noise' | 'priorPrecision'> {
  return {
    inputs: Math.floor(number('rank.inputs', 2000, 1)),
    noise: number('rank.noise', 1, Number.MIN_VALUE),
    priorPrecision: number('rank.priorPrecision', 1, Number.MIN_VALUE),
  };
}

export function canonicalForm(): Pick<CanonicalizeRequest, 'scaling' | 'permutation' | 'sign' | 'countBiases'> {
  return {
    scaling: oneOf('canonicalForm.scaling', ['unit', 'balanced', 'none']),
    permutation: oneOf('canonicalForm.permutation', ['sorted', 'none']),
    sign: oneOf('canonicalForm.sign', ['fixed', 'none']),
    countBiases: get<unknown>('canonicalForm.countBiases', false) === true,
  };
}

/** Whether the draws of a posterior are aligned to the first one at last. */
export function posteriorPermutation(): 'sorted' | 'aligned' {
  return get<unknown>('posterior.align', false) === true ? 'aligned' : 'sorted';
}

/** Starts of weight matching besides the one from the network as it is; nothing where the setting is empty. */
export const alignRestarts = (): { readonly restarts?: number } => (get<unknown>('align.restarts', null) === null ? {} : { restarts: Math.floor(number('align.restarts', 2, 0)) });

export function predictSettings(): Pick<PredictRequest, 'draws' | 'diffusionSteps' | 'train'> {
  const epochs = Math.floor(number('predict.trainEpochs', 0, 0));
  return {
    draws: Math.floor(number('predict.draws', 200, 1)), diffusionSteps: Math.floor(number('predict.diffusionSteps', 20, 1)),
    ...(epochs === 0 ? {} : { train: { optimizer: 'adam', epochs } }),
  };
}

/** The first value is the default. */
function oneOf<const T extends string>(name: string, values: readonly [T, ...T[]]): T {
  const value = get<unknown>(name, values[0]);
  return values.find((known) => known === value) ?? values[0];
}
