/** Small triangular factors: what is left of Cholesky factorisation and triangular solves when the products are taken out. */
import { SOLVE_ROWS, SUBSTITUTE } from './operationCodes';
import { axpy, dot } from './simd';
import { argument, region, setArgument } from './team';

const THREADED_ENTRIES: i32 = 16384;

/**
 * Lower triangle A ← L with L Lᵀ = A, n × n, rows `ld` apart; the upper triangle is not touched.
 * @returns −1, or the first row whose pivot is not positive
 */
export function choleskyBlock(a: usize, ld: i32, n: i32): i32 {
  const row = <usize>ld << 3;
  for (let i = 0; i < n; i++) {
    const ri = a + <usize>i * row;
    for (let j = 0; j < i; j++) {
      const rj = a + <usize>j * row;
      const at = <usize>j << 3;
      store<f64>(ri + at, (load<f64>(ri + at) - dot(ri, rj, j)) / load<f64>(rj + at));
    }
    const at = <usize>i << 3;
    const pivot = load<f64>(ri + at) - dot(ri, ri, i);
    if (!(pivot > 0)) return i;
    store<f64>(ri + at, Math.sqrt(pivot));
  }
  return -1;
}

/** Each of `rows` rows x ← x L⁻ᵀ: solves L y = x. */
export function solveRows(threads: i32, l: usize, ldl: i32, n: i32, x: usize, ldx: i32, rows: i32): void {
  setArgument<usize>(0, l);
  setArgument<i32>(1, ldl);
  setArgument<i32>(2, n);
  setArgument<usize>(3, x);
  setArgument<i32>(4, ldx);
  setArgument<i32>(5, rows);
  region(SOLVE_ROWS, rows * n < THREADED_ENTRIES ? 1 : threads);
}

export function solveRowsPart(thread: i32, threads: i32): void {
  const l = argument<usize>(0);
  const lrow = <usize>argument<i32>(1) << 3;
  const n = argument<i32>(2);
  const xrow = <usize>argument<i32>(4) << 3;
  const rows = argument<i32>(5);
  for (let r = thread; r < rows; r += threads) {
    const x = argument<usize>(3) + <usize>r * xrow;
    for (let j = 0; j < n; j++) {
      const at = <usize>j << 3;
      const lj = l + <usize>j * lrow;
      store<f64>(x + at, (load<f64>(x + at) - dot(lj, x, j)) / load<f64>(lj + at));
    }
  }
}

/** B ← L⁻¹ B, or, transposed, L⁻ᵀ B, for B n × columns with rows `ldb` apart. */
export function substitute(threads: i32, l: usize, ldl: i32, n: i32, b: usize, ldb: i32, columns: i32, transposed: i32): void {
  setArgument<usize>(0, l);
  setArgument<i32>(1, ldl);
  setArgument<i32>(2, n);
  setArgument<usize>(3, b);
  setArgument<i32>(4, ldb);
  setArgument<i32>(5, columns);
  setArgument<i32>(6, transposed);
  region(SUBSTITUTE, columns * n < THREADED_ENTRIES ? 1 : threads);
}

/** Each thread has columns of its own. */
export function substitutePart(thread: i32, threads: i32): void {
  const l = argument<usize>(0);
  const lrow = <usize>argument<i32>(1) << 3;
  const n = argument<i32>(2);
  const brow = <usize>argument<i32>(4) << 3;
  const columns = argument<i32>(5);
  const transposed = argument<i32>(6);
  const from = (columns * thread) / threads;
  const width = (columns * (thread + 1)) / threads - from;
  const b = argument<usize>(3) + (<usize>from << 3);
  for (let step = 0; step < n; step++) {
    const i = transposed ? n - 1 - step : step;
    const own = b + <usize>i * brow;
    divide(load<f64>(l + <usize>i * lrow + (<usize>i << 3)), own, width);
    if (transposed) for (let j = 0; j < i; j++) axpy(-load<f64>(l + <usize>i * lrow + (<usize>j << 3)), own, b + <usize>j * brow, width);
    else for (let j = i + 1; j < n; j++) axpy(-load<f64>(l + <usize>j * lrow + (<usize>i << 3)), own, b + <usize>j * brow, width);
  }
}

function divide(by: f64, x: usize, count: i32): void {
  for (let i = 0; i < count; i++) store<f64>(x + (<usize>i << 3), load<f64>(x + (<usize>i << 3)) / by);
}
