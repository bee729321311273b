/** Matrices with known trouble, and the identities that factorisations of them are held to. */
import type { Random } from '../../../src/linalg/random.ts';

export function gaussian(random: Random, m: number, n: number): Float64Array {
  return Float64Array.from({ length: m * n }, () => random.normal());
}

/** C = A Bᵀ for A m × k and B n × k, both row-major. */
export function timesTransposed(a: Float64Array, b: Float64Array, m: number, n: number, k: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let t = 0; t < k; t++) sum += a[i * k + t]! * b[j * k + t]!;
      c[i * n + j] = sum;
    }
  }
  return c;
}

export function transpose(a: Float64Array, m: number, n: number): Float64Array {
  return Float64Array.from({ length: m * n }, (_, k) => a[(k % m) * n + Math.floor(k / m)]!);
}

export function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0));
}

export function symmetrised(a: Float64Array, n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, k) => 0.5 * (a[k]! + a[(k % n) * n + Math.floor(k / n)]!));
}

/** Wilkinson's W⁺: tridiagonal with ones beside |i − (n − 1)/2|; its largest eigenvalues come in pairs that agree to many digits. */
export function wilkinson(n: number): Float64Array {
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    a[i * n + i] = Math.abs(i - (n - 1) / 2);
    if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = 1;
  }
  return a;
}

/** n orthonormal rows of length m, by Gram–Schmidt done twice on random vectors. */
export function orthonormalRows(random: Random, n: number, m: number): Float64Array {
  const q = gaussian(random, n, m);
  for (let k = 0; k < n; k++) {
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < k; j++) {
        let overlap = 0;
        for (let i = 0; i < m; i++) overlap += q[j * m + i]! * q[k * m + i]!;
        for (let i = 0; i < m; i++) q[k * m + i]! -= overlap * q[j * m + i]!;
      }
    }
    let norm = 0;
    for (let i = 0; i < m; i++) norm += q[k * m + i]! ** 2;
    for (let i = 0; i < m; i++) q[k * m + i]! /= Math.sqrt(norm);
  }
  return q;
}

/** U diag(values) Vᵀ with random orthonormal U (m × n) and V (n × n). */
export function withSingularValues(random: Random, m: number, values: readonly number[]): Float64Array {
  const n = values.length;
  const u = orthonormalRows(random, n, m);
  const v = orthonormalRows(random, n, n);
  const scaled = u.map((entry, k) => entry * values[Math.floor(k / m)]!);
  return timesTransposed(transpose(scaled, n, m), transpose(v, n, n), m, n, n);
}

export function frobenius(a: Float64Array): number {
  return Math.hypot(...a);
}

export function distance(a: Float64Array, b: Float64Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let k = 0; k < a.length; k++) {
    const gap = Math.abs(a[k]! - b[k]!);
    // NaN must not pass for agreement.
    if (!(gap <= largest)) largest = gap;
  }
  return largest;
}
