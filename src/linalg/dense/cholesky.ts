/** Cholesky factorisation A = L Lᵀ and triangular systems (Golub & Van Loan §4.2, §3.1), by blocks. */
import { sharedEngine, type Engine, type Scope, type Work } from '../engine/engine.ts';
import { packingDoubles, packingSpace, product, rowDistance } from '../engine/product.ts';
import type { Interruptible } from '../interruptible.ts';
import { requireFiniteMatrix } from '../matrixInput.ts';

/** Thrown by `cholesky`: the matrix, or rounding, leaves no positive pivot. */
export class NotPositiveDefiniteError extends RangeError {
  override readonly name = 'NotPositiveDefiniteError';
  /** The leading minor of this order is the first that is not positive. */
  readonly order: number;

  constructor(order: number, n: number) {
    super(`the matrix is not positive definite: its leading minor of order ${order} (of ${n}) is not positive`);
    this.order = order;
  }
}

const BLOCK = 64;

/**
 * @param a n × n row-major, symmetric; the strictly upper triangle is not used
 * @returns L, n × n, zero above the diagonal
 * @throws NotPositiveDefiniteError; RangeError for NaN or infinite entries; MemoryLimitError beforehand
 */
export async function cholesky(a: Float64Array, n: number, work: Work = {}, engine?: Engine): Promise<Float64Array> {
  requireFiniteMatrix(a, n, n);
  const team = engine ?? await sharedEngine();
  const bytes = 8 * (n * rowDistance(n) + packingDoubles({ n, k: BLOCK }, team.threads));
  return team.run(`The Cholesky factorisation of a matrix of order ${n}`, bytes, work, (scope) => factor(scope, a, n));
}

function* factor(scope: Scope, a: Float64Array, n: number): Interruptible<Float64Array> {
  const ld = rowDistance(n);
  const l = scope.allocate(n * ld);
  const at = (i: number, j: number): number => l + 8 * (i * ld + j);
  for (let i = 0; i < n; i++) scope.view(at(i, 0), i + 1).set(a.subarray(i * n, i * n + i + 1));
  const packing = packingSpace(scope, { n, k: BLOCK });
  yield;
  for (let start = 0; start < n; start += BLOCK) {
    const width = Math.min(BLOCK, n - start);
    const end = start + width;
    const failed = scope.kernels.choleskyBlock(at(start, start), ld, width);
    if (failed >= 0) throw new NotPositiveDefiniteError(start + failed + 1, n);
    scope.kernels.solveRows(scope.threads, at(start, start), ld, width, at(end, start), ld, n - end);
    const rest = n - end;
    yield* product(
      scope, packing, { m: rest, n: rest, k: width },
      { address: at(end, start), rowStep: ld, columnStep: 1 }, { address: at(end, start), rowStep: 1, columnStep: ld },
      at(end, end), ld, { alpha: -1, add: true, triangle: true },
    );
    scope.progress(1 - (rest / n) ** 3);
    yield;
  }
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) result.set(scope.view(at(i, 0), i + 1), i * n);
  return result;
}

export interface TriangularSystem {
  /** L, n × n row-major; the strictly upper triangle is not used. */
  readonly l: Float64Array;
  readonly n: number;
  /** Right-hand sides, n × columns row-major. */
  readonly b: Float64Array;
  readonly columns: number;
  /** Solves Lᵀ X = B instead of L X = B. */
  readonly transposed?: boolean;
}

/**
 * @returns X, n × columns
 * @throws RangeError for NaN or infinite entries, or a zero on the diagonal (its row is named)
 */
export async function solveTriangular({ l, n, b, columns, transposed = false }: TriangularSystem, work: Work = {}, engine?: Engine): Promise<Float64Array> {
  requireFiniteMatrix(l, n, n);
  requireFiniteMatrix(b, n, columns);
  for (let i = 0; i < n; i++) if (l[i * n + i] === 0) throw new RangeError(`the triangular matrix is singular: its diagonal is zero in row ${i}`);
  const team = engine ?? await sharedEngine();
  const ldb = rowDistance(columns);
  const bytes = 8 * (n * rowDistance(n) + n * ldb + packingDoubles({ n: columns, k: BLOCK }, team.threads));
  return team.run(`A triangular system of order ${n} with ${columns} right-hand sides`, bytes, work, function* (scope) {
    const ld = rowDistance(n);
    const matrix = scope.allocate(n * ld);
    const x = scope.allocate(n * ldb);
    for (let i = 0; i < n; i++) {
      scope.view(matrix + 8 * i * ld, i + 1).set(l.subarray(i * n, i * n + i + 1));
      scope.view(x + 8 * i * ldb, columns).set(b.subarray(i * columns, (i + 1) * columns));
    }
    yield* substituteByBlocks(scope, matrix, ld, n, x, ldb, columns, transposed);
    const result = new Float64Array(n * columns);
    for (let i = 0; i < n; i++) result.set(scope.view(x + 8 * i * ldb, columns), i * columns);
    return result;
  });
}

function* substituteByBlocks(scope: Scope, l: number, ld: number, n: number, x: number, ldx: number, columns: number, transposed: boolean): Interruptible<void> {
  const packing = packingSpace(scope, { n: columns, k: BLOCK });
  const blocks = Math.ceil(n / BLOCK);
  for (let step = 0; step < blocks; step++) {
    const start = BLOCK * (transposed ? blocks - 1 - step : step);
    const end = Math.min(n, start + BLOCK);
    const width = end - start;
    scope.kernels.substitute(scope.threads, l + 8 * (start * ld + start), ld, width, x + 8 * start * ldx, ldx, columns, transposed ? 1 : 0);
    // What is known now leaves the equations that are still to be solved.
    const known = { address: x + 8 * start * ldx, rowStep: ldx, columnStep: 1 };
    const [m, left, to] = transposed
      ? [start, { address: l + 8 * start * ld, rowStep: 1, columnStep: ld }, x]
      : [n - end, { address: l + 8 * (end * ld + start), rowStep: ld, columnStep: 1 }, x + 8 * end * ldx];
    yield* product(scope, packing, { m, n: columns, k: width }, left, known, to, ldx, { alpha: -1, add: true });
    scope.progress((step + 1) / blocks);
    yield;
  }
}
