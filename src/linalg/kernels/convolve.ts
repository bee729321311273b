/**
 * y = W ⋆ x as a product of packed panels (see gemm.ts) whose right operand, the patches that the windows see, is never formed: each
 * thread packs the patches of a few columns straight from the values (Dukhan 2019 compares such ways), multiplies them by all rows of W, and
 * finishes these columns while they are near. A column is a window of an input; columns count through the windows of all inputs. Threads wait for
 * nothing but the end, and every sum runs over channels and positions in one order, whichever thread makes it.
 */
import { COEFFICIENT_BYTES, finishRow } from './finish';
import { GROUP, TILE_ROWS, TILE_SCRATCH } from './gemm';
import { CONVOLVE, PACK_WEIGHTS } from './operationCodes';
import { packFours, packSixes } from './packing';
import { smaller } from './simd';
import { argument, region, setArgument, takeNext } from './team';
import { tileOfFour, tileOfSix } from './tile';

/** Rows of W that stay in the second-level cache beside the packed columns; whole panels of six and of four. */
const BLOCK_ROWS: i32 = 48;
/** Columns that are packed together: eight panels. */
const STRIP: i32 = 32;
/** Of the four columns of a panel at one position of the window: all in the padding; none, but not side by side; some. */
const PADDING: i32 = -2;
const SCATTERED: i32 = -3;
const MIXED: i32 = -1;

/** Rows that packed W takes: whole panels of six and of four. */
function paddedRows(m: i32): i32 {
  return ((m + 11) / 12) * 12;
}

/**
 * Packs W, m × k row-major, in slabs of `slab` columns. @param packed m rounded up to 12 times k doubles
 */
export function packWeights(threads: i32, w: usize, m: i32, k: i32, slab: i32, packed: usize): void {
  setArgument<usize>(0, w);
  setArgument<i32>(1, m);
  setArgument<i32>(2, k);
  setArgument<i32>(3, slab);
  setArgument<usize>(4, packed);
  region(PACK_WEIGHTS, threads);
}

export function packWeightsPart(): void {
  const w = argument<usize>(0);
  const m = argument<i32>(1);
  const k = argument<i32>(2);
  const slab = argument<i32>(3);
  const packed = argument<usize>(4);
  const tall = load<i32>(TILE_ROWS);
  const padded = paddedRows(m);
  const blocks = (m + BLOCK_ROWS - 1) / BLOCK_ROWS;
  const slabs = (k + slab - 1) / slab;
  for (;;) {
    const task = takeNext();
    if (task >= blocks * slabs) break;
    const p = (task / blocks) * slab;
    const i = (task % blocks) * BLOCK_ROWS;
    const depth = smaller(slab, k - p);
    const to = packed + (<usize>(p * padded + i * depth) << 3);
    const from = w + (<usize>(i * k + p) << 3);
    if (tall == 6) packSixes(to, from, smaller(BLOCK_ROWS, m - i), depth, k, 1);
    else packFours(to, from, smaller(BLOCK_ROWS, m - i), depth, k, 1);
  }
}

/**
 * @param x entry (n, c, position) at x + 8 (n inputStep + c area + position)
 * @param channels of one group
 * @param table 32-bit positions, size × windows, −1 for padding
 * @param total columns: inputs × windows
 * @param packed by `packWeights`, group after group, in slabs of `slabChannels` channels
 * @param outputs of one group
 * @param y entry (n, o, window) at y + 8 ((n groups + group) outputs + o) windows + window); overwritten
 * @param columns, rows of a task: a multiple of 32; a multiple of 12
 * @param scratch for each thread `scratchBytes`: columns × slab doubles and 40 × size numbers of 32 bits
 * @param other, coefficients, flags, ceiling see finish.ts
 */
export function convolve(
  threads: i32, x: usize, inputStep: i32, channels: i32, area: i32, groups: i32, table: usize, size: i32, windows: i32, total: i32,
  packed: usize, outputs: i32, slabChannels: i32, y: usize, columns: i32, rows: i32, scratch: usize, scratchBytes: i32,
  other: usize, coefficients: usize, flags: i32, ceiling: f64,
): void {
  setArgument<usize>(0, x);
  setArgument<i32>(1, inputStep);
  setArgument<i32>(2, channels);
  setArgument<i32>(3, area);
  setArgument<i32>(4, groups);
  setArgument<usize>(5, table);
  setArgument<i32>(6, size);
  setArgument<i32>(7, windows);
  setArgument<i32>(8, total);
  setArgument<usize>(9, packed);
  setArgument<i32>(10, outputs);
  setArgument<i32>(11, slabChannels);
  setArgument<usize>(12, y);
  setArgument<i32>(13, columns);
  setArgument<i32>(14, rows);
  setArgument<usize>(15, scratch);
  setArgument<i32>(16, scratchBytes);
  setArgument<usize>(17, other);
  setArgument<usize>(18, coefficients);
  setArgument<i32>(19, flags);
  setArgument<f64>(20, ceiling);
  region(CONVOLVE, threads);
}

