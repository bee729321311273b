/**
 * Derivatives by the parameters of one node from the cotangents of its value: for a dense layer b aᵀ and b, for a convolution the
 * correlation of cotangents and patches, for normalisations and PReLU sums over the entries that share a parameter. Everything is
 * added, so that nodes that share a block (weight tying) and seeds that share a row sum up.
 */
import { addProduct } from '../linalg/product.ts';
import { addConvolutionGradient, addConvolutionGradients } from './convolution.ts';
import { trace, type Trace } from './forward.ts';
import { type Block, blockValues, type Network, type NetworkNode, type NodeOf, positions, valueSize } from './network.ts';
import { batchnormFactors, normaliseRows } from './normalisation.ts';
import { pullBack } from './reverse.ts';

/** Where gradients go: row r begins at r × stride, a block's columns at `columnOf` it; blocks without a column are left out. */
export interface GradientRows {
  readonly into: Float64Array;
  /** Stride 0 sums all rows into one. */
  readonly stride: number;
  readonly columnOf: (block: Block) => number | undefined;
}

/**
 * @param values of `trace`, N inputs
 * @param cotangents of the node's value, N·S rows
 */
export function addParameterGradients(network: Network, node: NetworkNode, state: Float64Array, { values, rows }: Trace, cotangents: Float64Array, seedsPerInput: number, target: GradientRows): void {
  const x = values[node.inputs[0]!]!;
  const { into, stride } = target;
  const columnOf = (block: Block | undefined): number | undefined => (block === undefined ? undefined : target.columnOf(block));
  switch (node.op) {
    case 'dense':
      addDense(node, columnOf(node.weight), x, cotangents, seedsPerInput, into, stride);
      addChannelSums(node, columnOf(node.bias), cotangents, into, stride);
      return;
    case 'conv': {
      const inputShape = network.nodes[node.inputs[0]!]!.shape;
      const [inputSize, size] = [valueSize(inputShape), seedsPerInput * valueSize(node.shape)];
      const column = columnOf(node.weight);
      if (column !== undefined && stride === 0 && seedsPerInput === 1) addConvolutionGradient(node, inputShape, x, cotangents, into.subarray(column, column + node.weight.length));
      else for (let n = 0; n < rows && column !== undefined; n++) {
        addConvolutionGradients(node, inputShape, x.subarray(n * inputSize, (n + 1) * inputSize), cotangents.subarray(n * size, (n + 1) * size), into.subarray(n * seedsPerInput * stride + column), stride);
      }
      addChannelSums(node, columnOf(node.bias), cotangents, into, stride);
      return;
    }
    case 'batchnorm': {
      addChannelSums(node, columnOf(node.shift), cotangents, into, stride);
      const column = columnOf(node.scale);
      if (column === undefined) return;
      const { inverse } = batchnormFactors(node, state);
      const mean = blockValues(state, node.mean);
      const area = positions(node.shape);
      const feature = x.map((value, k) => {
        const c = Math.floor(k / area) % mean.length;
        return (value - mean[c]!) * inverse[c]!;
      });
      addWeightedSums(column, valueSize(node.shape), (k) => Math.floor(k / area), feature, cotangents, seedsPerInput, into, stride);
      return;
    }
    case 'layernorm': {
      const { normalised, groups } = normaliseRows(node, x);
      const parameter = (k: number): number => Math.floor(k / groups);
      addWeightedSums(columnOf(node.scale), valueSize(node.shape), parameter, normalised, cotangents, seedsPerInput, into, stride);
      addWeightedSums(columnOf(node.shift), valueSize(node.shape), parameter, undefined, cotangents, seedsPerInput, into, stride);
      return;
    }
    case 'prelu': {
      const area = valueSize(node.shape) / node.slope.length;
      const feature = x.map((value) => (value > 0 ? 0 : value));
      addWeightedSums(columnOf(node.slope), valueSize(node.shape), (k) => Math.floor(k / area), feature, cotangents, seedsPerInput, into, stride);
      return;
    }
    default:
  }
}

