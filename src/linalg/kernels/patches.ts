/**
 * The patches that the windows of a convolution see, as columns of a matrix (im2col), and its transpose, their sum back into the
 * values (col2im). Row c size + s of the matrix is position s of channel c's windows; columns count the windows of all inputs one after
 * the other, so that any stretch of them makes one product. Threads share out channels: none writes what another does.
 */
import { GATHER_PATCHES, SCATTER_PATCHES } from './operationCodes';
import { smaller } from './simd';
import { argument, region, setArgument, takeNext } from './team';

/**
 * @param values entry (n, c, position) at values + 8 (n inputStep + c area + position)
 * @param table 32-bit positions, size × windows, −1 for padding
 * @param first column, of count
 * @param matrix channels · size rows, ld apart
 */
export function gatherPatches(threads: i32, values: usize, inputStep: i32, channels: i32, area: i32, table: usize, size: i32, windows: i32, first: i32, count: i32, matrix: usize, ld: i32): void {
  setArguments(values, inputStep, channels, area, table, size, windows, first, count, matrix, ld);
  region(GATHER_PATCHES, threads);
}

/** Adds the matrix to the values. */
export function scatterPatches(threads: i32, values: usize, inputStep: i32, channels: i32, area: i32, table: usize, size: i32, windows: i32, first: i32, count: i32, matrix: usize, ld: i32): void {
  setArguments(values, inputStep, channels, area, table, size, windows, first, count, matrix, ld);
  region(SCATTER_PATCHES, threads);
}

function setArguments(values: usize, inputStep: i32, channels: i32, area: i32, table: usize, size: i32, windows: i32, first: i32, count: i32, matrix: usize, ld: i32): void {
  setArgument<usize>(0, values);
  setArgument<i32>(1, inputStep);
  setArgument<i32>(2, channels);
  setArgument<i32>(3, area);
  setArgument<usize>(4, table);
  setArgument<i32>(5, size);
  setArgument<i32>(6, windows);
  setArgument<i32>(7, first);
  setArgument<i32>(8, count);
  setArgument<usize>(9, matrix);
  setArgument<i32>(10, ld);
}

export function patchesPart(scatter: bool): void {
  const values = argument<usize>(0);
  const inputBytes = <usize>argument<i32>(1) << 3;
  const channels = argument<i32>(2);
  const areaBytes = <usize>argument<i32>(3) << 3;
  const table = argument<usize>(4);
  const size = argument<i32>(5);
  const windows = argument<i32>(6);
  const first = argument<i32>(7);
  const end = first + argument<i32>(8);
  const matrix = argument<usize>(9);
  const rowBytes = <usize>argument<i32>(10) << 3;
  for (;;) {
    const c = takeNext();
    if (c >= channels) break;
    const channel = values + <usize>c * areaBytes;
    for (let s = 0; s < size; s++) {
      let at = matrix + <usize>(c * size + s) * rowBytes;
      const positions = table + (<usize>(s * windows) << 2);
      for (let j = first; j < end; ) {
        const n = j / windows;
        const w = j - n * windows;
        const length = smaller(windows - w, end - j);
        const from = channel + <usize>n * inputBytes;
        if (scatter) scatterRow(from, positions + (<usize>w << 2), length, at);
        else gatherRow(from, positions + (<usize>w << 2), length, at);
        at += <usize>length << 3;
        j += length;
      }
    }
  }
}

function gatherRow(from: usize, positions: usize, length: i32, to: usize): void {
  for (let j = 0; j < length; j++) {
    const position = load<i32>(positions);
    store<f64>(to, position < 0 ? 0 : load<f64>(from + (<usize>position << 3)));
    positions += 4;
    to += 8;
  }
}

function scatterRow(to: usize, positions: usize, length: i32, from: usize): void {
  for (let j = 0; j < length; j++) {
    const position = load<i32>(positions);
    if (position >= 0) {
      const at = to + (<usize>position << 3);
      store<f64>(at, load<f64>(at) + load<f64>(from));
    }
    positions += 4;
    from += 8;
  }
}
