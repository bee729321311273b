/**
 * Counting and summing of elements where they lie in memory, four at a time. Addresses are in bytes. A count is 32 bits; callers empty the
 * tables before one can overflow. Counting takes most of the time: one cell is loaded and stored an element, so that addresses cost as
 * little as can be.
 */

/** Where the counts lie: a constant, which is part of the instructions. */
const COUNTS: usize = 65536;

/** @param cell its number times four */
// @ts-ignore: decorator
@inline function count(cell: usize): void {
  store<u32>(cell, load<u32>(cell, COUNTS) + 1, COUNTS);
}

/** Of a v128 the upper two float32. */
// @ts-ignore: decorator
@inline function upper(a: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(a, a, 1, 1));
}

// @ts-ignore: decorator
@inline function total(a: v128): f64 {
  return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
}

/** Counts the four float32 numbers at `p` in their cells. */
// @ts-ignore: decorator
@inline function countCells(p: usize): void {
  const a = load<u64>(p);
  const b = load<u64>(p, 8);
  count(<usize>((a >>> 10) & 0x3ffffc));
  count(<usize>((a >>> 42) & 0x3ffffc));
  count(<usize>((b >>> 10) & 0x3ffffc));
  count(<usize>((b >>> 42) & 0x3ffffc));
}

/** Σ(x − centre)² of eight numbers a step. */
function squaresAbout(centre: f64, values: usize, vectors: usize, end: usize): f64 {
  const centres = f64x2.splat(centre);
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (let p = values; p < vectors; p += 32) {
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const a0 = f64x2.sub(f64x2.promote_low_f32x4(a), centres);
    const a1 = f64x2.sub(upper(a), centres);
    const b0 = f64x2.sub(f64x2.promote_low_f32x4(b), centres);
    const b1 = f64x2.sub(upper(b), centres);
    s0 = f64x2.add(s0, f64x2.mul(a0, a0));
    s1 = f64x2.add(s1, f64x2.mul(a1, a1));
    s2 = f64x2.add(s2, f64x2.mul(b0, b0));
    s3 = f64x2.add(s3, f64x2.mul(b1, b1));
  }
  let sum = total(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)));
  for (let p = vectors; p < end; p += 4) {
    const difference = <f64>load<f32>(p) - centre;
    sum += difference * difference;
  }
  return sum;
}

/**
 * Counts float32 numbers by the first 20 bits of their patterns, and writes five doubles to `sums`: their mean, Σ(x − mean)²,
 * least, greatest, zeros. Where a number is not finite, the mean is neither and the others mean nothing.
 * @param guess of the mean: sums are taken about it, and the squares once more about the mean where it was so bad that digits were lost
 */
