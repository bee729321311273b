/**
 * H^{1/2}J over a data set, piece by piece: the rows of a chunk of inputs, or the per-layer factors of all inputs (activations
 * and weighted cotangents), from which the Gram matrix follows without any NO × D array.
 */
import type { DenseChain } from '../network/denseChain.ts';
import { forward, trace, type Trace } from '../network/chainForward.ts';
import { UserError } from '../protocol/userError.ts';
import { backpropagate, expandRows, identitySeeds } from './jacobian.ts';
import { applyHalfHessian, type LikelihoodModel } from './likelihood.ts';

export interface CurvatureProblem {
  readonly chain: DenseChain;
  /** θ, length D. */
  readonly theta: Float64Array;
  /** Inputs, N × d row-major. */
  readonly x: Float64Array;
  readonly likelihood: LikelihoodModel;
  /**
   * Where H is taken: at the outputs, or (`uniform`) at zero outputs, where it has the same kernel as at any outputs but no
   * saturated probabilities; the latter serves the question which directions no data can see.
   */
  readonly weighting: 'likelihood' | 'uniform';
}

export function inputCount(problem: CurvatureProblem): number {
  return problem.x.length / problem.chain.inputs;
}

/** Inputs that are evaluated together: about 256 rows of J, fewer when they would take more than 16 MB. */
export function inputsPerChunk(chain: DenseChain): number {
  return Math.max(1, Math.floor(Math.min(256, 2 ** 21 / chain.parameters) / chain.outputs));
}

export interface LayerFactors {
  readonly values: Trace;
  /** Per layer, count·O × width: rows of H^{1/2} ∂f/∂z. */
  readonly cotangents: readonly Float64Array[];
}

/** The factors for inputs first … first + count − 1. */
export function layerFactors(problem: CurvatureProblem, first: number, count: number): LayerFactors {
  const { chain, theta, likelihood } = problem;
  const x = problem.x.subarray(first * chain.inputs, (first + count) * chain.inputs);
  const values = trace(chain, theta, x);
  const f = values.activations[chain.layers.length]!;
  requireFiniteOutputs(f, first, chain.outputs);
  const seeds = identitySeeds(count, chain.outputs);
  applyHalfHessian(likelihood, problem.weighting === 'uniform' ? new Float64Array(f.length) : f, chain.outputs, seeds, chain.outputs);
  return { values, cotangents: backpropagate(chain, theta, values, seeds, chain.outputs) };
}

/** Writes the rows of H^{1/2}J for inputs first … first + count − 1 (count·O × D, row-major). */
export function weightedRows(problem: CurvatureProblem, first: number, count: number, into: Float64Array): void {
  const { values, cotangents } = layerFactors(problem, first, count);
  expandRows(problem.chain, values, cotangents, problem.chain.outputs, into);
}

/** @throws UserError when θ or x hold NaN or infinity, naming the tensor or the row */
export function requireFiniteProblem({ chain, theta, x }: CurvatureProblem): void {
  if (theta.length !== chain.parameters) throw new RangeError(`θ has ${theta.length} entries, the network ${chain.parameters} parameters`);
  if (!Number.isInteger(x.length / chain.inputs)) throw new RangeError(`${x.length} input values do not divide into rows of ${chain.inputs}`);
  const bad = theta.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const tensors = chain.layers.flatMap((layer) => (layer.bias === undefined ? [layer.weight] : [layer.weight, layer.bias]));
    const tensor = tensors.findLast(({ offset }) => offset <= bad)?.tensor ?? '';
    throw new UserError(`the weights hold ${String(theta[bad])} (first in "${tensor}"); curvature needs finite weights`);
  }
  const badInput = x.findIndex((value) => !Number.isFinite(value));
  if (badInput >= 0) throw new UserError(`row ${Math.floor(badInput / chain.inputs)} of x holds ${String(x[badInput])}`);
}

function requireFiniteOutputs(f: Float64Array, first: number, width: number): void {
  const bad = f.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new UserError(`the network's output for row ${first + Math.floor(bad / width)} of x is ${String(f[bad])}: its weights or this input are too large`);
}

/** Outputs of the network on the problem's inputs, N × O. */
export function outputsOf({ chain, theta, x }: CurvatureProblem): Float64Array {
  return forward(chain, theta, x);
}
