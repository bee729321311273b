/** What curvature is taken of: a network at its weights, inputs, and a likelihood of its outputs. */
import { type Network } from '../network/network.ts';
import { forward } from '../network/forward.ts';
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import { halfHessianSeeds, outputRank, type LikelihoodModel } from './likelihood.ts';

export interface CurvatureProblem {
  readonly network: Network;
  /** w = [θ; buffers]. */
  readonly state: Float64Array;
  /** Inputs, N × d row-major. */
  readonly x: Float64Array;
  readonly likelihood: LikelihoodModel;
  /**
   * Where H is taken: at the outputs, or (`uniform`) at zero outputs, where it has the same kernel as at any outputs but no
   * saturated probabilities; the latter serves the question which directions no data can see.
   */
  readonly weighting: 'likelihood' | 'uniform';
  /** How much each input counts, N non-negative numbers: the GGN is Σ_n c_n J_nᵀ H_n J_n. 1 each when left out. */
  readonly sampleWeights?: Float64Array;
}

/** N */
export function inputCount({ x, network }: CurvatureProblem): number {
  return x.length / network.inputs;
}

/** S: rows of H^{1/2}J for one input. */
export function rowsPerInput({ likelihood, network }: CurvatureProblem): number {
  return outputRank(likelihood, network.outputs);
}

/** N·S */
export function rowCount(problem: CurvatureProblem): number {
  return inputCount(problem) * rowsPerInput(problem);
}

/**
 * Rows of √c H^{1/2} for some of the inputs: the seeds whose pull-back is the weighted Jacobian.
 * @param outputs f of these inputs, count × O
 * @param first number of the first of them
 * @returns count·S × O
 * @throws UserError when an output is not finite
 */
export function weightedSeeds(problem: CurvatureProblem, outputs: Float64Array, first: number): Float64Array {
  const { network, likelihood, weighting, sampleWeights } = problem;
  const bad = outputs.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new UserError(`the network’s output for x[${first + Math.floor(bad / network.outputs)}] is ${String(outputs[bad])}: its weights or this input are too large`);
  const seeds = halfHessianSeeds(likelihood, weighting === 'uniform' ? new Float64Array(outputs.length) : outputs, network.outputs);
  if (sampleWeights !== undefined) {
    const width = rowsPerInput(problem) * network.outputs;
    for (let k = 0; k < seeds.length; k++) seeds[k]! *= Math.sqrt(sampleWeights[first + Math.floor(k / width)]!);
  }
  return seeds;
}

/** @throws UserError when w, x or the weights of the inputs hold NaN or infinity, naming the tensor or the row */
export function requireFiniteProblem({ network, state, x, sampleWeights }: CurvatureProblem): void {
  if (state.length !== network.stateSize) throw new RangeError(`the state has ${state.length} entries, the network ${network.stateSize}`);
  const inputs = x.length / network.inputs;
  if (!Number.isInteger(inputs)) throw new RangeError(`${x.length} input values do not divide into rows of ${network.inputs}`);
  const bad = state.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const tensor = network.blocks.findLast(({ offset }) => offset <= bad)?.tensor ?? '';
    throw new UserError(`the weights hold ${String(state[bad])} (first in "${showName(tensor)}"); curvature needs finite weights`);
  }
  const badInput = x.findIndex((value) => !Number.isFinite(value));
  if (badInput >= 0) throw new UserError(`x[${Math.floor(badInput / network.inputs)}] holds ${String(x[badInput])}`);
  if (sampleWeights === undefined) return;
  if (sampleWeights.length !== inputs) throw new UserError(`there are ${sampleWeights.length} weights for ${inputs} rows of x`);
  const badWeight = sampleWeights.findIndex((value) => !(value >= 0 && Number.isFinite(value)));
  if (badWeight >= 0) throw new UserError(`the weight of x[${badWeight}] is ${String(sampleWeights[badWeight])}; weights are zero or positive`);
}

/** Outputs of the network on the problem's inputs, N × O. */
export function outputsOf({ network, state, x }: CurvatureProblem): Float64Array {
  return forward(network, state, x);
}
