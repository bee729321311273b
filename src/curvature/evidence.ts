/**
 * Laplace's approximation of the log marginal likelihood with the GGN, under the prior N(0, α⁻¹I) (MacKay 1992; Immer et al. 2021):
 *   log p(D) ≈ log p(D|ŵ) − ½α‖ŵ‖² − ½Σ log(1 + λ_i/α),
 * exact when f is linear in w, the likelihood Gaussian and ŵ the mode. It presumes a mode, so the gradient of the log-posterior
 * at ŵ comes with it.
 */
import { UserError } from '../protocol/userError.ts';
import { vectorJacobianProduct } from './jacobian.ts';
import { logLikelihood } from './likelihood.ts';
import { outputsOf, type CurvatureProblem } from './weightedJacobian.ts';

export interface Evidence {
  /** log p(D|ŵ), natural logarithm, normalising constants included. */
  readonly logLikelihood: number;
  readonly logMarginalLikelihood: number;
  /** ‖∇_w (log p(D|w) − ½α‖w‖²)‖₂ at ŵ; zero at a mode. */
  readonly gradientNorm: number;
}

/**
 * @param targets y, as `logLikelihood` takes them
 * @param priorPrecision α
 * @param eigenvalues of the GGN on the same data, those that the rank counts: rounding in the rest would count when α is tiny
 */
export function laplaceEvidence(problem: CurvatureProblem, targets: Float64Array, priorPrecision: number, eigenvalues: Float64Array): Evidence {
  if (!(priorPrecision > 0 && Number.isFinite(priorPrecision))) throw new UserError(`the prior precision is a positive number, not ${priorPrecision}`);
  const { chain, theta, x, likelihood } = problem;
  const { value, gradient } = logLikelihood(likelihood, outputsOf(problem), chain.outputs, targets);
  const score = vectorJacobianProduct(chain, theta, x, gradient);
  let squaredNorm = 0;
  let squaredGradient = 0;
  for (let i = 0; i < theta.length; i++) {
    squaredNorm += theta[i]! * theta[i]!;
    squaredGradient += (score[i]! - priorPrecision * theta[i]!) ** 2;
  }
  const logDeterminant = eigenvalues.reduce((sum, lambda) => sum + Math.log1p(lambda / priorPrecision), 0);
  return {
    logLikelihood: value,
    logMarginalLikelihood: value - 0.5 * priorPrecision * squaredNorm - 0.5 * logDeterminant,
    gradientNorm: Math.sqrt(squaredGradient),
  };
}
