/**
 * Matrix products C += A B, C += A Bᵀ and C += Aᵀ B of row-major float64 matrices inside code that cannot wait, such as the layers
 * of a network: on the engine when it has been started (`sharedEngine`), which pays from some thousand multiplications on, and
 * by plain loops before. Whole algorithms await dense/multiply.ts instead.
 */
import { startedEngine, type Scope } from './engine/engine.ts';
import { packingSpace, product } from './engine/product.ts';
import { complete } from './interruptible.ts';

/** Which operand is stored transposed: `nt` multiplies by Bᵀ, `tn` by Aᵀ on the left. */
export type ProductForm = 'nn' | 'nt' | 'tn';

/** From here on the copies to the engine and back cost less than it saves. */
const ENGINE_PRODUCTS = 2 ** 15;
const ENGINE_SIDE = 4;

/**
 * C ← C + op(A) op(B).
 * @param c m × n
 * @param a m × k; k × m for `tn`
 * @param b k × n; n × k for `nt`
 */
export function addProduct(c: Float64Array, a: Float64Array, b: Float64Array, m: number, n: number, k: number, form: ProductForm): void {
  if (c.length < m * n || a.length < m * k || b.length < k * n) throw new RangeError(`arrays of ${c.length}, ${a.length} and ${b.length} are too short for a product of ${m} × ${k} and ${k} × ${n}`);
  const engine = m * n * k >= ENGINE_PRODUCTS && Math.min(m, n, k) >= ENGINE_SIDE ? startedEngine() : undefined;
  if (engine !== undefined) engine.runNow('A product', (scope) => { onEngine(scope, c, a, b, m, n, k, form); });
  else if (form === 'nt') rowsByRows(c, a, b, m, n, k);
  else rowsByColumns(c, a, b, m, n, k, form === 'tn');
}

function onEngine(scope: Scope, c: Float64Array, a: Float64Array, b: Float64Array, m: number, n: number, k: number, form: ProductForm): void {
  const [left, right, result] = [scope.allocate(m * k), scope.allocate(k * n), scope.allocate(m * n)];
  scope.view(left, m * k).set(a.length === m * k ? a : a.subarray(0, m * k));
  scope.view(right, k * n).set(b.length === k * n ? b : b.subarray(0, k * n));
  const packing = packingSpace(scope, { n, k });
  const view = scope.view(result, m * n);
  view.set(c.length === m * n ? c : c.subarray(0, m * n));
  const first = form === 'tn' ? { address: left, rowStep: 1, columnStep: m } : { address: left, rowStep: k, columnStep: 1 };
  const second = form === 'nt' ? { address: right, rowStep: 1, columnStep: k } : { address: right, rowStep: n, columnStep: 1 };
  complete(product(scope, packing, { m, n, k }, first, second, result, n, { add: true }));
  c.set(view);
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
