/**
 * Rows of a matrix made orthogonal by rotations, each small row to high relative accuracy: sweeps of one-sided Jacobi (Hestenes; Drmač &
 * Veselić 2008) while angles are large. Once all are small, rotations of all pairs at once, I + W + W²/2 with W skew, are as good as one
 * after the other (the corrections of second order that make Jacobi's convergence quadratic are of the same size), and are products.
 */
import type { Scope } from '../engine/engine.ts';
import { packingDoubles, packingSpace, product, type PackingSpace } from '../engine/product.ts';
import type { Interruptible } from '../interruptible.ts';

const MAXIMUM_SWEEPS = 40;
/** The first sweeps leave smaller cosines alone: later rotations would change these pairs again anyway (Wilkinson's threshold). */
const FIRST_THRESHOLDS = [0.1, 0.05, 0.02, 0.01] as const;
/** ‖W‖² up to which I + W is orthogonal to rounding, and I + W + W²/2 is. */
const FIRST_ORDER = 2 ** -54;
const SECOND_ORDER = 2 ** -34;
/** A row's square that rotations would change by less, relatively, stays as it is. */
const UNCHANGED = 2 ** -54;
/** Two blocks of rows of this many bytes stay in the second-level cache. */
const BLOCK_BYTES = 2 ** 17;
/** At least so many blocks, half as many pairs of which threads share. */
const BLOCKS = 32;
const THREADED_ORDER = 128;
/** Rows whose squares are below are zero. */
const VANISHED = 1e-300;

/** n rows of n doubles in the engine's memory, `ld` apart. */
export interface RowSet {
  readonly address: number;
  readonly ld: number;
}

export function orthogonaliseDoubles(n: number, ld: number, threads: number): number {
  return 2 * n * ld + n + 1 + packingDoubles({ n, k: n }, threads);
}

/**
 * Turns the n rows of x until none has a cosine above √n ε with another; without g, until their lengths would not change any more.
 * @param g undergoes the same rotations, if given
 * @param progress gets the share that is done
 */
export function* orthogonaliseRows(scope: Scope, x: RowSet, n: number, g: RowSet | undefined, progress: (done: number) => void): Interruptible<void> {
  const { ld } = x;
  const w: RowSet = { address: scope.allocate(n * ld), ld };
  const products: RowSet = { address: scope.allocate(n * ld), ld };
  const packing = packingSpace(scope, { n, k: n });
  const sweep = jacobiSweep(scope, x, n, g);
  const tolerance = Math.sqrt(n) * Number.EPSILON;
  for (let step = 0; step < MAXIMUM_SWEEPS; step++) {
    const rows = { address: x.address, rowStep: ld, columnStep: 1 };
    yield* product(scope, packing, { m: n, n, k: n }, rows, { ...rows, rowStep: 1, columnStep: ld }, w.address, ld, { triangle: true });
    const { size, change } = angles(scope.view(w.address, n * ld), ld, n, tolerance);
    yield;
    if (size === 0 || (g === undefined && change <= UNCHANGED)) return;
    // About five steps are usual.
    const done = (part: number): void => { progress(1 - 0.7 ** (step + part)); };
    if (size <= SECOND_ORDER) {
      for (const turned of g === undefined ? [x] : [x, g]) yield* turn(scope, packing, w, turned, products, n, size > FIRST_ORDER);
    } else {
      yield* sweep(FIRST_THRESHOLDS[step] ?? tolerance, done);
    }
    done(1);
  }
  throw new Error(`rotations did not make ${n} rows orthogonal in ${MAXIMUM_SWEEPS} sweeps`);
}

/**
 * From the Gram matrix of the rows, on and below the diagonal, to W: tangents of the angles by which pairs have to be turned, zero
 * where the cosine is within the tolerance.
 * @returns ‖W‖², and the largest relative change of a row's square that the rotations would bring: a row that is small beside others may be far
 *   from orthogonal to them for a long time after its length is settled
 */
function angles(w: Float64Array, ld: number, n: number, tolerance: number): { readonly size: number; readonly change: number } {
  const squares = Float64Array.from({ length: n }, (_, p) => w[p * ld + p]!);
  const lengths = squares.map(Math.sqrt);
  const bounds = lengths.map((length) => tolerance * length);
  const changes = new Float64Array(n);
  let size = 0;
  for (let q = 0; q < n; q++) {
    const qq = squares[q]!;
    for (let p = 0; p < q; p++) {
      const pp = squares[p]!;
      const pq = w[q * ld + p]!;
      let t = 0;
      if (pp >= VANISHED && qq >= VANISHED && Math.abs(pq) > bounds[p]! * lengths[q]!) {
        const zeta = (qq - pp) / (2 * pq);
        t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) > 1e150 ? 2 * Math.abs(zeta) : Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
        size += 2 * t * t;
        changes[p]! += Math.abs(t * pq) / pp;
        changes[q]! += Math.abs(t * pq) / qq;
      }
      w[q * ld + p] = t;
      w[p * ld + q] = -t;
    }
    w[q * ld + q] = 0;
  }
  return { size, change: changes.reduce((most, one) => Math.max(most, one), 0) };
}

/** X ← X + W X, or X + W (X + ½ W X). */
function* turn(scope: Scope, packing: PackingSpace, w: RowSet, x: RowSet, change: RowSet, n: number, secondOrder: boolean): Interruptible<void> {
  const { ld } = x;
  const left = { address: w.address, rowStep: ld, columnStep: 1 };
  yield* product(scope, packing, { m: n, n, k: n }, left, { address: x.address, rowStep: ld, columnStep: 1 }, change.address, ld);
  const rows = scope.view(x.address, n * ld);
  const first = scope.view(change.address, n * ld);
  if (secondOrder) {
    for (let i = 0; i < n; i++) for (let k = i * ld; k < i * ld + n; k++) rows[k]! += first[k]!;
    yield;
    const second = { address: change.address, rowStep: ld, columnStep: 1 };
    yield* product(scope, packing, { m: n, n, k: n }, left, second, x.address, ld, { alpha: 0.5, add: true });
    return;
  }
  for (let i = 0; i < n; i++) for (let k = i * ld; k < i * ld + n; k++) rows[k]! += first[k]!;
}

/** A sweep of plane rotations over all pairs, by rounds of pairs of blocks that threads share. */
function jacobiSweep(scope: Scope, x: RowSet, n: number, g: RowSet | undefined): (threshold: number, progress: (part: number) => void) => Interruptible<void> {
  const squares = scope.allocate(n);
  // Independent of the threads at hand, so that the result is too.
  const blockRows = Math.max(4, Math.min(Math.floor(BLOCK_BYTES / 8 / x.ld), Math.ceil(n / BLOCKS)));
  const threads = n < THREADED_ORDER ? 1 : scope.threads;
  const blocks = 2 * Math.ceil(n / blockRows / 2);
  return function* sweep(threshold, progress) {
    scope.kernels.rowSquares(x.address, x.ld, n, n, squares);
    for (let round = 0; round < blocks - 1; round++) {
      scope.kernels.jacobiRound(threads, x.address, x.ld, n, n, g?.address ?? 0, x.ld, n, squares, blocks, blockRows, round, threshold);
      progress(round / blocks);
      yield;
    }
  };
}
