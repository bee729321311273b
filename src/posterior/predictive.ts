/**
 * Posterior predictives and how good they are. A predictive is what S draws say at N* inputs, as outputs f (N* × O a draw) under a likelihood, or a
 * Gaussian over f in closed form (linearised Laplace), which classification turns into probabilities by sampling or by the probit
 * approximation (MacKay 1992b): p ≈ softmax(κ(v) ⊙ f̄), κ(v) = 1/√(1 + π v / 8).
 */
import type { LikelihoodModel } from '../curvature/likelihood.ts';

/** Moments of p(y* | x*, D), from draws or in closed form. */
export interface Predictive {
  /** Regression: E[y*]. Classification: class probabilities, or of a Bernoulli the probability of 1. N* × O. */
  readonly mean: Float64Array;
  /** Standard deviation of f (regression: without observation noise) or of the probability, over draws; N* × O. */
  readonly deviation: Float64Array;
  /** log p(y* | x*, D) is computed from it: log of the mean over draws of p(y|f). */
  readonly draws: PredictiveDraws;
}

export type PredictiveDraws =
  /** f of each draw, S × N* × O; of so many chains, one after another, when a chain's draws depend on each other. */
  | { readonly kind: 'sampled'; readonly outputs: Float64Array; readonly count: number; readonly chains: number | undefined }
  /** Gaussian f: mean N* × O and marginal variances N* × O. */
  | { readonly kind: 'gaussian'; readonly mean: Float64Array; readonly variance: Float64Array };

/** @param outputs f of each draw, S × N* × O */
export function sampledPredictive(likelihood: LikelihoodModel, outputs: Float64Array, count: number, width: number, chains?: number): Predictive {
  const size = outputs.length / count;
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  for (let s = 0; s < count; s++) {
    const values = transformed(likelihood, outputs.subarray(s * size, (s + 1) * size), width);
    for (let k = 0; k < size; k++) {
      const delta = values[k]! - mean[k]!;
      mean[k]! += delta / (s + 1);
      square[k]! += delta * (values[k]! - mean[k]!);
    }
  }
  return { mean, deviation: square.map((sum) => Math.sqrt(sum / Math.max(1, count - 1))), draws: { kind: 'sampled', outputs, count, chains } };
}

/** From a Gaussian over f. Classification by the probit approximation; deviations of probabilities by the delta method, p (1 − p) √v. */
export function gaussianPredictive(likelihood: LikelihoodModel, mean: Float64Array, variance: Float64Array, width: number): Predictive {
  const draws: PredictiveDraws = { kind: 'gaussian', mean, variance };
  if (likelihood.kind === 'gaussian') return { mean, deviation: variance.map(Math.sqrt), draws };
  const probabilities = transformed(likelihood, probitScaled(mean, variance), width);
  return { mean: probabilities, deviation: probabilities.map((p, k) => p * (1 - p) * Math.sqrt(variance[k]!)), draws };
}

/** f̄ / √(1 + π v / 8), entry by entry. */
export function probitScaled(mean: Float64Array, variance: Float64Array): Float64Array {
  return mean.map((f, k) => f / Math.sqrt(1 + (Math.PI * variance[k]!) / 8));
}

/** f → what the likelihood makes of it: f itself, softmax rows, or sigmoids. */
function transformed(likelihood: LikelihoodModel, f: Float64Array, width: number): Float64Array {
  switch (likelihood.kind) {
    case 'gaussian':
      return f;
    case 'bernoulli':
      return f.map((z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))));
    case 'categorical': {
      const p = new Float64Array(f.length);
      for (let first = 0; first < f.length; first += width) {
        let largest = Number.NEGATIVE_INFINITY;
        for (let k = 0; k < width; k++) largest = Math.max(largest, f[first + k]!);
        let sum = 0;
        for (let k = 0; k < width; k++) sum += p[first + k] = Math.exp(f[first + k]! - largest);
        for (let k = 0; k < width; k++) p[first + k]! /= sum;
      }
      return p;
    }
  }
}
