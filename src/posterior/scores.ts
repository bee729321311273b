/**
 * How good a predictive is on labelled inputs: negative log predictive density, RMSE or accuracy, expected calibration error (Guo et al. 2017),
 * Brier score, coverage of 95 % intervals. What is a mean over inputs comes with its standard error over inputs.
 */
import type { LikelihoodModel } from '../curvature/likelihood.ts';
import { diagnose } from './chainDiagnostics.ts';
import { normalCdf } from '../linalg/normal.ts';
import { answers, calibrationError, probabilityOf } from './calibration.ts';
import { probitScaled, type Predictive, type PredictiveDraws } from './predictive.ts';

export interface Score {
  readonly value: number;
  /** Over the inputs; NaN for what is not a mean. */
  readonly standardError: number;
}

/** What draws add to a score's uncertainty; 0 in closed form. */
export interface MonteCarloScore extends Score {
  /** Of the value, because there are finitely many draws (delta method; draws of a chain count by their effective number). */
  readonly monteCarloError: number;
}

export type Scores =
  /** `nll` of whole outputs; squares and coverage are means over the O entries of an output. */
  | { readonly kind: 'regression'; readonly nll: MonteCarloScore; readonly rmse: Score; readonly coverage95: Score }
  | { readonly kind: 'classification'; readonly nll: MonteCarloScore; readonly accuracy: Score; readonly ece: Score; readonly brier: Score };

/**
 * @param targets y: N × O, of 0 and 1 for a Bernoulli; categorical: N class numbers
 * @param weights c, N: how often each input counts, as if its row were there c times; 1 each when left out
 */
export function scores(likelihood: LikelihoodModel, predictive: Predictive, targets: Float64Array, width: number, weights?: Float64Array): Scores {
  const rows = predictive.mean.length / width;
  const nll = { ...average(rows, weights, (n) => -logDensity(likelihood, predictive.draws, targets, n, width)), monteCarloError: monteCarloError(likelihood, predictive.draws, targets, weights ?? new Float64Array(rows).fill(1), width) };
  return likelihood.kind === 'gaussian' ? { kind: 'regression', nll, ...regression(likelihood.noise, predictive, targets, width, weights) } : { kind: 'classification', nll, ...classification(likelihood.kind, predictive.mean, targets, width, weights) };
}

function regression(noise: number, { mean, draws }: Predictive, targets: Float64Array, width: number, weights: Float64Array | undefined): { readonly rmse: Score; readonly coverage95: Score } {
  const rows = mean.length / width;
  const overOutputs = (n: number, each: (k: number) => number): number => {
    let sum = 0;
    for (let k = n * width; k < (n + 1) * width; k++) sum += each(k) / width;
    return sum;
  };
  const mse = average(rows, weights, (n) => overOutputs(n, (k) => (targets[k]! - mean[k]!) ** 2));
  const rmse = Math.sqrt(mse.value);
  const inside = (k: number): number => {
    const below = cumulative(draws, k, noise, targets[k]!);
    return below >= 0.025 && below <= 0.975 ? 1 : 0;
  };
  return { rmse: { value: rmse, standardError: rmse === 0 ? 0 : mse.standardError / (2 * rmse) }, coverage95: average(rows, weights, (n) => overOutputs(n, inside)) };
}

/** Of a Bernoulli every output is a question of its own, with two classes. */
function classification(kind: 'categorical' | 'bernoulli', probabilities: Float64Array, targets: Float64Array, width: number, weights: Float64Array | undefined): { readonly accuracy: Score; readonly ece: Score; readonly brier: Score } {
  const given = answers(kind, probabilities, targets, width, weights);
  const classes = kind === 'bernoulli' ? 2 : width;
  const brier = (n: number): number => {
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += (probabilityOf(kind, probabilities, width, n, k) - (k === targets[n] ? 1 : 0)) ** 2;
    return sum;
  };
  const questions = given.confidence.length;
  return { accuracy: average(questions, given.counts, (n) => given.correct[n]!), brier: average(questions, given.counts, brier), ece: { value: calibrationError(given), standardError: Number.NaN } };
}

/** log p(y_n | x_n, D): the log of the mean density over draws, or in closed form (probit for classification). */
function logDensity(likelihood: LikelihoodModel, draws: PredictiveDraws, targets: Float64Array, n: number, width: number): number {
  if (draws.kind === 'sampled') {
    const size = draws.outputs.length / draws.count;
    const logs = Float64Array.from({ length: draws.count }, (_, s) => logDensityOf(likelihood, draws.outputs, s * size + n * width, targets, n, width));
    const largest = logs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return largest === Number.NEGATIVE_INFINITY ? largest : largest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / draws.count);
  }
  if (likelihood.kind === 'gaussian') {
    let sum = 0;
    for (let k = n * width; k < (n + 1) * width; k++) {
      const variance = draws.variance[k]! + likelihood.noise ** 2;
      sum -= 0.5 * ((targets[k]! - draws.mean[k]!) ** 2 / variance + Math.log(2 * Math.PI * variance));
    }
    return sum;
  }
  const [from, to] = [n * width, (n + 1) * width];
  return logDensityOf(likelihood, probitScaled(draws.mean.subarray(from, to), draws.variance.subarray(from, to)), 0, targets, n, width);
}

