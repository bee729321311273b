/**
 * Linear assignment: the permutation of least total cost, exactly. The algorithm of Jonker & Volgenant (1987), "A shortest augmenting path
 * algorithm for dense and sparse linear assignment problems": prices from column minima, reduction transfer and two rounds of augmenting row
 * reduction assign most rows cheaply; the rest are assigned along shortest augmenting paths. O(n³) at worst.
 *
 * The result carries its own proof: prices with cost ≥ row price + column price everywhere and equality on the assignment, so
 * that no other assignment can cost less.
 */
import { assignmentSpace, EngineSolver } from './engine/assignment.ts';
import { startedEngine } from './engine/engine.ts';
import type { Interruptible } from './interruptible.ts';
import { HEADROOM, PlainSolver } from './plainAssignment.ts';

export interface Assignment {
  /** Row i is assigned to column columns[i]. */
  readonly columns: Int32Array;
  /** Σ_i cost[i, columns[i]]. */
  readonly cost: number;
  readonly rowPrices: Float64Array;
  readonly columnPrices: Float64Array;
}

/** What is known of a problem that is nearly the same; any numbers and pairs are right, good ones are quick. */
export type Nearby = Pick<Assignment, 'columns' | 'columnPrices'>;

/** The steps of the algorithm, on a matrix that is the solver's own. */
export interface AssignmentSolver {
  readonly n: number;
  /** Begins with prices and pairs that are known. Returns whether all costs are finite. */
  begin(nearby: Nearby): boolean;
  /** Begins with nothing. Returns the same. */
  reduceColumns(): boolean;
  /** Lets the rows that are free bid for columns. */
  augmentRows(): void;
  /** Rows that are free after that. */
  readonly waiting: Int32Array;
  /** Assigns one more row. */
  augment(row: number): void;
  assignment(): Assignment;
  /** Costs, for the error. */
  cost(row: number, column: number): number;
}

/** From so many rows on the engine pays; up to so many, its memory is asked. */
const ENGINE_ROWS = 48;
const MOST_ENGINE_ROWS = 4096;

/**
 * @param cost n × n row-major, finite and below 1e302
 * @param nearby to begin with
 * @throws RangeError when an entry is not finite or the matrix is not square
 */
export function* leastCostAssignment(cost: Float64Array, n: number, nearby?: Nearby): Interruptible<Assignment> {
  if (cost.length !== n * n) throw new RangeError(`an assignment of ${n} needs ${n * n} costs, there are ${cost.length}`);
  const engine = n >= ENGINE_ROWS && n <= MOST_ENGINE_ROWS ? startedEngine() : undefined;
  if (engine === undefined) return yield* solve(new PlainSolver(cost, n), nearby);
  return yield* engine.within('An assignment', (scope) => {
    const address = scope.allocate(n * n);
    scope.view(address, n * n).set(cost);
    return solve(new EngineSolver(scope, assignmentSpace(scope, n), address, n, 'costs'), nearby);
  });
}

/** @throws RangeError when a cost is not finite */
export function* solve(solver: AssignmentSolver, nearby: Nearby | undefined): Interruptible<Assignment> {
  if (!(nearby === undefined ? solver.reduceColumns() : solver.begin(nearby))) refuse(solver);
  yield;
  for (let round = 0; round < 2; round++) {
    solver.augmentRows();
    yield;
  }
  for (const row of solver.waiting) {
    solver.augment(row);
    yield;
  }
  return solver.assignment();
}

function refuse(solver: AssignmentSolver): never {
  for (let i = 0; i < solver.n; i++) {
    for (let j = 0; j < solver.n; j++) {
      const cost = solver.cost(i, j);
      if (!Number.isFinite(cost * HEADROOM)) throw new RangeError(`the cost of row ${i}, column ${j} is ${String(cost)}`);
    }
  }
  throw new RangeError('a cost is not finite');
}
