/**
 * Batch normalisation in evaluation mode, an affine map of each channel (Ioffe & Szegedy 2015), and layer normalisation with its
 * uncentred form (Ba, Kiros & Hinton 2016; Zhang & Sennrich 2019). The derivative of x ↦ x̂ = (x − mean)/s, s = √(variance + ε), is
 * the symmetric map M u = (u − mean(u) − x̂ mean(x̂ u))/s; without centring the middle term is left out.
 */
import { positions, valueSize, type NodeOf } from './network.ts';

/** Per channel: y = factor·(x − mean) + shift. */
export function batchnormFactors(node: NodeOf<'batchnorm'>, state: Float64Array): { readonly inverse: Float64Array; readonly factor: Float64Array } {
  const variance = state.subarray(node.variance.offset, node.variance.offset + node.variance.length);
  const inverse = variance.map((v) => 1 / Math.sqrt(v + node.epsilon));
  const { scale } = node;
  return { inverse, factor: scale === undefined ? inverse : inverse.map((value, c) => value * state[scale.offset + c]!) };
}

export function batchnorm(node: NodeOf<'batchnorm'>, state: Float64Array, x: Float64Array): Float64Array {
  const { factor } = batchnormFactors(node, state);
  const { mean, shift } = node;
  const y = new Float64Array(x.length);
  const area = positions(node.shape);
  for (let k = 0, c = 0; k < x.length; k += area, c = c + 1 === factor.length ? 0 : c + 1) {
    const centre = state[mean.offset + c]!;
    const add = shift === undefined ? 0 : state[shift.offset + c]!;
    for (let p = k; p < k + area; p++) y[p] = factor[c]! * (x[p]! - centre) + add;
  }
  return y;
}

/** What the derivative of a layer normalisation needs: entry i of group g is at i × groups + g of a row. */
export interface NormalisedRows {
  /** x̂, rows of the value. */
  readonly normalised: Float64Array;
  /** 1/s of each group of each row. */
  readonly inverse: Float64Array;
  /** Groups a row is normalised in: 1, or one for each position. */
  readonly groups: number;
  /** Entries of a group. */
  readonly length: number;
}

export function normaliseRows(node: NodeOf<'layernorm'>, x: Float64Array): NormalisedRows {
  const size = valueSize(node.shape);
  const groups = node.over === 'all' ? 1 : positions(node.shape);
  const length = size / groups;
  const normalised = new Float64Array(x.length);
  const inverse = new Float64Array((x.length / size) * groups);
  for (let part = 0; part < inverse.length; part++) {
    const first = Math.floor(part / groups) * size + (part % groups);
    const end = first + size;
    let mean = 0;
    if (node.centred) {
      for (let k = first; k < end; k += groups) mean += x[k]!;
      mean /= length;
    }
    let squares = 0;
    for (let k = first; k < end; k += groups) squares += (x[k]! - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / length + node.epsilon);
    inverse[part] = scale;
    for (let k = first; k < end; k += groups) normalised[k] = (x[k]! - mean) * scale;
  }
  return { normalised, inverse, groups, length };
}

/** γ ⊙ x̂ + β with γ and β where there are any. */
export function scaleAndShift(node: NodeOf<'layernorm'>, state: Float64Array, { normalised, groups, length }: Pick<NormalisedRows, 'normalised' | 'groups' | 'length'>): Float64Array {
  const { scale, shift } = node;
  const y = new Float64Array(normalised.length);
  for (let k = 0; k < y.length; k++) {
    const i = Math.floor(k / groups) % length;
    y[k] = normalised[k]! * (scale === undefined ? 1 : state[scale.offset + i]!) + (shift === undefined ? 0 : state[shift.offset + i]!);
  }
  return y;
}

/**
 * M u for each row of u.
 * @param seeds rows of u for each row of x
 */
export function normalisationDerivative(centred: boolean, { normalised, inverse, groups, length }: NormalisedRows, u: Float64Array, seeds: number): Float64Array {
  const size = groups * length;
  const result = new Float64Array(u.length);
  for (let r = 0; r < u.length / size; r++) {
    const row = Math.floor(r / seeds);
    for (let g = 0; g < groups; g++) {
      let sum = 0;
      let product = 0;
      for (let k = g; k < size; k += groups) {
        sum += u[r * size + k]!;
        product += u[r * size + k]! * normalised[row * size + k]!;
      }
      const mean = centred ? sum / length : 0;
      const along = product / length;
      const scale = inverse[row * groups + g]!;
      for (let k = g; k < size; k += groups) result[r * size + k] = (u[r * size + k]! - mean - normalised[row * size + k]! * along) * scale;
    }
  }
  return result;
}
