/**
 * Weight matching (Ainsworth, Hayase & Srinivasa 2023, "Git Re-Basin", algorithm 1): the permutation P of a network's units that brings its
 * weights closest to a reference, max ⟨w_ref, P·w⟩ over all trainable weights. Coordinate ascent over channel classes: with all others held,
 * the best order of one class is a linear assignment, solved exactly. With odd activations units are matched up to sign.
 *
 * A class's gains ⟨row i of the reference, row j⟩ are kept between visits. Between two visits other classes change some columns of the
 * rows only, so that the gains are updated by the products of those columns: the later sweeps cost next to nothing.
 */
import { leastCostAssignment } from '../linalg/assignment.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { addProduct } from '../linalg/product.ts';
import type { Random } from '../linalg/random.ts';
import type { Network } from '../network/network.ts';
import type { ChannelClass } from './channelClasses.ts';
import { orderUnits, rowLength, unitRows, writeUnitRows } from './unitRows.ts';

/** What happens to the units of one class: new unit i is old unit order[i], with its sign. */
export interface UnitOrder {
  readonly order: Int32Array;
  readonly signs: Int8Array;
}

export interface Matching {
  /** Per class, in the order of `classes`. */
  readonly orders: readonly UnitOrder[];
  /** P·w: buffers moved along. */
  readonly state: Float64Array;
  /** ⟨θ_ref, θ⟩ before, and after every sweep; never decreases. */
  readonly objective: readonly number[];
  /** Whether the last sweep changed nothing: no order of any single class is better. */
  readonly converged: boolean;
}

export interface MatchingClass {
  readonly units: ChannelClass;
  /** Whether its units may change sign (odd activations all along). */
  readonly signed: boolean;
}

export interface MatchingOptions {
  readonly random: Random;
  /** Orders to begin with (restarts); the identity when left out. */
  readonly start?: readonly UnitOrder[];
  readonly maxSweeps?: number;
}

const MAX_SWEEPS = 100;
/** Classes with a quadratic gain are improved by exchanges of two units up to this size: n² trials of a few n² products each. */
const EXCHANGED_UNITS = 64;

/**
 * One ascent from one start.
 * @param reference w_ref, length `network.stateSize`
 * @param state w; left unchanged
 */
export function* weightMatching(network: Network, classes: readonly MatchingClass[], reference: Float64Array, state: Float64Array, options: MatchingOptions): Interruptible<Matching> {
  const current = state.slice();
  const matchers = classes.map((one) => new ClassMatcher(one, reference));
  options.start?.forEach((order, c) => { matchers[c]!.apply(current, order); });
  let value = innerProduct(network, reference, current);
  const objective = [value];
  let converged = classes.length === 0;
  for (let sweep = 0; sweep < (options.maxSweeps ?? MAX_SWEEPS) && !converged; sweep++) {
    let moved = false;
    for (const c of options.random.permutation(matchers.length)) {
      const matcher = matchers[c]!;
      const proposal = yield* matcher.best(current);
      yield;
      if (matcher.quadratic) {
        if (yield* matcher.improve(current, proposal)) moved = true;
      } else if (proposal !== undefined) {
        matcher.apply(current, proposal);
        moved = true;
      }
    }
    value = innerProduct(network, reference, current);
    objective.push(value);
    converged = !moved;
  }
  return { orders: matchers.map(({ total }) => total), state: current, objective, converged };
}

/** The best of an ascent from the network as it is and of `restarts` ascents from random orders. */
export function* bestWeightMatching(network: Network, classes: readonly MatchingClass[], reference: Float64Array, state: Float64Array, restarts: number, options: MatchingOptions): Interruptible<RestartedMatching> {
  let best = yield* weightMatching(network, classes, reference, state, options);
  const reached = [finalObjective(best)];
  for (let restart = 0; restart < restarts; restart++) {
    const start = classes.map(({ units: { units }, signed }): UnitOrder => ({ order: options.random.permutation(units), signs: Int8Array.from({ length: units }, () => (signed && options.random.below(2) === 1 ? -1 : 1)) }));
    const found = yield* weightMatching(network, classes, reference, state, { ...options, start });
    reached.push(finalObjective(found));
    if (finalObjective(found) > finalObjective(best)) best = found;
  }
  return { ...best, reached };
}

export interface RestartedMatching extends Matching {
  /** ⟨θ_ref, θ⟩ that each ascent ended at, the one from the network as it is first. */
  readonly reached: readonly number[];
}

const finalObjective = ({ objective }: Matching): number => objective[objective.length - 1]!;

