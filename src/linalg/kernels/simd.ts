/** Two doubles at a time. With relaxed SIMD a multiply-add is one instruction (and may or may not round in between). */

/** a b + c */
// @ts-ignore: decorator
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(c, f64x2.mul(a, b));
}

/** c − a b */
// @ts-ignore: decorator
@inline export function nmadd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_nmadd(a, b, c);
  return f64x2.sub(c, f64x2.mul(a, b));
}

/** The sum of both lanes. */
// @ts-ignore: decorator
@inline export function total(a: v128): f64 {
  return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
}

// @ts-ignore: decorator
@inline export function smaller(a: i32, b: i32): i32 {
  return a < b ? a : b;
}

/** x · y */
export function dot(x: usize, y: usize, count: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    s0 = madd(v128.load(x), v128.load(y), s0);
    s1 = madd(v128.load(x, 16), v128.load(y, 16), s1);
    s2 = madd(v128.load(x, 32), v128.load(y, 32), s2);
    s3 = madd(v128.load(x, 48), v128.load(y, 48), s3);
    x += 64;
    y += 64;
  }
  for (; i + 2 <= count; i += 2) {
    s0 = madd(v128.load(x), v128.load(y), s0);
    x += 16;
    y += 16;
  }
  let sum = total(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)));
  if (i < count) sum += load<f64>(x) * load<f64>(y);
  return sum;
}

/** y ← y + f x */
export function axpy(f: f64, x: usize, y: usize, count: i32): void {
  const ff = f64x2.splat(f);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(y, madd(ff, v128.load(x), v128.load(y)));
    v128.store(y, madd(ff, v128.load(x, 16), v128.load(y, 16)), 16);
    x += 32;
    y += 32;
  }
  for (; i < count; i++) {
    store<f64>(y, load<f64>(y) + f * load<f64>(x));
    x += 8;
    y += 8;
  }
}

/** (x, y) ← (c x − s y, s x + c y) */
export function rotate(x: usize, y: usize, count: i32, c: f64, s: f64): void {
  const cc = f64x2.splat(c);
  const ss = f64x2.splat(s);
  let i = 0;
  for (; i + 2 <= count; i += 2) {
    const a = v128.load(x);
    const b = v128.load(y);
    v128.store(x, nmadd(ss, b, f64x2.mul(cc, a)));
    v128.store(y, madd(ss, a, f64x2.mul(cc, b)));
    x += 16;
    y += 16;
  }
  if (i < count) {
    const a = load<f64>(x);
    const b = load<f64>(y);
    store<f64>(x, c * a - s * b);
    store<f64>(y, s * a + c * b);
  }
}
