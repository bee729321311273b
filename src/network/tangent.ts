/** Forward mode: J v for one direction v in parameter space, pushed through the graph node by node. */
import { addProduct } from '../linalg/product.ts';
import { addConvolution, addPerChannel } from './convolution.ts';
import { concatenate } from './evaluate.ts';
import type { Trace } from './forward.ts';
import { type Block, blocksOf, blockValues, type Network, type NetworkNode, type NodeOf, positions, valueSize } from './network.ts';
import { batchnormFactors, normalisationDerivative, normaliseRows } from './normalisation.ts';
import { averagePool, maximumPositions, pickTangents } from './pooling.ts';
import { keptSlopes, type KeptSlopes, timesSlopes } from './slopes.ts';
import { toChannelLast } from './valueOrder.ts';

/**
 * @param values of `trace`, N inputs
 * @param direction v, length D (a longer one's buffers are not read)
 * @returns J v, N × O
 */
export function pushForward(network: Network, state: Float64Array, values: Trace, direction: Float64Array): Float64Array {
  return pushTangents(network, state, values, direction)[network.output] ?? new Float64Array(values.rows * network.outputs);
}

/** As `pushForward`, the tangents of all nodes: N values of the node's shape; undefined where nothing up to the node has parameters. */
export function pushTangents(network: Network, state: Float64Array, { values, rows, slopes }: Trace, direction: Float64Array): readonly (Float64Array | undefined)[] {
  if (direction.length < network.parameters) throw new RangeError(`the direction has ${direction.length} entries, the network ${network.parameters} parameters`);
  const tangents: (Float64Array | undefined)[] = [];
  for (const node of network.nodes) {
    const incoming = node.inputs.map((input) => tangents[input]);
    const moved = blocksOf(node).some(({ trainable }) => trainable);
    if (!moved && incoming.every((tangent) => tangent === undefined)) continue;
    // Nodes with parameters of their own make a new array, so that adding to it changes no other tangent.
    const result = incoming.some((tangent) => tangent !== undefined) ? pushThrough(network, node, state, values, slopes, incoming) : new Float64Array(rows * valueSize(node.shape));
    if (moved) addOwn(network, node, state, values[node.inputs[0]!]!, direction, result);
    tangents[node.index] = result;
  }
  return tangents;
}

/** The derivative by the input. */
function pushThrough(network: Network, node: NetworkNode, state: Float64Array, values: readonly Float64Array[], kept: KeptSlopes | undefined, incoming: readonly (Float64Array | undefined)[]): Float64Array {
  const inputShape = network.nodes[node.inputs[0]!]!.shape;
  const x = values[node.inputs[0]!]!;
  const rows = x.length / valueSize(inputShape);
  const size = valueSize(node.shape);
  const t = incoming[0] ?? new Float64Array(x.length);
  switch (node.op) {
    case 'input':
    case 'dropout':
      return t;
    case 'dense': {
      const y = new Float64Array(rows * size);
      addProduct(y, t, blockValues(state, node.weight), rows, size, inputShape[0]!, 'nt');
      return y;
    }
    case 'conv': {
      const y = new Float64Array(rows * size);
      addConvolution(node, inputShape, blockValues(state, node.weight), t, y);
      return y;
    }
    case 'batchnorm':
    case 'activation':
    case 'prelu': {
      const slope = keptSlopes(node, state, x, kept);
      return slope === undefined ? t : timesSlopes(slope, t, size, 1, new Float64Array(t.length));
    }
    case 'layernorm': {
      const normalised = normaliseRows(node, x);
      const y = normalisationDerivative(node.centred, normalised, t, 1);
      const { scale } = node;
      return scale === undefined ? y : y.map((value, k) => value * state[scale.offset + (Math.floor(k / normalised.groups) % normalised.length)]!);
    }
    case 'maxpool':
    case 'globalmaxpool':
      return pickTangents(maximumPositions(node, inputShape, x), t);
    case 'avgpool':
    case 'globalavgpool':
      return averagePool(node, inputShape, t);
    case 'flatten':
      return node.order === 'channel-last' ? toChannelLast(inputShape, t) : t;
    case 'add': {
      const sum = new Float64Array(rows * size);
      for (const part of incoming) part?.forEach((value, k) => { sum[k]! += value; });
      return sum;
    }
    case 'concat': {
      const sizes = node.inputs.map((input) => valueSize(network.nodes[input]!.shape));
      return concatenate(incoming.map((part, k) => part ?? new Float64Array(rows * sizes[k]!)), sizes);
    }
  }
}

/** The derivative by the node's own parameters, added. */
function addOwn(network: Network, node: NetworkNode, state: Float64Array, x: Float64Array, direction: Float64Array, into: Float64Array): void {
  const part = (block: Block | undefined): Float64Array | undefined => (block === undefined ? undefined : blockValues(direction, block));
  switch (node.op) {
    case 'dense': {
      const [outputs, inputs] = node.weight.shape as [number, number];
      addProduct(into, x, blockValues(direction, node.weight), x.length / inputs, outputs, inputs, 'nt');
      addShift(node, part(node.bias), into);
      return;
    }
    case 'conv':
      addConvolution(node, network.nodes[node.inputs[0]!]!.shape, blockValues(direction, node.weight), x, into);
      addShift(node, part(node.bias), into);
      return;
    case 'batchnorm': {
      addShift(node, part(node.shift), into);
      const scale = part(node.scale);
      if (scale === undefined) return;
      const { inverse } = batchnormFactors(node, state);
      const mean = blockValues(state, node.mean);
      const area = positions(node.shape);
      for (let k = 0; k < x.length; k++) {
        const c = Math.floor(k / area) % scale.length;
        into[k]! += scale[c]! * (x[k]! - mean[c]!) * inverse[c]!;
      }
      return;
    }
    case 'layernorm': {
      const { normalised, groups, length } = normaliseRows(node, x);
      const scale = part(node.scale);
      const shift = part(node.shift);
      for (let k = 0; k < x.length; k++) {
        const i = Math.floor(k / groups) % length;
        into[k]! += (scale === undefined ? 0 : scale[i]! * normalised[k]!) + (shift === undefined ? 0 : shift[i]!);
      }
      return;
    }
    case 'prelu': {
      const slope = blockValues(direction, node.slope);
      const area = valueSize(node.shape) / slope.length;
      for (let k = 0; k < x.length; k++) if (!(x[k]! > 0)) into[k]! += slope[slope.length === 1 ? 0 : Math.floor(k / area) % slope.length]! * x[k]!;
      return;
    }
    default:
  }
}

function addShift(node: NodeOf<'dense' | 'conv' | 'batchnorm'>, shift: Float64Array | undefined, into: Float64Array): void {
  if (shift !== undefined) addPerChannel(node.shape, shift, into);
}
