/**
 * The straight line between two networks, w(t) = (1 − t) a + t b: its loss, and how far its functions are from mixing the two. Independently
 * trained networks are usually separated by a barrier that shrinks once their units are in one order (Entezari et al. 2022; Ainsworth et al.
 * 2023). Running statistics of batch normalisation are interpolated like weights, not measured anew (Jordan et al. 2023 show that this
 * alone can make a barrier).
 */
import { logLikelihood, type LikelihoodModel } from '../curvature/likelihood.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { forwardInSteps } from '../network/forward.ts';
import type { Network } from '../network/network.ts';

export interface Interpolation {
  /** 0 … 1, evenly. */
  readonly t: Float64Array;
  /** Mean negative log-likelihood at each t; undefined without targets. */
  readonly loss: Float64Array | undefined;
  /** RMS of f_t − ((1 − t) f_a + t f_b), relative to the RMS of f_a and f_b. 0 at both ends. */
  readonly functionDistance: Float64Array;
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
  const fa = yield* forwardInSteps(network, a, x);
  const fb = yield* forwardInSteps(network, b, x);
  const counts = (k: number): number => sampleWeights?.[Math.floor(k / network.outputs)] ?? 1;
  let size = 0;
  for (let k = 0; k < fa.length; k++) size += (counts(k) * (fa[k]! ** 2 + fb[k]! ** 2)) / 2;
  const mass = sampleWeights === undefined ? x.length / network.inputs : sampleWeights.reduce((sum, c) => sum + c, 0);
  const lossOf = (outputs: Float64Array): number => (targets === undefined ? Number.NaN : -logLikelihood(likelihood, outputs, network.outputs, targets, sampleWeights).value / mass);
  const loss = new Float64Array(points);
  const functionDistance = new Float64Array(points);
  const between = new Float64Array(a.length);
  for (let i = 0; i < points; i++) {
    const share = t[i]!;
    visit?.(share);
    const inside = i > 0 && i < points - 1;
    if (inside) for (let k = 0; k < a.length; k++) between[k] = a[k]! + share * (b[k]! - a[k]!);
    const f = inside ? yield* forwardInSteps(network, between, x) : i === 0 ? fa : fb;
    loss[i] = lossOf(f);
    let square = 0;
    for (let k = 0; k < f.length; k++) square += counts(k) * (f[k]! - fa[k]! - share * (fb[k]! - fa[k]!)) ** 2;
    functionDistance[i] = i === 0 || i === points - 1 || square === 0 ? 0 : Math.sqrt(square / size);
    yield;
  }
  if (targets === undefined) return { t, loss: undefined, functionDistance, barrier: undefined };
  let barrier = 0;
  for (let i = 1; i < points - 1; i++) barrier = Math.max(barrier, loss[i]! - (1 - t[i]!) * loss[0]! - t[i]! * loss[points - 1]!);
  return { t, loss, functionDistance, barrier };
}
