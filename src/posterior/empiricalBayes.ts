/**
 * Hyperparameters by maximising the Laplace evidence at a fixed ŵ (type-II maximum likelihood): the prior precision α and, for a Gaussian
 * likelihood, the noise σ. MacKay's (1992) fixed points
 *   γ = Σ λ_i / (λ_i + α),   α ← γ / ‖ŵ‖²,   σ² ← ‖y − f‖² / (N·O − γ)
 * are where its derivatives vanish; λ_i = s_i / σ² moves with σ.
 */
import { UserError } from '../protocol/userError.ts';

export interface EvidenceProblem {
  /** Eigenvalues of the GGN at `noise`, those that the rank counts. */
  readonly eigenvalues: Float64Array;
  /** ‖ŵ‖² */
  readonly squaredNorm: number;
  /** Gaussian: σ of the eigenvalues, ‖y − f‖² and N·O. Undefined for other likelihoods, whose GGN has no scale of its own. */
  readonly gaussian: { readonly noise: number; readonly squaredResidual: number; readonly count: number; readonly fixedNoise: boolean } | undefined;
}

export interface EvidenceMaximum {
  readonly priorPrecision: number;
  /** σ; undefined without a Gaussian likelihood. */
  readonly noise: number | undefined;
  /** γ, the number of well-determined directions. */
  readonly effectiveDimension: number;
  readonly iterations: number;
  readonly converged: boolean;
}

const MAX_ITERATIONS = 500;

/**
 * @param start α to begin with
 * @throws UserError when the evidence has no maximum at positive finite values (ŵ = 0, or residuals of zero)
 */
export function maximiseEvidence({ eigenvalues, squaredNorm, gaussian }: EvidenceProblem, start: number): EvidenceMaximum {
  if (!(squaredNorm > 0)) throw new UserError('all weights are zero, so that the evidence grows with the prior precision for ever; set the prior precision yourself');
  if (eigenvalues.length === 0) throw new UserError('the data constrain no direction, so that the evidence does not depend on the prior precision in a useful way; set it yourself');
  let alpha = start;
  let noise = gaussian?.noise;
  const free = gaussian !== undefined && !gaussian.fixedNoise;
  let iterations = 0;
  let converged = false;
  let gamma = 0;
  while (!converged && iterations < MAX_ITERATIONS) {
    iterations++;
    const scale = gaussian === undefined || noise === undefined ? 1 : (gaussian.noise / noise) ** 2;
    gamma = 0;
    for (const lambda of eigenvalues) gamma += (scale * lambda) / (scale * lambda + alpha);
    const nextAlpha = gamma / squaredNorm;
    let nextNoise = noise;
    if (free) {
      if (!(gaussian.squaredResidual > 0) || gaussian.count <= gamma) throw new UserError('the network fits its data exactly, so that the evidence grows as the noise shrinks; set the noise yourself');
      nextNoise = Math.sqrt(gaussian.squaredResidual / (gaussian.count - gamma));
    }
    if (!(nextAlpha > 0 && Number.isFinite(nextAlpha))) throw new UserError('the evidence has no maximum at a positive prior precision; set it yourself');
    converged = Math.abs(Math.log(nextAlpha / alpha)) < 1e-12 && (nextNoise === undefined || noise === undefined || Math.abs(Math.log(nextNoise / noise)) < 1e-12);
    alpha = nextAlpha;
    noise = nextNoise;
  }
  return { priorPrecision: alpha, noise, effectiveDimension: gamma, iterations, converged };
}
