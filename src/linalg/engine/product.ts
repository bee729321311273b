/**
 * Products of dense matrices on the engine: C = α op(A) op(B) + β C and the symmetric C = α A Aᵀ + β C. Operands are cut into slabs
 * of the kernels' packed panels.
 */
import type { Interruptible } from '../interruptible.ts';
import type { Scope } from './engine.ts';

/**
 * Depth and width of a slab, and rows of A that are packed at a time: a panel of B stays in the first, a block of A in the second-level
 * cache. Deeper slabs also mean that threads wait for each other less often.
 */
const DEPTH = 512;
const WIDTH = 2048;
const BLOCK_ROWS = 96;
/** Blocks end where tiles of six rows and of four do. */
const TILE = 12;
/** Under so many multiplications a second thread costs more than it saves. */
const THREADED_PRODUCTS = 2 ** 21;

/** Distance between rows of a matrix: whole cache lines, and no power of two, whose rows would fall into the same cache sets. */
export function rowDistance(n: number): number {
  const lines = Math.ceil(n / 8);
  return 8 * (lines % 16 === 0 ? lines + 1 : lines);
}

/** A matrix in the engine's memory: entry (i, j) at address + 8 (i rowStep + j columnStep). */
export interface Operand {
  readonly address: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

export interface ProductShape {
  /** C is m × n, the sum has k terms. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Packed panels of one product at a time. */
export interface PackingSpace {
  readonly a: number;
  readonly b: number;
}

/** Doubles that `packingSpace` takes for products of at most this shape. */
export function packingDoubles({ n, k }: { readonly n: number; readonly k: number }, threads: number): number {
  const depth = Math.min(DEPTH, k);
  return depth * (threads * BLOCK_ROWS + Math.min(WIDTH, n + 3));
}

export function packingSpace(scope: Scope, shape: { readonly n: number; readonly k: number }): PackingSpace {
  const depth = Math.min(DEPTH, shape.k);
  return { a: scope.allocate(depth * scope.threads * BLOCK_ROWS), b: scope.allocate(depth * Math.min(WIDTH, shape.n + 3)) };
}

/**
 * C ← α A B (+ C when `add`).
 * @param c row-major with distance `ldc` between rows
 * @param triangle writes entries on and below the diagonal only
 */
export function* product(
  scope: Scope, space: PackingSpace, { m, n, k }: ProductShape, a: Operand, b: Operand,
  c: number, ldc: number, { alpha = 1, add = false, triangle = false } = {},
): Interruptible<void> {
  const threads = m * n * k < THREADED_PRODUCTS ? 1 : scope.threads;
  for (let j = 0; j < n; j += WIDTH) {
    const width = Math.min(WIDTH, n - j);
    const top = triangle ? j : 0;
    const height = m - top;
    // Enough blocks for the threads to end together.
    const blockRows = Math.min(BLOCK_ROWS, TILE * Math.ceil(height / (4 * TILE * threads)));
    for (let p = 0; p < k; p += DEPTH) {
      scope.kernels.gemmSlab(
        threads, height, width, Math.min(DEPTH, k - p),
        a.address + 8 * (top * a.rowStep + p * a.columnStep), a.rowStep, a.columnStep,
        b.address + 8 * (p * b.rowStep + j * b.columnStep), b.rowStep, b.columnStep,
        c + 8 * (top * ldc + j), ldc, alpha, add || p > 0 ? 1 : 0, triangle ? 1 : 0,
        space.a, space.b, threads === 1 ? BLOCK_ROWS : blockRows,
      );
      yield;
    }
  }
}
