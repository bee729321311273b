/**
 * The straight line between two networks, w(t) = (1 − t) a + t b: its loss, and how far its functions are from mixing the two. Independently
 * trained networks are usually separated by a barrier that shrinks once their units are in one order (Entezari et al. 2022; Ainsworth et al.
 * 2023). Running statistics of batch normalisation are interpolated like weights, not measured anew (Jordan et al. 2023 show that this
 * alone can make a barrier).
 */
import { logLikelihood, type LikelihoodModel } from '../curvature/likelihood.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { forwardBetween } from '../network/forward.ts';
import type { Network } from '../network/network.ts';

export interface Interpolation {
  /** 0 … 1, evenly. */
  readonly t: Float64Array;
  /** Mean negative log-likelihood at each t; undefined without targets. */
  readonly loss: Float64Array | undefined;
  /** RMS of f_t − ((1 − t) f_a + t f_b), relative to the RMS of f_a and f_b. 0 at both ends. */
  readonly functionDistance: Float64Array;
  /** What the choice of inputs does to each of these: standard errors by the jackknife (Efron & Stein 1981), one input left out at a time; NaN of a single input. */
  readonly standardError: Float64Array;
  /** max_t loss(t) − ((1 − t) loss(0) + t loss(1)) (Frankle et al. 2020); not below 0, which both ends give. */
  readonly barrier: number | undefined;
}

export interface InterpolationData {
  /** Inputs, N × d. */
  readonly x: Float64Array;
  /** As `logLikelihood` takes them. */
  readonly targets: Float64Array | undefined;
  readonly likelihood: LikelihoodModel;
  /** c, N: how often each input counts; 1 each when left out. */
  readonly sampleWeights?: Float64Array | undefined;
}

/**
 * @param a, b state vectors
 * @param points at least 3, both ends included
 * @param visit called with the share that is done
 */
export function* interpolate(network: Network, a: Float64Array, b: Float64Array, { x, targets, likelihood, sampleWeights }: InterpolationData, points: number, visit?: (share: number) => void): Interruptible<Interpolation> {
  const t = Float64Array.from({ length: points }, (_, i) => i / (points - 1));
  const rows = x.length / network.inputs;
  const mass = sampleWeights === undefined ? rows : sampleWeights.reduce((sum, c) => sum + c, 0);
  const loss = new Float64Array(points);
  const functionDistance = new Float64Array(points);
  const standardError = new Float64Array(points);
  // The ends come first: all others are compared with them.
  const order = [0, points - 1, ...Array.from({ length: points - 2 }, (_, i) => i + 1)];
  const ends: Float64Array[] = [];
  /** Σ over an input's outputs, for every input. */
  const sums = (square: (k: number) => number): Float64Array => Float64Array.from({ length: rows }, (_, n) => {
    let sum = 0;
    for (let k = n * network.outputs; k < (n + 1) * network.outputs; k++) sum += square(k);
    return sum * (sampleWeights?.[n] ?? 1);
  });
  let sizes: Float64Array = new Float64Array(rows);
  yield* forwardBetween(network, a, b, Float64Array.from(order, (i) => t[i]!), x, (visited, f) => {
    visit?.((visited + 1) / points);
    const i = order[visited]!;
    loss[i] = targets === undefined ? Number.NaN : -logLikelihood(likelihood, f, network.outputs, targets, sampleWeights).value / mass;
    if (visited < 2) ends.push(f);
    const [fa, fb] = ends as [Float64Array, Float64Array];
    if (visited === 1) sizes = sums((k) => (fa[k]! ** 2 + fb[k]! ** 2) / 2);
    if (visited < 2) return;
    const { value, error } = ratioRoot(sums((k) => (f[k]! - fa[k]! - t[i]! * (fb[k]! - fa[k]!)) ** 2), sizes);
    functionDistance[i] = value;
    standardError[i] = error;
  });
  if (targets === undefined) return { t, loss: undefined, functionDistance, standardError, barrier: undefined };
  let barrier = 0;
  for (let i = 1; i < points - 1; i++) barrier = Math.max(barrier, loss[i]! - (1 - t[i]!) * loss[0]! - t[i]! * loss[points - 1]!);
  return { t, loss, functionDistance, standardError, barrier };
}

/** √(Σ p / Σ q), with its standard error by leaving out one pair at a time. */
function ratioRoot(p: Float64Array, q: Float64Array): { readonly value: number; readonly error: number } {
  const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
  const root = (above: number, below: number): number => (above <= 0 ? 0 : Math.sqrt(above / below));
  const [above, below] = [total(p), total(q)];
  const without = p.map((value, n) => root(above - value, below - q[n]!));
  const mean = total(without) / p.length;
  return { value: root(above, below), error: p.length < 2 ? Number.NaN : Math.sqrt(((p.length - 1) / p.length) * without.reduce((sum, value) => sum + (value - mean) ** 2, 0)) };
}
