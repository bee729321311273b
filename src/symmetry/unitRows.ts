/**
 * What each unit of a channel class owns at one of its places in the state vector, as the rows of a matrix: units × entries. Putting rows
 * into another order and writing them back is how a permutation acts; inner products of rows are how units are compared.
 */
import type { AxisUse, ChannelClass } from './unitClasses.ts';
import type { UnitOrder } from './unitOrder.ts';

/** Entries of one unit's row: length of `unitRows` is units × this. */
export function rowLength({ multiplicity, outer, groups, inner }: AxisUse): number {
  return (multiplicity * outer * inner) / groups;
}

/** @param state w, or a vector of its length. @returns units × rowLength, row-major */
export function unitRows(state: Float64Array, use: AxisUse, into: Float64Array<ArrayBuffer> = new Float64Array((use.members.length / use.multiplicity) * rowLength(use))): Float64Array<ArrayBuffer> {
  const { members, inner } = use;
  const { runs, apart } = runsOf(use);
  let to = 0;
  for (const member of members) {
    let from = firstEntry(use, member);
    for (let a = 0; a < runs; a++) {
      for (let b = 0; b < inner; b++) into[to++] = state[from + b]!;
      from += apart;
    }
  }
  return into;
}

/** The inverse, for the units that change: row `order[i]` becomes the row of unit i, multiplied by `signs[i]`. */
export function writeUnitRows(state: Float64Array, use: AxisUse, rows: Float64Array, order: Int32Array, signs?: Int8Array): void {
  const { members, inner, multiplicity } = use;
  const { runs, apart } = runsOf(use);
  const length = rowLength(use);
  for (let unit = 0; unit < order.length; unit++) {
    const sign = signs?.[unit] ?? 1;
    let at = order[unit]! * length;
    for (let m = 0; m < multiplicity; m++) {
      let to = firstEntry(use, members[unit * multiplicity + m]!);
      for (let a = 0; a < runs; a++) {
        for (let b = 0; b < inner; b++) state[to + b] = sign * rows[at++]!;
        to += apart;
      }
    }
  }
}

/** New unit i is old unit `order[i]`, with its sign, at all of the class's places; running statistics move but do not change sign. */
export function orderUnits(state: Float64Array, { uses }: Pick<ChannelClass, 'uses'>, { order, signs }: UnitOrder): void {
  for (const use of uses) {
    const changing = use.block.trainable ? signs : undefined;
    if (use.groups > 1) writeUnitRows(state, use, unitRows(state, use), order, changing);
    else orderAxis(state, use, order, changing);
  }
}

/** The same for one axis, from front to back through w. */
function orderAxis(state: Float64Array, { block, outer, length, inner, members, multiplicity }: AxisUse, order: Int32Array, signs: Int8Array | undefined): void {
  const [to, from, factor] = [new Int32Array(members.length), new Int32Array(members.length), new Float64Array(members.length)];
  let count = 0;
  for (let unit = 0; unit < order.length; unit++) {
    const sign = signs?.[unit] ?? 1;
    if (order[unit] === unit && sign === 1) continue;
    for (let m = 0; m < multiplicity; m++, count++) {
      to[count] = members[unit * multiplicity + m]! * inner;
      from[count] = members[order[unit]! * multiplicity + m]! * inner;
      factor[count] = sign;
    }
  }
  const size = length * inner;
  const held = new Float64Array(size);
  for (let a = 0, start = block.offset; a < outer && count > 0; a++, start += size) {
    held.set(state.subarray(start, start + size));
    if (inner === 1) {
      for (let k = 0; k < count; k++) state[start + to[k]!] = factor[k]! * held[from[k]!]!;
      continue;
    }
    for (let k = 0; k < count; k++) {
      const [target, source, sign] = [start + to[k]!, from[k]!, factor[k]!];
      for (let b = 0; b < inner; b++) state[target + b] = sign * held[source + b]!;
    }
  }
}

/** An index's entries in w are `runs` runs of `inner` entries each, `apart` from one another. */
function runsOf({ outer, groups, length, inner }: AxisUse): { readonly runs: number; readonly apart: number } {
  return { runs: outer / groups, apart: length * inner };
}

/** Where the first entry of an index is: in the columns of a grouped convolution only the rows of its own group mention it. */
function firstEntry({ block, outer, length, inner, groups }: AxisUse, index: number): number {
  const group = groups === 1 ? 0 : Math.floor(index / length);
  return block.offset + ((group * outer) / groups) * length * inner + (index - group * length) * inner;
}
