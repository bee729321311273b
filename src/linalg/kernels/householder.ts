/** Householder reflectors I − τ v vᵀ on rows of a matrix (the columns that are reduced lie in rows). */
import { REFLECT_ROWS } from './operationCodes';
import { axpy, dot, madd, smaller, total } from './simd';
import { argument, region, setArgument } from './team';

const SMALL_SQUARES: f64 = 1e-280;
/** A norm that was updated is computed afresh once cancellation would leave it fewer than half its digits. */
const STALE: f64 = 1.5e-8;
const THREADED_ENTRIES: i32 = 65536;

/** Euclidean norm of entries of magnitude about 1 at most, small ones included. */
export function norm(x: usize, count: i32): f64 {
  const squares = dot(x, x, count);
  if (squares > SMALL_SQUARES) return Math.sqrt(squares);
  let largest = 0.0;
  for (let i = 0; i < count; i++) largest = Math.max(largest, Math.abs(load<f64>(x + (<usize>i << 3))));
  if (largest == 0) return 0;
  let sum = 0.0;
  for (let i = 0; i < count; i++) {
    const y = load<f64>(x + (<usize>i << 3)) / largest;
    sum += y * y;
  }
  return largest * Math.sqrt(sum);
}

/**
 * The reflector that maps x onto (β, 0, …): v = (1, x_1/(x_0 − β), …) takes the place of x, β goes to `beta`.
 * @returns τ, 0 when x is zero already
 */
export function reflector(x: usize, count: i32, beta: usize): f64 {
  const alpha = load<f64>(x);
  const size = norm(x, count);
  if (size == 0) {
    store<f64>(beta, 0);
    store<f64>(x, 1);
    return 0;
  }
  const b = alpha > 0 ? -size : size;
  const unit = alpha - b;
  for (let i = 1; i < count; i++) {
    const at = x + (<usize>i << 3);
    store<f64>(at, load<f64>(at) / unit);
  }
  store<f64>(x, 1);
  store<f64>(beta, b);
  return (b - alpha) / b;
}

/**
 * Applies I − τ v vᵀ to each of `rows` rows, `ld` apart.
 * @param norms 0, or the norms of the rows, brought up to date for the entries after the first; the originals follow them
 */
export function reflectRows(threads: i32, v: usize, count: i32, tau: f64, first: usize, ld: i32, rows: i32, norms: usize, originals: usize): void {
  setArgument<usize>(0, v);
  setArgument<i32>(1, count);
  setArgument<f64>(2, tau);
  setArgument<usize>(3, first);
  setArgument<i32>(4, ld);
  setArgument<i32>(5, rows);
  setArgument<usize>(6, norms);
  setArgument<usize>(7, originals);
  region(REFLECT_ROWS, rows < THREADED_ENTRIES / count ? 1 : threads);
}

export function reflectRowsPart(thread: i32, threads: i32): void {
  const v = argument<usize>(0);
  const count = argument<i32>(1);
  const tau = argument<f64>(2);
  const first = argument<usize>(3);
  const row = <usize>argument<i32>(4) << 3;
  const rows = argument<i32>(5);
  const norms = argument<usize>(6);
  const originals = argument<usize>(7);
  // Four rows at a time, whichever thread takes them, so that v is loaded for all of them once.
  for (let j = thread << 2; j < rows; j += threads << 2) {
    const x = first + <usize>j * row;
    const here = smaller(4, rows - j);
    if (tau != 0) {
      if (here == 4) reflectFour(v, count, tau, x, row);
      else for (let i = 0; i < here; i++) axpy(-tau * dot(v, x + <usize>i * row, count), v, x + <usize>i * row, count);
    }
    if (norms == 0) continue;
    for (let i = j; i < j + here; i++) updateNorm(first + <usize>i * row, count, norms + (<usize>i << 3), originals + (<usize>i << 3));
  }
}

/** Brings the norm of a row without its first entry up to date, from its norm with it. */
function updateNorm(x: usize, count: i32, at: usize, original: usize): void {
  const size = load<f64>(at);
  if (size == 0) return;
  const ratio = Math.abs(load<f64>(x)) / size;
  const left = Math.max(0, (1 - ratio) * (1 + ratio));
  const share = size / load<f64>(original);
  if (left * share * share > STALE) {
    store<f64>(at, size * Math.sqrt(left));
  } else {
    const fresh = norm(x + 8, count - 1);
    store<f64>(at, fresh);
    store<f64>(original, fresh);
  }
}

function reflectFour(v: usize, count: i32, tau: f64, x0: usize, row: usize): void {
  const x1 = x0 + row;
  const x2 = x1 + row;
  const x3 = x2 + row;
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let r0 = s0;
  let r1 = s0;
  let r2 = s0;
  let r3 = s0;
  const whole = count & ~3;
  let i = 0;
  for (; i < whole; i += 4) {
    const at = <usize>i << 3;
    const a = v128.load(v + at);
    const b = v128.load(v + at, 16);
    s0 = madd(a, v128.load(x0 + at), s0);
    s1 = madd(a, v128.load(x1 + at), s1);
    s2 = madd(a, v128.load(x2 + at), s2);
    s3 = madd(a, v128.load(x3 + at), s3);
    r0 = madd(b, v128.load(x0 + at, 16), r0);
    r1 = madd(b, v128.load(x1 + at, 16), r1);
    r2 = madd(b, v128.load(x2 + at, 16), r2);
    r3 = madd(b, v128.load(x3 + at, 16), r3);
  }
  let t0 = total(f64x2.add(s0, r0));
  let t1 = total(f64x2.add(s1, r1));
  let t2 = total(f64x2.add(s2, r2));
  let t3 = total(f64x2.add(s3, r3));
  for (; i < count; i++) {
    const at = <usize>i << 3;
    const a = load<f64>(v + at);
    t0 += a * load<f64>(x0 + at);
    t1 += a * load<f64>(x1 + at);
    t2 += a * load<f64>(x2 + at);
    t3 += a * load<f64>(x3 + at);
  }
  t0 *= -tau;
  t1 *= -tau;
  t2 *= -tau;
  t3 *= -tau;
  const f0 = f64x2.splat(t0);
  const f1 = f64x2.splat(t1);
  const f2 = f64x2.splat(t2);
  const f3 = f64x2.splat(t3);
  for (i = 0; i < whole; i += 4) {
    const at = <usize>i << 3;
    const a = v128.load(v + at);
    const b = v128.load(v + at, 16);
    v128.store(x0 + at, madd(f0, a, v128.load(x0 + at)));
    v128.store(x0 + at, madd(f0, b, v128.load(x0 + at, 16)), 16);
    v128.store(x1 + at, madd(f1, a, v128.load(x1 + at)));
    v128.store(x1 + at, madd(f1, b, v128.load(x1 + at, 16)), 16);
    v128.store(x2 + at, madd(f2, a, v128.load(x2 + at)));
    v128.store(x2 + at, madd(f2, b, v128.load(x2 + at, 16)), 16);
    v128.store(x3 + at, madd(f3, a, v128.load(x3 + at)));
    v128.store(x3 + at, madd(f3, b, v128.load(x3 + at, 16)), 16);
  }
  for (; i < count; i++) {
    const at = <usize>i << 3;
    const a = load<f64>(v + at);
    store<f64>(x0 + at, load<f64>(x0 + at) + t0 * a);
    store<f64>(x1 + at, load<f64>(x1 + at) + t1 * a);
    store<f64>(x2 + at, load<f64>(x2 + at) + t2 * a);
    store<f64>(x3 + at, load<f64>(x3 + at) + t3 * a);
  }
}
