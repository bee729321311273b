/**
 * Symmetric rank-k update C += A Aᵀ: the Gram matrix of the rows of A. Both triangles are kept. Rows are taken four by
 * four, so that each loaded entry serves several of the products (plain TypeScript reference of the engine's kernel).
 */
import type { Interruptible } from './interruptible.ts';

/**
 * C ← C + A Aᵀ.
 * @param c n × n, symmetric, updated in place
 * @param a n × k, row-major; AᵀA of a matrix is the Gram of its transpose
 */
export function* addGram(c: Float64Array, a: Float64Array, n: number, k: number): Interruptible<void> {
  if (c.length !== n * n) throw new RangeError(`${c.length} entries do not make a ${n} × ${n} matrix`);
  if (a.length < n * k) throw new RangeError(`${a.length} entries do not make ${n} rows of ${k}`);
  for (let i = 0; i < n; i += 4) {
    const height = Math.min(4, n - i);
    for (let j = 0; j < i + height; j += 2) {
      const width = Math.min(2, i + height - j);
      if (height === 4 && width === 2) tile(c, a, n, k, i, j);
      else edge(c, a, n, k, i, j, height, width);
    }
    // The tiles that meet the diagonal reach above it; what lies below decides.
    yield;
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) c[j * n + i] = c[i * n + j]!;
}

/** Rows i … i+3 against rows j, j+1. */
function tile(c: Float64Array, a: Float64Array, n: number, k: number, i: number, j: number): void {
  const p0 = i * k;
  const p1 = p0 + k;
  const p2 = p1 + k;
  const p3 = p2 + k;
  const q0 = j * k;
  const q1 = q0 + k;
  let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
  for (let t = 0; t < k; t++) {
    const b0 = a[q0 + t]!;
    const b1 = a[q1 + t]!;
    const a0 = a[p0 + t]!;
    const a1 = a[p1 + t]!;
    const a2 = a[p2 + t]!;
    const a3 = a[p3 + t]!;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s30 += a3 * b0;
    s31 += a3 * b1;
  }
  const to = i * n + j;
  c[to]! += s00;
  c[to + 1]! += s01;
  c[to + n]! += s10;
  c[to + n + 1]! += s11;
  c[to + 2 * n]! += s20;
  c[to + 2 * n + 1]! += s21;
  c[to + 3 * n]! += s30;
  c[to + 3 * n + 1]! += s31;
}

function edge(c: Float64Array, a: Float64Array, n: number, k: number, i: number, j: number, height: number, width: number): void {
  for (let r = i; r < i + height; r++) {
    for (let s = j; s < j + width; s++) {
      let sum = 0;
      for (let t = 0; t < k; t++) sum += a[r * k + t]! * a[s * k + t]!;
      c[r * n + s]! += sum;
    }
  }
}
