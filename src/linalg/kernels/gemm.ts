/**
 * C ← C + α A B by packed panels and a register tile (Goto & van de Geijn 2008). One call handles a slab: k of at most one
 * depth of the packed panels, n of at most one width. B's slab is packed once for all threads, which then take blocks of rows
 * of A in turn. Panels are four wide: entry (w, p) of a panel lies at 4 p + w. A 4 × 4 tile takes 8 of the 16 SIMD registers.
 *
 * Each entry of C is one sum over k in a fixed order, whichever thread computes it: results do not depend on the number of threads.
 */
import { argument, barrier, region, setArgument, takeNext } from './team';
import { GEMM } from './operationCodes';
import { madd, smaller } from './simd';

/** Where thread t keeps a tile that is written in part only. */
const TILE_SCRATCH: usize = 4096;
/** Columns of B that meet a panel of A one after the other. */
const GROUP: i32 = 8;

/**
 * @param a entry (i, p) of A at a + 8 (i aRow + p aDepth)
 * @param b entry (p, j) of B at b + 8 (p bDepth + j bColumn)
 * @param ldc distance between rows of C, in entries
 * @param add 1 adds to C, 0 overwrites it
 * @param triangle 1 writes entries with i ≥ j only
 * @param packA for each thread, blockRows rounded up to 4 times k doubles
 * @param packB n rounded up to 4 times k doubles
 */
export function gemmSlab(
  threads: i32, m: i32, n: i32, k: i32,
  a: usize, aRow: i32, aDepth: i32, b: usize, bDepth: i32, bColumn: i32,
  c: usize, ldc: i32, alpha: f64, add: i32, triangle: i32,
  packA: usize, packB: usize, blockRows: i32,
): void {
  setArgument<i32>(0, m);
  setArgument<i32>(1, n);
  setArgument<i32>(2, k);
  setArgument<usize>(3, a);
  setArgument<i32>(4, aRow);
  setArgument<i32>(5, aDepth);
  setArgument<usize>(6, b);
  setArgument<i32>(7, bDepth);
  setArgument<i32>(8, bColumn);
  setArgument<usize>(9, c);
  setArgument<i32>(10, ldc);
  setArgument<f64>(11, alpha);
  setArgument<i32>(12, add);
  setArgument<i32>(13, triangle);
  setArgument<usize>(14, packA);
  setArgument<usize>(15, packB);
  setArgument<i32>(16, blockRows);
  region(GEMM, threads);
}

export function gemmPart(thread: i32, threads: i32): void {
  const m = argument<i32>(0);
  const n = argument<i32>(1);
  const k = argument<i32>(2);
  const a = argument<usize>(3);
  const aRow = argument<i32>(4);
  const aDepth = argument<i32>(5);
  const b = argument<usize>(6);
  const bDepth = argument<i32>(7);
  const bColumn = argument<i32>(8);
  const c = argument<usize>(9);
  const ldc = <usize>argument<i32>(10) << 3;
  const alpha = argument<f64>(11);
  const add = argument<i32>(12);
  const triangle = argument<i32>(13);
  const blockRows = argument<i32>(16);
  const packB = argument<usize>(15);
  const packA = argument<usize>(14) + <usize>thread * (<usize>(blockRows * k) << 3);

  // A share of B's panels, in whole groups of eight.
  const groups = (n + 31) >> 5;
  const first = smaller(n, ((groups * thread) / threads) << 5);
  const last = smaller(n, ((groups * (thread + 1)) / threads) << 5);
  pack(packB + (<usize>(first * k) << 3), b + (<usize>(first * bColumn) << 3), last - first, k, bColumn, bDepth);
  barrier(threads);

  const blocks = (m + blockRows - 1) / blockRows;
  const panel = <usize>k << 5;
  for (;;) {
    const taken = takeNext();
    if (taken >= blocks) break;
    // Under a triangle the last rows have the most columns: they are taken first.
    const i0 = (triangle ? blocks - 1 - taken : taken) * blockRows;
    const height = smaller(blockRows, m - i0);
    const width = triangle ? smaller(n, i0 + height) : n;
    pack(packA, a + (<usize>i0 * <usize>aRow << 3), height, k, aRow, aDepth);
    // A panel of A stays in the first-level cache while it meets a few panels of B, which stay there too.
    for (let j0 = 0; j0 < width; j0 += GROUP) {
      const j1 = smaller(width, j0 + GROUP);
      for (let i = triangle && j0 > i0 + 3 ? ((j0 - i0) >> 2) << 2 : 0; i < height; i += 4) {
        const rows = smaller(4, height - i);
        const aPanel = packA + (<usize>(i >> 2)) * panel;
        for (let j = j0; j < j1; j += 4) {
          const columns = smaller(4, n - j);
          const below = i0 + i - j;
          if (triangle && below < -3) break;
          const to = c + <usize>(i0 + i) * ldc + (<usize>j << 3);
          const bPanel = packB + (<usize>(j >> 2)) * panel;
          if (rows == 4 && columns == 4 && (!triangle || below >= 3)) {
            tile(k, aPanel, bPanel, to, ldc, alpha, add);
          } else {
            const scratch = TILE_SCRATCH + (<usize>thread << 8);
            tile(k, aPanel, bPanel, scratch, 32, alpha, 0);
            writePart(scratch, to, ldc, rows, columns, add, triangle ? below : 4);
          }
        }
      }
    }
  }
}

