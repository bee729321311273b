/**
 * Householder tridiagonalisation of a symmetric matrix, panel by panel (Dongarra, Sorensen & Hammarling 1989; LAPACK's dlatrd):
 * within a panel the matrix is left alone, A_now = A − Σ_l (v_l w_lᵀ + w_l v_lᵀ), and its product with the next reflector is
 * corrected by the panel's vectors; the caller then subtracts the panel as one product.
 *
 * Only the lower triangle is kept, by rows, and rows are reduced from the last upwards: reflector i maps row i, columns
 * 0 … i−1, onto a multiple of unit vector i−1. It stays in row i, its last entry 1 included.
 *
 * Half of all operations are the products A v, which read the triangle once each: they share loads among four rows and
 * both halves of the symmetric product. Sums that threads share are cut into a number of parts that depends on the order
 * alone, so results do not depend on the number of threads.
 */
import { norm } from './householder';
import { TRIDIAGONAL_COLUMN } from './operationCodes';
import { dot, madd, smaller, total } from './simd';
import { argument, barrier, region, setArgument } from './team';

/** Below it squares are no longer precise. */
const SMALL_SQUARES: f64 = 1e-280;
/** Parts that a product A v is cut into, from this order on. */
const PARTS: i32 = 8;
const PARTED_ORDER: i32 = 192;
const PARTIAL: usize = 24576;
const COEFFICIENTS: usize = 28672;

// @ts-ignore: decorator
@inline function partsOf(order: i32): i32 {
  return order < PARTED_ORDER ? 1 : PARTS;
}

/** First row of a part when the triangle's area is cut evenly; a multiple of 4. */
function partStart(order: i32, part: i32, parts: i32): i32 {
  if (part == parts) return order;
  return (<i32>(<f64>order * Math.sqrt(<f64>part / <f64>parts))) & ~3;
}

/** First entry of a part when a vector is cut evenly. */
// @ts-ignore: decorator
@inline function evenStart(length: i32, part: i32, parts: i32): i32 {
  return part == parts ? length : ((length * part) / parts) & ~3;
}

/**
 * Reduces `count` rows of the leading order × order block: rows order−1, …, order−count.
 * @param a the matrix, rows `lda` apart
 * @param panel three groups of `width` rows, `ldp` apart: v, w, v again (so that [v w] and [w v] are both contiguous)
 * @param products PARTS vectors, `ldp` apart
 * @param diagonal, off, tau vectors of the whole order; off[i] couples i−1 and i
 * @param threaded order from which threads pay
 */
export function tridiagonalPanel(
  threads: i32, a: usize, lda: i32, order: i32, count: i32, width: i32, panel: usize, ldp: i32, products: usize,
  diagonal: usize, off: usize, tau: usize, threaded: i32,
): void {
  const row = <usize>lda << 3;
  const prow = <usize>ldp << 3;
  setArgument<usize>(0, a);
  setArgument<i32>(1, lda);
  setArgument<usize>(2, panel);
  setArgument<i32>(3, ldp);
  setArgument<i32>(4, width);
  setArgument<usize>(5, products);
  setArgument<i32>(9, count);
  let squares = -1.0;
  for (let j = 0; j < count; j++) {
    const i = order - 1 - j;
    const x = a + <usize>i * row;
    const at = <usize>i << 3;
    store<f64>(diagonal + at, load<f64>(x + at));
    if (i == 0) break;
    if (squares < 0) squares = dot(x, x, i - 1);
    const alpha = load<f64>(x + at - 8);
    const below = squares > SMALL_SQUARES ? Math.sqrt(squares) : norm(x, i - 1);
    let t = 0.0;
    if (below == 0) {
      store<f64>(off + at, alpha);
    } else {
      const size = Math.sqrt(alpha * alpha + below * below) || below;
      const beta = alpha > 0 ? -size : size;
      const unit = alpha - beta;
      t = (beta - alpha) / beta;
      divide(unit, x, i - 1);
      store<f64>(off + at, beta);
    }
    store<f64>(x + (at - 8), 1);
    store<f64>(tau + at, t);
    const v = panel + <usize>j * prow;
    const again = v + <usize>(2 * width) * prow;
    memory.copy(v, x, at);
    memory.copy(again, x, at);
    setArgument<i32>(6, i);
    setArgument<i32>(7, j);
    setArgument<f64>(8, t);
    region(TRIDIAGONAL_COLUMN, i < threaded ? 1 : threads);
    squares = 0;
    const parts = partsOf(i);
    for (let g = 0; g < parts; g++) squares += load<f64>(PARTIAL + (<usize>g << 4), 8);
  }
}

function divide(by: f64, x: usize, count: i32): void {
  const divisor = f64x2.splat(by);
  let i = 0;
  for (; i + 2 <= count; i += 2) {
    v128.store(x, f64x2.div(v128.load(x), divisor));
    x += 16;
  }
  if (i < count) store<f64>(x, load<f64>(x) / by);
}

