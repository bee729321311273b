/** The value of one node from those before it, by plain code and single products on the engine: what every operation of a network means. */
import { addProduct } from '../linalg/product.ts';
import { ofEach } from './activation.ts';
import { addConvolution, addPerChannel } from './convolution.ts';
import { blockValues, type Network, type NetworkNode, valueSize, type ValueShape } from './network.ts';
import { batchnorm, normaliseRows, scaleAndShift } from './normalisation.ts';
import { averagePool, maximumPositions, pickMaxima } from './pooling.ts';
import { toChannelFirst, toChannelLast } from './valueOrder.ts';

/**
 * @param x the network's inputs
 * @param values of the nodes before, rows of their shapes; not changed, but a node that changes nothing has its input's array
 */
export function evaluate(network: Network, node: NetworkNode, state: Float64Array, x: Float64Array, values: readonly Float64Array[]): Float64Array {
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
      return node.activation.name === 'linear' ? input() : ofEach(node.activation.value, input());
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
