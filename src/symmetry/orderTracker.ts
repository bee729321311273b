/**
 * Many reorderings of many classes, one after another, as one order a class. For classes that share no unit that is composition class by class.
 * Where units lie within units (channels within the groups of a grouped convolution) the group is a wreath product and orders do not commute: a
 * reordering of groups carries what was done within them to another place. So there the indices of the axes are followed, and at the end taken
 * apart into one order of the groups and one within each, which give the same when applied in the order of the classes.
 */
import type { MatchingClass } from './matchingClasses.ts';
import { nestedClasses } from './matchingPlaces.ts';
import type { AxisUse } from './unitClasses.ts';
import { composed, identityOrder, type UnitOrder } from './unitOrder.ts';

export class OrderTracker {
  readonly #classes: readonly MatchingClass[];
  readonly #nested: readonly boolean[];
  readonly #totals: UnitOrder[];
  /** Of each axis with nested classes: which index stands at each position. */
  readonly #sources = new Map<string, Int32Array>();

  constructor(classes: readonly MatchingClass[]) {
    this.#classes = classes;
    this.#nested = nestedClasses(classes);
    this.#totals = classes.map(({ units: { units } }) => identityOrder(units));
    classes.forEach(({ units: { uses } }, c) => {
      if (this.#nested[c] === true) for (const use of uses) this.#sources.set(axisOf(use), Int32Array.from({ length: use.length * use.groups }, (_, i) => i));
    });
  }

  /** The units of class c are reordered as they stand now. */
  apply(c: number, relative: UnitOrder): void {
    this.#totals[c] = composed(this.#totals[c]!, relative);
    if (this.#nested[c] !== true) return;
    for (const use of this.#classes[c]!.units.uses) {
      const source = this.#sources.get(axisOf(use));
      if (source !== undefined) reorder(source, use, relative.order);
    }
  }

  /** Per class; applied in the order of the classes they do what was done. */
  orders(): UnitOrder[] {
    const whole = this.#classes.map((one, c) => (this.#nested[c] === true && one.units.kind === 'groups' ? this.#wholeOrder(one) : undefined));
    return this.#classes.map((one, c) => {
      if (this.#nested[c] !== true) return this.#totals[c]!;
      return whole[c] ?? this.#orderWithin(one, c, whole);
    });
  }

  #wholeOrder({ units: { uses, units } }: MatchingClass): UnitOrder {
    for (const use of uses) {
      const source = this.#sources.get(axisOf(use));
      if (source !== undefined) return unitOrder(use, units, source);
    }
    return identityOrder(units);
  }

  #orderWithin({ units: { uses, units } }: MatchingClass, c: number, whole: readonly (UnitOrder | undefined)[]): UnitOrder {
    for (const use of uses) {
      const source = this.#sources.get(axisOf(use));
      for (const [g, order] of whole.entries()) {
        const around = order === undefined ? undefined : this.#classes[g]!.units.uses.find((candidate) => axisOf(candidate) === axisOf(use) && candidate.members.includes(use.members[0]!));
        if (source === undefined || order === undefined || around === undefined) continue;
        // What the order of the groups alone does to the indices, γ. Before it, W[γ[p]] = σ[p]; after it, γ[W[p]] = σ[p].
        const moved = Int32Array.from(source.keys());
        reorder(moved, around, order.order);
        const within = new Int32Array(source.length);
        if (c < g) moved.forEach((index, p) => { within[index] = source[p]!; });
        else {
          const back = new Int32Array(source.length);
          moved.forEach((index, p) => { back[index] = p; });
          source.forEach((index, p) => { within[p] = back[index]!; });
        }
        return unitOrder(use, units, within);
      }
    }
    return this.#totals[c]!;
  }
}

/** The unit whose first index stands at the first position of each. */
function unitOrder({ members, multiplicity }: AxisUse, units: number, source: Int32Array): UnitOrder {
  const unitOf = new Int32Array(source.length);
  members.forEach((member, k) => { unitOf[member] = Math.floor(k / multiplicity); });
  return { order: Int32Array.from({ length: units }, (_, unit) => unitOf[source[members[unit * multiplicity]!]!]!), signs: new Int8Array(units).fill(1) };
}

/** First `first`, then `then`, each class after class. */
export function composedOrders(classes: readonly MatchingClass[], first: readonly UnitOrder[], then: readonly UnitOrder[]): UnitOrder[] {
  const tracker = new OrderTracker(classes);
  for (const orders of [first, then]) orders.forEach((order, c) => { tracker.apply(c, order); });
  return tracker.orders();
}

const axisOf = ({ block, axis }: AxisUse): string => `${block.index}.${axis}`;

/** Position of unit i takes the indices of the unit at order[i]. */
function reorder(source: Int32Array, { members, multiplicity }: AxisUse, order: Int32Array): void {
  const before = source.slice();
  for (let unit = 0, to = 0; unit < order.length; unit++) {
    for (let m = 0; m < multiplicity; m++, to++) source[members[to]!] = before[members[order[unit]! * multiplicity + m]!]!;
  }
}
