/**
 * Second derivatives along a direction: Σ_n [∂²(δ_n · f(x_n))/∂θ²] v and Jᵀ δ̇ together, by the forward mode of the reverse mode (Pearlmutter 1994,
 * "Fast exact multiplication by the Hessian"): every cotangent δ of a value goes back with its rate δ̇ along v. What is piecewise linear (relu,
 * maximum pooling) counts as linear in the piece that it is in, so that no kink beside it has a say, as it would in a difference of gradients.
 */
import { addParameterGradients, type GradientRows } from './parameterGradients.ts';
import { addConvolutionPullback } from './convolution.ts';
import type { Trace } from './forward.ts';
import { type Block, blocksOf, blockValues, type Network, type NetworkNode, type NodeOf, positions, valueSize } from './network.ts';
import { batchnormFactors, normalisationDerivative, normaliseRows } from './normalisation.ts';
import { leadsToParameters, pullThrough } from './reverse.ts';
import { addProduct } from '../linalg/product.ts';
import { timesSlopes } from './slopes.ts';
import { pushTangents } from './tangent.ts';

/** δ and δ̇ of a node's value. */
interface Moving {
  readonly cotangents: Float64Array;
  readonly rates: Float64Array;
}

/**
 * @param values of `trace`, N inputs
 * @param direction v, length D at least
 * @param cotangents δ of the outputs, N × O
 * @param ratesOf δ̇ of the outputs from their tangents J v, both N × O
 * @param into length D at least; the product is added
 */
export function addHessianProduct(network: Network, state: Float64Array, values: Trace, direction: Float64Array, cotangents: Float64Array, ratesOf: (tangents: Float64Array) => Float64Array, into: Float64Array): void {
  const tangents = pushTangents(network, state, values, direction);
  const needed = leadsToParameters(network);
  const pending: (Moving | undefined)[] = [];
  pending[network.output] = { cotangents, rates: ratesOf(tangents[network.output]?.slice() ?? new Float64Array(cotangents.length)) };
  for (let index = network.output; index >= 0; index--) {
    const node = network.nodes[index]!;
    const here = pending[index];
    if (here === undefined) continue;
    pending[index] = undefined;
    const moved = tangents[node.inputs[0] ?? 0];
    if (blocksOf(node).some(({ trainable }) => trainable)) {
      addParameterGradients(network, node, state, values, here.rates, 1, { into, stride: 0, columnOf });
      if (moved !== undefined) addMovingFeatures(network, node, state, values, moved, here.cotangents, into);
    }
    if (!node.inputs.some((input) => needed[input])) continue;
    const [parts, rates] = [here.cotangents, here.rates].map((own) => {
      const given: Float64Array[] = [];
      pullThrough(network, node, state, values.values, values.slopes, { values: own, owned: false }, 1, (k, part) => { given[k] = part; });
      return given;
    }) as [Float64Array[], Float64Array[]];
    const bent = movingPullback(network, node, state, values, moved, direction, here.cotangents);
    node.inputs.forEach((input, k) => {
      if (needed[input] !== true) return;
      const before = pending[input];
      const rate = bent === undefined || k > 0 ? rates[k]! : sum(rates[k]!, bent);
      pending[input] = before === undefined ? { cotangents: parts[k]!, rates: rate } : { cotangents: sum(before.cotangents, parts[k]!), rates: sum(before.rates, rate) };
    });
  }
}

const columnOf = ({ trainable, offset }: Block): number | undefined => (trainable ? offset : undefined);

/** Arrays may be those of other nodes as well: never in place. */
const sum = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, k) => value + b[k]!);

/** What the gradients by a node's own parameters gain because its input moves: they are products of δ with features of the input, of which only the rates count here. */
function addMovingFeatures(network: Network, node: NetworkNode, state: Float64Array, values: Trace, moved: Float64Array, cotangents: Float64Array, into: Float64Array): void {
  const source = node.inputs[0]!;
  const x = values.values[source]!;
  const alone = (block: Block | undefined): GradientRows => ({ into, stride: 0, columnOf: (each) => (each === block ? columnOf(each) : undefined) });
  const fed = (features: Float64Array): Trace => ({ rows: values.rows, values: values.values.map((value, k) => (k === source ? features : value)) });
  switch (node.op) {
    case 'dense':
    case 'conv':
      addParameterGradients(network, node, state, fed(moved), cotangents, 1, alone(node.weight));
      return;
    case 'batchnorm': {
      // The feature is (x − mean) / s.
      const mean = blockValues(state, node.mean);
      const area = positions(node.shape);
      addParameterGradients(network, node, state, fed(moved.map((rate, k) => rate + mean[Math.floor(k / area) % mean.length]!)), cotangents, 1, alone(node.scale));
      return;
    }
    case 'prelu': {
      const { slope } = node;
      if (!slope.trainable) return;
      const size = valueSize(node.shape);
      const area = size / slope.length;
      for (let k = 0; k < x.length; k++) if (!(x[k]! > 0)) into[slope.offset + Math.floor((k % size) / area)]! += cotangents[k]! * moved[k]!;
      return;
    }
    case 'layernorm': {
      const { scale } = node;
      if (scale?.trainable !== true) return;
      const rows = normaliseRows(node, x);
      const rates = normalisationDerivative(node.centred, rows, moved, 1);
      for (let k = 0; k < x.length; k++) into[scale.offset + (Math.floor(k / rows.groups) % rows.length)]! += cotangents[k]! * rates[k]!;
      return;
    }
    default:
  }
}

