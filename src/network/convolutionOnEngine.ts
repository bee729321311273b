/**
 * Convolution and its derivatives on the linear-algebra engine: W ⋆ x = W · patches for stretches of windows, which may begin and end
 * within an input, so that the patches stay small for large pictures and the products large for small ones. Weights and values
 * are brought to the engine once; patches, which are many times larger, exist there only.
 */
import { convolve, packedDoubles, packWeights, unfinished } from '../linalg/engine/convolution.ts';
import type { Engine, Scope } from '../linalg/engine/engine.ts';
import { packingDoubles, packingSpace, product, rowDistance } from '../linalg/engine/product.ts';
import { complete, type Interruptible } from '../linalg/interruptible.ts';
import { positions, valueSize, type NodeOf, type ValueShape } from './network.ts';
import { tableByPosition, windowTable, type WindowTable } from './windows.ts';

/** Of one convolution of some inputs. */
export interface ConvolutionSizes {
  readonly table: WindowTable;
  readonly groups: number;
  /** Channels of one group's input and output. */
  readonly channels: number;
  readonly outputs: number;
  /** K = channels × size of a window. */
  readonly depth: number;
  /** Positions of a channel of the input. */
  readonly area: number;
  /** Inputs. */
  readonly rows: number;
}

/** Multiplications from which the way to the engine pays. */
const ENGINE_PRODUCTS = 2 ** 16;
const ENGINE_SIDE = 4;
/** Columns of a stretch at most, and numbers that its patches may take. */
const COLUMNS = 2048;
const NUMBERS = 2 ** 21;
const FEWEST_COLUMNS = 64;
/** Entries from which a second thread helps to gather. */
const THREADED_ENTRIES = 2 ** 15;

export function sizesOf(node: NodeOf<'conv'>, inputShape: ValueShape, rows: number): ConvolutionSizes {
  const channels = inputShape[0]! / node.groups;
  const table = windowTable(node, inputShape.slice(1));
  return { table, groups: node.groups, channels, outputs: node.shape[0]! / node.groups, depth: channels * table.size, area: positions(inputShape), rows };
}

/** Whether the engine would be faster than loops. */
export function pays({ table, outputs, depth, rows }: ConvolutionSizes): boolean {
  return Math.min(outputs, depth) >= ENGINE_SIDE && rows * table.windows * outputs * depth >= ENGINE_PRODUCTS;
}

interface Stretch {
  readonly group: number;
  /** Column n · windows + w is window w of input n. */
  readonly first: number;
  readonly count: number;
}

class OnEngine {
  readonly scope: Scope;
  readonly sizes: ConvolutionSizes;
  /** The most columns of a stretch, and the distance between rows of matrices of so many. */
  readonly columns: number;
  readonly ld: number;
  readonly patches: number;
  readonly #table: number;

  constructor(scope: Scope, sizes: ConvolutionSizes) {
    const { table, rows, depth } = sizes;
    this.scope = scope;
    this.sizes = sizes;
    this.columns = Math.min(rows * table.windows, Math.max(FEWEST_COLUMNS, Math.min(COLUMNS, Math.floor(NUMBERS / depth))));
    this.ld = rowDistance(this.columns);
    this.patches = scope.allocate(depth * this.ld);
    this.#table = bringTable(scope, table);
  }

  *stretches(): Generator<Stretch> {
    const { groups, rows, table } = this.sizes;
    const all = rows * table.windows;
    for (let group = 0; group < groups; group++) for (let first = 0; first < all; first += this.columns) yield { group, first, count: Math.min(this.columns, all - first) };
  }

  /** Copies numbers to the engine. */
  bring(from: Float64Array): number {
    const address = this.scope.allocate(from.length);
    this.scope.view(address, from.length).set(from);
    return address;
  }

