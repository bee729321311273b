/**
 * The places of the classes that matching reorders, and how the entries at each come to be there. While an ascent runs, weights stay where they
 * are: for each axis of each block it is kept which index stands at which position now. Where that is not enough, because a block's rows and
 * columns are the same units, or units lie within units (grouped convolutions), the block is moved indeed.
 */
import type { Block } from '../network/network.ts';
import type { MatchingClass } from './matchingClasses.ts';
import { type AxisUse, memberStarts } from './unitClasses.ts';
import type { UnitOrder } from './unitOrder.ts';

/** Index at each position of an axis, with its sign. */
interface AxisOrder {
  readonly source: Int32Array;
  readonly sign: Float64Array;
  /** Counts the changes. */
  version: number;
}

/** A class's place in a block whose other axis is reordered in name only: entry (unit, m; q, t) lies at starts[unit · multiplicity + m] + q · stride + t. */
export interface IndexedPlace {
  readonly kind: 'indexed';
  readonly use: AxisUse;
  readonly starts: Int32Array;
  /** Of the other axis: indices, their distance, and the entries that follow each. */
  readonly other: AxisOrder;
  readonly stride: number;
  readonly taps: number;
}

/** A class's place in a block that is moved. */
export interface MovedPlace {
  readonly kind: 'moved';
  readonly use: AxisUse;
}

export interface MatchingPlaces {
  /** By class: its places among trainable weights. */
  readonly places: readonly (readonly (IndexedPlace | MovedPlace)[])[];
  /** By class: whether a block of it has these units on both sides. */
  readonly quadratic: readonly boolean[];
  /** By class: the places, buffers included, that are moved with every change, and those that are moved at the end. */
  readonly moved: readonly (readonly AxisUse[])[];
  readonly left: readonly (readonly AxisUse[])[];
  /** Notes that the units of a class stand in another order than before. */
  reorder(c: number, relative: UnitOrder): void;
}

export function matchingPlaces(classes: readonly MatchingClass[]): MatchingPlaces {
  const nested = nestedClasses(classes);
  const quadratic = classes.map(({ units: { uses } }) => {
    const blocks = uses.filter(({ block }) => block.trainable).map(({ block }) => block);
    return new Set(blocks).size < blocks.length;
  });
  const moving = new Set<Block>();
  classes.forEach(({ units: { uses } }, c) => {
    for (const { block, groups } of uses) if (groups > 1 || nested[c] === true || quadratic[c] === true) moving.add(block);
  });
  const orders = new Map<Block, readonly [AxisOrder, AxisOrder]>();
  const ordersOf = (use: AxisUse): readonly [AxisOrder, AxisOrder] => {
    let found = orders.get(use.block);
    if (found === undefined) orders.set(use.block, found = [identity(use.axis === 0 ? use.length : use.outer), identity(use.axis === 1 ? use.length : columnsOf(use))]);
    return found;
  };
  const places = classes.map(({ units: { uses } }) => uses.filter(({ block }) => block.trainable).map((use): IndexedPlace | MovedPlace => {
    if (moving.has(use.block)) return { kind: 'moved', use };
    const other = ordersOf(use)[1 - use.axis]!;
    const taps = use.axis === 0 ? use.inner / other.source.length : use.inner;
    return { kind: 'indexed', use, starts: memberStarts(use), other, stride: use.axis === 0 ? taps : use.length * use.inner, taps };
  }));
  return {
    places, quadratic,
    moved: classes.map(({ units: { uses } }) => uses.filter(({ block }) => moving.has(block))),
    left: classes.map(({ units: { uses } }) => uses.filter(({ block }) => !moving.has(block))),
    reorder(c, relative) {
      for (const place of places[c]!) if (place.kind === 'indexed') reorderAxis(ordersOf(place.use)[place.use.axis], place.use, relative);
    },
  };
}

/** Columns of a weight; the entries of a bias or scale have one. */
function columnsOf({ role, block }: AxisUse): number {
  return role === 'elementwise' ? 1 : block.shape[1] ?? 1;
}

function identity(length: number): AxisOrder {
  return { source: Int32Array.from({ length }, (_, i) => i), sign: new Float64Array(length).fill(1), version: 0 };
}

function reorderAxis(axis: AxisOrder, { members, multiplicity }: AxisUse, { order, signs }: UnitOrder): void {
  const source = axis.source.slice();
  const sign = axis.sign.slice();
  for (let unit = 0, to = 0; unit < order.length; unit++) {
    for (let m = 0; m < multiplicity; m++, to++) {
      const from = members[order[unit]! * multiplicity + m]!;
      axis.source[members[to]!] = source[from]!;
      axis.sign[members[to]!] = signs[unit]! * sign[from]!;
    }
  }
  axis.version++;
}

/** Classes that share an index of an axis with another: channels within groups that are units themselves. */
export function nestedClasses(classes: readonly MatchingClass[]): readonly boolean[] {
  const owner = new Map<string, Int32Array>();
  const nested = classes.map(() => false);
  classes.forEach(({ units: { uses } }, c) => {
    for (const { block, axis, length, groups, members } of uses) {
      const key = `${block.index}.${axis}`;
      let owners = owner.get(key);
      if (owners === undefined) owner.set(key, owners = new Int32Array(length * groups).fill(-1));
      for (const member of members) {
        const before = owners[member]!;
        if (before >= 0) nested[before] = nested[c] = true;
        owners[member] = c;
      }
    }
  });
  return nested;
}
