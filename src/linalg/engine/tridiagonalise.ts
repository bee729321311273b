/**
 * Q ᵀA Q = T, symmetric to tridiagonal, by panels of Householder reflectors (kernels/tridiagonal.ts), and the way back: vectors of
 * T to vectors of A, by blocks of reflectors.
 */
import type { Interruptible } from '../interruptible.ts';
import { BLOCK, reflectorBlock } from './blockReflector.ts';
import type { Scope } from './engine.ts';
import { packingDoubles, packingSpace, product, rowDistance } from './product.ts';

/** Reflectors that are gathered before the matrix is updated. */
const PANEL = 32;
/** Parts of a product with a vector; see the kernel. */
const PARTS = 8;
/** Orders below which threads wait for each other longer than they save. */
const THREADED_ORDER = 400;

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

/**
 * Rows z of Z (`rows` × n) ← z H_1 H_2 … H_{n−1}: eigenvectors of T become those of A.
 * @param a reflectors as `tridiagonalise` leaves them
 */
export function* backTransform(scope: Scope, a: number, ld: number, n: number, tau: number, z: number, ldz: number, rows: number, progress: (done: number) => void): Interruptible<void> {
  const block = reflectorBlock(scope, ld, rows, n);
  const taus = scope.view(tau, n);
  for (let start = 1; start < n; start += BLOCK) {
    const count = Math.min(BLOCK, n - start);
    const length = start + count - 1;
    for (let l = 0; l < count; l++) {
      const i = start + l;
      const row = block.row(l, length);
      row.set(scope.view(a + 8 * i * ld, i));
      row.fill(0, i);
    }
    yield* block.apply(taus.subarray(start, start + count), length, z, ldz, rows, 'forward');
    progress((length / n) ** 2);
  }
}
