/**
 * J(x) = ∂f_θ(x)/∂θ of a dense chain by reverse mode, in float64. For layer l with inputs a (its activations) and cotangents
 * b = ∂f/∂z (z its pre-activations), the derivative with respect to its weight is b aᵀ and with respect to its bias b; all
 * that the GGN needs is built from these two factors per layer.
 */
import type { DenseChain } from '../network/denseChain.ts';
import { trace, type Trace } from '../network/chainForward.ts';

/**
 * Pulls cotangents of the outputs back to every layer's pre-activations.
 * @param values of `trace`, N inputs
 * @param seeds N·S × O: S cotangents for each input
 * @returns per layer N·S × width
 */
export function backpropagate(chain: DenseChain, theta: Float64Array, values: Trace, seeds: Float64Array, seedsPerInput: number): Float64Array[] {
  const cotangents: Float64Array[] = [];
  let upstream = seeds;
  for (let l = chain.layers.length - 1; l >= 0; l--) {
    const layer = chain.layers[l]!;
    // The seeds belong to the caller; what this loop made itself may be overwritten.
    const delta = upstream === seeds ? seeds.slice() : upstream;
    multiplyByDerivative(delta, values.preactivations[l]!, layer.activation.name, layer.activation.derivative, layer.outputs, seedsPerInput);
    cotangents[l] = delta;
    if (l > 0) upstream = throughWeight(theta, layer.weight.offset, delta, layer.outputs, layer.inputs);
  }
  return cotangents;
}

function multiplyByDerivative(delta: Float64Array, z: Float64Array, activation: string, derivative: (z: number) => number, width: number, perInput: number): void {
  if (activation === 'linear') return;
  const slopes = z.map(derivative);
  const inputs = z.length / width;
  for (let n = 0; n < inputs; n++) {
    for (let s = 0; s < perInput; s++) {
      const row = (n * perInput + s) * width;
      for (let j = 0; j < width; j++) delta[row + j]! *= slopes[n * width + j]!;
    }
  }
}

/** Δ W: rows × outputs times outputs × inputs. */
function throughWeight(theta: Float64Array, weight: number, delta: Float64Array, outputs: number, inputs: number): Float64Array {
  const rows = delta.length / outputs;
  const product = new Float64Array(rows * inputs);
  for (let r = 0; r < rows; r++) {
    const to = r * inputs;
    for (let o = 0; o < outputs; o++) {
      const d = delta[r * outputs + o]!;
      if (d === 0) continue;
      const from = weight + o * inputs;
      for (let i = 0; i < inputs; i++) product[to + i]! += d * theta[from + i]!;
    }
  }
  return product;
}

/** O × O identity for each of N inputs: the seeds whose pull-back is the Jacobian itself. */
export function identitySeeds(inputs: number, outputs: number): Float64Array {
  const seeds = new Float64Array(inputs * outputs * outputs);
  for (let r = 0; r < inputs * outputs; r++) seeds[r * outputs + (r % outputs)] = 1;
  return seeds;
}

/** Writes N·S rows b aᵀ (row-major, D columns) from the two factors of every layer. */
export function expandRows(chain: DenseChain, values: Trace, cotangents: readonly Float64Array[], seedsPerInput: number, into: Float64Array): void {
  const columns = chain.parameters;
  chain.layers.forEach((layer, l) => {
    const a = values.activations[l]!;
    const b = cotangents[l]!;
    const { inputs, outputs } = layer;
    const rows = b.length / outputs;
    for (let r = 0; r < rows; r++) {
      const from = Math.floor(r / seedsPerInput) * inputs;
      let to = r * columns + layer.weight.offset;
      for (let o = 0; o < outputs; o++) {
        const d = b[r * outputs + o]!;
        for (let i = 0; i < inputs; i++) into[to + i] = d * a[from + i]!;
        to += inputs;
      }
      if (layer.bias !== undefined) into.set(b.subarray(r * outputs, (r + 1) * outputs), r * columns + layer.bias.offset);
    }
  });
}

/**
 * The stacked Jacobian of a batch.
 * @param x inputs, N × d row-major
 * @param into NO × D row-major, row n·O + o the gradient of output o at input n; a caller with many inputs passes them in chunks
 */
export function jacobian(chain: DenseChain, theta: Float64Array, x: Float64Array, into?: Float64Array): Float64Array {
  const inputs = x.length / chain.inputs;
  const rows = into ?? new Float64Array(inputs * chain.outputs * chain.parameters);
  if (rows.length < inputs * chain.outputs * chain.parameters) throw new RangeError(`the buffer holds ${rows.length} numbers, the Jacobian ${inputs * chain.outputs * chain.parameters}`);
  const values = trace(chain, theta, x);
  const cotangents = backpropagate(chain, theta, values, identitySeeds(inputs, chain.outputs), chain.outputs);
  expandRows(chain, values, cotangents, chain.outputs, rows);
  return rows;
}

/**
 * Jᵀc summed over the batch: the gradient of Σ_n c_n · f(x_n).
 * @param cotangents c, N × O
 * @returns length D
 */
export function vectorJacobianProduct(chain: DenseChain, theta: Float64Array, x: Float64Array, cotangents: Float64Array): Float64Array {
  const values = trace(chain, theta, x);
  const perLayer = backpropagate(chain, theta, values, cotangents, 1);
  const gradient = new Float64Array(chain.parameters);
  chain.layers.forEach((layer, l) => {
    const a = values.activations[l]!;
    const b = perLayer[l]!;
    const { inputs, outputs } = layer;
    for (let n = 0; n < b.length / outputs; n++) {
      for (let o = 0; o < outputs; o++) {
        const d = b[n * outputs + o]!;
        const to = layer.weight.offset + o * inputs;
        for (let i = 0; i < inputs; i++) gradient[to + i]! += d * a[n * inputs + i]!;
        if (layer.bias !== undefined) gradient[layer.bias.offset + o]! += d;
      }
    }
  });
  return gradient;
}
