/** The assignment solver's steps by plain loops: for small problems, and to hold the kernels against. */
import type { Assignment, AssignmentSolver, Nearby } from './assignment.ts';

/** A cost times this is to be finite: then no sum of prices on the way is anything else. */
export const HEADROOM = 2 ** 20;

export class PlainSolver implements AssignmentSolver {
  readonly n: number;
  readonly #cost: Float64Array;
  /** Column of each row, row of each column; −1 while free. */
  readonly #columnOf: Int32Array;
  readonly #rowOf: Int32Array;
  /** Column prices. */
  readonly #price: Float64Array;
  #free: number[] = [];
  // Of a shortest path search: distance and predecessor of each column, and the columns in order of being reached.
  readonly #distance: Float64Array;
  readonly #before: Int32Array;
  readonly #order: Int32Array;

  constructor(cost: Float64Array, n: number) {
    this.#cost = cost;
    this.n = n;
    this.#columnOf = new Int32Array(n).fill(-1);
    this.#rowOf = new Int32Array(n).fill(-1);
    this.#price = new Float64Array(n);
    this.#distance = new Float64Array(n);
    this.#before = new Int32Array(n);
    this.#order = new Int32Array(n);
  }

  get waiting(): Int32Array {
    return Int32Array.from(this.#free);
  }

  cost(row: number, column: number): number {
    return this.#cost[row * this.n + column]!;
  }

  #finite(): boolean {
    // x − x is 0 for every finite x and NaN for the others.
    let differences = 0;
    for (const value of this.#cost) differences += value * HEADROOM - value * HEADROOM;
    return differences === 0;
  }

  /** Rows keep their column where it is still their cheapest, the others are free. */
  begin({ columns, columnPrices }: Nearby): boolean {
    const n = this.n;
    this.#price.set(columnPrices);
    for (let i = 0; i < n; i++) {
      let least = Number.POSITIVE_INFINITY;
      for (let j = 0, at = i * n; j < n; j++, at++) least = Math.min(least, this.#cost[at]! - this.#price[j]!);
      const own = columns[i]!;
      if (own >= 0 && this.#rowOf[own]! < 0 && this.#cost[i * n + own]! - this.#price[own]! <= least) {
        this.#columnOf[i] = own;
        this.#rowOf[own] = i;
      } else this.#free.push(i);
    }
    return this.#finite();
  }

  /** Every column's price is its least cost, and its row gets it when still free; then prices move to the second least. */
  reduceColumns(): boolean {
    const n = this.n;
    if (n === 0) return true;
    const cost = this.#cost;
    const price = this.#price;
    const least = new Int32Array(n);
    price.set(cost.subarray(0, n));
    for (let i = 1, at = n; i < n; i++) {
      for (let j = 0; j < n; j++, at++) {
        if (cost[at]! < price[j]!) {
          price[j] = cost[at]!;
          least[j] = i;
        }
      }
    }
    const offers = new Int32Array(n);
    for (let j = n - 1; j >= 0; j--) {
      const i = least[j]!;
      if (++offers[i]! > 1) continue;
      this.#columnOf[i] = j;
      this.#rowOf[j] = i;
    }
    for (let i = 0; i < n; i++) {
      if (offers[i] === 0) this.#free.push(i);
      else if (offers[i] === 1) {
        const own = this.#columnOf[i]!;
        let second = Number.POSITIVE_INFINITY;
        for (let j = 0, at = i * n; j < n; j++, at++) {
          if (j !== own) second = Math.min(second, cost[at]! - price[j]!);
        }
        if (second < Number.POSITIVE_INFINITY) price[own]! -= second - (cost[i * n + own]! - price[own]!);
      }
    }
    return this.#finite();
  }

  /** Each free row takes its cheapest column and pushes out whoever has it. */
  augmentRows(): void {
    const n = this.n;
    const cost = this.#cost;
    const price = this.#price;
    const queue = this.#free;
    const left: number[] = [];
    // Rounding can make rows outbid each other by next to nothing for ever; the paths that follow assign whoever is left.
    let patience = 4 * n + 16;
    let at = 0;
    while (at < queue.length) {
      const i = queue[at++]!;
      let first = Number.POSITIVE_INFINITY;
      let second = Number.POSITIVE_INFINITY;
      let column = -1;
      let other = -1;
      for (let j = 0, k = i * n; j < n; j++, k++) {
        const reduced = cost[k]! - price[j]!;
        if (reduced >= second) continue;
        if (reduced < first) {
          second = first;
          other = column;
          first = reduced;
          column = j;
        } else {
          second = reduced;
          other = j;
        }
      }
      let pushedOut = this.#rowOf[column]!;
      const before = price[column]!;
      const lowered = second === Number.POSITIVE_INFINITY ? before : before - (second - first);
      const outbids = lowered < before;
      if (outbids) price[column] = lowered;
      else if (pushedOut >= 0 && other >= 0) {
        column = other;
        pushedOut = this.#rowOf[column]!;
      }
      this.#columnOf[i] = column;
      this.#rowOf[column] = i;
      if (pushedOut < 0) continue;
      this.#columnOf[pushedOut] = -1;
      if (outbids && patience-- > 0) queue[--at] = pushedOut;
      else left.push(pushedOut);
    }
    this.#free = left;
  }

  /** Dijkstra from a free row over reduced costs to the nearest free column, then along the path backwards. */
  augment(start: number): void {
    const n = this.n;
    const cost = this.#cost;
    const price = this.#price;
    const distance = this.#distance;
    const before = this.#before;
    const order = this.#order;
    for (let j = 0, at = start * n; j < n; j++, at++) {
      distance[j] = cost[at]! - price[j]!;
      before[j] = start;
      order[j] = j;
    }
    // order = [settled | at the least distance | not reached]; 0 ≤ settled ≤ front ≤ n.
    let settled = 0;
    let front = 0;
    let least = 0;
    let settledBefore = 0;
    let end = -1;
    while (end < 0) {
      if (settled === front) {
        settledBefore = settled;
        least = distance[order[front]!]!;
        front++;
        for (let k = front; k < n; k++) {
          const j = order[k]!;
          const d = distance[j]!;
          if (d > least) continue;
          if (d < least) {
            front = settled;
            least = d;
          }
          order[k] = order[front]!;
          order[front++] = j;
        }
        for (let k = settled; k < front && end < 0; k++) if (this.#rowOf[order[k]!]! < 0) end = order[k]!;
      }
      while (end < 0 && settled < front) {
        const reached = order[settled++]!;
        const i = this.#rowOf[reached]!;
        const row = i * n;
        const base = cost[row + reached]! - price[reached]! - least;
        for (let k = front; k < n; k++) {
          const j = order[k]!;
          const d = cost[row + j]! - price[j]! - base;
          if (d >= distance[j]!) continue;
          distance[j] = d;
          before[j] = i;
          // At least as near as the front but for rounding.
          if (d > least) continue;
          if (this.#rowOf[j]! < 0) {
            end = j;
            break;
          }
          order[k] = order[front]!;
          order[front++] = j;
        }
      }
    }
    for (let k = 0; k < settledBefore; k++) {
      const j = order[k]!;
      price[j]! += distance[j]! - least;
    }
    for (let column = end; ; ) {
      const i = before[column]!;
      this.#rowOf[column] = i;
      const next = this.#columnOf[i]!;
      this.#columnOf[i] = column;
      if (i === start) break;
      column = next;
    }
  }

  assignment(): Assignment {
    const rowPrices = new Float64Array(this.n);
    let total = 0;
    for (let i = 0; i < this.n; i++) {
      const j = this.#columnOf[i]!;
      const here = this.#cost[i * this.n + j]!;
      rowPrices[i] = here - this.#price[j]!;
      total += here;
    }
    return { columns: this.#columnOf, cost: total, rowPrices, columnPrices: this.#price };
  }
}