/**
 * Column j of a panel: w_j = p − ½ τ (p·v) v with p = τ (A v − Σ_{l<j} (v_l (w_l·v) + w_l (v_l·v))), then the row above, made
 * current, and the sum of squares of all its entries but the last two.
 */
export function tridiagonalColumnPart(thread: i32, threads: i32): void {
  const a = argument<usize>(0);
  const row = <usize>argument<i32>(1) << 3;
  const panel = argument<usize>(2);
  const prow = <usize>argument<i32>(3) << 3;
  const width = argument<i32>(4);
  const products = argument<usize>(5);
  const i = argument<i32>(6);
  const j = argument<i32>(7);
  const t = argument<f64>(8);
  const count = argument<i32>(9);
  const ws = panel + <usize>width * prow;
  const v = panel + <usize>j * prow;
  const w = ws + <usize>j * prow;
  // p, before its correction by v, lies where the last part's product was.
  const p = products + <usize>(PARTS - 1) * prow;
  const parts = partsOf(i);
  const others = COEFFICIENTS + (<usize>width << 3);
  if (t != 0) {
    for (let g = thread; g < parts; g += threads) {
      symmetricProduct(a, row, partStart(i, g, parts), partStart(i, g + 1, parts), v, products + <usize>g * prow);
    }
    for (let l = thread; l < j; l += threads) {
      const at = <usize>l << 3;
      store<f64>(COEFFICIENTS + at, -dot(ws + <usize>l * prow, v, i));
      store<f64>(others + at, -dot(panel + <usize>l * prow, v, i));
    }
  }
  barrier(threads);
  for (let g = thread; g < parts; g += threads) {
    const from = evenStart(i, g, parts);
    const length = evenStart(i, g + 1, parts) - from;
    const at = <usize>from << 3;
    if (t == 0) {
      memory.fill(p + at, 0, <usize>length << 3);
      store<f64>(PARTIAL + (<usize>g << 4), 0);
      continue;
    }
    // The last part reaches everywhere; its place becomes p.
    sumParts(p, products, prow, from, length, i, parts);
    combine(p + at, panel + at, ws + at, prow, j, COEFFICIENTS, others, length);
    multiplyBy(t, p + at, length);
    store<f64>(PARTIAL + (<usize>g << 4), dot(p + at, v + at, length));
  }
  barrier(threads);
  let overlap = 0.0;
  for (let g = 0; g < parts; g++) overlap += load<f64>(PARTIAL + (<usize>g << 4));
  const half = 0.5 * t * overlap;
  const next = i - 1;
  const continues = j + 1 < count;
  const above = a + <usize>next * row;
  const nextAt = <usize>next << 3;
  const coefficients = COEFFICIENTS + (<usize>(2 * width * (thread + 1)) << 3);
  if (continues) {
    for (let l = 0; l < j; l++) {
      store<f64>(coefficients + (<usize>l << 3), -load<f64>(ws + <usize>l * prow + nextAt));
      store<f64>(coefficients + (<usize>(width + l) << 3), -load<f64>(panel + <usize>l * prow + nextAt));
    }
    store<f64>(coefficients + (<usize>j << 3), -(load<f64>(p + nextAt) - half * load<f64>(v + nextAt)));
    store<f64>(coefficients + (<usize>(width + j) << 3), -load<f64>(v + nextAt));
  }
  for (let g = thread; g < parts; g += threads) {
    const from = evenStart(i, g, parts);
    const length = evenStart(i, g + 1, parts) - from;
    const at = <usize>from << 3;
    subtractScaled(half, v + at, p + at, w + at, length);
    if (!continues) continue;
    combine(above + at, panel + at, ws + at, prow, j + 1, coefficients, coefficients + (<usize>width << 3), length);
    const counted = smaller(next - 1, from + length) - from;
    store<f64>(PARTIAL + (<usize>g << 4), counted > 0 ? dot(above + at, above + at, counted) : 0, 8);
  }
}

