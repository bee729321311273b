/**
 * Linearised Laplace: f_lin(x, w) = f_ŵ(x) + J_ŵ(x)(w − ŵ) is exactly Gaussian under q(w) (Khan et al. 2019; Immer et al. 2021), with
 *   J* Σ J*ᵀ = Σ_i (J*u_i)(J*u_i)ᵀ / (λ_i + α)  +  (J*J*ᵀ − Σ_i (J*u_i)(J*u_i)ᵀ) / α,
 * the parts of image and kernel. On the training inputs J w_ker = 0 and the second part vanishes; elsewhere it is what the data leave open.
 */
import { pushForward } from '../network/tangent.ts';
import { trace } from '../network/forward.ts';
import { jacobian } from '../network/parameterGradients.ts';
import { valuesPerInput } from '../network/cost.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { Laplace } from './laplace.ts';

export interface LinearisedPredictive {
  /** f_ŵ at the inputs, N* × O. */
  readonly mean: Float64Array;
  /** Marginal variances of f, N* × O: of both parts together, and of each. */
  readonly variance: Float64Array;
  readonly imageVariance: Float64Array;
  readonly kernelVariance: Float64Array;
}

const CHUNK_NUMBERS = 2 ** 22;

/** Closed form. @param x inputs, N* × d */
export async function linearisedPredictive({ problem, basis, eigenvalues, priorPrecision }: Laplace, x: Float64Array, context: JobContext): Promise<LinearisedPredictive> {
  const { network, state } = problem;
  const { parameters, outputs } = network;
  const count = x.length / network.inputs;
  const size = count * outputs;
  const mean = new Float64Array(size);
  const imageVariance = new Float64Array(size);
  const kernelVariance = new Float64Array(size);
  const step = Math.max(1, Math.floor(CHUNK_NUMBERS / (parameters * outputs + valuesPerInput(network))));
  for (let first = 0; first < count; first += step) {
    const part = x.subarray(first * network.inputs, (first + step) * network.inputs);
    mean.set(trace(network, state, part).values[network.output]!, first * outputs);
    const rows = jacobian(network, state, part);
    const height = rows.length / parameters;
    const along = await basis.coefficients(rows, height);
    for (let r = 0; r < height; r++) {
      let [image, inImage, whole] = [0, 0, 0];
      for (let i = 0; i < basis.rank; i++) {
        const square = along[r * basis.rank + i]! ** 2;
        inImage += square;
        image += square / (eigenvalues[i]! + priorPrecision);
      }
      for (let k = r * parameters; k < (r + 1) * parameters; k++) whole += rows[k]! ** 2;
      imageVariance[first * outputs + r] = image;
      // What rounding leaves of a difference of equal numbers counts as nothing.
      kernelVariance[first * outputs + r] = Math.max(0, whole - inImage) / priorPrecision;
    }
    context.progress({ message: 'Linearised predictive', fraction: Math.min(1, (first + step) / count) });
    context.signal.throwIfAborted();
  }
  return { mean, variance: imageVariance.map((value, k) => value + kernelVariance[k]!), imageVariance, kernelVariance };
}

/** f_ŵ + J (w − ŵ) for each displacement, S × N* × O; forward mode, so that no Jacobian is formed. @param displacements S × D */
export function linearisedOutputs({ network, state }: Laplace['problem'], displacements: Float64Array, x: Float64Array): Float64Array {
  const draws = displacements.length / network.parameters;
  const size = (x.length / network.inputs) * network.outputs;
  const outputs = new Float64Array(draws * size);
  const step = Math.max(1, Math.floor(CHUNK_NUMBERS / valuesPerInput(network)));
  for (let first = 0; first * network.inputs < x.length; first += step) {
    const values = trace(network, state, x.subarray(first * network.inputs, (first + step) * network.inputs));
    const f = values.values[network.output]!;
    for (let s = 0; s < draws; s++) {
      const pushed = pushForward(network, state, values, displacements.subarray(s * network.parameters, (s + 1) * network.parameters));
      for (let k = 0; k < f.length; k++) outputs[s * size + first * network.outputs + k] = f[k]! + pushed[k]!;
    }
  }
  return outputs;
}