  gather(values: number, { group, first, count }: Stretch): void {
    this.scope.kernels.gatherPatches(...this.#windows(values, group, count), first, count, this.patches, this.ld);
  }

  scatter(values: number, { group, first, count }: Stretch): void {
    this.scope.kernels.scatterPatches(...this.#windows(values, group, count), first, count, this.patches, this.ld);
  }

  #windows(values: number, group: number, count: number): [number, number, number, number, number, number, number, number] {
    const { table, groups, channels, area, depth } = this.sizes;
    const threads = count * depth < THREADED_ENTRIES ? 1 : this.scope.threads;
    return [threads, values + 8 * group * channels * area, groups * channels * area, channels, area, this.#table, table.size, table.windows];
  }

  /** Visits the pieces of a stretch's outputs × count that lie side by side in values of the output's shape. */
  eachPiece({ group, first, count }: Stretch, visit: (matrix: number, value: number, length: number) => void): void {
    const { table: { windows }, groups, outputs } = this.sizes;
    for (let j = first; j < first + count;) {
      const n = Math.floor(j / windows);
      const w = j - n * windows;
      const length = Math.min(windows - w, first + count - j);
      for (let o = 0; o < outputs; o++) visit(o * this.ld + j - first, ((n * groups + group) * outputs + o) * windows + w, length);
      j += length;
    }
  }
}

/** The table's place in the engine's memory, size × windows of 32 bits. */
export function bringTable(scope: Scope, table: WindowTable): number {
  const address = scope.allocate(Math.ceil(table.positions.length / 2));
  scope.integers(address, table.positions.length).set(tableByPosition(table));
  return address;
}

/** W ⋆ x, added to `into`: see `addConvolution`. */
export function addConvolutionOn(engine: Engine, sizes: ConvolutionSizes, weight: Float64Array, x: Float64Array, into: Float64Array): void {
  engine.runNow('A convolution', (scope) => {
    const { table, groups, channels, outputs, area, rows } = sizes;
    const shape = { rows, groups, channels, outputs, area, size: table.size, windows: table.windows };
    const [w, values, y] = [scope.allocate(weight.length), scope.allocate(x.length), scope.allocate(into.length)];
    scope.view(w, weight.length).set(weight);
    scope.view(values, x.length).set(x);
    const packed = scope.allocate(packedDoubles(shape));
    packWeights(scope, shape, w, packed);
    convolve(scope, shape, { x: values, table: bringTable(scope, table), packed, y }, unfinished);
    const result = scope.view(y, into.length);
    for (let k = 0; k < into.length; k++) into[k]! += result[k]!;
  });
}

/** Cotangents pulled back, added to `into`: see `addConvolutionPullback`. */
export function addConvolutionPullbackOn(engine: Engine, sizes: ConvolutionSizes, weight: Float64Array, cotangents: Float64Array, into: Float64Array): void {
  engine.runNow('The pullback of a convolution', (scope) => {
    const { outputs, depth } = sizes;
    const here = new OnEngine(scope, sizes);
    const w = here.bring(weight);
    const values = here.bring(into);
    const delta = scope.allocate(outputs * here.ld);
    const packing = packingSpace(scope, { n: here.columns, k: outputs });
    const view = scope.view(delta, outputs * here.ld);
    for (const stretch of here.stretches()) {
      bringCotangents(here, stretch, cotangents, view);
      const left = { address: w + 8 * stretch.group * outputs * depth, rowStep: 1, columnStep: depth };
      complete(product(scope, packing, { m: depth, n: stretch.count, k: outputs }, left, { address: delta, rowStep: here.ld, columnStep: 1 }, here.patches, here.ld));
      here.scatter(values, stretch);
    }
    into.set(scope.view(values, into.length));
  });
}

/** The derivative by the weight, added to `into`: see `addConvolutionGradient`. */
export function addConvolutionGradientOn(engine: Engine, sizes: ConvolutionSizes, x: Float64Array, cotangents: Float64Array, into: Float64Array): void {
  engine.runNow('The gradient of a convolution', (scope) => {
    const { outputs, depth, groups } = sizes;
    const here = new OnEngine(scope, sizes);
    const values = here.bring(x);
    const length = groups * outputs * depth;
    const result = here.bring(into.subarray(0, length));
    const delta = scope.allocate(outputs * here.ld);
    const packing = packingSpace(scope, { n: depth, k: here.columns });
    const view = scope.view(delta, outputs * here.ld);
    for (const stretch of here.stretches()) {
      here.gather(values, stretch);
      bringCotangents(here, stretch, cotangents, view);
      complete(product(
        scope, packing, { m: outputs, n: depth, k: stretch.count }, { address: delta, rowStep: here.ld, columnStep: 1 },
        { address: here.patches, rowStep: 1, columnStep: here.ld }, result + 8 * stretch.group * outputs * depth, depth, { add: true },
      ));
    }
    into.set(scope.view(result, length));
  });
}

function bringCotangents(here: OnEngine, stretch: Stretch, cotangents: Float64Array, view: Float64Array): void {
  here.eachPiece(stretch, (to, from, length) => {
    for (let k = 0; k < length; k++) view[to + k] = cotangents[from + k]!;
  });
}

/** Some of a group's output channels. */
export interface ConvolutionTile {
  readonly group: number;
  readonly first: number;
  readonly count: number;
}

/** Writes per-sample gradients of the weight's rows for a tile of channels: N·S rows of count · K numbers, one after the other. */
export type ConvolutionTiles = (cotangents: Float64Array, tile: ConvolutionTile, into: number) => Interruptible<void>;

/** Doubles that `convolutionTiles` takes for so many inputs, beside the tile itself. */
export function convolutionTilesDoubles(node: NodeOf<'conv'>, inputShape: ValueShape, inputs: number, seeds: number, threads: number): number {
  const { table, depth, outputs } = sizesOf(node, inputShape, inputs);
  const windows = rowDistance(table.windows);
  return inputs * valueSize(inputShape) + table.positions.length + (depth + seeds * outputs) * windows + packingDoubles({ n: depth, k: table.windows }, threads);
}

/**
 * The derivative by the weight of each of S cotangents for each of N inputs: all cotangents of an input make one product with its patches.
 * @param x N inputs
 */
export function convolutionTiles(scope: Scope, node: NodeOf<'conv'>, inputShape: ValueShape, x: Float64Array, seeds: number): ConvolutionTiles {
  const inputs = x.length / valueSize(inputShape);
  const { table, groups, channels, outputs, depth, area } = sizesOf(node, inputShape, inputs);
  const { windows, size } = table;
  const ld = rowDistance(windows);
  const values = scope.allocate(x.length);
  scope.view(values, x.length).set(x);
  const [where, patches, delta] = [bringTable(scope, table), scope.allocate(depth * ld), scope.allocate(seeds * outputs * ld)];
  const packing = packingSpace(scope, { n: depth, k: windows });
  const threads = windows * depth < THREADED_ENTRIES ? 1 : scope.threads;
  return function* tileOf(cotangents, { group, first, count }, into) {
    const rows = scope.view(delta, seeds * count * ld);
    for (let n = 0; n < inputs; n++) {
      scope.kernels.gatherPatches(threads, values + 8 * group * channels * area, groups * channels * area, channels, area, where, size, windows, n * windows, windows, patches, ld);
      for (let s = 0; s < seeds; s++) {
        const from = (((n * seeds + s) * groups + group) * outputs + first) * windows;
        for (let c = 0; c < count; c++) rows.set(cotangents.subarray(from + c * windows, from + (c + 1) * windows), (s * count + c) * ld);
      }
      yield* product(
        scope, packing, { m: seeds * count, n: depth, k: windows }, { address: delta, rowStep: ld, columnStep: 1 }, { address: patches, rowStep: 1, columnStep: ld },
        into + 8 * n * seeds * count * depth, depth,
      );
    }
  };
}
