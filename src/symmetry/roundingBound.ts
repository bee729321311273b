/**
 * A bound on the rounding error of a network's outputs by a running error analysis (Higham 2002, §3.1), operation by operation: an error
 * e of a value becomes |W| e behind a linear map, Lip(σ) e behind an activation, and each sum of n terms adds (n + 8) eps times the sum
 * of their magnitudes; the 8 is for the few operations that each weight itself went through.
 */
import { addProduct } from '../linalg/product.ts';
import { addConvolution, addPerChannel } from '../network/convolution.ts';
import type { Trace } from '../network/forward.ts';
import { type Block, blockValues, type Network, type NetworkNode, type NodeOf, positions, valueSize } from '../network/network.ts';
import { normaliseRows } from '../network/normalisation.ts';
import { averagePool, maximumPositions, pickMaxima } from '../network/pooling.ts';
import { toChannelLast } from '../network/valueOrder.ts';

const EPS = Number.EPSILON;

/** @returns one bound an output entry, N × O */
export function roundingBound(network: Network, state: Float64Array, { values, rows }: Trace): Float64Array {
  const lastUse = new Int32Array(network.nodes.length);
  for (const node of network.nodes) for (const input of node.inputs) lastUse[input] = node.index;
  const errors: Float64Array[] = [];
  for (const node of network.nodes) {
    errors[node.index] = node.op === 'input' ? new Float64Array(rows * valueSize(node.shape)) : errorOf(network, node, state, values, node.inputs.map((input) => errors[input]!));
    for (const input of node.inputs) if (lastUse[input] === node.index) errors[input] = new Float64Array(0);
  }
  return errors[network.output]!;
}

function errorOf(network: Network, node: NetworkNode, state: Float64Array, values: readonly Float64Array[], errors: readonly Float64Array[]): Float64Array {
  const e = errors[0]!;
  const x = values[node.inputs[0]!]!;
  const y = values[node.index]!;
  const shape = network.nodes[node.inputs[0]!]!.shape;
  switch (node.op) {
    case 'input':
      return e;
    case 'dense': {
      const [outputs, inputs] = [node.weight.shape[0]!, node.weight.shape[1]!];
      const unit = (inputs + 8) * EPS;
      const sum = new Float64Array(y.length);
      addProduct(sum, enlarged(e, x, unit), magnitudes(state, node.weight), x.length / inputs, outputs, inputs, 'nt');
      return withBias(node, state, unit, sum);
    }
    case 'conv': {
      const unit = (node.weight.length / node.weight.shape[0]! + 8) * EPS;
      const sum = new Float64Array(y.length);
      addConvolution(node, shape, magnitudes(state, node.weight), enlarged(e, x, unit), sum);
      return withBias(node, state, unit, sum);
    }
    case 'batchnorm':
      return batchnormError(node, state, x, e);
    case 'layernorm':
      return layernormError(node, state, x, e);
    case 'activation': {
      // Slopes of leaky units may exceed 1; gelu's and silu's reach 1.13.
      const { name, derivative } = node.activation;
      const lipschitz = name === 'linear' ? 1 : Math.max(1.13, Math.abs(derivative(-1)), Math.abs(derivative(1)));
      return e.map((error, k) => lipschitz * error + (name === 'linear' ? 0 : 4 * EPS * Math.abs(y[k]!)));
    }
    case 'prelu': {
      const lipschitz = magnitudes(state, node.slope).reduce((most, slope) => Math.max(most, slope), 1);
      return e.map((error, k) => lipschitz * error + 4 * EPS * Math.abs(y[k]!));
    }
    case 'maxpool':
    case 'globalmaxpool':
      return pickMaxima(maximumPositions(node, shape, e), e);
    case 'avgpool':
    case 'globalavgpool':
      return averagePool(node, shape, enlarged(e, x, (positions(shape) + 8) * EPS));
    case 'flatten':
      return node.order === 'channel-last' ? toChannelLast(shape, e) : e;
    case 'dropout':
      return e;
    case 'add': {
      const sum = new Float64Array(y.length);
      node.inputs.forEach((input, k) => {
        const terms = values[input]!;
        errors[k]!.forEach((error, i) => { sum[i]! += error + node.inputs.length * EPS * Math.abs(terms[i]!); });
      });
      return sum;
    }
    case 'concat': {
      const joined = new Float64Array(y.length);
      const size = valueSize(node.shape);
      let begin = 0;
      node.inputs.forEach((input, k) => {
        const own = valueSize(network.nodes[input]!.shape);
        for (let r = 0; r < y.length / size; r++) joined.set(errors[k]!.subarray(r * own, (r + 1) * own), r * size + begin);
        begin += own;
      });
      return joined;
    }
  }
}

function magnitudes(state: Float64Array, block: Block): Float64Array {
  return blockValues(state, block).map(Math.abs);
}

/** e + unit |x|. */
function enlarged(e: Float64Array, x: Float64Array, unit: number): Float64Array {
  return e.map((error, k) => error + unit * Math.abs(x[k]!));
}

function withBias(node: NodeOf<'dense'> | NodeOf<'conv'>, state: Float64Array, unit: number, sum: Float64Array): Float64Array {
  if (node.bias !== undefined) addPerChannel(node.shape, magnitudes(state, node.bias).map((bias) => unit * bias), sum);
  return sum;
}

/** y = γ (x − μ)/√(v + ε) + β. */
function batchnormError({ shape, scale, shift, mean, variance, epsilon }: NodeOf<'batchnorm'>, state: Float64Array, x: Float64Array, e: Float64Array): Float64Array {
  const area = positions(shape);
  const channels = shape[0]!;
  return e.map((error, k) => {
    const c = Math.floor(k / area) % channels;
    const factor = Math.abs(scale === undefined ? 1 : state[scale.offset + c]!) / Math.sqrt(state[variance.offset + c]! + epsilon);
    const terms = factor * (Math.abs(x[k]!) + Math.abs(state[mean.offset + c]!)) + Math.abs(shift === undefined ? 0 : state[shift.offset + c]!);
    return factor * error + 8 * EPS * terms;
  });
}

/** To first order an error d of x becomes (d − mean d − x̂ mean(x̂ d))/s. */
function layernormError(node: NodeOf<'layernorm'>, state: Float64Array, x: Float64Array, e: Float64Array): Float64Array {
  const { normalised, inverse, groups, length } = normaliseRows(node, x);
  const result = enlarged(e, x, (length + 8) * EPS);
  const size = groups * length;
  for (let part = 0; part < inverse.length; part++) {
    const first = Math.floor(part / groups) * size + (part % groups);
    let sum = 0;
    let along = 0;
    for (let k = first; k < first + size; k += groups) {
      sum += result[k]!;
      along += result[k]! * Math.abs(normalised[k]!);
    }
    for (let k = first, i = 0; k < first + size; k += groups, i++) {
      const own = (result[k]! + (node.centred ? sum / length : 0) + Math.abs(normalised[k]!) * (along / length)) * inverse[part]!;
      const scale = Math.abs(node.scale === undefined ? 1 : state[node.scale.offset + i]!);
      const shift = Math.abs(node.shift === undefined ? 0 : state[node.shift.offset + i]!);
      result[k] = scale * (own + (length + 8) * EPS * Math.abs(normalised[k]!)) + 4 * EPS * shift;
    }
  }
  return result;
}
