/**
 * What each unit of a class would gain at each position: gains[i, j] = ⟨row of the reference's unit i, row of unit j⟩ over all trainable entries that
 * the class owns, all other classes being where they are. j counts the units as they were at the beginning, so that an order of the class itself
 * changes nothing; when other classes moved, a few columns of the rows did, and their products alone are added.
 */
import type { Assignment } from '../linalg/assignment.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import type { ProductSums } from '../linalg/productSum.ts';
import type { IndexedPlace, MovedPlace } from './matchingPlaces.ts';
import { rowLength, unitRows } from './unitRows.ts';
import type { UnitOrder } from './unitOrder.ts';

/** Columns that are multiplied together at most, unless one index of the other axis has more. */
const DEPTH = 1024;

/** Largest k of the products of these places. */
export function productDepth(places: readonly (IndexedPlace | MovedPlace)[]): number {
  return Math.max(1, ...places.map((place) => Math.min(rowLength(place.use), place.kind === 'moved' ? DEPTH : Math.max(DEPTH, columnsAnIndex(place)))));
}

const columnsAnIndex = ({ use, taps }: IndexedPlace): number => use.multiplicity * taps;

export class ClassGains {
  /** n × n. */
  readonly gains: Float64Array;
  readonly #c: number;
  readonly #sums: ProductSums;
  readonly #depth: number;
  readonly #indexed: readonly IndexedGains[];
  readonly #moved: readonly MovedGains[];

  /**
   * @param reference w_ref
   * @param state w
   * @param sums the c-th of them is this class's
   */
  constructor(places: readonly (IndexedPlace | MovedPlace)[], units: number, reference: Float64Array, state: Float64Array, sums: ProductSums, c: number) {
    this.gains = sums.sums[c]!;
    this.#c = c;
    this.#sums = sums;
    this.#depth = sums.left.length / Math.max(...sums.sums.map(({ length }) => Math.sqrt(length)));
    this.#indexed = places.filter((place) => place.kind === 'indexed').map((place) => new IndexedGains(place, reference, state));
    this.#moved = places.filter((place) => place.kind === 'moved').map((place) => new MovedGains(place, units, reference));
  }

