/**
 * Singular value decomposition A = U Σ Vᵀ by one-sided Jacobi after QR (Drmač & Veselić 2008): Householder QR with column
 * pivoting, rows from large to small (Cox & Higham 1998), then rotations that make the rows of R orthogonal, rows in de Rijk's order (largest first). It resolves small
 * singular values of graded matrices to high relative accuracy, which is what decides a rank; the reduction before it bounds
 * what is resolved of a general matrix by about max(m, n) · eps · σ_max.
 */
import { complete, type Interruptible } from './interruptible.ts';
import { norm2, powerOfTwoScale, requireFiniteMatrix, rowsBySize, transposed } from './matrixInput.ts';
import { pivotedQr } from './pivotedQr.ts';
import { RowBlockedQr } from './rowBlockedQr.ts';

export interface SingularValueDecomposition {
  /** Descending, min(m, n) of them. */
  readonly values: Float64Array;
  /** Left singular vectors, one a row: min(m, n) × m. */
  readonly left: Float64Array;
  /** Right singular vectors, one a row: min(m, n) × n. */
  readonly right: Float64Array;
}

/** Quadratic convergence sets in after a few sweeps; more than these means a defect. */
const MAXIMUM_SWEEPS = 40;

/**
 * Singular values, descending, min(m, n) of them.
 * @param a m × n row-major
 * @throws RangeError when entries are NaN or infinite, or the length is wrong
 */
export function* singularValues(a: Float64Array, m: number, n: number): Interruptible<Float64Array> {
  requireFiniteMatrix(a, m, n);
  if (m < n) return yield* singularValues(transposed(a, m, n), n, m);
  if (n === 0) return new Float64Array(0);
  const scale = powerOfTwoScale(a);
  let square = loadRows(a, m, n, scale, rowsBySize(a, m, n));
  if (m > 2 * n) {
    const tall = new RowBlockedQr(n);
    yield* tall.absorbRows(square, m);
    square = tall.r;
  }
  const { r } = yield* pivotedQr(square, square.length / n, n, false);
  yield* orthogonaliseRows(r, n, undefined);
  return descendingNorms(r, n, scale).values;
}

/** As `singularValues`, with both sets of vectors. Vectors of singular values that are zero complete the orthonormal sets. */
export function* singularValueDecomposition(a: Float64Array, m: number, n: number): Interruptible<SingularValueDecomposition> {
  requireFiniteMatrix(a, m, n);
  if (m < n) {
    const { values, left, right } = yield* singularValueDecomposition(transposed(a, m, n), n, m);
    return { values, left: right, right: left };
  }
  const scale = powerOfTwoScale(a);
  const rowOrder = rowsBySize(a, m, n);
  const { r, qTransposed, permutation } = yield* pivotedQr(loadRows(a, m, n, scale, rowOrder), m, n, true);
  // Rotations G with G R = rows orthogonal: G R = Σ Wᵀ, so A P = Q Gᵀ Σ Wᵀ.
  const g = new Float64Array(n * n);
  for (let i = 0; i < n; i++) g[i * n + i] = 1;
  yield* orthogonaliseRows(r, n, g);
  const { values, order } = descendingNorms(r, n, scale);
  const left = new Float64Array(n * m);
  const right = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const row = order[k]! * n;
    const norm = norm2(r, row, n);
    for (let j = 0; j < n; j++) {
      right[k * n + permutation[j]!] = norm === 0 ? 0 : r[row + j]! / norm;
      const weight = g[row + j]!;
      for (let i = 0; i < m; i++) left[k * m + rowOrder[i]!]! += weight * qTransposed[j * m + i]!;
    }
    if (norm === 0) completeOrthonormal(right, k, n);
    yield;
  }
  return { values, left, right };
}

/** Rows of A in another order, times a power of two. */
function loadRows(a: Float64Array, m: number, n: number, scale: number, order: Int32Array): Float64Array {
  const rows = new Float64Array(m * n);
  order.forEach((from, i) => { for (let j = 0; j < n; j++) rows[i * n + j] = a[from * n + j]! * scale; });
  return rows;
}

/** The values alone, run through without a pause. */
export function singularValuesOf(a: Float64Array, m: number, n: number): Float64Array {
  return complete(singularValues(a, m, n));
}

