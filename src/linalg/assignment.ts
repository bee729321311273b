/**
 * Linear assignment: the permutation of least total cost, exactly. The algorithm of Jonker & Volgenant (1987), "A shortest augmenting path
 * algorithm for dense and sparse linear assignment problems": prices from column minima, reduction transfer and two rounds of augmenting row
 * reduction assign most rows cheaply; the rest are assigned along shortest augmenting paths. O(n³) at worst.
 *
 * The result carries its own proof: prices with cost ≥ row price + column price everywhere and equality on the assignment, so
 * that no other assignment can cost less.
 */
import type { Interruptible } from './interruptible.ts';

export interface Assignment {
  /** Row i is assigned to column columns[i]. */
  readonly columns: Int32Array;
  /** Σ_i cost[i, columns[i]]. */
  readonly cost: number;
  readonly rowPrices: Float64Array;
  readonly columnPrices: Float64Array;
}

/**
 * @param cost n × n row-major, finite
 * @param prices column prices to begin with, from a problem that is nearly the same; any numbers are right, good ones are quick
 * @throws RangeError when an entry is not finite or the matrix is not square
 */
export function* leastCostAssignment(cost: Float64Array, n: number, prices?: Float64Array): Interruptible<Assignment> {
  if (cost.length !== n * n) throw new RangeError(`an assignment of ${n} needs ${n * n} costs, there are ${cost.length}`);
  // x − x is 0 for every finite x and NaN for the others; a callback for each entry would take a sixth of the whole.
  let differences = 0;
  for (const value of cost) differences += value - value;
  const bad = differences === 0 ? -1 : cost.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new RangeError(`the cost of row ${Math.floor(bad / n)}, column ${bad % n} is ${String(cost[bad])}`);
  const solver = new Solver(cost, n);
  let waiting = prices === undefined ? solver.reduceColumns() : solver.begin(prices);
  yield;
  waiting = solver.augmentRows(waiting);
  yield;
  waiting = solver.augmentRows(waiting);
  for (const row of waiting) {
    solver.augment(row);
    yield;
  }
  return solver.assignment();
}

class Solver {
  readonly #cost: Float64Array;
  readonly #n: number;
  /** Column of each row, row of each column; −1 while free. */
  readonly #columnOf: Int32Array;
  readonly #rowOf: Int32Array;
  /** Column prices. */
  readonly #price: Float64Array;
  // Of a shortest path search: distance and predecessor of each column, and the columns in order of being reached.
  readonly #distance: Float64Array;
  readonly #before: Int32Array;
  readonly #order: Int32Array;

  constructor(cost: Float64Array, n: number) {
    this.#cost = cost;
    this.#n = n;
    this.#columnOf = new Int32Array(n).fill(-1);
    this.#rowOf = new Int32Array(n).fill(-1);
    this.#price = new Float64Array(n);
    this.#distance = new Float64Array(n);
    this.#before = new Int32Array(n);
    this.#order = new Int32Array(n);
  }

  /** Takes prices as they are, and all rows as free. */
  begin(prices: Float64Array): number[] {
    this.#price.set(prices);
    return Array.from({ length: this.#n }, (_, i) => i);
  }

  /** Every column's price is its least cost, and its row gets it when still free; then prices move to the second least. Returns the free rows. */
  reduceColumns(): number[] {
    const n = this.#n;
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
    const free: number[] = [];
    for (let i = 0; i < n; i++) {
      if (offers[i] === 0) free.push(i);
      else if (offers[i] === 1) {
        const own = this.#columnOf[i]!;
        let second = Number.POSITIVE_INFINITY;
        for (let j = 0, at = i * n; j < n; j++, at++) {
          if (j !== own) second = Math.min(second, cost[at]! - price[j]!);
        }
        if (second < Number.POSITIVE_INFINITY) price[own]! -= second - (cost[i * n + own]! - price[own]!);
      }
    }
    return free;
  }

  /** Each free row takes its cheapest column and pushes out whoever has it. Returns the rows that are free at the end. */
  augmentRows(free: readonly number[]): number[] {
    const n = this.#n;
    const cost = this.#cost;
    const price = this.#price;
    const queue = [...free];
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
    return left;
  }

  /** Dijkstra from a free row over reduced costs to the nearest free column, then along the path backwards. */
  augment(start: number): void {
    const n = this.#n;
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
    const rowPrices = new Float64Array(this.#n);
    let total = 0;
    for (let i = 0; i < this.#n; i++) {
      const j = this.#columnOf[i]!;
      const here = this.#cost[i * this.#n + j]!;
      rowPrices[i] = here - this.#price[j]!;
      total += here;
    }
    return { columns: this.#columnOf, cost: total, rowPrices, columnPrices: this.#price };
  }
}
