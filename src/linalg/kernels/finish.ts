/**
 * What follows a linear map entry by entry, in one pass over its values: bias, batch normalisation, the sum with another value and a
 * piecewise linear activation, each where the flags say so. Operations and their order are those of the plain code, so that results are
 * the same to the last bit.
 */
import { FINISH } from './operationCodes';
import { smaller } from './simd';
import { argument, region, setArgument, takeNext } from './team';

/** + bias */
const BIAS: i32 = 1;
/** factor (x − mean) + shift */
const NORMALISE: i32 = 2;
/** min(x, ceiling) where x > 0, else 0 */
const RECTIFY: i32 = 4;
/** x where x > 0, else slope x */
const LEAK: i32 = 8;

/** A channel's bias, mean, factor, shift and slope. */
export const COEFFICIENT_BYTES: usize = 40;
/** Entries that a thread takes at a time, at least. */
const SHARE: i32 = 4096;

/**
 * @param from values of `planes` channels one after the other, `area` entries each; plane p is of channel p mod channels
 * @param to may be `from`
 * @param other what is added before the activation; 0: nothing
 * @param coefficients 5 doubles a channel
 */
export function finish(threads: i32, from: usize, to: usize, planes: i32, channels: i32, area: i32, other: usize, coefficients: usize, flags: i32, ceiling: f64): void {
  setArgument<usize>(0, from);
  setArgument<usize>(1, to);
  setArgument<i32>(2, planes);
  setArgument<i32>(3, channels);
  setArgument<i32>(4, area);
  setArgument<usize>(5, other);
  setArgument<usize>(6, coefficients);
  setArgument<i32>(7, flags);
  setArgument<f64>(8, ceiling);
  region(FINISH, threads);
}

export function finishPart(): void {
  const from = argument<usize>(0);
  const to = argument<usize>(1);
  const planes = argument<i32>(2);
  const channels = argument<i32>(3);
  const area = argument<i32>(4);
  const other = argument<usize>(5);
  const coefficients = argument<usize>(6);
  const flags = argument<i32>(7);
  const ceiling = argument<f64>(8);
  const together = area >= SHARE ? 1 : (SHARE + area - 1) / area;
  for (;;) {
    const first = takeNext() * together;
    if (first >= planes) break;
    const last = smaller(planes, first + together);
    for (let plane = first; plane < last; plane++) {
      const at = <usize>plane * (<usize>area << 3);
      finishRow(from + at, to + at, area, other ? other + at : 0, coefficients + <usize>(plane % channels) * COEFFICIENT_BYTES, flags, ceiling);
    }
  }
}

/** Some entries of one channel. */
export function finishRow(from: usize, to: usize, count: i32, other: usize, coefficients: usize, flags: i32, ceiling: f64): void {
  const bias = f64x2.splat(flags & BIAS ? load<f64>(coefficients) : 0);
  const mean = f64x2.splat(flags & NORMALISE ? load<f64>(coefficients, 8) : 0);
  const factor = f64x2.splat(flags & NORMALISE ? load<f64>(coefficients, 16) : 1);
  const shift = f64x2.splat(flags & NORMALISE ? load<f64>(coefficients, 24) : 0);
  const slope = f64x2.splat(flags & LEAK ? load<f64>(coefficients, 32) : 0);
  const most = f64x2.splat(ceiling);
  const zero = f64x2.splat(0);
  let k = 0;
  for (; k + 2 <= count; k += 2) {
    let x = v128.load(from);
    if (flags & BIAS) x = f64x2.add(x, bias);
    if (flags & NORMALISE) x = f64x2.add(f64x2.mul(factor, f64x2.sub(x, mean)), shift);
    if (other) {
      x = f64x2.add(x, v128.load(other));
      other += 16;
    }
    const positive = f64x2.gt(x, zero);
    if (flags & RECTIFY) x = v128.and(positive, f64x2.min(x, most));
    if (flags & LEAK) x = v128.bitselect(x, f64x2.mul(slope, x), positive);
    v128.store(to, x);
    from += 16;
    to += 16;
  }
  if (k < count) {
    let x = load<f64>(from);
    if (flags & BIAS) x += load<f64>(coefficients);
    if (flags & NORMALISE) x = load<f64>(coefficients, 16) * (x - load<f64>(coefficients, 8)) + load<f64>(coefficients, 24);
    if (other) x += load<f64>(other);
    if (flags & RECTIFY) x = x > 0 ? min<f64>(x, ceiling) : 0;
    if (flags & LEAK) x = x > 0 ? x : load<f64>(coefficients, 32) * x;
    store<f64>(to, x);
  }
}
