/** The permutation symmetry at work: reorders the units of one class at every place of the state vector where they occur. */
import type { AxisUse, ChannelClass } from './unitClasses.ts';

/**
 * New unit j is old unit `order[j]`, in place.
 * @param state w, length `stateSize`
 * @param scratch at least `permutationScratch([…])` entries
 */
export function permuteUnits(state: Float64Array, { uses }: ChannelClass, order: Int32Array, scratch: Float64Array): void {
  for (const use of uses) permuteAxis(state, use, order, scratch);
}

function permuteAxis(state: Float64Array, { block, outer, length, inner, groups, members, multiplicity }: AxisUse, order: Int32Array, scratch: Float64Array): void {
  const rows = outer / groups;
  for (let a = 0; a < rows; a++) {
    for (let unit = 0, k = 0; unit < order.length; unit++) {
      for (let m = 0; m < multiplicity; m++) {
        const from = entry(block.offset, a, rows, length, inner, members[order[unit]! * multiplicity + m]!);
        for (let b = 0; b < inner; b++) scratch[k++] = state[from + b]!;
      }
    }
    for (let i = 0, k = 0; i < members.length; i++) {
      const to = entry(block.offset, a, rows, length, inner, members[i]!);
      for (let b = 0; b < inner; b++) state[to + b] = scratch[k++]!;
    }
  }
}

/** First entry of an index in row a of its group. */
function entry(offset: number, a: number, rows: number, length: number, inner: number, index: number): number {
  const group = index < length ? 0 : Math.floor(index / length);
  return offset + ((group * rows + a) * length + (index - group * length)) * inner;
}

/** Entries of scratch that `permuteUnits` needs for any of these classes. */
export function permutationScratch(classes: readonly ChannelClass[]): Float64Array {
  return new Float64Array(classes.reduce((most, { uses }) => uses.reduce((largest, { members, inner }) => Math.max(largest, members.length * inner), most), 0));
}
