/**
 * The two sums between a layer's products and its rows of a Jacobian, whose row (n, s) is b_ns ⊗ a_n (src/posterior/factoredBasis.ts). T is out × N, b is
 * S × out × N, h and c are S × N; all without gaps.
 */
import { CONTRACT_COTANGENTS, SPREAD_COTANGENTS } from './operationCodes';
import { madd, total } from './simd';
import { argument, region, setArgument } from './team';

const THREADED_ENTRIES: i32 = 16384;

/** h_sn ← h_sn + Σ_o b_son (T_on + shift_o). @param shift `rows` doubles; 0 for none */
export function contractCotangents(threads: i32, t: usize, rows: i32, columns: i32, b: usize, seeds: i32, shift: usize, h: usize): void {
  setArguments(t, rows, columns, b, seeds, shift, h);
  region(CONTRACT_COTANGENTS, rows * columns < THREADED_ENTRIES ? 1 : threads);
}

/** T_on ← Σ_s b_son c_sn, and totals_o ← totals_o + Σ_n T_on. @param totals `rows` doubles; 0 for none */
export function spreadCotangents(threads: i32, t: usize, rows: i32, columns: i32, b: usize, seeds: i32, totals: usize, c: usize): void {
  setArguments(t, rows, columns, b, seeds, totals, c);
  region(SPREAD_COTANGENTS, rows * columns < THREADED_ENTRIES ? 1 : threads);
}

function setArguments(t: usize, rows: i32, columns: i32, b: usize, seeds: i32, perRow: usize, perColumn: usize): void {
  setArgument<usize>(0, t);
  setArgument<i32>(1, rows);
  setArgument<i32>(2, columns);
  setArgument<usize>(3, b);
  setArgument<i32>(4, seeds);
  setArgument<usize>(5, perRow);
  setArgument<usize>(6, perColumn);
}

/** Each thread has columns of its own. */
export function contractCotangentsPart(thread: i32, threads: i32): void {
  const rows = argument<i32>(1);
  const columns = argument<i32>(2);
  const seeds = argument<i32>(4);
  const shift = argument<usize>(5);
  const first = (columns * thread) / threads;
  const count = (columns * (thread + 1)) / threads - first;
  for (let s = 0; s < seeds; s++) {
    const h = argument<usize>(6) + (<usize>(s * columns + first) << 3);
    for (let o = 0; o < rows; o++) {
      let t = argument<usize>(0) + (<usize>(o * columns + first) << 3);
      let b = argument<usize>(3) + (<usize>((s * rows + o) * columns + first) << 3);
      const extra = shift == 0 ? 0 : load<f64>(shift + (<usize>o << 3));
      const extras = f64x2.splat(extra);
      let to = h;
      let n = 0;
      for (; n + 2 <= count; n += 2) {
        v128.store(to, madd(v128.load(b), f64x2.add(v128.load(t), extras), v128.load(to)));
        t += 16;
        b += 16;
        to += 16;
      }
      if (n < count) store<f64>(to, load<f64>(to) + load<f64>(b) * (load<f64>(t) + extra));
    }
  }
}

/** Each thread has rows of its own. */
export function spreadCotangentsPart(thread: i32, threads: i32): void {
  const rows = argument<i32>(1);
  const columns = argument<i32>(2);
  const seeds = argument<i32>(4);
  const totals = argument<usize>(5);
  const last = (rows * (thread + 1)) / threads;
  for (let o = (rows * thread) / threads; o < last; o++) {
    const row = argument<usize>(0) + (<usize>(o * columns) << 3);
    for (let s = 0; s < seeds; s++) {
      let t = row;
      let b = argument<usize>(3) + (<usize>((s * rows + o) * columns) << 3);
      let c = argument<usize>(6) + (<usize>(s * columns) << 3);
      let n = 0;
      for (; n + 2 <= columns; n += 2) {
        const product = f64x2.mul(v128.load(b), v128.load(c));
        v128.store(t, s == 0 ? product : f64x2.add(v128.load(t), product));
        t += 16;
        b += 16;
        c += 16;
      }
      if (n < columns) store<f64>(t, load<f64>(b) * load<f64>(c) + (s == 0 ? 0 : load<f64>(t)));
    }
    if (totals == 0) continue;
    let sum = f64x2.splat(0);
    let t = row;
    let n = 0;
    for (; n + 2 <= columns; n += 2) {
      sum = f64x2.add(sum, v128.load(t));
      t += 16;
    }
    const at = totals + (<usize>o << 3);
    store<f64>(at, load<f64>(at) + total(sum) + (n < columns ? load<f64>(t) : 0));
  }
}
