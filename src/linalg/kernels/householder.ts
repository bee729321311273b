/** Householder reflectors I − τ v vᵀ on rows of a matrix (the columns that are reduced lie in rows). */
import { REFLECT_ROWS } from './operationCodes';
import { axpy, dot } from './simd';
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
  for (let j = thread; j < rows; j += threads) {
    const x = first + <usize>j * row;
    if (tau != 0) axpy(-tau * dot(v, x, count), v, x, count);
    if (norms == 0) continue;
    const at = norms + (<usize>j << 3);
    const original = originals + (<usize>j << 3);
    const size = load<f64>(at);
    if (size == 0) continue;
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
}