/** Rotates pairs of rows of x (n × n) until all are orthogonal; the same rotations act on the rows of g. */
function* orthogonaliseRows(x: Float64Array, n: number, g: Float64Array | undefined): Interruptible<void> {
  const squares = new Float64Array(n);
  const tolerance = Math.sqrt(n) * Number.EPSILON;
  for (let sweep = 0; sweep < MAXIMUM_SWEEPS; sweep++) {
    for (let p = 0; p < n; p++) squares[p] = dot(x, p * n, p * n, n);
    let rotations = 0;
    for (let p = 0; p < n - 1; p++) {
      let largest = p;
      for (let q = p + 1; q < n; q++) if (squares[q]! > squares[largest]!) largest = q;
      if (largest !== p) exchange(x, g, squares, p, largest, n);
      for (let q = p + 1; q < n; q++) if (rotatePair(x, g, squares, p, q, n, tolerance)) rotations++;
      yield;
    }
    if (rotations === 0) return;
  }
  throw new Error(`Jacobi rotations did not converge in ${MAXIMUM_SWEEPS} sweeps`);
}

/** One plane rotation (Rutishauser's formulas); false when the rows are orthogonal already. */
function rotatePair(x: Float64Array, g: Float64Array | undefined, squares: Float64Array, p: number, q: number, n: number, tolerance: number): boolean {
  const pp = squares[p]!;
  const qq = squares[q]!;
  // Rows below 1e-290 of the largest entry are zero: their squares would leave the normal range.
  if (qq < Number.MIN_VALUE * 1e16 || pp === 0) return false;
  const pq = dot(x, p * n, q * n, n);
  if (Math.abs(pq) <= tolerance * Math.sqrt(pp) * Math.sqrt(qq)) return false;
  const zeta = (qq - pp) / (2 * pq);
  const t = Math.abs(zeta) > 1e150 ? 0.5 / zeta : Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  // As a difference from 1: rounded as 1/√(1 + t²), small angles would lengthen rows a little every time.
  const secant = Math.sqrt(1 + t * t);
  const c = 1 - (t * t) / (secant * (1 + secant));
  const s = t / secant;
  rotateRows(x, p * n, q * n, n, c, s);
  if (g !== undefined) rotateRows(g, p * n, q * n, n, c, s);
  squares[p] = pp - t * pq;
  const left = qq + t * pq;
  // A small row loses digits when a large one is taken out of it: then its norm is computed afresh.
  squares[q] = left > 0.1 * qq ? left : dot(x, q * n, q * n, n);
  return true;
}

function rotateRows(x: Float64Array, p: number, q: number, n: number, c: number, s: number): void {
  for (let i = 0; i < n; i++) {
    const a = x[p + i]!;
    const b = x[q + i]!;
    x[p + i] = c * a - s * b;
    x[q + i] = s * a + c * b;
  }
}

function dot(x: Float64Array, p: number, q: number, n: number): number {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  let i = 0;
  for (; i + 3 < n; i += 4) {
    s0 += x[p + i]! * x[q + i]!;
    s1 += x[p + i + 1]! * x[q + i + 1]!;
    s2 += x[p + i + 2]! * x[q + i + 2]!;
    s3 += x[p + i + 3]! * x[q + i + 3]!;
  }
  for (; i < n; i++) s0 += x[p + i]! * x[q + i]!;
  return s0 + s1 + (s2 + s3);
}

function exchange(x: Float64Array, g: Float64Array | undefined, squares: Float64Array, p: number, q: number, n: number): void {
  for (const rows of g === undefined ? [x] : [x, g]) {
    const kept = rows.slice(p * n, (p + 1) * n);
    rows.copyWithin(p * n, q * n, (q + 1) * n);
    rows.set(kept, q * n);
  }
  const square = squares[p]!;
  squares[p] = squares[q]!;
  squares[q] = square;
}

function descendingNorms(x: Float64Array, n: number, scale: number): { values: Float64Array; order: number[] } {
  const norms = Float64Array.from({ length: n }, (_, i) => norm2(x, i * n, n) / scale);
  const order = Array.from(norms.keys()).sort((i, j) => norms[j]! - norms[i]!);
  return { values: Float64Array.from(order, (i) => norms[i]!), order };
}

/** Fills row k of v (rows of length n, those before k orthonormal) with a unit vector orthogonal to them. */
export function completeOrthonormal(v: Float64Array, k: number, n: number): void {
  const row = k * n;
  for (let axis = 0; axis < n; axis++) {
    v.fill(0, row, row + n);
    v[row + axis] = 1;
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < k; j++) {
        const overlap = dot(v, j * n, row, n);
        for (let i = 0; i < n; i++) v[row + i]! -= overlap * v[j * n + i]!;
      }
    }
    const norm = norm2(v, row, n);
    // Some axis keeps at least 1/√n of its length outside a proper subspace.
    if (norm >= 0.5 / Math.sqrt(n)) {
      for (let i = 0; i < n; i++) v[row + i]! /= norm;
      return;
    }
  }
}
