/**
 * Pooling over windows or over all positions. Maximum pooling copies one entry of each window, so value and derivative both follow from
 * where that entry is (the first of equal ones, as in PyTorch); average pooling is linear.
 */
import { positions, type NodeOf, type ValueShape } from './network.ts';
import { windowTable, type WindowTable } from './windows.ts';

type MaximumPooling = NodeOf<'maxpool' | 'globalmaxpool'>;
type AveragePooling = NodeOf<'avgpool' | 'globalavgpool'>;

/** For each entry of the output, over all rows, where in `x` its maximum is; −1 when the window lies in the padding. */
export function maximumPositions(node: MaximumPooling, inputShape: ValueShape, x: Float64Array): Int32Array {
  const area = positions(inputShape);
  const table = tableOf(node, inputShape);
  const found = new Int32Array((x.length / area) * table.windows);
  for (let channel = 0, to = 0; channel < x.length; channel += area) {
    for (let w = 0; w < table.windows; w++, to++) {
      let best = -1;
      for (let s = w * table.size; s < (w + 1) * table.size; s++) {
        const at = table.positions[s]!;
        // A NaN wins and stays, so that it is not lost.
        if (at >= 0 && (best < 0 || x[channel + at]! > x[best]! || Number.isNaN(x[channel + at]))) best = channel + at;
      }
      found[to] = best;
    }
  }
  return found;
}

export function pickMaxima(found: Int32Array, x: Float64Array): Float64Array {
  return pick(found, x, Number.NEGATIVE_INFINITY);
}

/** Tangents of the input to tangents of the output, one for each row. */
export function pickTangents(found: Int32Array, tangents: Float64Array): Float64Array {
  return pick(found, tangents, 0);
}

function pick(found: Int32Array, from: Float64Array, otherwise: number): Float64Array {
  const picked = new Float64Array(found.length);
  for (let k = 0; k < picked.length; k++) picked[k] = found[k]! < 0 ? otherwise : from[found[k]!]!;
  return picked;
}

/**
 * Cotangents of the output added to those of the input; `seeds` of them for each row.
 * @param found of `maximumPositions` for the rows
 * @param sizes entries of one value at the input and at the output
 */
export function addPickPullback(found: Int32Array, [inputSize, outputSize]: readonly [number, number], cotangents: Float64Array, seeds: number, into: Float64Array): void {
  for (let k = 0; k < found.length; k++) {
    const at = found[k]!;
    if (at < 0) continue;
    const row = Math.floor(k / outputSize);
    for (let s = 0; s < seeds; s++) into[at + (row * (seeds - 1) + s) * inputSize]! += cotangents[(row * seeds + s) * outputSize + (k % outputSize)]!;
  }
}

export function averagePool(node: AveragePooling, inputShape: ValueShape, x: Float64Array): Float64Array {
  const area = positions(inputShape);
  const table = tableOf(node, inputShape);
  const weight = windowShares(node, table);
  const y = new Float64Array((x.length / area) * table.windows);
  for (let channel = 0, to = 0; channel < x.length; channel += area) {
    for (let w = 0; w < table.windows; w++, to++) {
      let sum = 0;
      for (let s = w * table.size; s < (w + 1) * table.size; s++) {
        const at = table.positions[s]!;
        if (at >= 0) sum += x[channel + at]!;
      }
      y[to] = sum * weight[w]!;
    }
  }
  return y;
}

export function addAveragePullback(node: AveragePooling, inputShape: ValueShape, cotangents: Float64Array, into: Float64Array): void {
  const area = positions(inputShape);
  const table = tableOf(node, inputShape);
  const weight = windowShares(node, table);
  for (let channel = 0, from = 0; channel < into.length; channel += area) {
    for (let w = 0; w < table.windows; w++, from++) {
      const share = cotangents[from]! * weight[w]!;
      for (let s = w * table.size; s < (w + 1) * table.size; s++) {
        const at = table.positions[s]!;
        if (at >= 0) into[channel + at]! += share;
      }
    }
  }
}

/** All positions are one window of global pooling. */
function tableOf(node: MaximumPooling | AveragePooling, inputShape: ValueShape): WindowTable {
  if (node.op === 'maxpool' || node.op === 'avgpool') return windowTable(node, inputShape.slice(1));
  const area = positions(inputShape);
  return { windows: 1, size: area, positions: Int32Array.from({ length: area }, (_, p) => p) };
}

/** One over the number of entries that each window averages. */
export function windowShares(node: AveragePooling, { windows, size, positions: table }: WindowTable): Float64Array {
  const countPadding = node.op === 'avgpool' && node.countPadding;
  return Float64Array.from({ length: windows }, (_, w) => {
    if (countPadding) return 1 / size;
    const inside = table.subarray(w * size, (w + 1) * size).reduce((count, at) => count + Number(at >= 0), 0);
    return inside === 0 ? 0 : 1 / inside;
  });
}
