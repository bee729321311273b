/**
 * Operations that keep channels apart: depthwise convolution and pooling. Four windows at a time, whose entries usually lie side by
 * side in the plane; a plane is one channel of one input, and threads share planes out.
 */
import { COEFFICIENT_BYTES, finishRow } from './finish';
import { CONVOLVE_PLANES, POOL } from './operationCodes';
import { madd, smaller } from './simd';
import { argument, region, setArgument, takeNext } from './team';

/** Of four windows at one position: not side by side, or some of them in the padding. */
const APART: i32 = -1;

/**
 * For each position of the window and each four windows, where the first reads when the others read beside it, else −1.
 * @param table 32-bit positions, size × windows, −1 for padding
 * @param runs size × ⌈windows / 4⌉ of 32 bits
 */
export function windowRuns(table: usize, size: i32, windows: i32, runs: usize): void {
  for (let s = 0; s < size; s++) {
    for (let w = 0; w < windows; w += 4) {
      const at = table + (<usize>(s * windows + w) << 2);
      let start = w + 4 <= windows ? load<i32>(at) : APART;
      for (let lane = 1; start >= 0 && lane < 4; lane++) if (load<i32>(at + (<usize>lane << 2)) != start + lane) start = APART;
      store<i32>(runs, start < 0 ? APART : start);
      runs += 4;
    }
  }
}

/**
 * Depthwise convolution: output channel o is input channel o / multiplier seen through window o of W.
 * @param planes output channels of all inputs: inputs × outputs
 * @param w outputs × size
 * @param runs of `windowRuns`
 * @param y planes × windows
 * @param other, coefficients, flags, ceiling see finish.ts
 */
export function convolvePlanes(
  threads: i32, x: usize, area: i32, planes: i32, outputs: i32, multiplier: i32, w: usize, table: usize, runs: usize, size: i32, windows: i32, y: usize,
  other: usize, coefficients: usize, flags: i32, ceiling: f64,
): void {
  setArgument<usize>(0, x);
  setArgument<i32>(1, area);
  setArgument<i32>(2, planes);
  setArgument<i32>(3, outputs);
  setArgument<i32>(4, multiplier);
  setArgument<usize>(5, w);
  setArgument<usize>(6, table);
  setArgument<usize>(7, runs);
  setArgument<i32>(8, size);
  setArgument<i32>(9, windows);
  setArgument<usize>(10, y);
  setArgument<usize>(11, other);
  setArgument<usize>(12, coefficients);
  setArgument<i32>(13, flags);
  setArgument<f64>(14, ceiling);
  region(CONVOLVE_PLANES, threads);
}

export function convolvePlanesPart(): void {
  const x = argument<usize>(0);
  const planeBytes = <usize>argument<i32>(1) << 3;
  const planes = argument<i32>(2);
  const outputs = argument<i32>(3);
  const multiplier = argument<i32>(4);
  const w = argument<usize>(5);
  const table = argument<usize>(6);
  const runs = argument<usize>(7);
  const size = argument<i32>(8);
  const windows = argument<i32>(9);
  const windowBytes = <usize>windows << 3;
  const y = argument<usize>(10);
  const other = argument<usize>(11);
  const coefficients = argument<usize>(12);
  const flags = argument<i32>(13);
  const ceiling = argument<f64>(14);
  for (;;) {
    const plane = takeNext();
    if (plane >= planes) break;
    const channel = plane % outputs;
    const input = (plane / outputs) * (outputs / multiplier) + channel / multiplier;
    const to = y + <usize>plane * windowBytes;
    convolvePlane(x + <usize>input * planeBytes, w + (<usize>(channel * size) << 3), table, runs, size, windows, to);
    if (flags || other) finishRow(to, to, windows, other ? other + <usize>plane * windowBytes : 0, coefficients + <usize>channel * COEFFICIENT_BYTES, flags, ceiling);
  }
}

function convolvePlane(x: usize, w: usize, table: usize, runs: usize, size: i32, windows: i32, y: usize): void {
  const runStep = <usize>((windows + 3) >> 2) << 2;
  const tableStep = <usize>windows << 2;
  for (let j = 0; j < windows; j += 4) {
    let low = f64x2.splat(0);
    let high = low;
    let run = runs + (<usize>(j >> 2) << 2);
    let at = table + (<usize>j << 2);
    const lanes = smaller(4, windows - j);
    for (let s = 0; s < size; s++) {
      const weight = v128.load_splat<f64>(w + (<usize>s << 3));
      const start = load<i32>(run);
      if (start >= 0) {
        const from = x + (<usize>start << 3);
        low = madd(weight, v128.load(from), low);
        high = madd(weight, v128.load(from, 16), high);
      } else {
        low = madd(weight, pair(x, at, lanes, 0), low);
        if (lanes > 2) high = madd(weight, pair(x, at + 8, lanes - 2, 0), high);
      }
      run += runStep;
      at += tableStep;
    }
    writeFour(y + (<usize>j << 3), lanes, low, high);
  }
}

