/**
 * A matrix drawn small: mean, least and greatest element of cells of neighbouring elements. Cell (i, j) of m × n holds the rows ⌊i·rows/m⌋
 * to ⌊(i+1)·rows/m⌋ and the columns alike, so that cells differ by one row and column at most and every element is in one cell.
 */
export interface CellGrid {
  readonly rows: number;
  readonly columns: number;
  readonly cellRows: number;
  readonly cellColumns: number;
}

export function cellGrid(rows: number, columns: number, most: number): CellGrid {
  return { rows, columns, cellRows: Math.min(rows, most), cellColumns: Math.min(columns, most) };
}

export interface CellSummaries {
  /** Of finite elements; NaN in cells that have none. */
  readonly mean: readonly number[];
  readonly min: readonly number[];
  readonly max: readonly number[];
  /** Empty when every element is finite. */
  readonly notFinite: readonly number[];
}

export class HeatMapSums {
  readonly #grid: CellGrid;
  readonly #scale: number;
  readonly #sum: Float64Array;
  readonly #finite: Float64Array;
  readonly #notFinite: Float64Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;

  /** @param magnitude no finite element is greater than it: sums are scaled by it where they could overflow */
  constructor(grid: CellGrid, magnitude: number) {
    const cells = grid.cellRows * grid.cellColumns;
    this.#grid = grid;
    this.#scale = magnitude > 2 ** 900 ? 2 ** -100 : 1;
    this.#sum = new Float64Array(cells);
    this.#finite = new Float64Array(cells);
    this.#notFinite = new Float64Array(cells);
    this.#min = new Float64Array(cells).fill(Infinity);
    this.#max = new Float64Array(cells).fill(-Infinity);
  }

  /** @param start position in the matrix, row-major, of the first of `values` */
  add(start: number, values: Float64Array): void {
    const { rows, columns, cellRows, cellColumns } = this.#grid;
    for (let at = 0; at < values.length;) {
      const row = Math.floor((start + at) / columns);
      const column = start + at - row * columns;
      const cellRow = cellOf(row, rows, cellRows);
      const cellColumn = cellOf(column, columns, cellColumns);
      const end = Math.min(values.length, at + Math.floor(((cellColumn + 1) * columns) / cellColumns) - column);
      this.#addTo(cellRow * cellColumns + cellColumn, values.subarray(at, end));
      at = end;
    }
  }

  summaries(): CellSummaries {
    const none = (cell: number): boolean => this.#finite[cell] === 0;
    return {
      mean: Array.from(this.#sum, (sum, cell) => sum / this.#finite[cell]! / this.#scale),
      min: Array.from(this.#min, (min, cell) => (none(cell) ? Number.NaN : min)),
      max: Array.from(this.#max, (max, cell) => (none(cell) ? Number.NaN : max)),
      notFinite: this.#notFinite.some((count) => count > 0) ? [...this.#notFinite] : [],
    };
  }

  #addTo(cell: number, values: Float64Array): void {
    let sum = 0;
    let finite = 0;
    let min = this.#min[cell]!;
    let max = this.#max[cell]!;
    for (const value of values) {
      if (value - value !== 0) continue;
      sum += value * this.#scale;
      finite++;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    this.#sum[cell]! += sum;
    this.#finite[cell]! += finite;
    this.#notFinite[cell]! += values.length - finite;
    this.#min[cell] = min;
    this.#max[cell] = max;
  }
}

/** The cell i with ⌊i·length/cells⌋ ≤ index < ⌊(i+1)·length/cells⌋. */
function cellOf(index: number, length: number, cells: number): number {
  return Math.floor(((index + 1) * cells - 1) / length);
}