/** The rate of what the first input is given, for the same δ: by the node's parameters and by the input where it is not linear in that. Undefined for zero. */
function movingPullback(network: Network, node: NetworkNode, state: Float64Array, { values }: Trace, moved: Float64Array | undefined, direction: Float64Array, cotangents: Float64Array): Float64Array | undefined {
  const x = values[node.inputs[0] ?? 0]!;
  const size = valueSize(node.shape);
  const along = (block: Block | undefined): Float64Array | undefined => (block?.trainable === true ? blockValues(direction, block) : undefined);
  switch (node.op) {
    case 'dense': {
      const weight = along(node.weight);
      if (weight === undefined) return undefined;
      const [outputs, inputs] = node.weight.shape as [number, number];
      const part = new Float64Array(x.length);
      addProduct(part, cotangents, weight, x.length / inputs, inputs, outputs, 'nn');
      return part;
    }
    case 'conv': {
      const weight = along(node.weight);
      if (weight === undefined) return undefined;
      const part = new Float64Array(x.length);
      addConvolutionPullback(node, network.nodes[node.inputs[0]!]!.shape, weight, cotangents, part);
      return part;
    }
    case 'batchnorm': {
      const scale = along(node.scale);
      if (scale === undefined) return undefined;
      const { inverse } = batchnormFactors(node, state);
      const area = positions(node.shape);
      return timesSlopes(Float64Array.from({ length: size }, (_, k) => scale[Math.floor(k / area)]! * inverse[Math.floor(k / area)]!), cotangents, size, 1, new Float64Array(cotangents.length));
    }
    case 'activation': {
      const { secondDerivative } = node.activation;
      return secondDerivative === undefined || moved === undefined ? undefined : cotangents.map((delta, k) => delta * secondDerivative(x[k]!) * moved[k]!);
    }
    case 'prelu': {
      const slope = along(node.slope);
      const area = size / node.slope.length;
      return slope === undefined ? undefined : cotangents.map((delta, k) => (x[k]! > 0 ? 0 : delta * slope[Math.floor((k % size) / area)]!));
    }
    case 'layernorm':
      return movingNormalisation(node, state, x, moved, along(node.scale), cotangents);
    default:
      return undefined;
  }
}

/** Of M(x) (γ ⊙ δ), M as in normalisation.ts: with x̂′ = M x′ and (1/s)′ = −mean(x̂ x′)/s², M′u = −mean(x̂ x′)/s M u − (x̂′ mean(x̂ u) + x̂ mean(x̂′ u))/s. */
function movingNormalisation(node: NodeOf<'layernorm'>, state: Float64Array, x: Float64Array, moved: Float64Array | undefined, scaleRate: Float64Array | undefined, cotangents: Float64Array): Float64Array {
  const rows = normaliseRows(node, x);
  const { normalised, inverse, groups, length } = rows;
  const entry = (k: number): number => Math.floor(k / groups) % length;
  const result = scaleRate === undefined ? new Float64Array(x.length) : normalisationDerivative(node.centred, rows, cotangents.map((delta, k) => delta * scaleRate[entry(k)]!), 1);
  if (moved === undefined) return result;
  const { scale } = node;
  const u = scale === undefined ? cotangents : cotangents.map((delta, k) => delta * state[scale.offset + entry(k)]!);
  const rates = normalisationDerivative(node.centred, rows, moved, 1);
  const pulled = normalisationDerivative(node.centred, rows, u, 1);
  for (let part = 0; part < inverse.length; part++) {
    const first = Math.floor(part / groups) * groups * length + (part % groups);
    const end = first + groups * length;
    let [stretch, along, turning] = [0, 0, 0];
    for (let k = first; k < end; k += groups) {
      stretch += (normalised[k]! * moved[k]!) / length;
      along += (normalised[k]! * u[k]!) / length;
      turning += (rates[k]! * u[k]!) / length;
    }
    for (let k = first; k < end; k += groups) result[k]! -= inverse[part]! * (stretch * pulled[k]! + rates[k]! * along + normalised[k]! * turning);
  }
  return result;
}
