/**
 * Weight matching (Ainsworth, Hayase & Srinivasa 2023, "Git Re-Basin", algorithm 1): the permutation P of a network's units that brings its
 * weights closest to a reference, max ⟨w_ref, P·w⟩ over all trainable weights. Coordinate ascent over channel classes: with all others held,
 * the best order of one class is a linear assignment, solved exactly. With odd activations units are matched up to sign.
 *
 * What a class's units gain at each position is kept between visits (`matchingGains.ts`), and a class whose neighbours have not moved is passed over:
 * later sweeps cost next to nothing.
 */
import type { Assignment } from '../linalg/assignment.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { type ProductSums, withProductSums } from '../linalg/productSum.ts';
import type { Random } from '../linalg/random.ts';
import { type Block, type Network, parameterDistance } from '../network/network.ts';
import type { MatchingClass } from './matchingClasses.ts';
import { ClassGains, productDepth } from './matchingGains.ts';
import { matchingPlaces, type MatchingPlaces } from './matchingPlaces.ts';
import { orderlessStart } from './orderlessStart.ts';
import { OrderTracker } from './orderTracker.ts';
import { composed, cyclesOf, exchange, identityOrder, inverse, type UnitOrder } from './unitOrder.ts';
import { orderUnits } from './unitRows.ts';

