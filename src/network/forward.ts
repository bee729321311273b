/**
 * The function f_w of a network in float64 for a batch of inputs, node by node. Dropout is the identity, batch normalisation uses
 * its running statistics; the head that a file's graph applies after f (softmax, sigmoid) is not part of f.
 */
import { addProduct } from '../linalg/product.ts';
import { addConvolution, addPerChannel } from './convolution.ts';
import { valuesPerInput } from './cost.ts';
import { type Block, type Network, type NetworkNode, valueSize, type ValueShape } from './network.ts';
import { batchnorm, normaliseRows, scaleAndShift } from './normalisation.ts';
import { averagePool, maximumPositions, pickMaxima } from './pooling.ts';
import { toChannelFirst, toChannelLast } from './valueOrder.ts';

export interface Trace {
  /** N */
  readonly rows: number;
  /** By node: N values of the node's shape. Nodes that change nothing share their input's array. */
  readonly values: readonly Float64Array[];
}

/**
 * @param state w = [θ; buffers], of `network.stateSize`; it may be longer (a row of a set of draws may not)
 * @param x inputs, N × d row-major, each in the order that the input node says
 * @returns outputs, N × O row-major, channel first where the output has positions
 */
export function forward(network: Network, state: Float64Array, x: Float64Array): Float64Array {
  const rows = batchSize(network, state, x);
  const step = rowsPerChunk(network);
  if (rows <= step) return run(network, state, x, true)[network.output]!;
  const outputs = new Float64Array(rows * network.outputs);
  for (let first = 0; first < rows; first += step) {
    const part = x.subarray(first * network.inputs, (first + step) * network.inputs);
    outputs.set(run(network, state, part, true)[network.output]!, first * network.outputs);
  }
  return outputs;
}

/** Factors of a node's value, one for each entry of a single input's value: a mask of Monte-Carlo dropout, the same for all inputs. */
export type NodeFactors = ReadonlyMap<number, Float64Array>;

/** As `forward`, with the values of some nodes multiplied by factors. */
export function forwardWithFactors(network: Network, state: Float64Array, x: Float64Array, factors: NodeFactors): Float64Array {
  const rows = batchSize(network, state, x);
  const step = rowsPerChunk(network);
  const outputs = new Float64Array(rows * network.outputs);
  for (let first = 0; first < rows; first += step) {
    const part = x.subarray(first * network.inputs, (first + step) * network.inputs);
    outputs.set(run(network, state, part, true, factors)[network.output]!, first * network.outputs);
  }
  return outputs;
}

/** As `forward`, keeping every node's values: N × the sum of their sizes, so that a caller with many inputs passes them in chunks. */
export function trace(network: Network, state: Float64Array, x: Float64Array): Trace {
  return { rows: batchSize(network, state, x), values: run(network, state, x, false) };
}

/** Entries of a block in w. */
export function blockValues(state: Float64Array, block: Block): Float64Array {
  return state.subarray(block.offset, block.offset + block.length);
}

/** Inputs that are evaluated together: what keeps all their values within 32 MB. */
function rowsPerChunk(network: Network): number {
  return Math.max(1, Math.floor(2 ** 22 / valuesPerInput(network)));
}

function batchSize(network: Network, state: Float64Array, x: Float64Array): number {
  if (state.length !== network.stateSize) throw new RangeError(`the state has ${state.length} entries, the network ${network.stateSize}`);
  const rows = x.length / network.inputs;
  if (!Number.isInteger(rows)) throw new RangeError(`${x.length} input values do not divide into rows of ${network.inputs}`);
  return rows;
}

function run(network: Network, state: Float64Array, x: Float64Array, forget: boolean, factors?: NodeFactors): Float64Array[] {
  const values: Float64Array[] = [];
  const lastUse = new Int32Array(network.nodes.length);
  for (const node of network.nodes) for (const input of node.inputs) lastUse[input] = node.index;
  for (const node of network.nodes) {
    const value = evaluate(network, node, state, x, values);
    const factor = factors?.get(node.index);
    values[node.index] = factor === undefined ? value : value.map((entry, k) => entry * factor[k % factor.length]!);
    if (forget) for (const input of node.inputs) if (lastUse[input] === node.index) values[input] = new Float64Array(0);
  }
  return values;
}

function evaluate(network: Network, node: NetworkNode, state: Float64Array, x: Float64Array, values: readonly Float64Array[]): Float64Array {
  const input = (): Float64Array => values[node.inputs[0]!]!;
  const inputShape = (): ValueShape => network.nodes[node.inputs[0]!]!.shape;
  switch (node.op) {
    case 'input':
      return node.order === 'channel-last' ? toChannelFirst(node.shape, x) : x;
    case 'dense': {
      const [outputs, inputs] = node.weight.shape as [number, number];
      const rows = input().length / inputs;
      const y = new Float64Array(rows * outputs);
      addProduct(y, input(), blockValues(state, node.weight), rows, outputs, inputs, 'nt');
      if (node.bias !== undefined) addPerChannel(node.shape, blockValues(state, node.bias), y);
      return y;
    }
    case 'conv': {
      const y = new Float64Array((input().length / valueSize(inputShape())) * valueSize(node.shape));
      addConvolution(node, inputShape(), blockValues(state, node.weight), input(), y);
      if (node.bias !== undefined) addPerChannel(node.shape, blockValues(state, node.bias), y);
      return y;
    }
    case 'batchnorm':
      return batchnorm(node, state, input());
    case 'layernorm':
      return scaleAndShift(node, state, normaliseRows(node, input()));
    case 'activation':
      return node.activation.name === 'linear' ? input() : input().map(node.activation.value);
    case 'prelu': {
      const slope = blockValues(state, node.slope);
      const area = slope.length === 1 ? Number.POSITIVE_INFINITY : valueSize(node.shape) / slope.length;
      return input().map((value, k) => (value > 0 ? value : slope[Math.floor(k / area) % slope.length]! * value));
    }
    case 'maxpool':
    case 'globalmaxpool':
      return pickMaxima(maximumPositions(node, inputShape(), input()), input());
    case 'avgpool':
    case 'globalavgpool':
      return averagePool(node, inputShape(), input());
    case 'flatten':
      return node.order === 'channel-last' ? toChannelLast(inputShape(), input()) : input();
    case 'dropout':
      return input();
    case 'add': {
      const sum = input().slice();
      for (const other of node.inputs.slice(1)) values[other]!.forEach((value, k) => { sum[k]! += value; });
      return sum;
    }
    case 'concat':
      return concatenate(node.inputs.map((k) => values[k]!), node.inputs.map((k) => valueSize(network.nodes[k]!.shape)));
  }
}

/** Rows side by side. @param sizes length of a row of each part */
export function concatenate(parts: readonly Float64Array[], sizes: readonly number[]): Float64Array {
  const width = sizes.reduce((sum, size) => sum + size, 0);
  const rows = (parts[0]?.length ?? 0) / sizes[0]!;
  const joined = new Float64Array(rows * width);
  let offset = 0;
  parts.forEach((part, k) => {
    const size = sizes[k]!;
    for (let n = 0; n < rows; n++) joined.set(part.subarray(n * size, (n + 1) * size), n * width + offset);
    offset += size;
  });
  return joined;
}