export function float32(values: usize, elements: i32, guess: f64, sums: usize): void {
  const vectors = values + (<usize>(elements & ~7) << 2);
  const end = values + (<usize>elements << 2);
  const guesses = f64x2.splat(guess);
  const zero = f32x4.splat(0);
  let least = f32x4.splat(Infinity);
  let greatest = f32x4.splat(-Infinity);
  let zeros = i32x4.splat(0);
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let q0 = s0;
  let q1 = s0;
  let q2 = s0;
  let q3 = s0;
  for (let p = values; p < vectors; p += 32) {
    const a = v128.load(p);
    const b = v128.load(p, 16);
    countCells(p);
    const a0 = f64x2.sub(f64x2.promote_low_f32x4(a), guesses);
    const a1 = f64x2.sub(upper(a), guesses);
    s0 = f64x2.add(s0, a0);
    s1 = f64x2.add(s1, a1);
    q0 = f64x2.add(q0, f64x2.mul(a0, a0));
    q1 = f64x2.add(q1, f64x2.mul(a1, a1));
    countCells(p + 16);
    const b0 = f64x2.sub(f64x2.promote_low_f32x4(b), guesses);
    const b1 = f64x2.sub(upper(b), guesses);
    s2 = f64x2.add(s2, b0);
    s3 = f64x2.add(s3, b1);
    q2 = f64x2.add(q2, f64x2.mul(b0, b0));
    q3 = f64x2.add(q3, f64x2.mul(b1, b1));
    least = f32x4.pmin(f32x4.pmin(least, a), b);
    greatest = f32x4.pmax(f32x4.pmax(greatest, a), b);
    zeros = i32x4.sub(zeros, i32x4.add(f32x4.eq(a, zero), f32x4.eq(b, zero)));
  }
  let sum = total(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)));
  let squares = total(f64x2.add(f64x2.add(q0, q1), f64x2.add(q2, q3)));
  let min = Mathf.min(Mathf.min(f32x4.extract_lane(least, 0), f32x4.extract_lane(least, 1)), Mathf.min(f32x4.extract_lane(least, 2), f32x4.extract_lane(least, 3)));
  let max = Mathf.max(Mathf.max(f32x4.extract_lane(greatest, 0), f32x4.extract_lane(greatest, 1)), Mathf.max(f32x4.extract_lane(greatest, 2), f32x4.extract_lane(greatest, 3)));
  let zeroCount = i32x4.extract_lane(zeros, 0) + i32x4.extract_lane(zeros, 1) + i32x4.extract_lane(zeros, 2) + i32x4.extract_lane(zeros, 3);
  for (let p = vectors; p < end; p += 4) {
    count(<usize>(load<u32>(p) >>> 12) << 2);
    const x = load<f32>(p);
    const difference = <f64>x - guess;
    sum += difference;
    squares += difference * difference;
    min = Mathf.min(min, x);
    max = Mathf.max(max, x);
    if (x == 0) zeroCount++;
  }

  const correction = sum / <f64>elements;
  const mean = guess + correction;
  // Of the squares about the guess, at most half may be the guess's own distance from the mean: one bit is lost.
  const excess = sum * correction;
  squares = excess <= 0.5 * squares ? squares - excess : squaresAbout(mean, values, vectors, end);
  store<f64>(sums, mean);
  store<f64>(sums, squares, 8);
  store<f64>(sums, <f64>min, 16);
  store<f64>(sums, <f64>max, 24);
  store<f64>(sums, <f64>zeroCount, 32);
}

/** Counts numbers of 16 bits by their patterns. */
export function patterns16(values: usize, elements: i32): void {
  const vectors = values + (<usize>(elements & ~3) << 1);
  const end = values + (<usize>elements << 1);
  for (let p = values; p < vectors; p += 8) {
    const a = load<u64>(p);
    count(<usize>(a & 0xffff) << 2);
    count(<usize>((a >>> 14) & 0x3fffc));
    count(<usize>((a >>> 30) & 0x3fffc));
    count(<usize>((a >>> 46) & 0x3fffc));
  }
  for (let p = vectors; p < end; p += 2) count(<usize>load<u16>(p) << 2);
}

/** Counts bytes. Four tables in turn, so that equal neighbours need not wait for each other; they are empty before and after but the first. */
export function patterns8(values: usize, elements: i32): void {
  const vectors = values + <usize>(elements & ~3);
  const end = values + <usize>elements;
  for (let p = values; p < vectors; p += 4) {
    const a = load<u32>(p);
    count(<usize>(a & 0xff) << 2);
    count((<usize>((a >>> 8) & 0xff) << 2) + 1024);
    count((<usize>((a >>> 16) & 0xff) << 2) + 2048);
    count((<usize>(a >>> 24) << 2) + 3072);
  }
  for (let p = vectors; p < end; p++) count(<usize>load<u8>(p) << 2);
  for (let at = COUNTS; at < COUNTS + 1024; at += 4) store<u32>(at, load<u32>(at) + load<u32>(at, 1024) + load<u32>(at, 2048) + load<u32>(at, 3072));
  memory.fill(COUNTS + 1024, 0, 3072);
}
