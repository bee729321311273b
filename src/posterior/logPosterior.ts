/**
 * The unnormalised log-posterior of a network's weights, log p(D|θ) + log p(θ), with an isotropic Gaussian prior N(0, α⁻¹I), and its
 * gradient by reverse mode, and products with its Hessian. Running statistics of batch normalisation are constants, as everywhere here (evaluation mode).
 */
import { applyHessian, logLikelihood, type LikelihoodModel } from '../curvature/likelihood.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { trace } from '../network/forward.ts';
import { addHessianProduct } from '../network/hessianProduct.ts';
import { type Network, valueSize } from '../network/network.ts';
import { addVectorJacobianProduct } from '../network/parameterGradients.ts';

export interface PosteriorProblem {
  readonly network: Network;
  /** Inputs, N × d row-major. */
  readonly x: Float64Array;
  /** As `logLikelihood` takes them: N × O, or N class numbers. */
  readonly targets: Float64Array;
  readonly likelihood: LikelihoodModel;
  /** c, N: how often each input counts; 1 each when left out. */
  readonly sampleWeights?: Float64Array | undefined;
  /** α, of the prior N(0, α⁻¹I) over all D parameters. */
  readonly priorPrecision: number;
}

export interface LogPosterior {
  /** log p(D|θ) + log p(θ), all constants included. */
  readonly value: number;
  readonly logLikelihood: number;
}

/** Numbers that the values of one chunk of inputs take, all nodes together. */
const CHUNK_VALUES = 2 ** 22;

/**
 * @param state w, length `stateSize`
 * @param gradient length D; overwritten with ∂/∂θ
 * @param rows the inputs to use, in this order; all when left out. The likelihood of a part is scaled up to N, so that its gradient is
 *   an unbiased estimate when the part is drawn at random
 */
export function logPosterior({ network, x, targets, likelihood, sampleWeights, priorPrecision }: PosteriorProblem, state: Float64Array, gradient: Float64Array, rows?: Int32Array): LogPosterior {
  const count = x.length / network.inputs;
  const perRow = targets.length / count;
  const used = rows === undefined ? count : rows.length;
  const scale = count / used;
  const chunk = inputsTogether(network);
  gradient.fill(0);
  let value = 0;
  for (let first = 0; first < used; first += chunk) {
    const size = Math.min(chunk, used - first);
    const part = rows === undefined ? x.subarray(first * network.inputs, (first + size) * network.inputs) : gather(x, network.inputs, rows.subarray(first, first + size));
    const labels = rows === undefined ? targets.subarray(first * perRow, (first + size) * perRow) : gather(targets, perRow, rows.subarray(first, first + size));
    const weights = rows === undefined ? sampleWeights?.subarray(first, first + size) : sampleWeights === undefined ? undefined : gather(sampleWeights, 1, rows.subarray(first, first + size));
    const values = trace(network, state, part);
    const term = logLikelihood(likelihood, values.values[network.output]!, network.outputs, labels, weights);
    value += term.value;
    addVectorJacobianProduct(network, state, values, term.gradient, gradient);
  }
  let square = 0;
  for (let i = 0; i < network.parameters; i++) {
    const weight = state[i]!;
    square += weight * weight;
    gradient[i] = scale * gradient[i]! - priorPrecision * weight;
  }
  const prior = 0.5 * network.parameters * Math.log(priorPrecision / (2 * Math.PI)) - 0.5 * priorPrecision * square;
  return { value: scale * value + prior, logLikelihood: scale * value };
}

const inputsTogether = (network: Network): number => Math.max(1, Math.floor(CHUNK_VALUES / network.nodes.reduce((sum, { shape }) => sum + valueSize(shape), 0)));

/**
 * −∂² log p(D, θ)/∂θ² v: what the GGN leaves out of it is included.
 * @param direction v, length D
 */
export function* logPosteriorCurvature({ network, x, targets, likelihood, sampleWeights, priorPrecision }: PosteriorProblem, state: Float64Array, direction: Float64Array): Interruptible<Float64Array> {
  const rows = x.length / network.inputs;
  const perRow = targets.length / rows;
  const chunk = inputsTogether(network);
  const product = new Float64Array(network.parameters);
  for (let first = 0; first < rows; first += chunk) {
    const weights = sampleWeights?.subarray(first, first + chunk);
    const values = trace(network, state, x.subarray(first * network.inputs, (first + chunk) * network.inputs));
    const f = values.values[network.output]!;
    const { gradient } = logLikelihood(likelihood, f, network.outputs, targets.subarray(first * perRow, (first + chunk) * perRow), weights);
    addHessianProduct(network, state, values, direction, gradient, (tangents) => {
      applyHessian(likelihood, f, network.outputs, tangents);
      return tangents.map((value, k) => -(weights?.[Math.floor(k / network.outputs)] ?? 1) * value);
    }, product);
    yield;
  }
  return product.map((value, i) => priorPrecision * direction[i]! - value);
}

function gather(values: Float64Array, width: number, rows: Int32Array): Float64Array {
  const part = new Float64Array(rows.length * width);
  rows.forEach((row, k) => { part.set(values.subarray(row * width, (row + 1) * width), k * width); });
  return part;
}
