/**
 * What each unit of a channel class owns at one of its places in the state vector, as the rows of a matrix: units × entries. Putting rows
 * into another order and writing them back is how a permutation acts; inner products of rows are how units are compared.
 */
import type { AxisUse } from './channelClasses.ts';

/** Entries of one unit's row: length of `unitRows` is units × this. */
export function rowLength({ multiplicity, outer, groups, inner }: AxisUse): number {
  return (multiplicity * outer * inner) / groups;
}

/** @param state w, or a vector of its length. @returns units × rowLength, row-major */
export function unitRows(state: Float64Array, use: AxisUse, into: Float64Array<ArrayBuffer> = new Float64Array((use.members.length / use.multiplicity) * rowLength(use))): Float64Array<ArrayBuffer> {
  visit(use, (entry, at) => { into[at] = state[entry]!; });
  return into;
}

/** The inverse: row `order[i]` becomes the row of unit i, multiplied by `signs[i]`. */
export function writeUnitRows(state: Float64Array, use: AxisUse, rows: Float64Array, order: Int32Array, signs?: Int8Array): void {
  const length = rowLength(use);
  visit(use, (entry, at) => {
    const unit = Math.floor(at / length);
    const value = rows[order[unit]! * length + (at % length)]!;
    state[entry] = signs?.[unit] === -1 ? -value : value;
  });
}

/** Calls with every entry of w that the use mentions, and its position in the matrix of rows. */
function visit({ block, outer, length, inner, groups, multiplicity, members }: AxisUse, at: (entry: number, position: number) => void): void {
  const rowsPerGroup = outer / groups;
  let position = 0;
  for (let m = 0; m < members.length; m += multiplicity) {
    for (let k = 0; k < multiplicity; k++) {
      const index = members[m + k]!;
      const group = groups === 1 ? 0 : Math.floor(index / length);
      const column = index - group * length;
      for (let a = group * rowsPerGroup; a < (group + 1) * rowsPerGroup; a++) {
        const start = block.offset + (a * length + column) * inner;
        for (let b = 0; b < inner; b++) at(start + b, position++);
      }
    }
  }
}