/** y[0 … last) = the contribution of rows first … last−1 of the lower triangle (diagonal included) to A v. */
function symmetricProduct(a: usize, row: usize, first: i32, last: i32, v: usize, y: usize): void {
  memory.fill(y, 0, <usize>last << 3);
  let k = first;
  for (; k + 4 <= last; k += 4) {
    let r0 = a + <usize>k * row;
    let r1 = r0 + row;
    let r2 = r1 + row;
    let r3 = r2 + row;
    const at = <usize>k << 3;
    const v0 = v128.load_splat<f64>(v + at);
    const v1 = v128.load_splat<f64>(v + at, 8);
    const v2 = v128.load_splat<f64>(v + at, 16);
    const v3 = v128.load_splat<f64>(v + at, 24);
    let s0 = f64x2.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let vj = v;
    let yj = y;
    for (let j = 0; j < k; j += 2) {
      const x = v128.load(vj);
      let sum = v128.load(yj);
      const a0 = v128.load(r0);
      s0 = madd(a0, x, s0);
      sum = madd(a0, v0, sum);
      const a1 = v128.load(r1);
      s1 = madd(a1, x, s1);
      sum = madd(a1, v1, sum);
      const a2 = v128.load(r2);
      s2 = madd(a2, x, s2);
      sum = madd(a2, v2, sum);
      const a3 = v128.load(r3);
      s3 = madd(a3, x, s3);
      sum = madd(a3, v3, sum);
      v128.store(yj, sum);
      vj += 16;
      yj += 16;
      r0 += 16;
      r1 += 16;
      r2 += 16;
      r3 += 16;
    }
    // The 4 × 4 triangle on the diagonal.
    const x0 = load<f64>(v + at);
    const x1 = load<f64>(v + at, 8);
    const x2 = load<f64>(v + at, 16);
    const x3 = load<f64>(v + at, 24);
    const l10 = load<f64>(r1);
    const l20 = load<f64>(r2);
    const l21 = load<f64>(r2, 8);
    const l30 = load<f64>(r3);
    const l31 = load<f64>(r3, 8);
    const l32 = load<f64>(r3, 16);
    store<f64>(y + at, total(s0) + load<f64>(r0) * x0 + l10 * x1 + l20 * x2 + l30 * x3);
    store<f64>(y + at, total(s1) + l10 * x0 + load<f64>(r1, 8) * x1 + l21 * x2 + l31 * x3, 8);
    store<f64>(y + at, total(s2) + l20 * x0 + l21 * x1 + load<f64>(r2, 16) * x2 + l32 * x3, 16);
    store<f64>(y + at, total(s3) + l30 * x0 + l31 * x1 + l32 * x2 + load<f64>(r3, 24) * x3, 24);
  }
  for (; k < last; k++) {
    const r = a + <usize>k * row;
    const vk = load<f64>(v + (<usize>k << 3));
    let sum = 0.0;
    for (let j = 0; j < k; j++) {
      const at = <usize>j << 3;
      const x = load<f64>(r + at);
      sum += x * load<f64>(v + at);
      store<f64>(y + at, load<f64>(y + at) + x * vk);
    }
    store<f64>(y + (<usize>k << 3), sum + load<f64>(r + (<usize>k << 3)) * vk);
  }
}

/** p[from … from + length) = Σ of the parts that reach there; the last one lies in p's own place. */
function sumParts(p: usize, products: usize, prow: usize, from: i32, length: i32, order: i32, parts: i32): void {
  if (parts == 1) {
    memory.copy(p + (<usize>from << 3), products + (<usize>from << 3), <usize>length << 3);
    return;
  }
  for (let g = parts - 2; g >= 0; g--) {
    const reach = smaller(from + length, partStart(order, g + 1, parts)) - from;
    if (reach <= 0) return;
    let x = products + <usize>g * prow + (<usize>from << 3);
    let y = p + (<usize>from << 3);
    let k = 0;
    for (; k + 2 <= reach; k += 2) {
      v128.store(y, f64x2.add(v128.load(y), v128.load(x)));
      x += 16;
      y += 16;
    }
    if (k < reach) store<f64>(y, load<f64>(y) + load<f64>(x));
  }
}

/** y += Σ_l (f_l x_l + g_l z_l) over `count` pairs of vectors. */
function combine(y: usize, x: usize, z: usize, prow: usize, count: i32, f: usize, g: usize, length: i32): void {
  let l = 0;
  for (; l + 2 <= count; l += 2) {
    const f0 = v128.load_splat<f64>(f);
    const f1 = v128.load_splat<f64>(f, 8);
    const g0 = v128.load_splat<f64>(g);
    const g1 = v128.load_splat<f64>(g, 8);
    let x0 = x;
    let x1 = x + prow;
    let z0 = z;
    let z1 = z + prow;
    let to = y;
    let k = 0;
    for (; k + 2 <= length; k += 2) {
      let sum = v128.load(to);
      sum = madd(f0, v128.load(x0), sum);
      sum = madd(g0, v128.load(z0), sum);
      sum = madd(f1, v128.load(x1), sum);
      sum = madd(g1, v128.load(z1), sum);
      v128.store(to, sum);
      x0 += 16;
      x1 += 16;
      z0 += 16;
      z1 += 16;
      to += 16;
    }
    if (k < length) {
      store<f64>(to, load<f64>(to) + load<f64>(f) * load<f64>(x0) + load<f64>(g) * load<f64>(z0) + load<f64>(f, 8) * load<f64>(x1) + load<f64>(g, 8) * load<f64>(z1));
    }
    x += 2 * prow;
    z += 2 * prow;
    f += 16;
    g += 16;
  }
  if (l < count) {
    for (let k = 0; k < length; k++) {
      const at = <usize>k << 3;
      store<f64>(y + at, load<f64>(y + at) + load<f64>(f) * load<f64>(x + at) + load<f64>(g) * load<f64>(z + at));
    }
  }
}

function multiplyBy(f: f64, x: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<f64>(x, load<f64>(x) * f);
    x += 8;
  }
}

/** y = p − f v */
function subtractScaled(f: f64, v: usize, p: usize, y: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const at = <usize>i << 3;
    store<f64>(y + at, load<f64>(p + at) - f * load<f64>(v + at));
  }
}
