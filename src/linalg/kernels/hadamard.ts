/**
 * Gram matrices of dense layers: to rows of a sum, one Hadamard product of inputs' products, each counting for all rows of its two inputs, with the
 * products of cotangents (src/curvature/structuredGram.ts).
 */
import { ADD_WEIGHTED } from './operationCodes';
import { madd } from './simd';
import { argument, region, setArgument } from './team';

const THREADED_ENTRIES: i32 = 16384;

/**
 * y_(is)(jt) ← y_(is)(jt) + w_ij x_(is)(jt) for inputs i, j and seeds s, t of each.
 * @param y, x inputs · seeds rows of columns · seeds entries, without gaps
 * @param w inputs × columns, without gaps
 */
export function addWeighted(threads: i32, y: usize, w: usize, x: usize, inputs: i32, columns: i32, seeds: i32): void {
  setArgument<usize>(0, y);
  setArgument<usize>(1, w);
  setArgument<usize>(2, x);
  setArgument<i32>(3, inputs);
  setArgument<i32>(4, columns);
  setArgument<i32>(5, seeds);
  region(ADD_WEIGHTED, inputs * seeds * columns * seeds < THREADED_ENTRIES ? 1 : threads);
}

/** Each thread has rows of its own. */
export function addWeightedPart(thread: i32, threads: i32): void {
  const columns = argument<i32>(4);
  const seeds = argument<i32>(5);
  const rows = argument<i32>(3) * seeds;
  const last = (rows * (thread + 1)) / threads;
  for (let r = (rows * thread) / threads; r < last; r++) {
    const at = (<usize>r * <usize>(columns * seeds)) << 3;
    let y = argument<usize>(0) + at;
    let x = argument<usize>(2) + at;
    let w = argument<usize>(1) + ((<usize>(r / seeds) * <usize>columns) << 3);
    for (let j = 0; j < columns; j++) {
      const weight = v128.load_splat<f64>(w);
      let t = 0;
      for (; t + 2 <= seeds; t += 2) {
        v128.store(y, madd(weight, v128.load(x), v128.load(y)));
        y += 16;
        x += 16;
      }
      if (t < seeds) {
        store<f64>(y, load<f64>(y) + load<f64>(w) * load<f64>(x));
        y += 8;
        x += 8;
      }
      w += 8;
    }
  }
}
