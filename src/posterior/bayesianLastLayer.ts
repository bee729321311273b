/**
 * Bayesian last layer (Snoek et al. 2015): the exact posterior of the last layer's weights on the features before it, for a Gaussian likelihood,
 *   Σ = (ΦᵀΦ/σ² + αI)⁻¹,  μ = Σ Φᵀy/σ².
 * Last-layer Laplace has the same covariance around ŵ instead of μ. The model is linear in these weights, so one Newton step from anywhere is μ.
 */
import type { CurvatureProblem } from '../curvature/problem.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { UserError } from '../protocol/userError.ts';
import { laplace, posteriorSolve, type Laplace } from './laplace.ts';
import { lastLayerProblem, type LastLayer } from './lastLayer.ts';
import { logPosterior } from './logPosterior.ts';

export interface BayesianLastLayer {
  /** Around μ, of the one-layer network on the features: its linearised predictive is exact. */
  readonly posterior: Laplace;
  readonly features: LastLayer['features'];
}

/**
 * @param targets y, N × O
 * @throws UserError for a likelihood that is not Gaussian, or a network without a last dense layer
 */
export async function bayesianLastLayer(problem: CurvatureProblem, targets: Float64Array, priorPrecision: number, context: JobContext): Promise<BayesianLastLayer> {
  if (problem.likelihood.kind !== 'gaussian') throw new UserError('a Bayesian last layer has a closed form for a Gaussian likelihood only; for classification take last-layer Laplace (last-layer)');
  const { curvature, features } = lastLayerProblem(problem);
  const { network, state, x, likelihood, sampleWeights } = curvature;
  const approximation = await laplace(curvature, priorPrecision, context);
  const gradient = new Float64Array(network.parameters);
  logPosterior({ network, x, targets, likelihood, sampleWeights, priorPrecision }, state, gradient);
  const step = await posteriorSolve(approximation, gradient);
  return { features, posterior: { ...approximation, problem: { ...curvature, state: state.map((w, i) => w + step[i]!) } } };
}
