/** A point of the straight line between two vectors, y = a + t (b − a): a at t = 0, for every t where a and b are equal. */
import { MIX } from './operationCodes';
import { argument, region, setArgument } from './team';

const THREADED_ENTRIES: i32 = 32768;

/** @param y may be a or b */
export function mix(threads: i32, a: usize, b: usize, t: f64, count: i32, y: usize): void {
  setArgument<usize>(0, a);
  setArgument<usize>(1, b);
  setArgument<f64>(2, t);
  setArgument<i32>(3, count);
  setArgument<usize>(4, y);
  region(MIX, count < THREADED_ENTRIES ? 1 : threads);
}

/** Each thread has a stretch of its own. */
export function mixPart(thread: i32, threads: i32): void {
  const count = argument<i32>(3);
  const t = argument<f64>(2);
  const first = <i32>((<i64>count * thread) / threads);
  const last = <i32>((<i64>count * (thread + 1)) / threads);
  const offset = <usize>first << 3;
  let a = argument<usize>(0) + offset;
  let b = argument<usize>(1) + offset;
  let y = argument<usize>(4) + offset;
  const tt = f64x2.splat(t);
  let i = first;
  for (; i + 4 <= last; i += 4) {
    const p = v128.load(a);
    const q = v128.load(a, 16);
    v128.store(y, f64x2.add(p, f64x2.mul(tt, f64x2.sub(v128.load(b), p))));
    v128.store(y, f64x2.add(q, f64x2.mul(tt, f64x2.sub(v128.load(b, 16), q))), 16);
    a += 32;
    b += 32;
    y += 32;
  }
  for (; i < last; i++) {
    const p = load<f64>(a);
    store<f64>(y, p + t * (load<f64>(b) - p));
    a += 8;
    b += 8;
    y += 8;
  }
}
