/**
 * Vectors of weight space as pictures, a tensor each. A matrix is shown as one, its outputs downwards, thinned to a few thousand cells, of
 * which each shows the entry of the largest magnitude in it. Of a convolution the kernels are shown as the small images that they are,
 * all of one output channel side by side; of many channels those with most of the vector.
 */
import { type Block, type Network } from '../network/network.ts';

export interface WeightPicture {
  readonly block: Block;
  /** Cells: rows × columns, row-major; NaN between kernels and where there is none. */
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
  /** ‖block‖² / ‖vector‖². */
  readonly share: number;
  /** Which channels are shown, ascending, where cells are kernels and not a matrix of outputs and inputs. */
  readonly kernels: { readonly outputs: readonly number[]; readonly inputs: readonly number[]; readonly height: number; readonly width: number } | undefined;
}

const SIDE = 64;
/** Cells of kernels have to be seen one by one. */
const KERNELS_SIDE = 64;

/** @param side at most so many cells along either axis of a matrix */
export function weightPictures(network: Network, direction: Float64Array, side = SIDE): WeightPicture[] {
  const total = squared(direction);
  return network.blocks.filter(({ trainable }) => trainable).map((block) => {
    const values = direction.subarray(block.offset, block.offset + block.length);
    return { block, share: total === 0 ? 0 : squared(values) / total, ...(kernelCells(block, values) ?? matrixCells(block, values, side)) };
  });
}

export function squared(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}

type Cells = Pick<WeightPicture, 'rows' | 'columns' | 'values' | 'kernels'>;

/** Of the block's first axis and all others. */
function matrixCells({ shape, length }: Block, entries: Float64Array, side: number): Cells {
  const height = shape.length > 1 ? shape[0]! : 1;
  const width = length / height;
  const [rows, columns] = [Math.min(side, height), Math.min(side, width)];
  const values = new Float64Array(rows * columns);
  for (let k = 0; k < length; k++) {
    const cell = Math.floor((Math.floor(k / width) * rows) / height) * columns + Math.floor(((k % width) * columns) / width);
    if (Math.abs(entries[k]!) > Math.abs(values[cell]!)) values[cell] = entries[k]!;
  }
  return { rows, columns, values, kernels: undefined };
}

/** Undefined where there are no kernels, or one of them alone would fill the picture. */
function kernelCells({ shape, length }: Block, entries: Float64Array): Cells | undefined {
  const [outputs, inputs, ...kernel] = shape;
  const width = kernel.at(-1) ?? 1;
  if (outputs === undefined || inputs === undefined || kernel.length === 0 || length === 0) return undefined;
  const height = length / (outputs * inputs * width);
  if (height * width === 1 || Math.max(height, width) + 1 > KERNELS_SIDE / 2) return undefined;
  // Kernels of an output channel in a row, rows in as many columns as make the whole about square.
  const across = Math.min(inputs, Math.floor((KERNELS_SIDE - 1) / (width + 1)));
  const band = across * (width + 1) + 1;
  let bands = 1;
  while ((bands + 1) * band <= KERNELS_SIDE && Math.ceil(outputs / bands) * (height + 1) > bands * band) bands++;
  const down = Math.min(Math.ceil(outputs / bands), Math.floor(KERNELS_SIDE / (height + 1)));
  const size = height * width;
  const shownOutputs = largestOf(outputs, Math.min(outputs, down * bands), (o) => squared(entries.subarray(o * inputs * size, (o + 1) * inputs * size)));
  const shownInputs = largestOf(inputs, across, (i) => shownOutputs.reduce((sum, o) => sum + squared(entries.subarray((o * inputs + i) * size, (o * inputs + i + 1) * size)), 0));
  const rows = down * (height + 1) - 1;
  const columns = Math.ceil(shownOutputs.length / down) * band - 2;
  const values = new Float64Array(rows * columns).fill(Number.NaN);
  shownOutputs.forEach((o, k) => {
    const [top, left] = [(k % down) * (height + 1), Math.floor(k / down) * band];
    shownInputs.forEach((i, j) => {
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) values[(top + y) * columns + left + j * (width + 1) + x] = entries[(o * inputs + i) * size + y * width + x]!;
    });
  });
  return { rows, columns, values, kernels: { outputs: shownOutputs, inputs: shownInputs, height, width } };
}

/** The `shown` of `count` numbers with the largest sizes, ascending. */
function largestOf(count: number, shown: number, size: (k: number) => number): number[] {
  const all = Array.from({ length: count }, (_, k) => k);
  if (shown >= count) return all;
  const sizes = all.map(size);
  return all.toSorted((a, b) => sizes[b]! - sizes[a]!).slice(0, shown).sort((a, b) => a - b);
}
