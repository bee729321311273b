/**
 * The function f_θ of a dense chain, in float64, for a batch of inputs.
 */
import type { DenseChain } from './denseChain.ts';

export interface Trace {
  /** preactivations[l] is N × width of layer l: W_l a_{l−1} + b_l, before the activation. */
  readonly preactivations: readonly Float64Array[];
  /** activations[0] is the input, activations[l + 1] the output of layer l (N × width). */
  readonly activations: readonly Float64Array[];
}

/**
 * @param theta θ, length D
 * @param x inputs, N × d row-major
 * @returns outputs, N × O row-major
 */
export function forward(chain: DenseChain, theta: Float64Array, x: Float64Array): Float64Array {
  const rows = batchSize(chain, theta, x);
  let current = x;
  for (let l = 0; l < chain.layers.length; l++) {
    current = affine(chain, l, theta, current, rows);
    activate(chain, l, current, current);
  }
  return current;
}

/** As `forward`, keeping every layer's values. */
export function trace(chain: DenseChain, theta: Float64Array, x: Float64Array): Trace {
  const rows = batchSize(chain, theta, x);
  const preactivations: Float64Array[] = [];
  const activations: Float64Array[] = [x];
  let current = x;
  for (let l = 0; l < chain.layers.length; l++) {
    const z = affine(chain, l, theta, current, rows);
    current = new Float64Array(z.length);
    activate(chain, l, z, current);
    preactivations.push(z);
    activations.push(current);
  }
  return { preactivations, activations };
}

function batchSize(chain: DenseChain, theta: Float64Array, x: Float64Array): number {
  if (theta.length !== chain.parameters) throw new RangeError(`θ has ${theta.length} entries, the network ${chain.parameters} parameters`);
  const rows = x.length / chain.inputs;
  if (!Number.isInteger(rows)) throw new RangeError(`${x.length} input values do not divide into rows of ${chain.inputs}`);
  return rows;
}

/** Z = A Wᵀ + 1bᵀ, N × outputs. */
function affine(chain: DenseChain, l: number, theta: Float64Array, a: Float64Array, rows: number): Float64Array {
  const layer = chain.layers[l]!;
  const { inputs, outputs } = layer;
  const z = new Float64Array(rows * outputs);
  const weight = layer.weight.offset;
  const bias = layer.bias?.offset;
  for (let n = 0; n < rows; n++) {
    const from = n * inputs;
    const to = n * outputs;
    for (let o = 0; o < outputs; o++) {
      let sum = bias === undefined ? 0 : theta[bias + o]!;
      const row = weight + o * inputs;
      for (let i = 0; i < inputs; i++) sum += theta[row + i]! * a[from + i]!;
      z[to + o] = sum;
    }
  }
  return z;
}

function activate(chain: DenseChain, l: number, z: Float64Array, into: Float64Array): void {
  const { name, value } = chain.layers[l]!.activation;
  if (name === 'linear') {
    if (into !== z) into.set(z);
    return;
  }
  for (let i = 0; i < z.length; i++) into[i] = value(z[i]!);
}
