/** Targets of a data file as likelihoods take them: N × O numbers, or N class numbers. */
import type { LikelihoodModel } from '../curvature/likelihood.ts';
import { classLabels, type DataSet } from '../network/data.ts';
import type { Likelihood } from '../protocol/service.ts';
import { WeightFileError } from '../weights/weightFileError.ts';

/** For where the largest difference over the inputs is taken, which is no mean: what becomes of weights that the file has. */
export function countedAlike(data: { readonly sampleWeights?: Float64Array | undefined } | undefined): string {
  return data?.sampleWeights === undefined ? '' : ' (all alike, whatever their sample_weight)';
}

/**
 * What was asked for; else categorical where y has one class number a row and the network more outputs (a Gaussian could not be meant), and
 * Gaussian elsewhere. Zeros and ones for a single output stay Gaussian: nothing tells them from values.
 */
export function likelihoodFor(asked: Likelihood | undefined, data: DataSet | undefined, outputs: number): Likelihood {
  return asked ?? (data !== undefined && hasClassNumbers(data, outputs) ? 'categorical' : 'gaussian');
}

/** Undefined when the file has inputs only. @throws WeightFileError when they do not fit the likelihood or the network's outputs */
export function targetsFor(data: DataSet, likelihood: LikelihoodModel, outputs: number): Float64Array | undefined {
  requireTargetWidth(data, likelihood, outputs);
  if (data.y === undefined || likelihood.kind !== 'categorical') return data.y;
  const labels = classLabels(data, outputs);
  return labels === undefined ? undefined : Float64Array.from(labels);
}

/** @throws WeightFileError when the file has targets of another width than the network's outputs, and they are not class numbers of a categorical likelihood */
export function requireTargetWidth(data: DataSet, likelihood: LikelihoodModel, outputs: number): void {
  if (data.y === undefined || data.targets === outputs || (data.targets === 1 && likelihood.kind === 'categorical')) return;
  throw new WeightFileError(data.source, 'y', hasClassNumbers(data, outputs)
    ? `has class numbers, one a row; choose the categorical likelihood for them, or give the ${outputs} values a row that the network gives`
    : `has ${data.targets} values a row, the network gives ${outputs}`);
}

function hasClassNumbers({ y, targets }: DataSet, outputs: number): boolean {
  return y !== undefined && outputs > 1 && targets === 1 && y.every((value) => Number.isInteger(value) && value >= 0 && value < outputs);
}
