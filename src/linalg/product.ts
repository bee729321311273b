/** Matrix products C += A B, C += A Bᵀ and C += Aᵀ B of row-major float64 matrices. */

/** Which operand is stored transposed: `nt` multiplies by Bᵀ, `tn` by Aᵀ on the left. */
export type ProductForm = 'nn' | 'nt' | 'tn';

/**
 * C ← C + op(A) op(B).
 * @param c m × n
 * @param a m × k; k × m for `tn`
 * @param b k × n; n × k for `nt`
 */
export function addProduct(c: Float64Array, a: Float64Array, b: Float64Array, m: number, n: number, k: number, form: ProductForm): void {
  if (c.length < m * n || a.length < m * k || b.length < k * n) throw new RangeError(`arrays of ${c.length}, ${a.length} and ${b.length} are too short for a product of ${m} × ${k} and ${k} × ${n}`);
  if (form === 'nt') rowsByRows(c, a, b, m, n, k);
  else rowsByColumns(c, a, b, m, n, k, form === 'tn');
}

function rowsByColumns(c: Float64Array, a: Float64Array, b: Float64Array, m: number, n: number, k: number, transposedLeft: boolean): void {
  const [along, across] = transposedLeft ? [m, 1] : [1, k];
  for (let i = 0; i < m; i++) {
    const to = i * n;
    let t = 0;
    for (; t + 1 < k; t += 2) {
      const a0 = a[i * across + t * along]!;
      const a1 = a[i * across + (t + 1) * along]!;
      if (a0 === 0 && a1 === 0) continue;
      const b0 = t * n;
      const b1 = b0 + n;
      for (let j = 0; j < n; j++) c[to + j]! += a0 * b[b0 + j]! + a1 * b[b1 + j]!;
    }
    if (t < k) {
      const last = a[i * across + t * along]!;
      for (let j = 0; j < n; j++) c[to + j]! += last * b[t * n + j]!;
    }
  }
}

function rowsByRows(c: Float64Array, a: Float64Array, b: Float64Array, m: number, n: number, k: number): void {
  let i = 0;
  for (; i + 1 < m; i += 2) {
    const p0 = i * k;
    const p1 = p0 + k;
    let j = 0;
    for (; j + 1 < n; j += 2) {
      const q0 = j * k;
      const q1 = q0 + k;
      let s00 = 0, s01 = 0, s10 = 0, s11 = 0;
      for (let t = 0; t < k; t++) {
        const a0 = a[p0 + t]!;
        const a1 = a[p1 + t]!;
        const b0 = b[q0 + t]!;
        const b1 = b[q1 + t]!;
        s00 += a0 * b0;
        s01 += a0 * b1;
        s10 += a1 * b0;
        s11 += a1 * b1;
      }
      c[i * n + j]! += s00;
      c[i * n + j + 1]! += s01;
      c[(i + 1) * n + j]! += s10;
      c[(i + 1) * n + j + 1]! += s11;
    }
    if (j < n) {
      c[i * n + j]! += dot(a, p0, b, j * k, k);
      c[(i + 1) * n + j]! += dot(a, p1, b, j * k, k);
    }
  }
  if (i < m) for (let j = 0; j < n; j++) c[i * n + j]! += dot(a, i * k, b, j * k, k);
}

function dot(a: Float64Array, from: number, b: Float64Array, at: number, length: number): number {
  let sum = 0;
  for (let t = 0; t < length; t++) sum += a[from + t]! * b[at + t]!;
  return sum;
}
