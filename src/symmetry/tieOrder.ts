/**
 * Lexicographic order that rounding cannot upset. Two representatives of one network agree only to the last bits once their
 * scalings are removed, so `x > y` on raw coordinates would order tied units by noise. Instead: sort by the first coordinate,
 * let values whose gaps stay within a relative tolerance form one cell, order within a cell by the next coordinate, and so on.
 * Zero ties with zero only, because scaling errors are relative.
 */

/** Relative gap below which two numbers count as one: far above rounding, far below any difference between trained weights. */
export const TIE_TOLERANCE = 1e-10;

/** Whether x and y are one number up to rounding. */
export function tied(x: number, y: number, tolerance: number): boolean {
  return Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y));
}

/** An order of n units under refinement: `order` lists units, and `first[p]` marks positions at which a cell of tied units begins. */
export class CellOrder {
  readonly size: number;
  readonly order: Int32Array;
  readonly first: Uint8Array;
  #cells = 0;
  readonly #keys: Float64Array;

  constructor(size: number) {
    this.size = size;
    this.order = new Int32Array(size);
    this.first = new Uint8Array(size);
    this.#keys = new Float64Array(size);
  }

  /** Back to one cell in natural order. */
  reset(): void {
    for (let p = 0; p < this.size; p++) {
      this.order[p] = p;
      this.first[p] = 0;
    }
    this.first[0] = 1;
    this.#cells = this.size === 0 ? 0 : 1;
  }

  /** Whether every cell holds one unit. */
  get discrete(): boolean {
    return this.#cells === this.size;
  }

  /** Whether the order is 0, 1, 2, … */
  get identity(): boolean {
    for (let p = 0; p < this.size; p++) if (this.order[p] !== p) return false;
    return true;
  }

  /** End (exclusive) of the cell that begins at `start`. */
  cellEnd(start: number): number {
    let end = start + 1;
    while (end < this.size && this.first[end] === 0) end++;
    return end;
  }

  /**
   * Sorts every cell by a coordinate, descending, and splits it. The unit's coordinate is entry starts[unit · multiplicity + m] + shift of
   * `values`.
   */
  split(values: Float64Array, starts: Int32Array, multiplicity: number, m: number, shift: number, tolerance: number): void {
    for (let start = 0; start < this.size && this.#cells < this.size; ) {
      const end = this.cellEnd(start);
      if (end - start > 1) {
        for (let p = start; p < end; p++) {
          const unit = this.order[p]!;
          this.#keys[unit] = values[starts[unit * multiplicity + m]! + shift]!;
        }
        this.#splitCell(start, end, tolerance);
      }
      start = end;
    }
  }

  /** Sorts the cell that begins at `start` by whole-number keys, descending, and splits it where they differ. */
  splitCellBy(start: number, key: (unit: number) => number): void {
    const end = this.cellEnd(start);
    for (let p = start; p < end; p++) this.#keys[this.order[p]!] = key(this.order[p]!);
    this.#splitCell(start, end, 0);
  }

  #splitCell(start: number, end: number, tolerance: number): void {
    const keys = this.#keys;
    if (end - start > 32) this.order.subarray(start, end).sort((a, b) => keys[b]! - keys[a]!);
    else this.#insertionSort(start, end);
    for (let p = start + 1; p < end; p++) {
      if (tied(keys[this.order[p - 1]!]!, keys[this.order[p]!]!, tolerance)) continue;
      this.first[p] = 1;
      this.#cells++;
    }
  }

  #insertionSort(start: number, end: number): void {
    for (let p = start + 1; p < end; p++) {
      const unit = this.order[p]!;
      const key = this.#keys[unit]!;
      let q = p;
      for (; q > start && this.#keys[this.order[q - 1]!]! < key; q--) this.order[q] = this.order[q - 1]!;
      this.order[q] = unit;
    }
  }
}
