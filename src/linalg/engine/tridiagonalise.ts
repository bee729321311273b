/**
 * Q ᵀA Q = T, symmetric to tridiagonal, by panels of Householder reflectors (kernels/tridiagonal.ts), and the way back: vectors of
 * T to vectors of A, by blocks of reflectors in compact form (Schreiber & Van Loan 1989).
 */
import type { Interruptible } from '../interruptible.ts';
import type { Scope } from './engine.ts';
import { packingDoubles, packingSpace, product } from './product.ts';

/** Reflectors that are gathered before the matrix is updated. */
const PANEL = 32;
/** Parts of a product with a vector; see the kernel. */
const PARTS = 8;
/** Orders below which threads wait for each other longer than they save. */
const THREADED_ORDER = 400;
/** Reflectors that are applied together on the way back. */
const BLOCK = 64;

/** Distance between rows of a matrix: whole cache lines, and no power of two, whose rows would fall into the same cache sets. */
export function rowDistance(n: number): number {
  const lines = Math.ceil(n / 8);
  return 8 * (lines % 16 === 0 ? lines + 1 : lines);
}

export interface Tridiagonal {
  /** Addresses, n doubles each; off[i] couples i − 1 and i. */
  readonly diagonal: number;
  readonly off: number;
  readonly tau: number;
}

export function tridiagonaliseDoubles(n: number, threads: number): number {
  return (3 * PANEL + PARTS) * rowDistance(n) + 3 * n + packingDoubles({ n, k: 2 * PANEL }, threads);
}

/**
 * @param a n × n, `ld` apart; lower triangle, entries of magnitude about 1 at most (squares must not overflow). Row i becomes reflector i.
 */
export function* tridiagonalise(scope: Scope, a: number, ld: number, n: number, progress: (done: number) => void): Interruptible<Tridiagonal> {
  const diagonal = scope.allocate(n);
  const off = scope.allocate(n);
  const tau = scope.allocate(n);
  const panel = scope.allocate(3 * PANEL * ld);
  const products = scope.allocate(PARTS * ld);
  const packing = packingSpace(scope, { n, k: 2 * PANEL });
  let order = n;
  while (order > 0) {
    const count = order <= PANEL ? order : PANEL;
    scope.kernels.tridiagonalPanel(scope.threads, a, ld, order, count, PANEL, panel, ld, products, diagonal, off, tau, THREADED_ORDER);
    order -= count;
    yield;
    if (order > 0) {
      yield* product(
        scope, packing, { m: order, n: order, k: 2 * PANEL },
        { address: panel, rowStep: 1, columnStep: ld }, { address: panel + 8 * PANEL * ld, rowStep: ld, columnStep: 1 },
        a, ld, { alpha: -1, add: true, triangle: true },
      );
    }
    progress(1 - (order / n) ** 3);
  }
  return { diagonal, off, tau };
}

export function backTransformDoubles(n: number, rows: number, threads: number): number {
  return BLOCK * rowDistance(n) + 2 * rows * BLOCK + 2 * BLOCK * BLOCK + packingDoubles({ n, k: Math.max(n, BLOCK) }, threads);
}

/**
 * Rows z of Z (`rows` × n) ← z H_1 H_2 … H_{n−1}: eigenvectors of T become those of A.
 * @param a reflectors as `tridiagonalise` leaves them
 */
export function* backTransform(scope: Scope, a: number, ld: number, n: number, tau: number, z: number, ldz: number, rows: number, progress: (done: number) => void): Interruptible<void> {
  const v = scope.allocate(BLOCK * ld);
  const first = scope.allocate(rows * BLOCK);
  const second = scope.allocate(rows * BLOCK);
  const gram = scope.allocate(BLOCK * BLOCK);
  const factor = scope.allocate(BLOCK * BLOCK);
  const packing = packingSpace(scope, { n, k: Math.max(n, BLOCK) });
  const taus = scope.view(tau, n);
  for (let start = 1; start < n; start += BLOCK) {
    const count = Math.min(BLOCK, n - start);
    const length = start + count - 1;
    for (let l = 0; l < count; l++) {
      const i = start + l;
      const row = scope.view(v + 8 * l * ld, length);
      row.set(scope.view(a + 8 * i * ld, i));
      row.fill(0, i);
    }
    const reflectors = { address: v, rowStep: ld, columnStep: 1 };
    const transposed = { address: v, rowStep: 1, columnStep: ld };
    yield* product(scope, packing, { m: count, n: count, k: length }, reflectors, transposed, gram, BLOCK);
    compactFactor(scope.view(gram, BLOCK * BLOCK), taus.subarray(start, start + count), scope.view(factor, BLOCK * BLOCK), count);
    yield* product(scope, packing, { m: rows, n: count, k: length }, { address: z, rowStep: ldz, columnStep: 1 }, transposed, first, BLOCK);
    yield* product(
      scope, packing, { m: rows, n: count, k: count },
      { address: first, rowStep: BLOCK, columnStep: 1 }, { address: factor, rowStep: BLOCK, columnStep: 1 }, second, BLOCK,
    );
    yield* product(
      scope, packing, { m: rows, n: length, k: count },
      { address: second, rowStep: BLOCK, columnStep: 1 }, reflectors, z, ldz, { alpha: -1, add: true },
    );
    progress((length / n) ** 2);
  }
}

/** T with H_1 … H_k = I − V T Vᵀ, upper triangular, from the Gram matrix of the reflectors: rows of BLOCK doubles. */
function compactFactor(gram: Float64Array, tau: Float64Array, t: Float64Array, count: number, ld = BLOCK): void {
  for (let j = 0; j < count; j++) {
    const tj = tau[j]!;
    for (let i = 0; i < count; i++) t[i * ld + j] = 0;
    // Column j above the diagonal: −τ_j T (Vᵀ v_j).
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let l = i; l < j; l++) sum += t[i * ld + l]! * gram[l * ld + j]!;
      t[i * ld + j] = -tj * sum;
    }
    t[j * ld + j] = tj;
  }
}
