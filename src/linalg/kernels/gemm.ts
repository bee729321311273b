/**
 * C ← C + α A B by packed panels and a register tile (Goto & van de Geijn 2008). One call handles a slab: k of at most one
 * depth of the packed panels, n of at most one width. B's slab is packed once for all threads, which then take blocks of rows
 * of A in turn. A tile has four columns and six rows, or four where six do not fit into the registers that the runtime hands out.
 *
 * Each entry of C is one sum over k in a fixed order, whichever thread computes it: results do not depend on the number of threads.
 */
import { argument, barrier, region, setArgument, takeNext } from './team';
import { GEMM } from './operationCodes';
import { packFours, packSixes } from './packing';
import { smaller } from './simd';
import { tileOfFour, tileOfSix } from './tile';

/** Where thread t keeps a tile that is written in part only. */
export const TILE_SCRATCH: usize = 4096;
/** Columns of B that meet a panel of A one after the other. */
export const GROUP: i32 = 8;
/** Rows of a tile, 6 or 4: a word of the control page. */
export const TILE_ROWS: usize = 1600;

/** Before the first product: 6 where the runtime keeps such a tile in registers, else 4. */
export function setTileRows(rows: i32): void {
  store<i32>(TILE_ROWS, rows);
}

/**
 * @param a entry (i, p) of A at a + 8 (i aRow + p aDepth)
 * @param b entry (p, j) of B at b + 8 (p bDepth + j bColumn)
 * @param ldc distance between rows of C, in entries
 * @param add 1 adds to C, 0 overwrites it
 * @param triangle 1 writes entries with i ≥ j only
 * @param packA for each thread, blockRows times k doubles; blockRows is a multiple of a tile's rows
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
  packFours(packB + (<usize>(first * k) << 3), b + (<usize>(first * bColumn) << 3), last - first, k, bColumn, bDepth);
  barrier(threads);

  const blocks = (m + blockRows - 1) / blockRows;
  const panel = <usize>k << 5;
  const tall = load<i32>(TILE_ROWS);
  for (;;) {
    const taken = takeNext();
    if (taken >= blocks) break;
    // Under a triangle the last rows have the most columns: they are taken first.
    const i0 = (triangle ? blocks - 1 - taken : taken) * blockRows;
    const height = smaller(blockRows, m - i0);
    const width = triangle ? smaller(n, i0 + height) : n;
    const block = a + (<usize>i0 * <usize>aRow << 3);
    if (tall == 6) packSixes(packA, block, height, k, aRow, aDepth);
    else packFours(packA, block, height, k, aRow, aDepth);
    // A panel of A stays in the first-level cache while it meets a few panels of B, which stay there too.
    for (let j0 = 0; j0 < width; j0 += GROUP) {
      const j1 = smaller(width, j0 + GROUP);
      for (let i = triangle && j0 > i0 ? ((j0 - i0) / tall) * tall : 0; i < height; i += tall) {
        const rows = smaller(tall, height - i);
        const six = tall == 6 && rows > 4;
        const aPanel = packA + (<usize>(i * k) << 3);
        for (let j = j0; j < j1; j += 4) {
          const columns = smaller(4, n - j);
          const below = i0 + i - j;
          if (triangle && below + rows <= 0) break;
          const to = c + <usize>(i0 + i) * ldc + (<usize>j << 3);
          const bPanel = packB + (<usize>(j >> 2)) * panel;
          if ((rows == 6 || (rows == 4 && !six)) && columns == 4 && (!triangle || below >= 3)) {
            if (six) tileOfSix(k, aPanel, bPanel, to, ldc, alpha, add);
            else tileOfFour(k, aPanel, bPanel, to, ldc, alpha, add);
          } else {
            const scratch = TILE_SCRATCH + (<usize>thread << 8);
            if (six) tileOfSix(k, aPanel, bPanel, scratch, 32, alpha, 0);
            else tileOfFour(k, aPanel, bPanel, scratch, 32, alpha, 0);
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