export function convolvePart(thread: i32): void {
  const x = argument<usize>(0);
  const inputStep = argument<i32>(1);
  const channels = argument<i32>(2);
  const area = argument<i32>(3);
  const groups = argument<i32>(4);
  const table = argument<usize>(5);
  const size = argument<i32>(6);
  const windows = argument<i32>(7);
  const total = argument<i32>(8);
  const outputs = argument<i32>(10);
  const slabChannels = argument<i32>(11);
  const columns = argument<i32>(13);
  const rows = argument<i32>(14);
  const packB = argument<usize>(15) + <usize>thread * <usize>argument<i32>(16);
  const offsets = packB + (<usize>(columns * slabChannels * size) << 3);
  const runs = offsets + (<usize>(STRIP * size) << 2);
  const planeBytes = <usize>area << 3;
  const weights = <usize>(paddedRows(outputs) * channels * size) << 3;
  const chunks = (total + columns - 1) / columns;
  const parts = (outputs + rows - 1) / rows;
  const tall = load<i32>(TILE_ROWS);

  for (;;) {
    const task = takeNext();
    if (task >= chunks * parts * groups) break;
    const group = task / (chunks * parts);
    const within = task - group * chunks * parts;
    // Neighbouring tasks share their columns, which then come from a cache.
    const first = (within / parts) * columns;
    const count = smaller(columns, total - first);
    const top = (within % parts) * rows;
    const bottom = smaller(outputs, top + rows);
    for (let c = 0; c < channels; c += slabChannels) {
      const slab = smaller(slabChannels, channels - c);
      const depth = slab * size;
      const panel = <usize>depth << 5;
      for (let j = 0; j < count; j += STRIP) {
        const strip = smaller(STRIP, count - j);
        locate(offsets, runs, table, size, windows, inputStep, first + j, strip);
        packStrip(packB + <usize>(j >> 2) * panel, x + <usize>(group * channels + c) * planeBytes, slab, planeBytes, size, offsets, runs, (strip + 3) >> 2, panel);
      }
      const packed = argument<usize>(9) + <usize>group * weights + (<usize>(c * size * paddedRows(outputs)) << 3);
      for (let i = top; i < bottom; i += BLOCK_ROWS) {
        multiply(thread, tall, packed, i, smaller(bottom, i + BLOCK_ROWS), depth, packB, panel, group, first, count, c > 0 ? 1 : 0);
      }
    }
    finishColumns(group, first, count, top, bottom);
  }
}

/** Where the entries of up to 32 columns are, as distances from the first input's plane, and which panels of four lie side by side. */
function locate(offsets: usize, runs: usize, table: usize, size: i32, windows: i32, inputStep: i32, first: i32, count: i32): void {
  for (let lane = 0; lane < STRIP; lane++) {
    const n = (first + lane) / windows;
    const w = first + lane - n * windows;
    const base = n * inputStep;
    for (let s = 0; s < size; s++) {
      // Columns that are not there count as padding.
      const position = lane < count ? load<i32>(table + (<usize>(s * windows + w) << 2)) : -1;
      store<i32>(offsets + (<usize>(s * STRIP + lane) << 2), position < 0 ? -1 : base + position);
    }
  }
  for (let k = 0; k < size * (STRIP >> 2); k++) {
    const at = offsets + (<usize>k << 4);
    const o0 = load<i32>(at);
    const o1 = load<i32>(at, 4);
    const o2 = load<i32>(at, 8);
    const o3 = load<i32>(at, 12);
    const any = o0 >= 0 || o1 >= 0 || o2 >= 0 || o3 >= 0;
    const all = o0 >= 0 && o1 >= 0 && o2 >= 0 && o3 >= 0;
    const side = all && o1 == o0 + 1 && o2 == o0 + 2 && o3 == o0 + 3;
    store<i32>(runs + (<usize>k << 2), side ? o0 : all ? SCATTERED : any ? MIXED : PADDING);
  }
}

