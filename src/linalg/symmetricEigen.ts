/**
 * Eigenvalues (and vectors) of a real symmetric matrix: Householder tridiagonalisation, then implicit QL with Wilkinson's
 * shift (Golub & Van Loan §8.3; Wilkinson & Reinsch 1971), without rotations where values are enough. Only the lower triangle is read, row by row, and each eigenvector
 * is one contiguous row. Errors are of order n · eps · ‖A‖₂ in every eigenvalue, small ones included.
 */
import { complete, type Interruptible } from './interruptible.ts';
import { norm2, powerOfTwoScale, requireFiniteMatrix } from './matrixInput.ts';
import { tridiagonalValues } from './tridiagonalValues.ts';

export interface SymmetricEigen {
  /** Descending. */
  readonly values: Float64Array;
  /** One eigenvector a row, n × n; empty when only values were asked for. */
  readonly vectors: Float64Array;
}

/** For each eigenvalue on average; where tiny ones meet large ones the shift is lost in rounding and some take a hundred. */
const MAXIMUM_ITERATIONS = 60;

/**
 * @param a n × n row-major; the strictly upper triangle is not used
 * @throws RangeError when entries are NaN or infinite, or the length is wrong
 */
export function* symmetricEigen(a: Float64Array, n: number, wantVectors: boolean): Interruptible<SymmetricEigen> {
  requireFiniteMatrix(a, n, n);
  const scale = powerOfTwoScale(a);
  const work = a.map((entry) => entry * scale);
  const diagonal = new Float64Array(n);
  const off = new Float64Array(n);
  const tau = new Float64Array(n);
  yield* tridiagonalise(work, n, diagonal, off, tau);
  const vectors = wantVectors ? yield* accumulate(work, n, tau) : undefined;
  if (vectors === undefined) yield* tridiagonalValues(diagonal, off, n);
  else yield* implicitQl(diagonal, off, n, vectors);
  const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[j]! - diagonal[i]!);
  const values = Float64Array.from(order, (i) => diagonal[i]! / scale);
  const sorted = new Float64Array(vectors === undefined ? 0 : n * n);
  if (vectors !== undefined) order.forEach((from, to) => { sorted.set(vectors.subarray(from * n, (from + 1) * n), to * n); });
  return { values, vectors: sorted };
}

/** The values alone, descending, run through without a pause. */
export function symmetricEigenvalues(a: Float64Array, n: number): Float64Array {
  return complete(symmetricEigen(a, n, false)).values;
}

/**
 * From the last row upwards: reflector i maps row i, columns 0 … i−1, onto a multiple of unit vector i−1. It is left in row i
 * of a (its last entry, i−1, included), with its τ; off[i] is the entry that couples i−1 and i.
 */
function* tridiagonalise(a: Float64Array, n: number, diagonal: Float64Array, off: Float64Array, tau: Float64Array): Interruptible<void> {
  const p = new Float64Array(n);
  for (let i = n - 1; i >= 1; i--) {
    const row = i * n;
    diagonal[i] = a[row + i]!;
    const norm = norm2(a, row, i);
    if (norm2(a, row, i - 1) === 0) {
      off[i] = a[row + i - 1]!;
      continue;
    }
    const alpha = a[row + i - 1]!;
    const beta = alpha > 0 ? -norm : norm;
    off[i] = beta;
    const unit = alpha - beta;
    for (let j = 0; j < i - 1; j++) a[row + j]! /= unit;
    a[row + i - 1] = 1;
    const t = (beta - alpha) / beta;
    tau[i] = t;
    symmetricProduct(a, n, row, i, p);
    // A ← A − v qᵀ − q vᵀ with p = τAv and q = p − ½τ(p·v)v.
    let pv = 0;
    for (let j = 0; j < i; j++) {
      p[j]! *= t;
      pv += p[j]! * a[row + j]!;
    }
    const half = 0.5 * t * pv;
    for (let j = 0; j < i; j++) p[j]! -= half * a[row + j]!;
    rankTwo(a, n, row, i, p);
    yield;
  }
  if (n > 0) diagonal[0] = a[0]!;
}

