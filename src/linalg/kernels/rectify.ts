/** What follows the product of a dense layer: z ← z + b in every row, and z ← s z where z is not positive (s = 0: relu; s = 1: the bias alone). */
import { RECTIFY } from './operationCodes';
import { argument, region, setArgument } from './team';

const THREADED_ENTRIES: i32 = 16384;

/** @param bias `width` doubles; 0 for none */
export function rectify(threads: i32, values: usize, rows: i32, width: i32, bias: usize, slope: f64): void {
  setArgument<usize>(0, values);
  setArgument<i32>(1, rows);
  setArgument<i32>(2, width);
  setArgument<usize>(3, bias);
  setArgument<f64>(4, slope);
  region(RECTIFY, rows * width < THREADED_ENTRIES ? 1 : threads);
}

/** Each thread has rows of its own. */
export function rectifyPart(thread: i32, threads: i32): void {
  const rows = argument<i32>(1);
  const width = argument<i32>(2);
  const bias = argument<usize>(3);
  const slope = argument<f64>(4);
  const first = (rows * thread) / threads;
  const last = (rows * (thread + 1)) / threads;
  let z = argument<usize>(0) + (<usize>(first * width) << 3);
  const slopes = f64x2.splat(slope);
  const zero = f64x2.splat(0);
  for (let i = first; i < last; i++) {
    let b = bias;
    let j = 0;
    for (; j + 2 <= width; j += 2) {
      let value = v128.load(z);
      if (bias != 0) value = f64x2.add(value, v128.load(b));
      // A slope of zero takes infinities to zero as well, which a product would not.
      v128.store(z, v128.bitselect(value, slope == 0 ? zero : f64x2.mul(slopes, value), f64x2.gt(value, zero)));
      z += 16;
      b += 16;
    }
    if (j < width) {
      const value = load<f64>(z) + (bias != 0 ? load<f64>(b) : 0);
      store<f64>(z, value > 0 ? value : slope == 0 ? 0 : slope * value);
      z += 8;
    }
  }
}
