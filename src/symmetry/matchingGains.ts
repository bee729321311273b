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
    const changed: number[] = [];
    for (let q = 0; q < source.length; q++) if (source[q] !== this.#source[q] || sign[q] !== this.#sign[q]) changed.push(q);
    const step = Math.max(1, Math.floor(depth / columnsAnIndex(this.#place)));
    for (let first = 0; first < changed.length; first += step) {
      const part = changed.slice(first, first + step);
      const k = part.length * columnsAnIndex(this.#place);
      if (this.#place.use.axis === 0) this.#gatherRows(part, sums);
      else this.#gatherColumns(part, sums);
      sums.add(c, k, this.#place.use.axis === 0 ? 'rows' : 'columns');
      yield;
    }
    this.#source.set(source);
    this.#sign.set(sign);
    return changed.length > 0;
  }

  /** A unit's entries lie together: operands n × k. */
  #gatherRows(changed: readonly number[], { left, right }: ProductSums): void {
    const { starts, stride, taps, other: { source, sign } } = this.#place;
    const [reference, state] = [this.#reference, this.#state];
    for (let s = 0, to = 0; s < starts.length; s++) {
      const start = starts[s]!;
      for (const q of changed) {
        const at = start + q * stride;
        const now = start + source[q]! * stride;
        const before = start + this.#source[q]! * stride;
        const [plus, minus] = [sign[q]!, this.#sign[q]!];
        for (let t = 0; t < taps; t++, to++) {
          left[to] = reference[at + t]!;
          right[to] = plus * state[now + t]! - minus * state[before + t]!;
        }
      }
    }
  }

  /** Entries of different units lie together: transposed operands k × n. */
  #gatherColumns(changed: readonly number[], { left, right }: ProductSums): void {
    const { starts, stride, taps, use: { multiplicity }, other: { source, sign } } = this.#place;
    const [reference, state] = [this.#reference, this.#state];
    let to = 0;
    for (const q of changed) {
      const [at, now, before] = [q * stride, source[q]! * stride, this.#source[q]! * stride];
      const [plus, minus] = [sign[q]!, this.#sign[q]!];
      for (let m = 0; m < multiplicity; m++) {
        for (let t = 0; t < taps; t++) {
          for (let s = m; s < starts.length; s += multiplicity, to++) {
            const start = starts[s]! + t;
            left[to] = reference[start + at]!;
            right[to] = plus * state[start + now]! - minus * state[start + before]!;
          }
        }
      }
    }
  }
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
