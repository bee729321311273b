/**
 * The constant learning rate ε of SWAG's trajectory. SGD near a mode has a stationary distribution of its own, and ε decides how wide it is: with
 * momentum μ, batches of B independent inputs, and C the covariance of single inputs' gradients of the mean loss, −log p(w | D) lies on average
 *   ε N tr C / (4 B (1 − μ))
 * nats above the mode (Mandt, Hoffman & Blei 2017, "Stochastic gradient descent as approximate Bayesian inference", §3.2 and §4.1). Draws of the
 * posterior itself lie γ/2 above it along the directions that the data decide, γ of them (MacKay 1992). The rate makes these equal,
 *   ε = 2 (1 − μ) B γ / (N tr C),
 * which is Mandt's optimum with γ in place of D: along the kernel SGD has no stationary distribution. It is no larger than 1/λ₁ of the mean
 * loss, half of what plain gradient descent bears.
 * All of this is of the curvature and the gradients at ŵ; a classifier that fits its data well has next to none there, and plenty a few steps away. So
 * the trajectory is held against the rise that it should have (drawMethods.ts).
 */
import { effectiveDimension, matrixFreeSpectrum } from '../curvature/matrixFree.ts';
import { rowCount, type CurvatureProblem } from '../curvature/problem.ts';
import { seededRandom } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { logPosterior, type PosteriorProblem } from './logPosterior.ts';
import { evenly } from './selection.ts';

/** Inputs whose gradients are taken for C. */
const GRADIENTS = 256;
/** Up to so many eigenvalues are all found; of more, γ is estimated (stochastic Lanczos quadrature). */
const ALL_EIGENVALUES = 64;
const SOME = { eigenvalues: 8, probes: 6, steps: 24 } as const;

export interface SwagRate {
  /** ε */
  readonly learningRate: number;
  /** γ/2: nats that −log p(w | D) is to lie above the mode on average. */
  readonly rise: number;
}

/**
 * @param state ŵ
 * @param curvature the same problem
 */
export async function swagLearningRate(problem: PosteriorProblem, state: Float64Array, curvature: CurvatureProblem, { batch, momentum }: { readonly batch: number; readonly momentum: number }, context: JobContext): Promise<SwagRate> {
  const { network, priorPrecision } = problem;
  const rows = problem.x.length / network.inputs;
  const size = Math.min(rowCount(curvature), network.parameters);
  const spectrum = await matrixFreeSpectrum(curvature, { ...SOME, ...(size <= ALL_EIGENVALUES ? { eigenvalues: size } : {}), random: seededRandom(0) }, context);
  const gamma = effectiveDimension(spectrum.measure, priorPrecision).value;
  const trace = await gradientTrace(problem, state, context);
  const steepest = ((spectrum.leading.values[0] ?? 0) + priorPrecision) / rows;
  return { learningRate: Math.min(1 / steepest, (2 * (1 - momentum) * Math.min(batch, rows) * gamma) / (rows * trace)), rise: gamma / 2 };
}

/** tr C: the variance of ∇ of one input's share of −log p(w | D), summed over w. */
async function gradientTrace(problem: PosteriorProblem, state: Float64Array, { signal }: Pick<JobContext, 'signal'>): Promise<number> {
  const { network: { inputs, parameters }, x } = problem;
  const rows = x.length / inputs;
  const gradient = new Float64Array(parameters);
  const mean = new Float64Array(parameters);
  let squares = 0;
  const chosen = evenly(rows, GRADIENTS);
  for (const [k, row] of chosen.entries()) {
    logPosterior(problem, state, gradient, Int32Array.of(row));
    for (let i = 0; i < parameters; i++) {
      const own = gradient[i]! / rows;
      mean[i]! += own / chosen.length;
      squares += own * own / chosen.length;
    }
    if (k % 16 === 15) await new Promise<void>((resolve) => { setImmediate(resolve); });
    signal.throwIfAborted();
  }
  return Math.max(0, squares - mean.reduce((sum, value) => sum + value * value, 0));
}
