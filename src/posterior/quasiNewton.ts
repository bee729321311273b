/**
 * The last steps to a mode by L-BFGS (Nocedal & Wright 2006, algorithms 7.4 and 7.5) on the whole data: along the flat valleys of a network's posterior
 * Adam creeps, and where curvature is negative it may rest; a mode is asked for by everything that Laplace presumes. Steps are shortened until
 * they gain enough (Armijo), and a pair of differences without positive curvature is not learnt from.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import { logPosterior, type PosteriorProblem } from './logPosterior.ts';

export interface Mode {
  readonly state: Float64Array;
  /** ‖∂ log p(D, θ)/∂θ‖₂ there. */
  readonly gradientNorm: number;
  readonly iterations: number;
}

export interface QuasiNewtonOptions {
  readonly iterations: number;
  /** Of the gradient's norm: enough. */
  readonly tolerance: number;
  readonly onIteration?: (iteration: number) => void;
}

const MEMORY = 20;
const SUFFICIENT = 1e-4;
const HALVINGS = 40;

/** @param start w; left unchanged, its buffers are kept */
export function* quasiNewton(problem: PosteriorProblem, start: Float64Array, { iterations, tolerance, onIteration }: QuasiNewtonOptions): Interruptible<Mode> {
  const size = problem.network.parameters;
  let state = start.slice();
  let gradient: Float64Array = new Float64Array(size);
  let value = logPosterior(problem, state, gradient).value;
  const pairs: { readonly step: Float64Array; readonly change: Float64Array; readonly product: number }[] = [];
  let k = 0;
  for (; k < iterations && norm(gradient) > tolerance; k++) {
    const direction = ascent(gradient, pairs);
    const slope = dot(direction, gradient);
    let share = pairs.length === 0 ? Math.min(1, 1 / norm(gradient)) : 1;
    let next = state;
    const nextGradient = new Float64Array(size);
    let reached = Number.NEGATIVE_INFINITY;
    for (let halving = 0; halving < HALVINGS; halving++, share /= 2) {
      next = state.slice();
      for (let i = 0; i < size; i++) next[i]! += share * direction[i]!;
      reached = logPosterior(problem, next, nextGradient).value;
      yield;
      if (reached >= value + SUFFICIENT * share * slope) break;
    }
    // No step gains anything that float64 can tell.
    if (!(reached > value)) break;
    const step = direction.map((d) => share * d);
    // Of −log p, so that positive curvature is positive.
    const change = gradient.map((g, i) => g - nextGradient[i]!);
    const product = dot(step, change);
    if (product > 1e-12 * norm(step) * norm(change)) {
      pairs.push({ step, change, product });
      if (pairs.length > MEMORY) pairs.shift();
    }
    [state, value, gradient] = [next, reached, nextGradient];
    onIteration?.(k + 1);
  }
  return { state, gradientNorm: norm(gradient), iterations: k };
}

/** The two loops: an approximate inverse Hessian times the gradient. */
function ascent(gradient: Float64Array, pairs: readonly { readonly step: Float64Array; readonly change: Float64Array; readonly product: number }[]): Float64Array {
  const direction = gradient.slice();
  const shares: number[] = [];
  for (const { step, change, product } of [...pairs].reverse()) {
    const share = dot(step, direction) / product;
    shares.push(share);
    for (let i = 0; i < direction.length; i++) direction[i]! -= share * change[i]!;
  }
  const last = pairs.at(-1);
  const scale = last === undefined ? 1 : last.product / dot(last.change, last.change);
  for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  for (const { step, change, product } of pairs) {
    const share = (shares.pop() ?? 0) - dot(change, direction) / product;
    for (let i = 0; i < direction.length; i++) direction[i]! += share * step[i]!;
  }
  return direction;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));
