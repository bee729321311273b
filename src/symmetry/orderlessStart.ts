/**
 * Where weight matching may begin without knowing the order of anything: for each class an assignment on what its units have whatever order the
 * units before and behind them are in. Of a row a that meets units in unknown order only its sorted entries count, and by the rearrangement inequality
 *   ⟨sort a, sort b⟩ ≥ ⟨a, P b⟩ for every order P,
 * with |a| and |b| where signs are unknown as well; kernel positions and what has a fixed place are compared as they are. So the assignment
 * is on an upper bound of the gains. Between copies of one network the bound is attained exactly by the order that makes them equal (each unit's
 * sorted entries have the largest inner product with themselves), where coordinate ascent from other orders may end in local optima.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import { withProductSums } from '../linalg/productSum.ts';
import type { MatchingClass } from './matchingClasses.ts';
import { nestedClasses } from './matchingPlaces.ts';
import { OrderTracker } from './orderTracker.ts';
import type { AxisUse } from './unitClasses.ts';
import type { UnitOrder } from './unitOrder.ts';
import { orderUnits, rowLength, unitRows } from './unitRows.ts';

/** Columns that are multiplied together. */
const DEPTH = 1024;

/** What is not known of a place's entries when the classes of its other axis, and those within its units, are in any order. */
interface Place {
  readonly use: AxisUse;
  /** Entries are m × q × t: a unit's indices, the other axis, kernel positions. */
  readonly across: number;
  readonly taps: number;
  readonly sorted: 'no' | 'across' | 'indices and across';
  /** Whether units of the other axis may change sign. */
  readonly unsigned: boolean;
}

/** @returns per class, in the order of `classes`, each applied after those before it */
export function* orderlessStart(classes: readonly MatchingClass[], reference: Float64Array, state: Float64Array): Interruptible<UnitOrder[]> {
  const nested = nestedClasses(classes);
  const places = classes.map((one, c) => placesOf(one, nested[c]!, classes));
  const sizes = classes.map(({ units: { units } }) => units);
  const current = state.slice();
  return yield* withProductSums('Weight matching', sizes, DEPTH, function* (sums): Interruptible<UnitOrder[]> {
    const tracker = new OrderTracker(classes);
    // Whole groups first: what lies within them is looked for where they have come to be.
    const order = [...classes.keys()].sort((a, b) => Number(classes[b]!.units.kind === 'groups') - Number(classes[a]!.units.kind === 'groups') || a - b);
    for (const c of order) {
      const { units, signed } = classes[c]!;
      const n = units.units;
      const add = function* (chosen: readonly Place[]): Interruptible<void> {
        for (const place of chosen) {
          const length = rowLength(place.use);
          const [a, b] = [signature(reference, place), signature(current, place)];
          for (let first = 0; first < length; first += DEPTH) {
            const k = Math.min(DEPTH, length - first);
            for (let i = 0; i < n; i++) {
              const from = i * length + first;
              sums.left.set(a.subarray(from, from + k), i * k);
              sums.right.set(b.subarray(from, from + k), i * k);
            }
            sums.add(c, k, 'rows');
            yield;
          }
        }
      };
      // What knows signs decides them; the rest is the same for both.
      yield* add(places[c]!.filter(({ unsigned }) => !unsigned));
      const known = signed ? sums.sums[c]!.slice() : undefined;
      if (known !== undefined) for (let k = 0; k < known.length; k++) sums.sums[c]![k] = Math.abs(known[k]!);
      yield* add(places[c]!.filter(({ unsigned }) => unsigned));
      const { columns } = yield* sums.assign(c, 'gains');
      const found = { order: columns, signs: Int8Array.from(columns, (j, i) => (known !== undefined && known[i * n + j]! < 0 ? -1 : 1)) };
      orderUnits(current, units, found);
      tracker.apply(c, found);
    }
    return tracker.orders();
  });
}

function placesOf({ units: { uses } }: MatchingClass, nested: boolean, classes: readonly MatchingClass[]): Place[] {
  return uses.filter(({ block }) => block.trainable).map((use): Place => {
    const { block, axis, role, inner, outer, groups, multiplicity } = use;
    const others = classes.filter((other) => other.units.uses.some((candidate) => candidate.block === block && candidate.axis !== axis));
    const across = role === 'elementwise' || block.shape.length === 1 ? 1 : axis === 0 ? block.shape[1]! : outer / groups;
    const taps = axis === 0 ? inner / across : inner;
    return { use, across, taps, sorted: nested && multiplicity > 1 ? 'indices and across' : others.length > 0 ? 'across' : 'no', unsigned: others.some(({ signed }) => signed) };
  });
}

/** units × rowLength. */
function signature(state: Float64Array, { use, across, taps, sorted, unsigned }: Place): Float64Array {
  const rows = unitRows(state, use);
  if (unsigned) for (let k = 0; k < rows.length; k++) rows[k] = Math.abs(rows[k]!);
  if (sorted === 'no') return rows;
  const run = sorted === 'across' ? across : across * use.multiplicity;
  const entries = new Float64Array(run);
  for (let first = 0; first < rows.length; first += run * taps) {
    for (let t = 0; t < taps; t++) {
      for (let q = 0; q < run; q++) entries[q] = rows[first + q * taps + t]!;
      entries.sort();
      for (let q = 0; q < run; q++) rows[first + q * taps + t] = entries[q]!;
    }
  }
  return rows;
}
