/**
 * Is ŵ a mode, as Laplace's approximation presumes? Two answers that have a unit: what a Newton step with the GGN would gain,
 *   ½ gᵀ (GGN + αI)⁻¹ g  nats of log posterior (half the squared Newton decrement, Boyd & Vandenberghe §9.5.1), zero at a mode;
 * and the smallest eigenvalue of the Hessian of −log p(w | D), which is positive at a mode. The GGN cannot show a negative one: it is never below αI.
 * Where the network has kinks a mode may lie on one, with negative curvature on either side of it: what there is to gain that way is looked up.
 * Products with the Hessian are exact (hessianProduct.ts): a difference of gradients would count the kinks of relu beside ŵ as curvature.
 */
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { lanczos, ritzPairs, type SymmetricOperator } from '../linalg/lanczos.ts';
import { seededRandom } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { posteriorSolve, type Laplace } from './laplace.ts';
import { logPosterior, logPosteriorCurvature, type PosteriorProblem } from './logPosterior.ts';

export interface ModeCheck {
  /** ‖∂ log p(D, w)/∂w‖₂ */
  readonly gradientNorm: number;
  /** Nats that a Newton step promises. */
  readonly gain: number;
  /** Smallest Ritz value of the Hessian: the smallest eigenvalue is no larger. And how far an eigenvalue is from it at most. */
  readonly lowestCurvature: number;
  readonly lowestCurvatureError: number;
  /** Nats of log posterior that there are to gain along that direction, within a prior's deviation of ŵ: of a saddle more than none. */
  readonly descent: number;
}

const LANCZOS_STEPS = 40;
/** Where the log posterior is looked at along the lowest curvature: the prior's deviation, and halves of it. */
const HALVINGS = 12;

/** @param approximation at ŵ = `state` */
export async function modeCheck(problem: PosteriorProblem, state: Float64Array, approximation: Laplace, { signal, progress }: Pick<JobContext, 'signal' | 'progress'>): Promise<ModeCheck> {
  const size = problem.network.parameters;
  const gradient = new Float64Array(size);
  logPosterior(problem, state, gradient);
  const step = await posteriorSolve(approximation, gradient);
  const gain = 0.5 * gradient.reduce((sum, g, i) => sum + g * step[i]!, 0);
  progress({ message: 'Is ŵ a mode?' });
  const random = seededRandom(0);
  const hessian: SymmetricOperator = { size, apply: (v) => logPosteriorCurvature(problem, state, v) };
  const start = Float64Array.from({ length: size }, () => random.normal());
  const { diagonal, off, basis } = await interruptibly(lanczos(hessian, start, { steps: Math.min(size, LANCZOS_STEPS), random }), signal);
  const { values, errors, coordinates } = await interruptibly(ritzPairs({ diagonal, off }), signal);
  const lowest = new Float64Array(size);
  basis.forEach((direction, k) => { for (let i = 0; i < size; i++) lowest[i]! += coordinates[(basis.length - 1) * basis.length + k]! * direction[i]!; });
  const descent = await interruptibly(gainAlong(problem, state, lowest), signal);
  return { gradientNorm: Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0)), gain, lowestCurvature: values.at(-1) ?? Number.NaN, lowestCurvatureError: errors.at(-1) ?? Number.NaN, descent };
}

/** @param direction of length 1 */
function* gainAlong(problem: PosteriorProblem, state: Float64Array, direction: Float64Array): Interruptible<number> {
  const scratch = new Float64Array(direction.length);
  const here = logPosterior(problem, state, scratch).value;
  let most = 0;
  for (let k = 0; k <= HALVINGS; k++) {
    for (const sign of [1, -1]) {
      const by = (sign * 2 ** -k) / Math.sqrt(problem.priorPrecision);
      most = Math.max(most, logPosterior(problem, state.map((w, i) => w + by * (direction[i] ?? 0)), scratch).value - here);
      yield;
    }
  }
  return most;
}
