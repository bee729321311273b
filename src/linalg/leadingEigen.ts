/**
 * A few leading eigenpairs of a large symmetric positive semidefinite matrix: Lanczos with full reorthogonalisation (Golub & Van Loan
 * §10.1–10.3). Small matrices are diagonalised whole. Of a multiple eigenvalue one vector is certain to be found.
 */
import type { Interruptible } from './interruptible.ts';
import { orthogonalise } from './orthogonalise.ts';
import type { Random } from './random.ts';
import { symmetricEigen, type SymmetricEigen } from './symmetricEigen.ts';

const WHOLE = 160;
const CHECK_EVERY = 16;
/** Of the residual ‖A v − λ v‖ relative to the largest eigenvalue. */
const TOLERANCE = 1e-10;

/**
 * @param a n × n row-major, symmetric, no negative eigenvalues beyond rounding
 * @returns min(count, n) pairs, descending, one vector a row
 */
export function* leadingEigen(a: Float64Array, n: number, count: number, random: Random): Interruptible<SymmetricEigen> {
  const wanted = Math.min(count, n);
  if (n <= WHOLE) {
    const { values, vectors } = yield* symmetricEigen(a, n, true);
    return { values: values.slice(0, wanted), vectors: vectors.slice(0, wanted * n) };
  }
  const basis: Float64Array[] = [];
  const diagonal: number[] = [];
  const off: number[] = [];
  let next: Float64Array = Float64Array.from({ length: n }, () => random.normal());
  normalise(next);
  /** Largest ‖A v‖ so far. */
  let scale = 0;
  for (;;) {
    const v = next;
    basis.push(v);
    const m = basis.length;
    next = product(a, n, v);
    diagonal.push(dot(next, v));
    scale = Math.max(scale, Math.sqrt(dot(next, next)));
    orthogonalise(next, basis);
    let beta = Math.sqrt(dot(next, next));
    // No more than rounding is left: the basis spans an invariant subspace.
    if (beta <= n * Number.EPSILON * scale) beta = 0;
    if (m === n || (m >= wanted && m % CHECK_EVERY === 0) || beta === 0) {
      const t = new Float64Array(m * m);
      for (let i = 0; i < m; i++) {
        t[i * m + i] = diagonal[i]!;
        if (i > 0) t[i * m + i - 1] = t[(i - 1) * m + i] = off[i - 1]!;
      }
      const ritz = yield* symmetricEigen(t, m, true);
      const top = ritz.values[0]!;
      const converged = Array.from({ length: Math.min(wanted, m) }, (_, k) => Math.abs(beta * ritz.vectors[k * m + m - 1]!)).every((residual) => residual <= TOLERANCE * top);
      if (m === n || (converged && m >= wanted)) return pairs(basis, ritz, wanted, n);
    }
    off.push(beta);
    if (beta === 0) {
      next = Float64Array.from({ length: n }, () => random.normal());
      orthogonalise(next, basis);
    }
    normalise(next);
    yield;
  }
}

function pairs(basis: readonly Float64Array[], ritz: SymmetricEigen, wanted: number, n: number): SymmetricEigen {
  const vectors = new Float64Array(wanted * n);
  const m = basis.length;
  for (let k = 0; k < wanted; k++) {
    const row = vectors.subarray(k * n, (k + 1) * n);
    basis.forEach((q, i) => { addMultiple(row, q, ritz.vectors[k * m + i]!); });
  }
  return { values: ritz.values.slice(0, wanted), vectors };
}

function product(a: Float64Array, n: number, v: Float64Array): Float64Array {
  const result = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += a[i * n + j]! * v[j]!;
    result[i] = sum;
  }
  return result;
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}

function addMultiple(x: Float64Array, y: Float64Array, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i]! += factor * y[i]!;
}

function normalise(x: Float64Array): void {
  const norm = Math.sqrt(dot(x, x));
  for (let i = 0; i < x.length; i++) x[i]! /= norm;
}