/** Rows b aᵀ of the weight. */
function addDense({ weight: { shape } }: NodeOf<'dense'>, column: number | undefined, a: Float64Array, b: Float64Array, seeds: number, into: Float64Array, stride: number): void {
  if (column === undefined) return;
  const [outputs, inputs] = shape as [number, number];
  const rows = b.length / outputs;
  if (stride === 0 && seeds === 1) {
    addProduct(into.subarray(column), b, a, outputs, inputs, rows, 'tn');
    return;
  }
  for (let r = 0; r < rows; r++) {
    const from = Math.floor(r / seeds) * inputs;
    for (let o = 0, to = r * stride + column; o < outputs; o++, to += inputs) {
      const d = b[r * outputs + o]!;
      if (d !== 0) for (let i = 0; i < inputs; i++) into[to + i]! += d * a[from + i]!;
    }
  }
}

/** Σ over the positions of each channel: the derivative by a bias. */
function addChannelSums(node: NodeOf<'dense' | 'conv' | 'batchnorm'>, column: number | undefined, cotangents: Float64Array, into: Float64Array, stride: number): void {
  if (column === undefined) return;
  const area = positions(node.shape);
  const channels = node.shape[0]!;
  if (area === 1) {
    for (let k = 0, to = column; k < cotangents.length; to += stride) {
      for (let c = 0; c < channels; c++, k++) into[to + c]! += cotangents[k]!;
    }
    return;
  }
  for (let part = 0; part * area < cotangents.length; part++) {
    let sum = 0;
    for (let k = part * area; k < (part + 1) * area; k++) sum += cotangents[k]!;
    into[Math.floor(part / channels) * stride + column + (part % channels)]! += sum;
  }
}

/** into[parameter(k)] += cotangent_k feature_k over the entries k of a row; feature 1 when left out. */
function addWeightedSums(column: number | undefined, size: number, parameter: (entry: number) => number, feature: Float64Array | undefined, cotangents: Float64Array, seeds: number, into: Float64Array, stride: number): void {
  if (column === undefined) return;
  for (let r = 0; r < cotangents.length / size; r++) {
    const from = Math.floor(r / seeds) * size;
    const to = r * stride + column;
    for (let k = 0; k < size; k++) into[to + parameter(k)]! += cotangents[r * size + k]! * (feature === undefined ? 1 : feature[from + k]!);
  }
}

/** O × O identity for each of N inputs: the seeds whose pull-back is the Jacobian itself. */
export function identitySeeds(inputs: number, outputs: number): Float64Array {
  const seeds = new Float64Array(inputs * outputs * outputs);
  for (let r = 0; r < inputs * outputs; r++) seeds[r * outputs + (r % outputs)] = 1;
  return seeds;
}

const offsetOf = ({ trainable, offset }: Block): number | undefined => (trainable ? offset : undefined);

/**
 * Rows of the Jacobian, weighted: row n·S + s is seed s of input n times J(x_n).
 * @param seeds N·S × O
 * @param into at least N·S × D; overwritten
 */
export function jacobianRows(network: Network, state: Float64Array, values: Trace, seeds: Float64Array, seedsPerInput: number, into: Float64Array): void {
  const length = values.rows * seedsPerInput * network.parameters;
  if (into.length < length) throw new RangeError(`the buffer holds ${into.length} numbers, the Jacobian ${length}`);
  into.fill(0, 0, length);
  const target: GradientRows = { into, stride: network.parameters, columnOf: offsetOf };
  pullBack(network, state, values, seeds, seedsPerInput, (node, cotangents) => { addParameterGradients(network, node, state, values, cotangents, seedsPerInput, target); });
}

/**
 * The stacked Jacobian ∂f/∂θ of a batch, NO × D row-major, row n·O + o the gradient of output o at input n; a caller with many
 * inputs passes them in chunks.
 */
export function jacobian(network: Network, state: Float64Array, x: Float64Array): Float64Array {
  const values = trace(network, state, x);
  const rows = new Float64Array(values.rows * network.outputs * network.parameters);
  jacobianRows(network, state, values, identitySeeds(values.rows, network.outputs), network.outputs, rows);
  return rows;
}

/**
 * Jᵀc summed over the batch: the gradient of Σ_n c_n · f(x_n), added to `into` (length D at least).
 * @param cotangents c, N × O
 */
export function addVectorJacobianProduct(network: Network, state: Float64Array, values: Trace, cotangents: Float64Array, into: Float64Array): void {
  const target: GradientRows = { into, stride: 0, columnOf: offsetOf };
  pullBack(network, state, values, cotangents, 1, (node, delta) => { addParameterGradients(network, node, state, values, delta, 1, target); });
}
