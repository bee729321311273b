/**
 * The last layer as a network of its own, on the features that come before it: linear in its weights, so that Laplace's approximation is exact for a
 * Gaussian likelihood (the Bayesian last layer, Snoek et al. 2015).
 */
import type { CurvatureProblem } from '../curvature/problem.ts';
import { LINEAR } from '../network/activation.ts';
import { denseNetwork } from '../network/denseNetwork.ts';
import { trace } from '../network/forward.ts';
import { valuesPerInput } from '../network/cost.ts';
import { UserError } from '../protocol/userError.ts';

export interface LastLayer {
  /** Of the one-layer network on the features. */
  readonly curvature: CurvatureProblem;
  /** Where its parameters lie in the whole network's θ. */
  readonly places: Int32Array;
  /** What comes before it, at other inputs. */
  readonly features: (x: Float64Array) => Float64Array;
}

const CHUNK_VALUES = 2 ** 22;

/** @throws UserError when the network does not end in a dense layer with weights of its own */
export function lastLayerProblem(problem: CurvatureProblem): LastLayer {
  const { network, state, x } = problem;
  const last = network.nodes[network.output];
  if (last?.op !== 'dense' || network.nodes.some((node) => node !== last && 'weight' in node && node.weight === last.weight)) throw new UserError('the network does not end in a dense layer of its own weights, so that there is no last layer to be Bayesian about');
  const [outputs, inputs] = last.weight.shape as [number, number];
  const source = last.inputs[0]!;
  const features = (at: Float64Array): Float64Array => {
    const rows = at.length / network.inputs;
    const values = new Float64Array(rows * inputs);
    const step = Math.max(1, Math.floor(CHUNK_VALUES / valuesPerInput(network)));
    for (let first = 0; first < rows; first += step) values.set(trace(network, state, at.subarray(first * network.inputs, (first + step) * network.inputs)).values[source]!, first * inputs);
    return values;
  };
  const blocks = last.bias === undefined ? [last.weight] : [last.weight, last.bias];
  const places = Int32Array.from(blocks.flatMap(({ offset, length }) => Array.from({ length }, (_, k) => offset + k)));
  return {
    places, features,
    curvature: { ...problem, network: denseNetwork([inputs, outputs], LINEAR, LINEAR, last.bias !== undefined), state: Float64Array.from(places, (at) => state[at]!), x: features(x) },
  };
}