export interface Matching {
  /** Per class, in the order of `classes`, and so applied. */
  readonly orders: readonly UnitOrder[];
  /** P·w: buffers moved along. */
  readonly state: Float64Array;
  /** ⟨θ_ref, θ⟩ before, and after every sweep; never decreases. */
  readonly objective: readonly number[];
  /** Whether the last sweep changed nothing: no order of any single class is better. */
  readonly converged: boolean;
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
 * @throws MemoryLimitError when gains and operands do not fit into the engine's memory
 */
export function* weightMatching(network: Network, classes: readonly MatchingClass[], reference: Float64Array, state: Float64Array, options: MatchingOptions): Interruptible<Matching> {
  const places = matchingPlaces(classes);
  const sizes = classes.map(({ units: { units } }) => units);
  return yield* withProductSums('Weight matching', sizes, productDepth(places.places.flat()), (sums) => ascend(network, classes, places, reference, state, sums, options));
}

function* ascend(
  network: Network, classes: readonly MatchingClass[], places: MatchingPlaces, reference: Float64Array, state: Float64Array, sums: ProductSums, options: MatchingOptions,
): Interruptible<Matching> {
  const current = places.moved.some((uses) => uses.length > 0) ? state.slice() : state;
  const tracker = new OrderTracker(classes);
  const matchers = classes.map((one, c) => new ClassMatcher(one, c, places, reference, state, sums, tracker));
  options.start?.forEach((order, c) => { matchers[c]!.apply(current, order); });
  let value = innerProduct(network, reference, options.start === undefined ? state : finished(current, matchers));
  const objective = [value];
  let converged = classes.length === 0;
  for (let sweep = 0; sweep < (options.maxSweeps ?? MAX_SWEEPS) && !converged; sweep++) {
    converged = true;
    for (const c of options.random.permutation(matchers.length)) {
      const gained = yield* matchers[c]!.visit(current);
      if (gained > 0) converged = false;
      value += gained;
      yield;
    }
    objective.push(value);
  }
  const best = finished(current, matchers);
  // What was added up above, without its rounding.
  if (objective.length > 1) objective[objective.length - 1] = innerProduct(network, reference, best);
  return { orders: tracker.orders(), state: best, objective, converged };
}

/** P·w, also where nothing was moved on the way. */
function finished(current: Float64Array, matchers: readonly ClassMatcher[]): Float64Array {
  const state = current.slice();
  for (const matcher of matchers) matcher.finish(state);
  return state;
}

/** Parameters from which an ascent takes seconds. */
export const LARGE = 4e6;

/** Random orders to begin from when nobody says how many. */
export const affordableRestarts = ({ parameters }: Network): number => (parameters <= LARGE ? 2 : 0);

/**
 * The best of ascents from the network as it is, from what its units have whatever their order (`orderlessStart.ts`), and from `restarts` random
 * orders. None is begun once the weights are the reference's: nothing is closer. A large network begins from its units alone only when it
 * may be a copy of the reference, whom that start is for.
 */
export function* bestWeightMatching(network: Network, classes: readonly MatchingClass[], reference: Float64Array, state: Float64Array, restarts: number, options: MatchingOptions): Interruptible<RestartedMatching> {
  let best = yield* weightMatching(network, classes, reference, state, options);
  const reached = [finalObjective(best)];
  const least = network.parameters <= LARGE || mayBeCopies(network, reference, state) ? -1 : 0;
  for (let restart = least; restart < restarts && !isCopy(network, reference, best); restart++) {
    const start = restart < 0 ? yield* orderlessStart(classes, reference, state)
      : classes.map(({ units: { units }, signed }): UnitOrder => ({ order: options.random.permutation(units), signs: Int8Array.from({ length: units }, () => (signed && options.random.below(2) === 1 ? -1 : 1)) }));
    const found = yield* weightMatching(network, classes, reference, state, { ...options, start });
    reached.push(finalObjective(found));
    if (finalObjective(found) > finalObjective(best)) best = found;
  }
  return { ...best, reached };
}

export interface RestartedMatching extends Matching {
  /** ⟨θ_ref, θ⟩ that each ascent ended at, the one from the network as it is first, then the one from units alone, then those from random orders. */
  readonly reached: readonly number[];
}

/** Two states are copies when they differ by no more than the rounding of float32 does. */
const COPY = 1e-6;

/** Whether every tensor has the norm that it has in the reference: what no order changes, and what networks that were trained apart do not share. */
function mayBeCopies({ blocks }: Network, reference: Float64Array, state: Float64Array): boolean {
  const square = (values: Float64Array, from: number, to: number): number => {
    let sum = 0;
    for (let k = from; k < to; k++) sum += values[k]! ** 2;
    return sum;
  };
  return blocks.filter(({ trainable }) => trainable).every(({ offset, length }) => {
    const [a, b] = [square(reference, offset, offset + length), square(state, offset, offset + length)];
    return Math.abs(a - b) <= SAME_NORM * Math.max(a, b);
  });
}

/** Weights that were rounded to ten bits keep the square of a norm within this. */
const SAME_NORM = 2e-3;

/** Whether θ is θ_ref up to rounding, so that no order can be better by more than that. */
function isCopy(network: Network, reference: Float64Array, { state }: Matching): boolean {
  return parameterDistance(network, reference, state) <= COPY * Math.sqrt(innerProduct(network, reference, reference));
}

const finalObjective = ({ objective }: Matching): number => objective[objective.length - 1]!;

/** ⟨θ_ref, θ⟩ over the trainable parameters. */
export function innerProduct({ parameters }: Network, a: Float64Array, b: Float64Array): number {
  // Four sums, that no addition waits for the one before.
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 4 <= parameters; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (; i < parameters; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + (s2 + s3);
}

class ClassMatcher {
  readonly #class: MatchingClass;
  readonly #index: number;
  readonly #tracker: OrderTracker;
  readonly #places: MatchingPlaces;
  readonly #reference: Float64Array;
  readonly #quadratic: boolean;
  /** Blocks of a class with a quadratic gain; all of them are moved. */
  readonly #blocks: ReadonlySet<Block>;
  readonly #gains: ClassGains;
  /** The last one: prices and pairs change little from one visit to the next. */
  #assignment: Assignment | undefined;
  /** All that was done to the class by itself since the beginning. */
  #total: UnitOrder;

  constructor(one: MatchingClass, index: number, places: MatchingPlaces, reference: Float64Array, state: Float64Array, sums: ProductSums, tracker: OrderTracker) {
    const { units, uses } = one.units;
    this.#class = one;
    this.#index = index;
    this.#tracker = tracker;
    this.#places = places;
    this.#reference = reference;
    this.#quadratic = places.quadratic[index]!;
    this.#blocks = new Set(uses.filter(({ block }) => block.trainable).map(({ block }) => block));
    this.#gains = new ClassGains(places.places[index]!, units, reference, state, sums, index);
    this.#total = identityOrder(units);
  }

  /** Brings the class into its best order, all others held. Returns what ⟨θ_ref, θ⟩ gains; 0 when it stays as it is. */
  *visit(current: Float64Array): Interruptible<number> {
    if (!(yield* this.#gains.update(current, this.#total))) return 0;
    const { proposal, gain } = yield* this.#best();
    if (this.#quadratic) return yield* this.#improve(current, gain > 0 ? proposal : undefined);
    if (gain > 0) this.apply(current, proposal);
    return gain;
  }

  /** The order, relative to the present one, that gains most by the gains as they are. */
  *#best(): Interruptible<{ readonly proposal: UnitOrder; readonly gain: number }> {
    const n = this.#class.units.units;
    const { signed } = this.#class;
    const { gains } = this.#gains;
    this.#assignment = yield* this.#gains.assign(signed, this.#assignment);
    const { columns } = this.#assignment;
    const { order, signs } = this.#total;
    const back = inverse(this.#total).order;
    const proposal: UnitOrder = { order: new Int32Array(n), signs: new Int8Array(n) };
    let now = 0;
    let then = 0;
    let size = 0;
    for (let i = 0; i < n; i++) {
      const best = gains[i * n + columns[i]!]!;
      const present = gains[i * n + order[i]!]!;
      const sign = signed && best < 0 ? -1 : 1;
      const from = back[columns[i]!]!;
      proposal.order[i] = from;
      proposal.signs[i] = sign * signs[from]!;
      now += signs[i]! * present;
      then += sign * best;
      size += Math.abs(best) + Math.abs(present);
    }
    // Ties are left as they are, so that rounding cannot keep the ascent going.
    return { proposal, gain: then > now + 1e-12 * size ? then - now : 0 };
  }

  /**
   * Where a tensor's rows and columns are the same units the gain is quadratic in the order, and the assignment only a direction: it is
   * tried whole, cycle by cycle, and, for up to `EXCHANGED_UNITS`, pair by pair.
   */
  *#improve(current: Float64Array, proposal: UnitOrder | undefined): Interruptible<number> {
    const n = this.#class.units.units;
    const trials = proposal === undefined ? [] : [proposal, ...cyclesOf(proposal)];
    if (n <= EXCHANGED_UNITS) for (let i = 1; i < n; i++) for (let j = 0; j < i; j++) trials.push(exchange(n, i, j));
    const before = this.#value(current);
    let value = before;
    for (const trial of trials) {
      this.apply(current, trial);
      const tried = this.#value(current);
      if (tried > value + 1e-12 * Math.abs(value)) value = tried;
      else this.apply(current, inverse(trial));
      yield;
    }
    return value - before;
  }

  /** ⟨θ_ref, θ⟩ over the tensors that the class touches. */
  #value(current: Float64Array): number {
    let sum = 0;
    for (const { offset, length } of this.#blocks) for (let k = offset; k < offset + length; k++) sum += this.#reference[k]! * current[k]!;
    return sum;
  }

  /** Reorders the units, in `current` as far as it is moved. */
  apply(current: Float64Array, relative: UnitOrder): void {
    orderUnits(current, { uses: this.#places.moved[this.#index]! }, relative);
    this.#places.reorder(this.#index, relative);
    this.#tracker.apply(this.#index, relative);
    this.#total = composed(this.#total, relative);
  }

  /** Reorders the units where they have not been moved so far. */
  finish(state: Float64Array): void {
    orderUnits(state, { uses: this.#places.left[this.#index]! }, this.#total);
  }
}