/** Two entries by the table. @param otherwise for padding, and for a second one that is not there */
// @ts-ignore: decorator
@inline function pair(x: usize, at: usize, lanes: i32, otherwise: f64): v128 {
  const p = load<i32>(at);
  const q = lanes > 1 ? load<i32>(at, 4) : -1;
  const first = p < 0 ? otherwise : load<f64>(x + (<usize>p << 3));
  const second = q < 0 ? otherwise : load<f64>(x + (<usize>q << 3));
  return f64x2.replace_lane(f64x2.splat(first), 1, second);
}

function writeFour(to: usize, lanes: i32, low: v128, high: v128): void {
  if (lanes == 4) {
    v128.store(to, low);
    v128.store(to, high, 16);
    return;
  }
  store<f64>(to, f64x2.extract_lane(low, 0));
  if (lanes > 1) store<f64>(to, f64x2.extract_lane(low, 1), 8);
  if (lanes > 2) store<f64>(to, f64x2.extract_lane(high, 0), 16);
}

/**
 * Maximum pooling, NaN where there is one and −∞ over padding alone; or, with the shares of the windows, average pooling.
 * @param shares one double a window by which its sum is multiplied; 0: maxima
 * @param runs of `windowRuns`
 */
export function pool(threads: i32, x: usize, area: i32, planes: i32, table: usize, runs: usize, size: i32, windows: i32, shares: usize, y: usize): void {
  setArgument<usize>(0, x);
  setArgument<i32>(1, area);
  setArgument<i32>(2, planes);
  setArgument<usize>(3, table);
  setArgument<usize>(4, runs);
  setArgument<i32>(5, size);
  setArgument<i32>(6, windows);
  setArgument<usize>(7, shares);
  setArgument<usize>(8, y);
  region(POOL, threads);
}

export function poolPart(): void {
  const x = argument<usize>(0);
  const planeBytes = <usize>argument<i32>(1) << 3;
  const planes = argument<i32>(2);
  const table = argument<usize>(3);
  const runs = argument<usize>(4);
  const size = argument<i32>(5);
  const windows = argument<i32>(6);
  const shares = argument<usize>(7);
  const y = argument<usize>(8);
  for (;;) {
    const plane = takeNext();
    if (plane >= planes) break;
    poolPlane(x + <usize>plane * planeBytes, table, runs, size, windows, shares, y + <usize>plane * (<usize>windows << 3));
  }
}

function poolPlane(x: usize, table: usize, runs: usize, size: i32, windows: i32, shares: usize, y: usize): void {
  const runStep = <usize>((windows + 3) >> 2) << 2;
  const tableStep = <usize>windows << 2;
  const nothing: f64 = shares ? 0 : -Infinity;
  for (let j = 0; j < windows; j += 4) {
    let low = f64x2.splat(nothing);
    let high = low;
    let run = runs + (<usize>(j >> 2) << 2);
    let at = table + (<usize>j << 2);
    const lanes = smaller(4, windows - j);
    for (let s = 0; s < size; s++) {
      const start = load<i32>(run);
      let p = low;
      let q = high;
      if (start >= 0) {
        const from = x + (<usize>start << 3);
        p = v128.load(from);
        q = v128.load(from, 16);
      } else {
        p = pair(x, at, lanes, nothing);
        q = lanes > 2 ? pair(x, at + 8, lanes - 2, nothing) : f64x2.splat(nothing);
      }
      low = shares ? f64x2.add(low, p) : f64x2.max(low, p);
      high = shares ? f64x2.add(high, q) : f64x2.max(high, q);
      run += runStep;
      at += tableStep;
    }
    if (shares) {
      const share = shares + (<usize>j << 3);
      low = f64x2.mul(low, lanes > 1 ? v128.load(share) : v128.load64_zero(share));
      if (lanes > 2) high = f64x2.mul(high, lanes > 3 ? v128.load(share, 16) : v128.load64_zero(share, 16));
    }
    writeFour(y + (<usize>j << 3), lanes, low, high);
  }
}
