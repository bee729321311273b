/**
 * Thin Householder QR with column pivoting, A P = Q R (Businger & Golub 1965; Golub & Van Loan §5.4.2), for a matrix with at
 * least as many rows as columns. The diagonal of R descends in magnitude: the preconditioner of the Jacobi SVD.
 */
import { norm2, requireFiniteMatrix, transposed } from './matrixInput.ts';
import type { Interruptible } from './interruptible.ts';

export interface PivotedQr {
  /** n × n row-major, upper triangular. */
  readonly r: Float64Array;
  /** Qᵀ, n × m row-major, so that each column of Q is contiguous; empty unless asked for. */
  readonly qTransposed: Float64Array;
  /** Column k of A P is column permutation[k] of A. */
  readonly permutation: Int32Array;
}

/**
 * @param a m × n row-major, m ≥ n
 * @throws RangeError for m < n, NaN or infinite entries
 */
export function* pivotedQr(a: Float64Array, m: number, n: number, wantQ: boolean): Interruptible<PivotedQr> {
  requireFiniteMatrix(a, m, n);
  if (m < n) throw new RangeError(`thin QR needs at least as many rows as columns, not ${m} × ${n}`);
  // Column j of A is row j of w.
  const w = transposed(a, m, n);
  const permutation = Int32Array.from({ length: n }, (_, j) => j);
  const norms = new Float64Array(n);
  const reference = new Float64Array(n);
  for (let j = 0; j < n; j++) reference[j] = norms[j] = norm2(w, j * m, m);
  const tau = new Float64Array(n);
  const diagonal = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let j = k + 1; j < n; j++) if (norms[j]! > norms[pivot]!) pivot = j;
    if (pivot !== k) {
      swapRows(w, pivot, k, m);
      swap(permutation, pivot, k);
      norms[pivot] = norms[k]!;
      reference[pivot] = reference[k]!;
    }
    const from = k * m + k;
    const length = m - k;
    const norm = norm2(w, from, length);
    const alpha = w[from]!;
    diagonal[k] = norm === 0 ? 0 : alpha > 0 ? -norm : norm;
    if (norm > 0) {
      const beta = diagonal[k]!;
      tau[k] = (beta - alpha) / beta;
      const unit = alpha - beta;
      w[from] = 1;
      for (let i = from + 1; i < from + length; i++) w[i]! /= unit;
      for (let j = k + 1; j < n; j++) {
        reflect(w, from, j * m + k, length, tau[k]!);
        norms[j] = downdated(w, j, k, m, norms[j]!, reference);
      }
    }
    yield;
  }
  const r = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < j; i++) r[i * n + j] = w[j * m + i]!;
    r[j * n + j] = diagonal[j]!;
  }
  const qTransposed = wantQ ? yield* explicitQ(w, tau, m, n) : new Float64Array(0);
  return { r, qTransposed, permutation };
}

/** y ← y − τ (v·y) v on `length` entries; v begins at `v`, y at `y`. */
function reflect(w: Float64Array, v: number, y: number, length: number, tau: number): void {
  let dot = 0;
  for (let i = 0; i < length; i++) dot += w[v + i]! * w[y + i]!;
  dot *= tau;
  for (let i = 0; i < length; i++) w[y + i]! -= dot * w[v + i]!;
}

/** Norm of column j below row k; recomputed once cancellation would leave it fewer than half its digits. */
function downdated(w: Float64Array, j: number, k: number, m: number, norm: number, reference: Float64Array): number {
  if (norm === 0) return 0;
  const ratio = Math.abs(w[j * m + k]!) / norm;
  const left = Math.max(0, (1 - ratio) * (1 + ratio));
  if (left * (norm / reference[j]!) ** 2 > 1.5e-8) return norm * Math.sqrt(left);
  const fresh = norm2(w, j * m + k + 1, m - k - 1);
  reference[j] = fresh;
  return fresh;
}

/** Q = H_0 … H_{n−1} applied to the first n unit vectors, in place of the reflectors' own storage order (rows of Qᵀ). */
function* explicitQ(w: Float64Array, tau: Float64Array, m: number, n: number): Interruptible<Float64Array> {
  const q = new Float64Array(n * m);
  for (let j = 0; j < n; j++) q[j * m + j] = 1;
  for (let k = n - 1; k >= 0; k--) {
    const v = k * m + k;
    for (let j = k; j < n; j++) {
      const y = j * m + k;
      let dot = 0;
      for (let i = 0; i < m - k; i++) dot += w[v + i]! * q[y + i]!;
      dot *= tau[k]!;
      for (let i = 0; i < m - k; i++) q[y + i]! -= dot * w[v + i]!;
    }
    yield;
  }
  return q;
}

function swapRows(w: Float64Array, i: number, j: number, length: number): void {
  const kept = w.slice(i * length, (i + 1) * length);
  w.copyWithin(i * length, j * length, (j + 1) * length);
  w.set(kept, j * length);
}

function swap(order: Int32Array, i: number, j: number): void {
  const kept = order[i]!;
  order[i] = order[j]!;
  order[j] = kept;
}
