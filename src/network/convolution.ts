/**
 * Cross-correlation y = W ⋆ x + b as a matrix product with the patches that its windows see (im2col): for each group, W is
 * out/groups × K with K = in/groups × kernel, the patches of one input P × K, so y = W patchesᵀ. The derivatives are the other
 * two products of these three matrices. Done here for some inputs at a time; what is large goes to convolutionOnEngine.ts.
 */
import { startedEngine } from '../linalg/engine/engine.ts';
import { addProduct } from '../linalg/product.ts';
import { addConvolutionGradientOn, addConvolutionOn, addConvolutionPullbackOn, pays, sizesOf } from './convolutionOnEngine.ts';
import { positions, valueSize, type NodeOf, type ValueShape } from './network.ts';
import { gatherPatches, scatterPatches, windowTable, type WindowTable } from './windows.ts';

type Convolution = NodeOf<'conv'>;

interface Geometry {
  readonly table: WindowTable;
  /** Channels of one group's input and output. */
  readonly channels: number;
  readonly outputs: number;
  /** K */
  readonly depth: number;
  /** Entries of one group's input, output and weight. */
  readonly inputLength: number;
  readonly outputLength: number;
  readonly weightLength: number;
}

function geometry(node: Convolution, inputShape: ValueShape): Geometry {
  const table = windowTable(node, inputShape.slice(1));
  const channels = inputShape[0]! / node.groups;
  const outputs = node.shape[0]! / node.groups;
  const depth = channels * table.size;
  return { table, channels, outputs, depth, inputLength: valueSize(inputShape) / node.groups, outputLength: valueSize(node.shape) / node.groups, weightLength: outputs * depth };
}

/** Inputs taken together: so many that a product has some hundred columns, while their patches stay small. */
function inputsTogether({ table, depth }: Geometry): number {
  return Math.max(1, Math.min(Math.ceil(TOGETHER_WINDOWS / table.windows), Math.floor(TOGETHER_NUMBERS / (table.windows * depth))));
}

const TOGETHER_WINDOWS = 256;
const TOGETHER_NUMBERS = 2 ** 22;

/** Visits all rows in blocks, group by group. */
function eachBlock(g: Geometry, groups: number, rows: number, visit: (group: number, first: number, count: number) => void): void {
  const step = inputsTogether(g);
  for (let group = 0; group < groups; group++) for (let first = 0; first < rows; first += step) visit(group, first, Math.min(step, rows - first));
}

/** A group's part of rows first … first + count − 1 as outputs × (count · windows), and back. */
function gatherRows(from: Float64Array, { outputs, outputLength, table: { windows } }: Geometry, groups: number, group: number, first: number, count: number, into: Float64Array): void {
  for (let n = 0; n < count; n++) {
    const start = ((first + n) * groups + group) * outputLength;
    for (let o = 0; o < outputs; o++) into.set(from.subarray(start + o * windows, start + (o + 1) * windows), (o * count + n) * windows);
  }
}

function scatterRows(from: Float64Array, { outputs, outputLength, table: { windows } }: Geometry, groups: number, group: number, first: number, count: number, into: Float64Array): void {
  for (let n = 0; n < count; n++) {
    const start = ((first + n) * groups + group) * outputLength;
    for (let o = 0; o < outputs; o++) {
      const at = (o * count + n) * windows;
      for (let p = 0; p < windows; p++) into[start + o * windows + p]! += from[at + p]!;
    }
  }
}

/** Patches of a group of rows first … first + count − 1: (count · windows) × K. */
function patchesOf({ table, channels, inputLength, depth }: Geometry, x: Float64Array, groups: number, group: number, first: number, count: number, into: Float64Array): void {
  for (let n = 0; n < count; n++) {
    const start = ((first + n) * groups + group) * inputLength;
    gatherPatches(table, x.subarray(start, start + inputLength), channels, into.subarray(n * table.windows * depth, (n + 1) * table.windows * depth));
  }
}

/**
 * W ⋆ x without bias, added to `into`.
 * @param weight in the shape of the node's weight
 * @param x rows of `inputShape`
 */
export function addConvolution(node: Convolution, inputShape: ValueShape, weight: Float64Array, x: Float64Array, into: Float64Array): void {
  const g = geometry(node, inputShape);
  const { table: { windows }, outputs, depth, weightLength, outputLength } = g;
  const rows = x.length / (g.inputLength * node.groups);
  const sizes = sizesOf(node, inputShape, rows);
  const engine = pays(sizes) ? startedEngine() : undefined;
  if (engine !== undefined) {
    addConvolutionOn(engine, sizes, weight, x, into);
    return;
  }
  const most = Math.min(rows, inputsTogether(g));
  const patches = new Float64Array(most * windows * depth);
  const product = new Float64Array(most > 1 ? outputs * most * windows : 0);
  eachBlock(g, node.groups, rows, (group, first, count) => {
    patchesOf(g, x, node.groups, group, first, count, patches);
    const kernel = weight.subarray(group * weightLength, (group + 1) * weightLength);
    if (count === 1) {
      const start = (first * node.groups + group) * outputLength;
      addProduct(into.subarray(start, start + outputLength), kernel, patches, outputs, windows, depth, 'nt');
      return;
    }
    product.fill(0);
    addProduct(product, kernel, patches, outputs, count * windows, depth, 'nt');
    scatterRows(product, g, node.groups, group, first, count, into);
  });
}