/** Entries with row + below ≥ column of the leading rows × columns of a tile. */
function writePart(from: usize, to: usize, ldc: usize, rows: i32, columns: i32, add: i32, below: i32): void {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      if (i + below < j) break;
      const at = to + <usize>i * ldc + (<usize>j << 3);
      const value = load<f64>(from + (<usize>((i << 2) + j) << 3));
      store<f64>(at, add ? load<f64>(at) + value : value);
    }
  }
}

/**
 * Packs a width × depth operand into panels of four, the last one filled up with zeros.
 * @param source entry (w, p) at source + 8 (w across + p along)
 */
export function pack(to: usize, source: usize, width: i32, depth: i32, across: i32, along: i32): void {
  const acrossBytes = <usize>across << 3;
  const alongBytes = <usize>along << 3;
  const panel = <usize>depth << 5;
  let w = 0;
  if (across == 1) {
    // Eight panels together, so that whole cache lines are read.
    for (; w + 32 <= width; w += 32) {
      let from = source + (<usize>w << 3);
      let out = to + (<usize>(w >> 2)) * panel;
      for (let p = 0; p < depth; p++) {
        let target = out;
        for (let q: usize = 0; q < 256; q += 32) {
          v128.store(target, v128.load(from + q));
          v128.store(target, v128.load(from + q, 16), 16);
          target += panel;
        }
        from += alongBytes;
        out += 32;
      }
    }
    for (; w + 4 <= width; w += 4) {
      let from = source + (<usize>w << 3);
      let out = to + (<usize>(w >> 2)) * panel;
      for (let p = 0; p < depth; p++) {
        v128.store(out, v128.load(from));
        v128.store(out, v128.load(from, 16), 16);
        from += alongBytes;
        out += 32;
      }
    }
  } else {
    for (; w + 4 <= width; w += 4) {
      let r0 = source + <usize>w * acrossBytes;
      let r1 = r0 + acrossBytes;
      let r2 = r1 + acrossBytes;
      let r3 = r2 + acrossBytes;
      let out = to + (<usize>(w >> 2)) * panel;
      let p = 0;
      if (along == 1) {
        for (; p + 2 <= depth; p += 2) {
          const x0 = v128.load(r0);
          const x1 = v128.load(r1);
          const x2 = v128.load(r2);
          const x3 = v128.load(r3);
          v128.store(out, v128.shuffle<f64>(x0, x1, 0, 2));
          v128.store(out, v128.shuffle<f64>(x2, x3, 0, 2), 16);
          v128.store(out, v128.shuffle<f64>(x0, x1, 1, 3), 32);
          v128.store(out, v128.shuffle<f64>(x2, x3, 1, 3), 48);
          r0 += 16;
          r1 += 16;
          r2 += 16;
          r3 += 16;
          out += 64;
        }
      }
      for (; p < depth; p++) {
        store<f64>(out, load<f64>(r0));
        store<f64>(out, load<f64>(r1), 8);
        store<f64>(out, load<f64>(r2), 16);
        store<f64>(out, load<f64>(r3), 24);
        r0 += alongBytes;
        r1 += alongBytes;
        r2 += alongBytes;
        r3 += alongBytes;
        out += 32;
      }
    }
  }
  if (w < width) {
    let from = source + <usize>w * acrossBytes;
    let out = to + (<usize>(w >> 2)) * panel;
    for (let p = 0; p < depth; p++) {
      for (let q = 0; q < 4; q++) {
        store<f64>(out + (<usize>q << 3), w + q < width ? load<f64>(from + <usize>q * acrossBytes) : 0);
      }
      from += alongBytes;
      out += 32;
    }
  }
}

/**
 * The product of a panel of A (k × 4) and one of B (k × 4), times α, into four rows of C. Two steps at a time: with four, V8
 * moves so many loads forward that registers spill, and a third of the speed is lost.
 */
function tile(k: i32, a: usize, b: usize, c: usize, ldc: usize, alpha: f64, add: i32): void {
  let c00 = f64x2.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let p = k;
  for (; p >= 2; p -= 2) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
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
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    x = v128.load_splat<f64>(a, 32);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load_splat<f64>(a, 40);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load_splat<f64>(a, 48);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load_splat<f64>(a, 56);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    a += 64;
    b += 64;
  }
  for (; p > 0; p--) {
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
    a += 32;
    b += 32;
  }
  const f = f64x2.splat(alpha);
  const second = c + ldc;
  const third = second + ldc;
  const fourth = third + ldc;
  if (add) {
    v128.store(c, madd(f, c00, v128.load(c)));
    v128.store(c, madd(f, c01, v128.load(c, 16)), 16);
    v128.store(second, madd(f, c10, v128.load(second)));
    v128.store(second, madd(f, c11, v128.load(second, 16)), 16);
    v128.store(third, madd(f, c20, v128.load(third)));
    v128.store(third, madd(f, c21, v128.load(third, 16)), 16);
    v128.store(fourth, madd(f, c30, v128.load(fourth)));
    v128.store(fourth, madd(f, c31, v128.load(fourth, 16)), 16);
  } else {
    v128.store(c, f64x2.mul(f, c00));
    v128.store(c, f64x2.mul(f, c01), 16);
    v128.store(second, f64x2.mul(f, c10));
    v128.store(second, f64x2.mul(f, c11), 16);
    v128.store(third, f64x2.mul(f, c20));
    v128.store(third, f64x2.mul(f, c21), 16);
    v128.store(fourth, f64x2.mul(f, c30));
    v128.store(fourth, f64x2.mul(f, c31), 16);
  }
}
