/**
 * What a hidden unit owns in θ: its incoming row u_j = [w_j; b_j] and its outgoing column v_j. Every symmetry of a dense chain
 * moves only these two blocks, and the function stays because σ sees u_j·[a; 1] and the next layer sees v_j σ(·).
 */
import type { DenseChain } from '../network/denseChain.ts';

export interface HiddenLayer {
  /** Position in `chain.layers`. */
  readonly index: number;
  readonly name: string;
  /** n, the number of units. */
  readonly units: number;
  /** Length of w_j. */
  readonly fanIn: number;
  /** Length of v_j. */
  readonly fanOut: number;
  /** Offset in θ of this layer's weight, n × fanIn. */
  readonly weight: number;
  /** Offset in θ of this layer's bias, n entries. */
  readonly bias: number | undefined;
  /** Offset in θ of the next layer's weight, fanOut × n: v_j is its column j. */
  readonly outgoing: number;
  /** Offset in θ of the next layer's bias, fanOut entries. */
  readonly outgoingBias: number | undefined;
  /** σ(αz) = ασ(z) for α > 0. */
  readonly homogeneous: boolean;
  /** σ(−z) = −σ(z). */
  readonly odd: boolean;
}

/** The hidden layers of a chain, input side first: every layer but the last. */
export function hiddenLayers(chain: DenseChain): readonly HiddenLayer[] {
  return chain.layers.slice(0, -1).map((layer, index) => {
    const next = chain.layers[index + 1]!;
    return {
      index,
      name: layer.name,
      units: layer.outputs,
      fanIn: layer.inputs,
      fanOut: next.outputs,
      weight: layer.weight.offset,
      bias: layer.bias?.offset,
      outgoing: next.weight.offset,
      outgoingBias: next.bias?.offset,
      homogeneous: layer.activation.positivelyHomogeneous,
      odd: layer.activation.odd,
    };
  });
}

/** Positively homogeneous and odd together mean σ(z) = cz: nothing nonlinear stands between the two maps. */
export function isLinear(layer: HiddenLayer): boolean {
  return layer.homogeneous && layer.odd;
}

/** u_j → u_j / s, v_j → s v_j, in place: the scaling symmetry for s > 0, the sign symmetry for s = −1. */
export function divideUnit(theta: Float64Array, layer: HiddenLayer, unit: number, s: number): void {
  const { fanIn, fanOut, units, weight, bias, outgoing } = layer;
  const row = weight + unit * fanIn;
  for (let i = row; i < row + fanIn; i++) theta[i]! /= s;
  if (bias !== undefined) theta[bias + unit]! /= s;
  for (let k = 0; k < fanOut; k++) theta[outgoing + k * units + unit]! *= s;
}

/**
 * New unit j is old unit `order[j]`, in place.
 * @param scratch at least units × max(fanIn, 1) entries
 */
export function permuteUnits(theta: Float64Array, layer: HiddenLayer, order: Int32Array, scratch: Float64Array): void {
  const { fanIn, fanOut, units, weight, bias, outgoing } = layer;
  for (let j = 0; j < units; j++) {
    const from = weight + order[j]! * fanIn;
    for (let i = 0; i < fanIn; i++) scratch[j * fanIn + i] = theta[from + i]!;
  }
  for (let i = 0; i < units * fanIn; i++) theta[weight + i] = scratch[i]!;
  if (bias !== undefined) permuteEntries(theta, bias, order, scratch);
  for (let k = 0; k < fanOut; k++) permuteEntries(theta, outgoing + k * units, order, scratch);
}

function permuteEntries(theta: Float64Array, offset: number, order: Int32Array, scratch: Float64Array): void {
  for (let j = 0; j < order.length; j++) scratch[j] = theta[offset + order[j]!]!;
  for (let j = 0; j < order.length; j++) theta[offset + j] = scratch[j]!;
}

/** Entries of scratch that `permuteUnits` needs for any layer. */
export function permutationScratch(layers: readonly HiddenLayer[]): Float64Array {
  return new Float64Array(Math.max(0, ...layers.map((layer) => layer.units * Math.max(1, layer.fanIn))));
}
