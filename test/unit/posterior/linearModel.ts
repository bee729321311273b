/** Bayesian linear regression in closed form: the oracle of every Gaussian method, because a network of one linear layer is this model. */
import type { Random } from '../../../src/linalg/random.ts';
import { LINEAR } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import type { PosteriorProblem } from '../../../src/posterior/logPosterior.ts';

export interface LinearModel {
  readonly problem: PosteriorProblem;
  /** Posterior mean and covariance of θ = [w, b]. */
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
  /** log p(y), by the marginal N(0, σ²I + ΦΦᵀ/α). */
  readonly logEvidence: number;
  /** Features Φ = [x, 1], N × D. */
  readonly features: Float64Array;
}

/** y = w·x + b + noise with `inputs` inputs. */
export function linearModel(random: Random, rows: number, inputs: number, { noise, priorPrecision }: { readonly noise: number; readonly priorPrecision: number }): LinearModel {
  const size = inputs + 1;
  const x = Float64Array.from({ length: rows * inputs }, () => random.normal());
  const features = Float64Array.from({ length: rows * size }, (_, k) => (k % size === inputs ? 1 : x[Math.floor(k / size) * inputs + (k % size)]!));
  const targets = Float64Array.from({ length: rows }, (_, n) => features.subarray(n * size, (n + 1) * size).reduce((sum, phi, i) => sum + phi * Math.cos(i + 1), 0) + noise * random.normal());
  const precision = Float64Array.from({ length: size * size }, (_, k) => {
    const [i, j] = [Math.floor(k / size), k % size];
    let sum = i === j ? priorPrecision : 0;
    for (let n = 0; n < rows; n++) sum += (features[n * size + i]! * features[n * size + j]!) / noise ** 2;
    return sum;
  });
  const covariance = inverse(precision, size).matrix;
  const projected = Float64Array.from({ length: size }, (_, i) => targets.reduce((sum, y, n) => sum + (features[n * size + i]! * y) / noise ** 2, 0));
  const mean = Float64Array.from({ length: size }, (_, i) => projected.reduce((sum, value, j) => sum + covariance[i * size + j]! * value, 0));
  const marginal = Float64Array.from({ length: rows * rows }, (_, k) => {
    const [m, n] = [Math.floor(k / rows), k % rows];
    let sum = m === n ? noise ** 2 : 0;
    for (let i = 0; i < size; i++) sum += (features[m * size + i]! * features[n * size + i]!) / priorPrecision;
    return sum;
  });
  const { matrix, logDeterminant } = inverse(marginal, rows);
  let quadratic = 0;
  for (let m = 0; m < rows; m++) for (let n = 0; n < rows; n++) quadratic += targets[m]! * matrix[m * rows + n]! * targets[n]!;
  const logEvidence = -0.5 * (quadratic + logDeterminant + rows * Math.log(2 * Math.PI));
  return { problem: { network: denseNetwork([inputs, 1], LINEAR), x, targets, likelihood: { kind: 'gaussian', noise }, priorPrecision }, mean, covariance, logEvidence, features };
}

/** Gauss–Jordan with pivoting, for small positive definite matrices. */
export function inverse(a: Float64Array, n: number): { readonly matrix: Float64Array; readonly logDeterminant: number } {
  const work = a.slice();
  const matrix = Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0));
  let logDeterminant = 0;
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c; r < n; r++) if (Math.abs(work[r * n + c]!) > Math.abs(work[pivot * n + c]!)) pivot = r;
    for (const m of [work, matrix]) for (let k = 0; k < n; k++) [m[c * n + k], m[pivot * n + k]] = [m[pivot * n + k]!, m[c * n + k]!];
    const scale = work[c * n + c]!;
    logDeterminant += Math.log(Math.abs(scale));
    for (const m of [work, matrix]) for (let k = 0; k < n; k++) m[c * n + k]! /= scale;
    for (let r = 0; r < n; r++) {
      const factor = work[r * n + c]!;
      if (r === c || factor === 0) continue;
      for (const m of [work, matrix]) for (let k = 0; k < n; k++) m[r * n + k]! -= factor * m[c * n + k]!;
    }
  }
  return { matrix, logDeterminant };
}