/**
 * Standard error of −mean_n log((1/S) Σ_s p_ns) over draws: to first order the mean over draws of −mean_n p_ns / p̄_n, so the standard deviation
 * of these over √S; of chains over the root of their effective number.
 */
function monteCarloError(likelihood: LikelihoodModel, draws: PredictiveDraws, targets: Float64Array, weights: Float64Array, width: number): number {
  if (draws.kind === 'gaussian') return 0;
  const { count } = draws;
  if (count < 2) return Number.NaN;
  const influence = nllInfluence(likelihood, draws, targets, weights, width);
  if (draws.chains !== undefined && count / draws.chains >= 4) return diagnose(influence, draws.chains, count / draws.chains).mcseMean;
  return standardError(influence);
}

/** Of the change from one set of S independent draws to another of the same random numbers, draw by draw: what both have in common makes no difference. */
export const pairedError = (before: Float64Array, after: Float64Array): number => standardError(after.map((value, s) => value - before[s]!));

const standardError = (values: Float64Array): number => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1) / values.length);
};

/** How far each draw takes the negative log predictive density with it, to first order: mean_n p_ns / p̄_n, of mean 1 over draws. */
export function nllInfluence(likelihood: LikelihoodModel, { count, outputs }: Extract<PredictiveDraws, { readonly kind: 'sampled' }>, targets: Float64Array, weights: Float64Array, width: number): Float64Array {
  const size = outputs.length / count;
  const influence = new Float64Array(count);
  const points = weights.reduce((sum, c) => sum + c, 0);
  for (let n = 0; n < weights.length; n++) {
    if (weights[n] === 0) continue;
    const logs = Float64Array.from({ length: count }, (_, s) => logDensityOf(likelihood, outputs, s * size + n * width, targets, n, width));
    const largest = logs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const mean = logs.reduce((sum, log) => sum + Math.exp(log - largest), 0) / count;
    logs.forEach((log, s) => { influence[s]! += ((weights[n]! / points) * Math.exp(log - largest)) / mean; });
  }
  return influence;
}

/** log p(y_n | f), constants included; f begins at `from`. */
function logDensityOf(likelihood: LikelihoodModel, f: Float64Array, from: number, targets: Float64Array, n: number, width: number): number {
  switch (likelihood.kind) {
    case 'gaussian': {
      let sum = -width * (Math.log(likelihood.noise) + 0.5 * Math.log(2 * Math.PI));
      for (let o = 0; o < width; o++) sum -= 0.5 * ((targets[n * width + o]! - f[from + o]!) / likelihood.noise) ** 2;
      return sum;
    }
    case 'bernoulli': {
      let sum = 0;
      for (let o = 0; o < width; o++) {
        const z = targets[n * width + o] === 1 ? f[from + o]! : -f[from + o]!;
        sum -= Math.max(-z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
      }
      return sum;
    }
    case 'categorical': {
      let largest = Number.NEGATIVE_INFINITY;
      for (let o = 0; o < width; o++) largest = Math.max(largest, f[from + o]!);
      let sum = 0;
      for (let o = 0; o < width; o++) sum += Math.exp(f[from + o]! - largest);
      return f[from + targets[n]!]! - largest - Math.log(sum);
    }
  }
}

/** P(y ≤ value) of entry k of the predictive, observation noise included: a normal, or a mixture of one normal a draw. */
function cumulative(draws: PredictiveDraws, k: number, noise: number, value: number): number {
  if (draws.kind === 'gaussian') return normalCdf((value - draws.mean[k]!) / Math.sqrt(draws.variance[k]! + noise ** 2));
  const size = draws.outputs.length / draws.count;
  let sum = 0;
  for (let s = 0; s < draws.count; s++) sum += normalCdf((value - draws.outputs[s * size + k]!) / noise);
  return sum / draws.count;
}

/** Weighted like repeated rows: as many values as the weights add up to. */
function average(count: number, weights: Float64Array | undefined, of: (n: number) => number): Score {
  const counts = weights ?? new Float64Array(count).fill(1);
  const points = counts.reduce((sum, c) => sum + c, 0);
  // What does not count is not looked at: 0 · ∞ is no number.
  const values = counts.map((c, n) => (c === 0 ? 0 : of(n)));
  const value = values.reduce((sum, x, n) => sum + counts[n]! * x, 0) / points;
  const square = values.reduce((sum, x, n) => sum + (counts[n] === 0 ? 0 : counts[n]! * (x - value) ** 2), 0);
  return { value, standardError: points <= 1 ? Number.NaN : Math.sqrt(square / (points - 1) / points) };
}
