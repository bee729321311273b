/** The product of two packed panels, kept in registers until it is written: where nearly all the time of a product is spent. */
import { madd } from './simd';

/**
 * The product of a panel of A (k × 4 for T = i32, k × 6 for T = i64) and one of B (k × 4), times α, into as many rows of C. Six rows take 15 of the
 * 16 SIMD registers, and a third fewer loads for each multiplication. One step at a time leaves V8 no loads to move forward, for which registers
 * would spill; its older versions spill with six rows anyway.
 */
function tile<T>(k: i32, a: usize, b: usize, c: usize, ldc: usize, alpha: f64, add: i32): void {
  let c00 = f64x2.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  for (let p = k; p > 0; p--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f64>(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f64>(a, 8);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f64>(a, 16);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f64>(a, 24);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    if (sizeof<T>() == 8) {
      x = v128.load_splat<f64>(a, 32);
      c40 = madd(x, b0, c40);
      c41 = madd(x, b1, c41);
      x = v128.load_splat<f64>(a, 40);
      c50 = madd(x, b0, c50);
      c51 = madd(x, b1, c51);
    }
    a += sizeof<T>() == 8 ? 48 : 32;
    b += 32;
  }
  const f = f64x2.splat(alpha);
  writeRow(c, f, c00, c01, add);
  c += ldc;
  writeRow(c, f, c10, c11, add);
  c += ldc;
  writeRow(c, f, c20, c21, add);
  c += ldc;
  writeRow(c, f, c30, c31, add);
  if (sizeof<T>() == 8) {
    c += ldc;
    writeRow(c, f, c40, c41, add);
    c += ldc;
    writeRow(c, f, c50, c51, add);
  }
}

export function tileOfFour(k: i32, a: usize, b: usize, c: usize, ldc: usize, alpha: f64, add: i32): void {
  tile<i32>(k, a, b, c, ldc, alpha, add);
}

export function tileOfSix(k: i32, a: usize, b: usize, c: usize, ldc: usize, alpha: f64, add: i32): void {
  tile<i64>(k, a, b, c, ldc, alpha, add);
}

// @ts-ignore: decorator
@inline function writeRow(c: usize, f: v128, left: v128, right: v128, add: i32): void {
  v128.store(c, add ? madd(f, left, v128.load(c)) : f64x2.mul(f, left));
  v128.store(c, add ? madd(f, right, v128.load(c, 16)) : f64x2.mul(f, right), 16);
}
