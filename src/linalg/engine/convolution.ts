/**
 * Convolution and pooling of values that lie in the engine's memory: how the kernels' work is cut into tasks (`convolve.ts` and
 * `planes.ts` among the kernels say how it is done), and what they need beside it.
 */
import type { Scope } from './engine.ts';

/** Of a convolution or pooling of some inputs. */
export interface WindowedShape {
  /** Inputs. */
  readonly rows: number;
  readonly groups: number;
  /** Channels of one group's input and output. */
  readonly channels: number;
  readonly outputs: number;
  /** Positions a window reads. */
  readonly size: number;
  readonly windows: number;
  /** Positions of a channel of the input. */
  readonly area: number;
}

/** What is done to each value of the result on its way: see the kernels' `finish.ts`. */
export interface Finish {
  /** Address of a value of the result's shape that is added before the activation, or 0. */
  readonly other: number;
  /** Address of five numbers a channel (bias, mean, factor, shift, slope), or 0. */
  readonly coefficients: number;
  /** Sum of `finishing`. */
  readonly flags: number;
  /** Of a rectifier: Infinity where it has none. */
  readonly ceiling: number;
}

export const finishing = { bias: 1, normalise: 2, rectify: 4, leak: 8 } as const;
export const COEFFICIENTS = 5;
export const unfinished: Finish = { other: 0, coefficients: 0, flags: 0, ceiling: Number.POSITIVE_INFINITY };

/** Numbers of the packed columns of a task: half of a second-level cache of 1 MB. */
const PACKED_NUMBERS = 2 ** 16;
/** Depth of a slab at most, where a channel's window is not larger. */
const DEPTH = 576;
const FEWEST_COLUMNS = 32;
const MOST_COLUMNS = 256;
/** Rows of a task are whole panels of six and of four. */
const TILE = 12;
/** So that threads end together. */
const TASKS_A_THREAD = 4;
/** Rows of a task at least: packing its columns then costs little beside multiplying them. */
const FEWEST_ROWS = 36;
/** Under so many multiplications a second thread costs more than it saves. */
const THREADED_PRODUCTS = 2 ** 19;
/** With so few outputs a group of one channel is seen through its windows one by one. */
const FEW_OUTPUTS = 8;

/** Whether channels are kept apart, so that there is no sum over channels to make a product of. */
function depthwise({ channels, outputs }: WindowedShape): boolean {
  return channels === 1 && outputs < FEW_OUTPUTS;
}

/** Channels of a slab, all slabs about equal. */
function slabChannels({ channels, size }: WindowedShape): number {
  const slabs = Math.ceil(channels / Math.max(1, Math.floor(DEPTH / size)));
  return Math.ceil(channels / slabs);
}

function packedRows({ outputs }: WindowedShape): number {
  return TILE * Math.ceil(outputs / TILE);
}

/** Doubles of the weights as `convolve` takes them. */
export function packedDoubles(shape: WindowedShape): number {
  const { groups, channels, size } = shape;
  return groups * channels * size * (depthwise(shape) ? shape.outputs : packedRows(shape));
}

/**
 * Brings weights into the order in which `convolve` reads them.
 * @param w groups × outputs × channels × size
 * @param packed of `packedDoubles`
 */
export function packWeights(scope: Scope, shape: WindowedShape, w: number, packed: number): void {
  const { groups, channels, outputs, size } = shape;
  const depth = channels * size;
  if (depthwise(shape)) {
    scope.view(packed, groups * outputs * depth).set(scope.view(w, groups * outputs * depth));
    return;
  }
  const threads = outputs * depth < THREADED_PRODUCTS ? 1 : scope.threads;
  for (let group = 0; group < groups; group++) {
    scope.kernels.packWeights(threads, w + 8 * group * outputs * depth, outputs, depth, slabChannels(shape) * size, packed + 8 * group * packedRows(shape) * depth);
  }
}

interface Tasks {
  readonly columns: number;
  readonly rows: number;
}

function tasksOf(shape: WindowedShape, threads: number): Tasks {
  const total = shape.rows * shape.windows;
  const depth = slabChannels(shape) * shape.size;
  const most = Math.max(FEWEST_COLUMNS, Math.min(MOST_COLUMNS, 32 * Math.floor(PACKED_NUMBERS / depth / 32)));
  const wanted = Math.ceil((TASKS_A_THREAD * threads) / shape.groups);
  const columns = Math.max(FEWEST_COLUMNS, Math.min(most, 32 * Math.ceil(total / wanted / 32)));
  const parts = threads === 1 ? 1 : Math.max(1, Math.min(Math.floor(shape.outputs / FEWEST_ROWS), Math.ceil(wanted / Math.ceil(total / columns))));
  return { columns, rows: TILE * Math.ceil(shape.outputs / parts / TILE) };
}

/** Doubles that one thread takes besides. */
function scratchDoubles(shape: WindowedShape, { columns }: Tasks): number {
  return columns * slabChannels(shape) * shape.size + 20 * shape.size + 8;
}

/**
 * y ← W ⋆ x, finished.
 * @param x rows × groups × channels × area
 * @param table 32-bit positions, size × windows, −1 for padding
 * @param packed by `packWeights`
 * @param y rows × groups × outputs × windows
 */
export function convolve(scope: Scope, shape: WindowedShape, { x, table, packed, y }: { readonly x: number; readonly table: number; readonly packed: number; readonly y: number }, { other, coefficients, flags, ceiling }: Finish): void {
  const { rows, groups, channels, outputs, size, windows, area } = shape;
  const threads = rows * windows * groups * outputs * channels * size < THREADED_PRODUCTS ? 1 : scope.threads;
  if (depthwise(shape)) {
    scope.kernels.convolvePlanes(threads, x, area, rows * groups * outputs, groups * outputs, outputs, packed, table, runsOf(scope, shape, table), size, windows, y, other, coefficients, flags, ceiling);
    return;
  }
  const tasks = tasksOf(shape, threads);
  const scratch = scratchDoubles(shape, tasks);
  scope.kernels.convolve(
    threads, x, groups * channels * area, channels, area, groups, table, size, windows, rows * windows, packed, outputs, slabChannels(shape), y,
    tasks.columns, tasks.rows, scope.temporary(threads * scratch), 8 * scratch, other, coefficients, flags, ceiling,
  );
}

/** Maxima of windows; with `shares`, one number a window, sums times these. @param x, y rows × channels × area (windows) */
export function pool(scope: Scope, shape: WindowedShape, { x, table, shares, y }: { readonly x: number; readonly table: number; readonly shares: number; readonly y: number }): void {
  const { rows, channels, size, windows, area } = shape;
  const threads = rows * channels * size * windows < THREADED_PRODUCTS ? 1 : scope.threads;
  scope.kernels.pool(threads, x, area, rows * channels, table, runsOf(scope, shape, table), size, windows, shares, y);
}

function runsOf(scope: Scope, { size, windows }: WindowedShape, table: number): number {
  const runs = scope.temporary(Math.ceil((size * Math.ceil(windows / 4)) / 2));
  scope.kernels.windowRuns(table, size, windows, runs);
  return runs;
}
