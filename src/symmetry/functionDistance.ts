/**
 * Do two state vectors of one network compute the same function? Asked before a canonical form is written, because a symmetry that was
 * derived wrongly shows here and nowhere else. Rounding is told from change by the smaller of two figures: a running error bound
 * (`roundingBound.ts`), eps × the sum of the magnitudes of the terms that are added up, which is safe and, in deep networks, far too
 * large; and a stochastic one (after Parker 1997, Monte Carlo arithmetic): how far the outputs move when every weight is moved at random by a
 * small share of itself, scaled down to eps.
 */
import { seededRandom } from '../linalg/random.ts';
import { productsPerInput, valuesPerInput } from '../network/cost.ts';
import { forward, trace } from '../network/forward.ts';
import type { Network } from '../network/network.ts';
import { firstDifferentLayer } from './layerDifference.ts';
import { roundingBound } from './roundingBound.ts';

export interface FunctionDistance {
  /** max over outputs o of max_n |a_no − b_no| / max_n |a_no|, |b_no|. 0 when all agree, ∞ when only one network overflows. */
  readonly relative: number;
  /** max |a_no − b_no|. */
  readonly absolute: number;
  /** On the scale of `relative`: what rounding alone can explain. Large where outputs are small differences of large terms. */
  readonly rounding: number;
  /** Output at which `relative` is reached. */
  readonly output: number;
  /** Outputs (of N × O) at which both networks are finite and were compared. */
  readonly compared: number;
  /** When the function changed: name of the first layer whose units behave differently, up to order, positive scale and sign. */
  readonly firstLayer: string | null;
}

/** Whether the difference is more than `tolerance` and more than rounding; also when there was nothing finite to compare. */
export function functionChanged(distance: FunctionDistance, tolerance = 1e-10): boolean {
  return distance.compared === 0 || distance.relative > Math.max(tolerance, distance.rounding);
}

/**
 * Inputs for networks without data, N × d: standard normal, each row scaled by 10^k with k = −1, 0, 1 in turn, so that biases decide
 * some of them, weights others, and most ReLUs are met on both sides. A difference that shows on an open set of inputs shows here almost surely.
 */
export function genericInputs(width: number, rows: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: rows * width }, (_, i) => random.normal() * 10 ** ((Math.floor(i / width) % 3) - 1));
}

/** Multiplications that a comparison may take, and the rows it has at least and at most. */
const AFFORDABLE = 1e9;
const LEAST_ROWS = 3;
const MOST_ROWS = 96;

/** How many generic inputs to compare a network on: 96, fewer for networks whose evaluation is long. */
export function comparedInputs(network: Network): number {
  // Two networks: value, error bound and moved value of each.
  return Math.max(LEAST_ROWS, Math.min(MOST_ROWS, Math.floor(AFFORDABLE / (6 * productsPerInput(network)))));
}

/** Share of itself by which every weight is moved, and what the effect is multiplied by for the roundings of all operations. */
const SHARE = 2 ** -30;
const SAFETY = 100;
/** An output that moves by more than this share of itself does not tell what a smaller move would do. */
const LINEAR = 1e-3;

function moved(state: Float64Array, seed: number): Float64Array {
  const random = seededRandom(seed);
  return state.map((value) => value * (1 + SHARE * (2 * random.uniform() - 1)));
}

/** Rows that are evaluated together: what keeps the values of both networks within about 64 MB. */
function rowsPerChunk(network: Network): number {
  return Math.max(1, Math.floor(2 ** 22 / valuesPerInput(network)));
}

/**
 * @param a, b state vectors, length `stateSize`
 * @param x inputs, N × d row-major; `comparedInputs` generic ones when left out
 */
export function functionDistance(network: Network, a: Float64Array, b: Float64Array, x = genericInputs(network.inputs, comparedInputs(network), 0)): FunctionDistance {
  const outputs = network.outputs;
  const width = network.inputs;
  const size = new Float64Array(outputs);
  const difference = new Float64Array(outputs);
  const explained = new Float64Array(outputs);
  let compared = 0;
  const [movedA, movedB] = [moved(a, 1), moved(b, 2)];
  const step = rowsPerChunk(network);
  for (let first = 0; first * width < x.length; first += step) {
    const part = x.subarray(first * width, (first + step) * width);
    const left = trace(network, a, part);
    const right = trace(network, b, part);
    const fa = left.values[network.output]!;
    const fb = right.values[network.output]!;
    const bound = roundingBound(network, a, left);
    const boundOther = roundingBound(network, b, right);
    const [nearA, nearB] = [forward(network, movedA, part), forward(network, movedB, part)];
    for (let i = 0; i < fa.length; i++) {
      const o = i % outputs;
      const [p, q] = [fa[i]!, fb[i]!];
      if (!Number.isFinite(p) || !Number.isFinite(q)) {
        if (Number.isFinite(p) || Number.isFinite(q)) difference[o] = Number.POSITIVE_INFINITY;
        continue;
      }
      compared++;
      size[o] = Math.max(size[o]!, Math.abs(p), Math.abs(q));
      difference[o] = Math.max(difference[o]!, Math.abs(p - q));
      const [shiftA, shiftB] = [Math.abs(nearA[i]! - p), Math.abs(nearB[i]! - q)];
      const linear = shiftA <= LINEAR * Math.abs(p) && shiftB <= LINEAR * Math.abs(q);
      const safe = bound[i]! + boundOther[i]!;
      explained[o] = Math.max(explained[o]!, linear ? Math.min(safe, (shiftA + shiftB) * (SAFETY * (Number.EPSILON / SHARE))) : safe);
    }
  }
  let relative = 0;
  let worst = 0;
  let rounding = 0;
  for (let o = 0; o < outputs; o++) {
    rounding = Math.max(rounding, size[o] === 0 ? 0 : explained[o]! / size[o]!);
    const here = difference[o] === 0 ? 0 : difference[o]! / size[o]!;
    if (here > relative) [relative, worst] = [here, o];
  }
  const distance = { relative, absolute: difference.reduce((most, value) => Math.max(most, value), 0), rounding, output: worst, compared, firstLayer: null };
  return functionChanged(distance) ? { ...distance, firstLayer: firstDifferentLayer(network, a, b, x) } : distance;
}