  /**
   * Adds what has changed since the last call. Returns whether anything has.
   * @param current w with the blocks that are moved where they are now
   * @param total where the class's own units are now
   */
  *update(current: Float64Array, total: UnitOrder): Interruptible<boolean> {
    let changed = false;
    for (const place of this.#indexed) if (yield* place.update(this.#c, this.#sums, this.#depth)) changed = true;
    for (const place of this.#moved) if (yield* place.update(this.#c, this.#sums, this.#depth, current, total)) changed = true;
    return changed;
  }

  /** The order that gains most in all, as column i of each row; in magnitude when units may change sign. */
  assign(signed: boolean, nearby: Assignment | undefined): Interruptible<Assignment> {
    return this.#sums.assign(this.#c, signed ? 'magnitudes' : 'gains', nearby);
  }
}

class IndexedGains {
  readonly #place: IndexedPlace;
  readonly #reference: Float64Array;
  readonly #state: Float64Array;
  /** The other axis as it was at the last update; sign 0 before the first. */
  readonly #source: Int32Array;
  readonly #sign: Float64Array;
  #version = -1;

  constructor(place: IndexedPlace, reference: Float64Array, state: Float64Array) {
    this.#place = place;
    this.#reference = reference;
    this.#state = state;
    this.#source = place.other.source.slice();
    this.#sign = new Float64Array(place.other.sign.length);
  }

  *update(c: number, sums: ProductSums, depth: number): Interruptible<boolean> {
    const { other: { source, sign, version } } = this.#place;
    if (version === this.#version) return false;
    this.#version = version;
    const changes = this.#changes();
    const length = changes.count;
    const step = Math.max(1, Math.floor(depth / columnsAnIndex(this.#place)));
    for (let first = 0; first < length; first += step) {
      const last = Math.min(length, first + step);
      if (this.#place.use.axis === 0) this.#gatherRows(changes, first, last, sums);
      else this.#gatherColumns(changes, first, last, sums);
      sums.add(c, (last - first) * columnsAnIndex(this.#place), this.#place.use.axis === 0 ? 'rows' : 'columns');
      yield;
    }
    this.#source.set(source);
    this.#sign.set(sign);
    return length > 0;
  }

  #changes(): Changes {
    const { stride, other: { source, sign } } = this.#place;
    const [sourceBefore, signBefore] = [this.#source, this.#sign];
    const integers = (): Int32Array => new Int32Array(source.length);
    const doubles = (): Float64Array => new Float64Array(source.length);
    const [at, now, before, plus, minus] = [integers(), integers(), integers(), doubles(), doubles()];
    let count = 0;
    for (let q = 0; q < source.length; q++) {
      if (source[q] === sourceBefore[q] && sign[q] === signBefore[q]) continue;
      at[count] = q * stride;
      now[count] = source[q]! * stride;
      before[count] = sourceBefore[q]! * stride;
      plus[count] = sign[q]!;
      minus[count++] = signBefore[q]!;
    }
    return { count, fresh: signBefore[0] === 0, at, now, before, plus, minus };
  }

  /** A unit's entries lie together: operands n × k. */
  #gatherRows(changes: Changes, first: number, last: number, { left, right }: ProductSums): void {
    const { at, now, before, plus, minus } = changes;
    const { starts, taps } = this.#place;
    const [reference, state] = [this.#reference, this.#state];
    if (taps === 1) {
      this.#gatherSingles(changes, first, last, left, right);
      return;
    }
    let to = 0;
    for (const start of starts) {
      for (let q = first; q < last; q++) {
        const [p, m] = [plus[q]!, minus[q]!];
        const [a, n, b] = [start + at[q]!, start + now[q]!, start + before[q]!];
        for (let t = 0; t < taps; t++, to++) {
          left[to] = reference[a + t]!;
          right[to] = p * state[n + t]! - m * state[b + t]!;
        }
      }
    }
  }

  /** The same for one tap, where the general loops take three times as long. */
  #gatherSingles({ at, now, before, plus, minus, fresh }: Changes, first: number, last: number, left: Float64Array, right: Float64Array): void {
    const { starts, stride, other: { source } } = this.#place;
    const [reference, state] = [this.#reference, this.#state];
    const width = last - first;
    const whole = width === source.length && stride === 1;
    let to = 0;
    for (const start of starts) {
      if (whole) left.set(reference.subarray(start, start + width), to);
      else for (let q = first, k = to; q < last; q++, k++) left[k] = reference[start + at[q]!]!;
      if (fresh) for (let q = first; q < last; q++, to++) right[to] = plus[q]! * state[start + now[q]!]!;
      else for (let q = first; q < last; q++, to++) right[to] = plus[q]! * state[start + now[q]!]! - minus[q]! * state[start + before[q]!]!;
    }
  }

  /** Entries of different units lie together: transposed operands k × n. */
  #gatherColumns({ at, now, before, plus, minus }: Changes, first: number, last: number, { left, right }: ProductSums): void {
    const { starts, taps, use: { multiplicity } } = this.#place;
    const [reference, state] = [this.#reference, this.#state];
    let to = 0;
    for (let q = first; q < last; q++) {
      const [p, m] = [plus[q]!, minus[q]!];
      for (let unit = 0; unit < multiplicity; unit++) {
        for (let t = 0; t < taps; t++) {
          const [a, n, b] = [t + at[q]!, t + now[q]!, t + before[q]!];
          for (let s = unit; s < starts.length; s += multiplicity) {
            const start = starts[s]!;
            left[to] = reference[start + a]!;
            right[to++] = p * state[start + n]! - m * state[start + b]!;
          }
        }
      }
    }
  }
}

/** Indices of the other axis whose entries are others than at the last update: where they lie in the reference, in w now and then, with their signs. */
interface Changes {
  readonly count: number;
  /** Whether there was no update before. */
  readonly fresh: boolean;
  readonly at: Int32Array;
  readonly now: Int32Array;
  readonly before: Int32Array;
  readonly plus: Float64Array;
  readonly minus: Float64Array;
}

class MovedGains {
  readonly #place: MovedPlace;
  readonly #units: number;
  readonly #length: number;
  readonly #reference: Float64Array;
  /** Rows of all units at the last update, in the order of the beginning; zero before the first. */
  #rows: Float64Array;

  constructor(place: MovedPlace, units: number, reference: Float64Array) {
    this.#place = place;
    this.#units = units;
    this.#length = rowLength(place.use);
    this.#reference = unitRows(reference, place.use);
    this.#rows = new Float64Array(this.#reference.length);
  }

  *update(c: number, sums: ProductSums, depth: number, current: Float64Array, { order, signs }: UnitOrder): Interruptible<boolean> {
    const length = this.#length;
    const moved = unitRows(current, this.#place.use);
    const fresh = new Float64Array(moved.length);
    for (let i = 0; i < this.#units; i++) for (let k = 0, from = i * length, to = order[i]! * length; k < length; k++) fresh[to++] = signs[i]! * moved[from++]!;
    const changed = changedColumns(this.#rows, fresh, this.#units, length);
    for (let first = 0; first < changed.length; first += depth) {
      const part = changed.subarray(first, first + depth);
      for (let i = 0, to = 0; i < this.#units; i++) {
        for (let k = 0; k < part.length; k++, to++) {
          const at = i * length + part[k]!;
          sums.left[to] = this.#reference[at]!;
          sums.right[to] = fresh[at]! - this.#rows[at]!;
        }
      }
      sums.add(c, part.length, 'rows');
      yield;
    }
    this.#rows = fresh;
    return changed.length > 0;
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