/** Cotangents of the output (rows of `node.shape`) pulled back to the input, added to `into`. */
export function addConvolutionPullback(node: Convolution, inputShape: ValueShape, weight: Float64Array, cotangents: Float64Array, into: Float64Array): void {
  const g = geometry(node, inputShape);
  const { table, channels, outputs, depth, weightLength, inputLength } = g;
  const rows = cotangents.length / (g.outputLength * node.groups);
  const sizes = sizesOf(node, inputShape, rows);
  const engine = pays(sizes) ? startedEngine() : undefined;
  if (engine !== undefined) {
    addConvolutionPullbackOn(engine, sizes, weight, cotangents, into);
    return;
  }
  const most = Math.min(rows, inputsTogether(g));
  const patches = new Float64Array(most * table.windows * depth);
  const delta = new Float64Array(outputs * most * table.windows);
  eachBlock(g, node.groups, rows, (group, first, count) => {
    gatherRows(cotangents, g, node.groups, group, first, count, delta);
    const area = count * table.windows;
    patches.fill(0, 0, area * depth);
    addProduct(patches, delta, weight.subarray(group * weightLength, (group + 1) * weightLength), area, depth, outputs, 'tn');
    for (let n = 0; n < count; n++) {
      const start = ((first + n) * node.groups + group) * inputLength;
      scatterPatches(table, patches.subarray(n * table.windows * depth, (n + 1) * table.windows * depth), channels, into.subarray(start, start + inputLength));
    }
  });
}

/**
 * The derivative by the weight, summed over all rows, one cotangent each; added to `into`.
 * @param x N inputs
 * @param cotangents N of the output's shape
 * @param into in the shape of the weight
 */
export function addConvolutionGradient(node: Convolution, inputShape: ValueShape, x: Float64Array, cotangents: Float64Array, into: Float64Array): void {
  const g = geometry(node, inputShape);
  const { table: { windows }, outputs, depth, weightLength } = g;
  const rows = x.length / (g.inputLength * node.groups);
  const sizes = sizesOf(node, inputShape, rows);
  const engine = pays(sizes) ? startedEngine() : undefined;
  if (engine !== undefined) {
    addConvolutionGradientOn(engine, sizes, x, cotangents, into);
    return;
  }
  const most = Math.min(rows, inputsTogether(g));
  const patches = new Float64Array(most * windows * depth);
  const delta = new Float64Array(outputs * most * windows);
  eachBlock(g, node.groups, rows, (group, first, count) => {
    patchesOf(g, x, node.groups, group, first, count, patches);
    gatherRows(cotangents, g, node.groups, group, first, count, delta);
    addProduct(into.subarray(group * weightLength, (group + 1) * weightLength), delta, patches, outputs, depth, count * windows, 'nn');
  });
}

/**
 * The derivative by the weight of each of S cotangents for one input, added to S rows.
 * @param x one input
 * @param cotangents S × the output's shape
 * @param into row s begins at s × stride
 */
export function addConvolutionGradients(node: Convolution, inputShape: ValueShape, x: Float64Array, cotangents: Float64Array, into: Float64Array, stride: number): void {
  const g = geometry(node, inputShape);
  const { table: { windows }, outputs, depth, outputLength, weightLength } = g;
  const patches = new Float64Array(windows * depth);
  const seeds = cotangents.length / (outputLength * node.groups);
  const gradients = new Float64Array(seeds * weightLength);
  const delta = node.groups === 1 ? cotangents : new Float64Array(seeds * outputLength);
  for (let group = 0; group < node.groups; group++) {
    patchesOf(g, x, node.groups, group, 0, 1, patches);
    for (let s = 0; s < seeds && node.groups > 1; s++) {
      const from = (s * node.groups + group) * outputLength;
      delta.set(cotangents.subarray(from, from + outputLength), s * outputLength);
    }
    gradients.fill(0);
    addProduct(gradients, delta, patches, seeds * outputs, depth, windows, 'nn');
    for (let s = 0; s < seeds; s++) {
      const to = s * stride + group * weightLength;
      for (let k = 0; k < weightLength; k++) into[to + k]! += gradients[s * weightLength + k]!;
    }
  }
}

/** Adds one number a channel to every position of every row. */
export function addPerChannel(shape: ValueShape, perChannel: Float64Array, into: Float64Array): void {
  const channels = shape[0]!;
  const area = positions(shape);
  if (area === 1) {
    for (let k = 0; k < into.length;) for (let c = 0; c < channels; c++, k++) into[k]! += perChannel[c]!;
    return;
  }
  for (let k = 0, c = 0; k < into.length; k += area, c = c + 1 === channels ? 0 : c + 1) {
    const value = perChannel[c]!;
    for (let p = k; p < k + area; p++) into[p]! += value;
  }
}
