/** The assignment solver's steps on the engine: rows are scanned two entries at a time, and the matrix may be one that lies there already. */
import type { Assignment, AssignmentSolver, Nearby } from '../assignment.ts';
import type { Scope } from './engine.ts';

/** What of the matrix is to be least in sum: its entries, their negatives or their negated magnitudes. */
export type Reading = 'costs' | 'gains' | 'magnitudes';

const READINGS = { costs: 0, gains: 1, magnitudes: 2 } as const;
/** How often, for each row, one that was pushed out may bid again at once. */
const PATIENCE = 2;

/** Addresses of arrays for problems of one size at most; for one problem at a time. */
export interface AssignmentSpace {
  readonly price: number;
  readonly columnOf: number;
  readonly rowOf: number;
  readonly waiting: number;
  readonly distance: number;
  readonly open: number;
  readonly reached: number;
  readonly predecessor: number;
  readonly settled: number;
  readonly free: number;
}

export function assignmentSpace(scope: Scope, n: number): AssignmentSpace {
  const words = (): number => scope.allocate(Math.ceil(n / 2));
  const doubles = (): number => scope.allocate(n);
  return {
    price: doubles(), columnOf: words(), rowOf: words(), waiting: words(), distance: doubles(), open: doubles(), reached: doubles(), predecessor: doubles(), settled: words(), free: words(),
  };
}

export class EngineSolver implements AssignmentSolver {
  readonly n: number;
  readonly #scope: Scope;
  readonly #space: AssignmentSpace;
  readonly #address: number;
  readonly #matrix: Float64Array;
  readonly #reading: Reading;
  #free = 0;

  /** @param address of n × n doubles, row-major; they are only read */
  constructor(scope: Scope, space: AssignmentSpace, address: number, n: number, reading: Reading) {
    this.n = n;
    this.#scope = scope;
    this.#space = space;
    this.#address = address;
    this.#matrix = scope.view(address, n * n);
    this.#reading = reading;
  }

  begin({ columns, columnPrices }: Nearby): boolean {
    const { price, columnOf, rowOf, waiting } = this.#space;
    this.#prices.set(columnPrices);
    this.#columns.set(columns);
    return this.#began(this.#scope.kernels.keepCheapest(this.#address, this.n, READINGS[this.#reading], price, columnOf, rowOf, waiting));
  }

  reduceColumns(): boolean {
    const { price, columnOf, rowOf, waiting, predecessor, free } = this.#space;
    return this.#began(this.#scope.kernels.reduceColumns(this.#address, this.n, READINGS[this.#reading], price, columnOf, rowOf, waiting, predecessor, free));
  }

  #began(free: number): boolean {
    this.#free = free;
    return free >= 0;
  }

  augmentRows(): void {
    const { price, columnOf, rowOf, waiting } = this.#space;
    this.#free = this.#scope.kernels.augmentRows(this.#address, this.n, READINGS[this.#reading], price, columnOf, rowOf, waiting, this.#free, PATIENCE * this.n);
  }

  get waiting(): Int32Array {
    return this.#scope.integers(this.#space.waiting, this.#free);
  }

  augment(row: number): void {
    const { price, columnOf, rowOf, distance, open, reached, predecessor, settled, free } = this.#space;
    this.#scope.kernels.augmentPath(this.#address, this.n, READINGS[this.#reading], price, columnOf, rowOf, row, distance, open, reached, predecessor, settled, free);
  }

  cost(row: number, column: number): number {
    const value = this.#matrix[row * this.n + column]!;
    return this.#reading === 'costs' ? value : this.#reading === 'gains' ? -value : -Math.abs(value);
  }

  get #prices(): Float64Array {
    return this.#scope.view(this.#space.price, this.n);
  }

  get #columns(): Int32Array {
    return this.#scope.integers(this.#space.columnOf, this.n);
  }

  assignment(): Assignment {
    const columns = this.#columns.slice();
    const columnPrices = this.#prices.slice();
    const rowPrices = new Float64Array(this.n);
    let total = 0;
    for (let i = 0; i < this.n; i++) {
      const j = columns[i]!;
      const here = this.cost(i, j);
      rowPrices[i] = here - columnPrices[j]!;
      total += here;
    }
    return { columns, cost: total, rowPrices, columnPrices };
  }
}