/** ⟨θ_ref, θ⟩ over the trainable parameters. */
export function innerProduct({ parameters }: Network, a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < parameters; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** A place of a class among trainable weights, with the rows it last saw. */
interface Place {
  readonly use: ChannelClass['uses'][number];
  readonly length: number;
  readonly reference: Float64Array;
  rows: Float64Array<ArrayBuffer> | undefined;
  spare: Float64Array<ArrayBuffer>;
}

class ClassMatcher {
  readonly quadratic: boolean;
  readonly #class: MatchingClass;
  readonly #reference: Float64Array;
  readonly #places: readonly Place[];
  readonly #gains: Float64Array;
  readonly #costs: Float64Array;
  /** Of the last assignment: few prices change from one visit to the next. */
  #prices: Float64Array;
  #order: Int32Array;
  #signs: Int8Array;
  /** 0 … n − 1 */
  readonly #inPlace: Int32Array;
  readonly #scratch: readonly [Float64Array, Float64Array];

  constructor(one: MatchingClass, reference: Float64Array) {
    const { units, uses } = one.units;
    this.#class = one;
    this.#reference = reference;
    this.#places = uses.filter(({ block }) => block.trainable).map((use) => ({ use, length: rowLength(use), reference: unitRows(reference, use), rows: undefined, spare: new Float64Array(units * rowLength(use)) }));
    const blocks = this.#places.map(({ use }) => use.block);
    this.quadratic = new Set(blocks).size < blocks.length;
    this.#gains = new Float64Array(units * units);
    this.#costs = new Float64Array(units * units);
    this.#prices = new Float64Array(units);
    this.#order = Int32Array.from({ length: units }, (_, i) => i);
    this.#inPlace = this.#order;
    this.#signs = new Int8Array(units).fill(1);
    const widest = units * Math.max(0, ...this.#places.map(({ length }) => length));
    this.#scratch = [new Float64Array(widest), new Float64Array(widest)];
  }

  /** All that was done to the class since the beginning. */
  get total(): UnitOrder {
    return { order: this.#order, signs: this.#signs };
  }

  /** The order that gains most, or undefined when none gains more than the present one. */
  *best(current: Float64Array): Interruptible<UnitOrder | undefined> {
    const n = this.#class.units.units;
    for (const place of this.#places) {
      this.#update(place, current);
      yield;
    }
    const gains = this.#gains;
    const signed = this.#class.signed;
    for (let k = 0; k < gains.length; k++) this.#costs[k] = signed ? -Math.abs(gains[k]!) : -gains[k]!;
    const { columns, columnPrices } = yield* leastCostAssignment(this.#costs, n, this.#prices);
    this.#prices = columnPrices;
    let now = 0;
    let then = 0;
    let size = 0;
    const signs = new Int8Array(n);
    for (let i = 0; i < n; i++) {
      const gain = gains[i * n + columns[i]!]!;
      signs[i] = this.#class.signed && gain < 0 ? -1 : 1;
      now += gains[i * n + i]!;
      then += signs[i]! * gain;
      size += Math.abs(gain) + Math.abs(gains[i * n + i]!);
    }
    // Ties are left as they are, so that rounding cannot keep the ascent going.
    return then > now + 1e-12 * size ? { order: columns, signs } : undefined;
  }

  /**
   * Where a tensor's rows and columns are the same units the gain is quadratic in the order, and the assignment only a direction: it is
   * tried whole, cycle by cycle, and, for up to `EXCHANGED_UNITS`, pair by pair. Returns whether `current` got better.
   */
  *improve(current: Float64Array, proposal: UnitOrder | undefined): Interruptible<boolean> {
    const n = this.#class.units.units;
    const trials = proposal === undefined ? [] : [proposal, ...cyclesOf(proposal)];
    if (n <= EXCHANGED_UNITS) for (let i = 1; i < n; i++) for (let j = 0; j < i; j++) trials.push(exchange(n, i, j));
    let value = this.#value(current);
    let better = false;
    for (const trial of trials) {
      const undo = this.apply(current, trial);
      const tried = this.#value(current);
      if (tried > value + 1e-12 * Math.abs(value)) {
        value = tried;
        better = true;
      } else {
        this.apply(current, undo);
      }
      yield;
    }
    return better;
  }

  /** ⟨θ_ref, θ⟩ over the tensors that the class touches. */
  #value(current: Float64Array): number {
    let sum = 0;
    for (const { offset, length } of new Set(this.#places.map(({ use }) => use.block))) for (let k = offset; k < offset + length; k++) sum += this.#reference[k]! * current[k]!;
    return sum;
  }

  /** Reorders the units in `current`; returns what undoes it. */
  apply(current: Float64Array, { order, signs }: UnitOrder): UnitOrder {
    const n = this.#class.units.units;
    // Right after `best` the rows are those of `current`, unless writing one place changes another.
    if (this.quadratic || this.#places.some(({ rows }) => rows === undefined)) {
      orderUnits(current, this.#class.units, { order, signs });
    } else {
      for (const use of this.#class.units.uses) if (!use.block.trainable) writeUnitRows(current, use, unitRows(current, use), order);
    }
    for (const place of this.#places) {
      if (place.rows === undefined) continue;
      reorderRows(place.rows, place.length, order, signs, place.spare);
      [place.rows, place.spare] = [place.spare, place.rows];
      if (!this.quadratic) writeUnitRows(current, place.use, place.rows, this.#inPlace);
    }
    const row = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const gains = this.#gains.subarray(i * n, (i + 1) * n);
      row.set(gains);
      for (let j = 0; j < n; j++) gains[j] = signs[j]! * row[order[j]!]!;
    }
    this.#prices = Float64Array.from(order, (from) => this.#prices[from]!);
    this.#signs = Int8Array.from(order, (from, i) => signs[i]! * this.#signs[from]!);
    this.#order = Int32Array.from(order, (from) => this.#order[from]!);
    const back = new Int32Array(n);
    order.forEach((from, i) => { back[from] = i; });
    return { order: back, signs: Int8Array.from(back, (i) => signs[i]!) };
  }

  /** Adds what changed at one place since its last visit to the gains. */
  #update(place: Place, current: Float64Array): void {
    const n = this.#class.units.units;
    const { length, use } = place;
    const fresh = unitRows(current, use, place.spare);
    const before = place.rows;
    if (before === undefined) {
      this.#add(place.reference, fresh, length);
    } else {
      const changed = changedColumns(before, fresh, n, length);
      const [reference, difference] = this.#scratch;
      if (changed.length > 0) {
        for (let i = 0, at = 0; i < n; i++) {
          const row = i * length;
          for (let c = 0; c < changed.length; c++, at++) {
            const k = row + changed[c]!;
            difference[at] = fresh[k]! - before[k]!;
            reference[at] = place.reference[k]!;
          }
        }
        this.#add(reference, difference, changed.length);
      }
    }
    place.spare = before ?? new Float64Array(fresh.length);
    place.rows = fresh;
  }

  #add(reference: Float64Array, rows: Float64Array, length: number): void {
    const n = this.#class.units.units;
    addProduct(this.#gains, reference, rows, n, n, length, 'nt');
  }
}

function reorderRows(rows: Float64Array, length: number, order: Int32Array, signs: Int8Array, into: Float64Array): void {
  for (let i = 0; i < order.length; i++) {
    const sign = signs[i]!;
    const from = order[i]! * length;
    for (let k = 0; k < length; k++) into[i * length + k] = sign * rows[from + k]!;
  }
}

function changedColumns(a: Float64Array, b: Float64Array, rows: number, length: number): Int32Array {
  const list = new Int32Array(length);
  const same = new Uint8Array(length).fill(1);
  let count = 0;
  for (let i = 0; i < rows; i++) {
    for (let k = 0, at = i * length; k < length; k++, at++) if (a[at] !== b[at]) same[k] = 0;
  }
  for (let k = 0; k < length; k++) if (same[k] === 0) list[count++] = k;
  return list.subarray(0, count);
}

/** The cycles of an order, each alone; with the signs of its units. */
function cyclesOf({ order, signs }: UnitOrder): UnitOrder[] {
  const seen = new Uint8Array(order.length);
  const cycles: UnitOrder[] = [];
  for (let start = 0; start < order.length; start++) {
    if (seen[start] === 1) continue;
    const cycle = { order: Int32Array.from(order.keys()), signs: new Int8Array(order.length).fill(1) };
    for (let i = start; seen[i] === 0; i = order[i]!) {
      seen[i] = 1;
      cycle.order[i] = order[i]!;
      cycle.signs[i] = signs[i]!;
    }
    if (order[start] !== start || signs[start] === -1) cycles.push(cycle);
  }
  return cycles;
}

function exchange(n: number, i: number, j: number): UnitOrder {
  const order = Int32Array.from({ length: n }, (_, k) => (k === i ? j : k === j ? i : k));
  return { order, signs: new Int8Array(n).fill(1) };
}
