/** The inputs on which the functions of two networks are compared when the user has given no data, or too many. */
import { seededRandom } from '../linalg/random.ts';
import { workPerInput } from '../network/cost.ts';
import type { Network } from '../network/network.ts';
import { inputSizeText, withSmallerInputs } from '../network/smallerInputs.ts';

/** Inputs of one size. */
export interface Probe {
  /** The network, or the same one for smaller pictures: same state vector, same outputs. */
  readonly network: Network;
  /** N × d of this network. */
  readonly x: Float64Array;
}

/** Multiplications that one network's evaluation may take, and the rows it has at least and at most. */
const AFFORDABLE = 1e9;
const LEAST_ROWS = 3;
const MOST_ROWS = 96;

/** How many inputs to compare a network on: 96, fewer for networks whose evaluation is long. */
function comparedInputs(network: Network): number {
  return Math.max(LEAST_ROWS, Math.min(MOST_ROWS, Math.floor(AFFORDABLE / workPerInput(network))));
}

/**
 * Inputs for networks without data, N × d: standard normal, each row scaled by 10^k with k = −1, 0, 1 in turn, so that biases decide
 * some of them, weights others, and most ReLUs are met on both sides. A difference that shows on an open set of inputs shows here almost surely.
 */
export function genericInputs(width: number, rows: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: rows * width }, (_, i) => random.normal() * 10 ** ((Math.floor(i / width) % 3) - 1));
}

/** Generic inputs as small as the network allows, and one of its own size beside them. */
export function genericProbes(network: Network, seed: number): readonly Probe[] {
  const smaller = withSmallerInputs(network);
  if (smaller === undefined) return [{ network, x: genericInputs(network.inputs, comparedInputs(network), seed) }];
  const one = genericInputs(network.inputs, 2, seed).slice(network.inputs);
  return [{ network: smaller, x: genericInputs(smaller.inputs, comparedInputs(smaller), seed) }, { network, x: one }];
}

/** Rows of the user's data, at most as many as there would be generic inputs, evenly spaced. */
export function dataProbes(network: Network, x: Float64Array): readonly Probe[] {
  const width = network.inputs;
  const rows = x.length / width;
  const most = comparedInputs(network);
  if (rows <= most) return [{ network, x }];
  const chosen = new Float64Array(most * width);
  for (let n = 0; n < most; n++) {
    const from = Math.floor((n * rows) / most) * width;
    chosen.set(x.subarray(from, from + width), n * width);
  }
  return [{ network, x: chosen }];
}

export function probedInputs(probes: readonly Probe[]): number {
  return probes.reduce((sum, { network, x }) => sum + x.length / network.inputs, 0);
}

/** Said in reports where generic inputs are not of the network's size; '' otherwise. */
export function smallerInputsSentence(network: Network): string {
  const smaller = withSmallerInputs(network);
  return smaller === undefined ? '' : `Generic inputs are ${inputSizeText(smaller)}, where every window lies wholly within its picture somewhere: behind its pooling over all positions the network does with them what it does with ${inputSizeText(network)}.`;
}
