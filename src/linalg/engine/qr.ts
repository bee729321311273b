/**
 * Householder QR on the engine, with columns as rows: Aᵀ (n rows of length m ≥ n) becomes Rᵀ on and below the diagonal, and reflectors
 * beyond. Without pivoting by blocks (Bischof & Van Loan 1987); with column pivoting (Businger & Golub 1965) step by step, because
 * every step needs the norms of what is left.
 */
import type { Interruptible } from '../interruptible.ts';
import { BLOCK, reflectorBlock } from './blockReflector.ts';
import type { Scope } from './engine.ts';

/** Columns that are eliminated one by one before the others see them together. */
export const PANEL = 32;

export interface Factored {
  /** n rows `ld` apart: row k has its reflector from entry k on (1 first), and entries of R's column k before. */
  readonly address: number;
  readonly ld: number;
  readonly m: number;
  readonly n: number;
  readonly tau: Float64Array;
  /** R's diagonal. */
  readonly diagonal: Float64Array;
}

/**
 * @param w Aᵀ, overwritten; entries of magnitude about 1 at most
 * @param progress gets the share that is done
 */
export function* blockedQr(scope: Scope, w: number, ld: number, m: number, n: number, progress: (done: number) => void): Interruptible<Factored> {
  const tau = new Float64Array(n);
  const diagonal = new Float64Array(n);
  const beta = scope.allocate(1);
  const block = n > PANEL ? reflectorBlock(scope, ld, n, m) : undefined;
  for (let start = 0; start < n; start += PANEL) {
    const end = Math.min(n, start + PANEL);
    for (let k = start; k < end; k++) {
      const x = w + 8 * (k * ld + k);
      tau[k] = scope.kernels.reflector(x, m - k, beta);
      diagonal[k] = scope.view(beta, 1)[0]!;
      scope.kernels.reflectRows(scope.threads, x, m - k, tau[k]!, x + 8 * ld, ld, end - k - 1, 0, 0);
    }
    yield;
    if (block !== undefined && end < n) {
      for (let k = start; k < end; k++) {
        const row = block.row(k - start, m - start);
        row.fill(0, 0, k - start);
        row.set(scope.view(w + 8 * (k * ld + k), m - k), k - start);
      }
      yield* block.apply(tau.subarray(start, end), m - start, w + 8 * (end * ld + start), ld, n - end, 'forward');
    }
    progress(1 - (1 - end / n) ** 2 * (1 - end / m));
  }
  return { address: w, ld, m, n, tau, diagonal };
}

/** As `blockedQr` for A P = Q R. @returns also the permutation: column k of A P is column permutation[k] of A */
export function* pivotedQrOnEngine(scope: Scope, w: number, ld: number, m: number, n: number, progress: (done: number) => void): Interruptible<{ factored: Factored; permutation: Int32Array }> {
  const tau = new Float64Array(n);
  const diagonal = new Float64Array(n);
  const permutation = Int32Array.from({ length: n }, (_, j) => j);
  const beta = scope.allocate(1);
  const norms = scope.view(scope.allocate(n), n);
  const originals = scope.view(scope.allocate(n), n);
  scope.kernels.rowSquares(w, ld, n, m, norms.byteOffset);
  // Squares may have vanished; the first update computes such norms afresh, for which they must not be zero.
  for (let j = 0; j < n; j++) originals[j] = norms[j] = Math.sqrt(norms[j]!) || Number.MIN_VALUE;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let j = k + 1; j < n; j++) if (norms[j]! > norms[pivot]!) pivot = j;
    if (pivot !== k) {
      exchangeRows(scope, w + 8 * pivot * ld, w + 8 * k * ld, m);
      [permutation[k], permutation[pivot]] = [permutation[pivot]!, permutation[k]!];
      norms[pivot] = norms[k]!;
      originals[pivot] = originals[k]!;
    }
    const x = w + 8 * (k * ld + k);
    tau[k] = scope.kernels.reflector(x, m - k, beta);
    diagonal[k] = scope.view(beta, 1)[0]!;
    const next = 8 * (k + 1);
    scope.kernels.reflectRows(scope.threads, x, m - k, tau[k]!, x + 8 * ld, ld, n - k - 1, norms.byteOffset + next, originals.byteOffset + next);
    if ((k & 7) === 7) {
      progress(1 - (1 - k / n) ** 2);
      yield;
    }
  }
  return { factored: { address: w, ld, m, n, tau, diagonal }, permutation };
}

function exchangeRows(scope: Scope, one: number, two: number, length: number): void {
  const first = scope.view(one, length);
  const second = scope.view(two, length);
  const kept = first.slice();
  first.set(second);
  second.set(kept);
}

/** Row i of R: entries i … n − 1, for i in turn. */
export function upperRow(scope: Scope, { address, ld, n, diagonal }: Factored, i: number, into: Float64Array): void {
  const w = scope.view(address, n * ld);
  into[i] = diagonal[i]!;
  for (let j = i + 1; j < n; j++) into[j] = w[j * ld + i]!;
}

/** Rows x of X (of length m) ← x Qᵀ, that is: columns of Xᵀ ← Q times them. */
export function* applyQ(scope: Scope, { address, ld, m, n, tau }: Factored, x: number, ldx: number, rows: number): Interruptible<void> {
  const block = reflectorBlock(scope, ld, rows, m);
  for (let start = Math.floor((n - 1) / BLOCK) * BLOCK; start >= 0; start -= BLOCK) {
    const end = Math.min(n, start + BLOCK);
    for (let k = start; k < end; k++) {
      const row = block.row(k - start, m - start);
      row.fill(0, 0, k - start);
      row.set(scope.view(address + 8 * (k * ld + k), m - k), k - start);
    }
    yield* block.apply(tau.subarray(start, end), m - start, x + 8 * start, ldx, rows, 'backward');
  }
}