/** Packs up to eight panels of four columns, `panel` bytes apart; row c size + s is position s of channel c's windows. */
function packStrip(to: usize, plane: usize, channels: i32, planeBytes: usize, size: i32, offsets: usize, runs: usize, panels: i32, panel: usize): void {
  const zero = f64x2.splat(0);
  for (let c = 0; c < channels; c++) {
    let run = runs;
    let offset = offsets;
    for (let s = 0; s < size; s++) {
      let out = to;
      for (let q = 0; q < panels; q++) {
        const start = load<i32>(run + (<usize>q << 2));
        if (start >= 0) {
          const from = plane + (<usize>start << 3);
          v128.store(out, v128.load(from));
          v128.store(out, v128.load(from, 16), 16);
        } else if (start == PADDING) {
          v128.store(out, zero);
          v128.store(out, zero, 16);
        } else {
          const at = offset + (<usize>q << 4);
          if (start == SCATTERED) {
            store<f64>(out, load<f64>(plane + (<usize>load<i32>(at) << 3)));
            store<f64>(out, load<f64>(plane + (<usize>load<i32>(at, 4) << 3)), 8);
            store<f64>(out, load<f64>(plane + (<usize>load<i32>(at, 8) << 3)), 16);
            store<f64>(out, load<f64>(plane + (<usize>load<i32>(at, 12) << 3)), 24);
          } else {
            for (let lane: usize = 0; lane < 16; lane += 4) {
              const o = load<i32>(at + lane);
              store<f64>(out + (lane << 1), o < 0 ? 0 : load<f64>(plane + (<usize>o << 3)));
            }
          }
        }
        out += panel;
      }
      to += 32;
      run += <usize>STRIP;
      offset += <usize>STRIP << 2;
    }
    plane += planeBytes;
  }
}

/** Rows top … bottom − 1 of W times all packed columns. */
function multiply(thread: i32, tall: i32, packed: usize, top: i32, bottom: i32, depth: i32, packB: usize, panel: usize, group: i32, first: i32, count: i32, add: i32): void {
  const windows = argument<i32>(7);
  const outputs = argument<i32>(10);
  const rowBytes = <usize>windows << 3;
  const inputRows = argument<i32>(4) * outputs;
  const y = argument<usize>(12) + <usize>(group * outputs) * rowBytes;
  const scratch = TILE_SCRATCH + (<usize>thread << 8);
  for (let j0 = 0; j0 < count; j0 += GROUP) {
    const j1 = smaller(count, j0 + GROUP);
    for (let i = top; i < bottom; i += tall) {
      const rows = smaller(tall, outputs - i);
      const six = tall == 6 && rows > 4;
      const a = packed + (<usize>(i * depth) << 3);
      for (let j = j0; j < j1; j += 4) {
        const b = packB + <usize>(j >> 2) * panel;
        const n = (first + j) / windows;
        const w = first + j - n * windows;
        const to = y + <usize>(n * inputRows + i) * rowBytes + (<usize>w << 3);
        if (j + 4 <= count && w + 4 <= windows && rows == (six ? 6 : 4)) {
          if (six) tileOfSix(depth, a, b, to, rowBytes, 1, add);
          else tileOfFour(depth, a, b, to, rowBytes, 1, add);
        } else {
          if (six) tileOfSix(depth, a, b, scratch, 32, 1, 0);
          else tileOfFour(depth, a, b, scratch, 32, 1, 0);
          writeColumns(scratch, y, rowBytes, n * inputRows + i, w, rows, smaller(4, count - j), windows, inputRows, add);
        }
      }
    }
  }
}

/** Part of a tile, whose columns may belong to several inputs. */
function writeColumns(from: usize, y: usize, rowBytes: usize, row: i32, w: i32, rows: i32, columns: i32, windows: i32, inputRows: i32, add: i32): void {
  for (let j = 0; j < columns; j++) {
    let at = y + <usize>row * rowBytes + (<usize>w << 3);
    let source = from + (<usize>j << 3);
    for (let i = 0; i < rows; i++) {
      const value = load<f64>(source);
      store<f64>(at, add ? load<f64>(at) + value : value);
      at += rowBytes;
      source += 32;
    }
    if (++w == windows) {
      w = 0;
      row += inputRows;
    }
  }
}

function finishColumns(group: i32, first: i32, count: i32, top: i32, bottom: i32): void {
  const other = argument<usize>(17);
  const flags = argument<i32>(19);
  if (flags == 0 && other == 0) return;
  const windows = argument<i32>(7);
  const outputs = argument<i32>(10);
  const inputRows = argument<i32>(4) * outputs;
  const y = argument<usize>(12);
  const coefficients = argument<usize>(18);
  const ceiling = argument<f64>(20);
  const end = first + count;
  for (let j = first; j < end; ) {
    const n = j / windows;
    const w = j - n * windows;
    const length = smaller(windows - w, end - j);
    for (let o = top; o < bottom; o++) {
      const channel = group * outputs + o;
      const at = (<usize>(n * inputRows + channel) * <usize>windows + <usize>w) << 3;
      finishRow(y + at, y + at, length, other ? other + at : 0, coefficients + <usize>channel * COEFFICIENT_BYTES, flags, ceiling);
    }
    j += length;
  }
}