/** p = A v over the leading i × i block, from its lower triangle; v lies in `a` at `row`. */
function symmetricProduct(a: Float64Array, n: number, row: number, i: number, p: Float64Array): void {
  p.fill(0, 0, i);
  let k = 0;
  for (; k + 1 < i; k += 2) {
    const first = k * n;
    const second = first + n;
    const v0 = a[row + k]!;
    const v1 = a[row + k + 1]!;
    let s0 = 0, s1 = 0;
    for (let j = 0; j < k; j++) {
      const x = a[first + j]!;
      const y = a[second + j]!;
      const v = a[row + j]!;
      s0 += x * v;
      s1 += y * v;
      p[j]! += x * v0 + y * v1;
    }
    const coupling = a[second + k]!;
    p[k] = s0 + a[first + k]! * v0 + coupling * v1;
    p[k + 1] = s1 + coupling * v0 + a[second + k + 1]! * v1;
  }
  if (k < i) {
    let sum = 0;
    for (let j = 0; j < k; j++) {
      sum += a[k * n + j]! * a[row + j]!;
      p[j]! += a[k * n + j]! * a[row + k]!;
    }
    p[k] = sum + a[k * n + k]! * a[row + k]!;
  }
}

function rankTwo(a: Float64Array, n: number, row: number, i: number, q: Float64Array): void {
  for (let k = 0; k < i; k++) {
    const vk = a[row + k]!;
    const qk = q[k]!;
    const to = k * n;
    for (let j = 0; j <= k; j++) a[to + j]! -= vk * q[j]! + qk * a[row + j]!;
  }
}

/** Rows of Qᵀ, where Q = H_{n−1} … H_1 is the product of the reflectors kept in a. */
function* accumulate(a: Float64Array, n: number, tau: Float64Array): Interruptible<Float64Array> {
  const z = new Float64Array(n * n);
  for (let i = 0; i < n; i++) z[i * n + i] = 1;
  // H_i acts on coordinates 0 … i−1; applying the earliest-made reflector last keeps the others' work in the leading block.
  for (let i = 1; i < n; i++) {
    const t = tau[i]!;
    if (t === 0) continue;
    for (let r = 0; r < i; r++) {
      let sum = 0;
      for (let j = 0; j < i; j++) sum += z[r * n + j]! * a[i * n + j]!;
      sum *= t;
      for (let j = 0; j < i; j++) z[r * n + j]! -= sum * a[i * n + j]!;
    }
    yield;
  }
  return z;
}

/** Diagonalises the symmetric tridiagonal (diagonal; off[i] couples i−1 and i) in place; rotations act on pairs of rows of z. */
export function* implicitQl(d: Float64Array, off: Float64Array, n: number, z: Float64Array): Interruptible<void> {
  // e[i] couples i and i+1 from here on.
  const e = new Float64Array(n);
  for (let i = 1; i < n; i++) e[i - 1] = off[i]!;
  let total = 0;
  for (let l = 0; l < n; l++) {
    for (let iteration = 0; ; iteration++, total++) {
      let m = l;
      for (; m < n - 1; m++) {
        const coupling = Math.abs(e[m]!);
        if (coupling <= Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!)) || coupling < 1e-300) break;
      }
      if (m === l) break;
      // QL converges on a graded block when its small end comes first (Golub & Van Loan §8.3.5).
      if (iteration === 0 && Math.abs(d[l]!) > Math.abs(d[m]!)) reverse(d, e, l, m, n, z);
      if (total > MAXIMUM_ITERATIONS * n) throw new Error(`implicit QL did not converge in ${total} iterations`);
      qlStep(d, e, l, m, n, z);
      if ((iteration & 7) === 0) yield;
    }
  }
}

/** Turns the block l … m around: the same matrix with its rows and columns in the opposite order. */
function reverse(d: Float64Array, e: Float64Array, l: number, m: number, n: number, z: Float64Array): void {
  d.subarray(l, m + 1).reverse();
  e.subarray(l, m).reverse();
  for (let i = l, j = m; i < j; i++, j--) {
    const kept = z.slice(i * n, (i + 1) * n);
    z.copyWithin(i * n, j * n, (j + 1) * n);
    z.set(kept, j * n);
  }
}

function qlStep(d: Float64Array, e: Float64Array, l: number, m: number, n: number, z: Float64Array): void {
  let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  g = d[m]! - d[l]! + e[l]! / (g + (g >= 0 ? 1 : -1) * Math.hypot(g, 1));
  let s = 1;
  let c = 1;
  let p = 0;
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    const r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1]! -= p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - p;
    const h = (d[i]! - g) * s + 2 * c * b;
    p = s * h;
    d[i + 1] = g + p;
    g = c * h - b;
    rotate(z, i * n, (i + 1) * n, n, c, s);
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}

/** Eigenvector rows i and i + 1: (x, y) ← (cx − sy, sx + cy). */
function rotate(z: Float64Array, first: number, second: number, n: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) {
    const x = z[first + k]!;
    const y = z[second + k]!;
    z[second + k] = s * x + c * y;
    z[first + k] = c * x - s * y;
  }
}
