/**
 * Laplace's approximation of the log marginal likelihood with the GGN, under the prior N(0, α⁻¹I) (MacKay 1992; Immer et al. 2021):
 *   log p(D) ≈ log p(D|ŵ) − ½α‖ŵ‖² − ½Σ log(1 + λ_i/α),
 * exact when f is linear in w, the likelihood Gaussian and ŵ the mode. It presumes a mode, so the gradient of the log-posterior
 * at ŵ comes with it.
 */
import { norm2 } from '../linalg/matrixInput.ts';
import { trace } from '../network/forward.ts';
import { addVectorJacobianProduct } from '../network/parameterGradients.ts';
import { UserError } from '../protocol/userError.ts';
import { logLikelihood } from './likelihood.ts';
import { inputCount, outputsOf, type CurvatureProblem } from './problem.ts';
import { inputsPerPass } from './weightedJacobian.ts';

export interface Evidence {
  /** log p(D|ŵ), natural logarithm, normalising constants included; inputs count by their weights. */
  readonly logLikelihood: number;
  readonly logMarginalLikelihood: number;
  /** ‖∇_w (log p(D|w) − ½α‖w‖²)‖₂ at ŵ; zero at a mode. */
  readonly gradientNorm: number;
}

/**
 * log p(D|ŵ) and ∇_w (log p(D|w) − ½α‖w‖²) at ŵ, of length D.
 * @param targets y, as `logLikelihood` takes them
 */
export function logPosteriorGradient(problem: CurvatureProblem, targets: Float64Array, priorPrecision: number): { readonly value: number; readonly score: Float64Array } {
  const { network, state, x, likelihood } = problem;
  const { value, gradient } = logLikelihood(likelihood, outputsOf(problem), network.outputs, targets, problem.sampleWeights);
  const score = new Float64Array(network.parameters);
  const step = inputsPerPass(problem);
  for (let first = 0; first < inputCount(problem); first += step) {
    const values = trace(network, state, x.subarray(first * network.inputs, (first + step) * network.inputs));
    addVectorJacobianProduct(network, state, values, gradient.subarray(first * network.outputs, (first + step) * network.outputs), score);
  }
  for (let i = 0; i < network.parameters; i++) score[i]! -= priorPrecision * state[i]!;
  return { value, score };
}

/**
 * @param targets y, as `logLikelihood` takes them
 * @param priorPrecision α
 * @param eigenvalues of the GGN on the same data, those that the rank counts: rounding in the rest would count when α is tiny
 */
export function laplaceEvidence(problem: CurvatureProblem, targets: Float64Array, priorPrecision: number, eigenvalues: Float64Array): Evidence {
  return evidenceWith(problem, targets, priorPrecision, eigenvalues.reduce((sum, lambda) => sum + 0.5 * Math.log1p(lambda / priorPrecision), 0));
}

/** As `laplaceEvidence`. @param halfLogDeterminant ½Σ log(1 + λ_i/α), however it was had */
export function evidenceWith(problem: CurvatureProblem, targets: Float64Array, priorPrecision: number, halfLogDeterminant: number): Evidence {
  if (!(priorPrecision > 0 && Number.isFinite(priorPrecision))) throw new UserError(`the prior precision is a positive number, not ${priorPrecision}`);
  const { value, score } = logPosteriorGradient(problem, targets, priorPrecision);
  const { network, state } = problem;
  const squaredNorm = norm2(state, 0, network.parameters) ** 2;
  return {
    logLikelihood: value,
    logMarginalLikelihood: value - 0.5 * priorPrecision * squaredNorm - halfLogDeterminant,
    gradientNorm: norm2(score, 0, score.length),
  };
}
