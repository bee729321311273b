/**
 * Cross-correlation y = W ⋆ x + b as a matrix product with the patches that its windows see (im2col): for each group, W is
 * out/groups × K with K = in/groups × kernel, the patches of one input P × K, so y = W patchesᵀ. The derivatives are the other
 * two products of these three matrices. Patches of one input at a time keep the memory bounded.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import { addProduct } from '../linalg/product.ts';
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

/**
 * W ⋆ x without bias, added to `into`.
 * @param weight in the shape of the node's weight
 * @param x rows of `inputShape`
 */
export function addConvolution(node: Convolution, inputShape: ValueShape, weight: Float64Array, x: Float64Array, into: Float64Array): void {
  const { table, channels, outputs, depth, inputLength, outputLength, weightLength } = geometry(node, inputShape);
  const patches = new Float64Array(table.windows * depth);
  for (let part = 0; part * inputLength < x.length; part++) {
    const group = part % node.groups;
    gatherPatches(table, x.subarray(part * inputLength, (part + 1) * inputLength), channels, patches);
    addProduct(into.subarray(part * outputLength, (part + 1) * outputLength), weight.subarray(group * weightLength, (group + 1) * weightLength), patches, outputs, table.windows, depth, 'nt');
  }
}

/** Cotangents of the output (rows of `node.shape`) pulled back to the input, added to `into`. */
export function addConvolutionPullback(node: Convolution, inputShape: ValueShape, weight: Float64Array, cotangents: Float64Array, into: Float64Array): void {
  const { table, channels, outputs, depth, inputLength, outputLength, weightLength } = geometry(node, inputShape);
  const patches = new Float64Array(table.windows * depth);
  for (let part = 0; part * outputLength < cotangents.length; part++) {
    const group = part % node.groups;
    patches.fill(0);
    addProduct(patches, cotangents.subarray(part * outputLength, (part + 1) * outputLength), weight.subarray(group * weightLength, (group + 1) * weightLength), table.windows, depth, outputs, 'tn');
    scatterPatches(table, patches, channels, into.subarray(part * inputLength, (part + 1) * inputLength));
  }
}

/**
 * The derivative by the weight of each of S cotangents for one input, added to S rows.
 * @param x one input
 * @param cotangents S × the output's shape
 * @param into row s begins at s × stride
 */
export function addConvolutionGradients(node: Convolution, inputShape: ValueShape, x: Float64Array, cotangents: Float64Array, into: Float64Array, stride: number): void {
  const { table, channels, outputs, depth, inputLength, outputLength, weightLength } = geometry(node, inputShape);
  const patches = new Float64Array(table.windows * depth);
  const seeds = cotangents.length / (outputLength * node.groups);
  for (let group = 0; group < node.groups; group++) {
    gatherPatches(table, x.subarray(group * inputLength, (group + 1) * inputLength), channels, patches);
    for (let s = 0; s < seeds; s++) {
      const from = (s * node.groups + group) * outputLength;
      const to = s * stride + group * weightLength;
      addProduct(into.subarray(to, to + weightLength), cotangents.subarray(from, from + outputLength), patches, outputs, depth, table.windows, 'nn');
    }
  }
}

/** Adds one number a channel to every position of every row. */
export function addPerChannel(shape: ValueShape, perChannel: Float64Array, into: Float64Array): void {
  const channels = shape[0]!;
  const area = positions(shape);
  for (let k = 0, c = 0; k < into.length; k += area, c = c + 1 === channels ? 0 : c + 1) {
    const value = perChannel[c]!;
    for (let p = k; p < k + area; p++) into[p]! += value;
  }
}

/**
 * Per-sample gradients of the weight's rows for some of a group's output channels.
 * @param x N inputs
 * @param cotangents N·S × the output's shape
 * @param into N·S × (count · K); zero before
 */
export function* convolutionGradientTile(node: Convolution, inputShape: ValueShape, x: Float64Array, cotangents: Float64Array, seeds: number, { group, first, count }: { readonly group: number; readonly first: number; readonly count: number }, into: Float64Array): Interruptible<void> {
  const { table, channels, depth, inputLength, outputLength } = geometry(node, inputShape);
  const patches = new Float64Array(table.windows * depth);
  const size = inputLength * node.groups;
  for (let n = 0; n * size < x.length; n++) {
    gatherPatches(table, x.subarray(n * size + group * inputLength, n * size + (group + 1) * inputLength), channels, patches);
    for (let s = 0; s < seeds; s++) {
      const row = n * seeds + s;
      const from = (row * node.groups + group) * outputLength + first * table.windows;
      addProduct(into.subarray(row * count * depth, (row + 1) * count * depth), cotangents.subarray(from, from + count * table.windows), patches, count, depth, table.windows, 'nn');
    }
    yield;
  }
}
