/**
 * Is ŵ a mode, as Laplace's approximation presumes? Two answers that have a unit: what a Newton step with the GGN would gain,
 *   ½ gᵀ (GGN + αI)⁻¹ g  nats of log posterior (half the squared Newton decrement, Boyd & Vandenberghe §9.5.1), zero at a mode;
 * and the smallest eigenvalue of the Hessian of −log p(w | D), which is positive at a mode. The GGN cannot show a negative one: it is never below αI.
 */
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { lanczos, ritzPairs, type SymmetricOperator } from '../linalg/lanczos.ts';
import { seededRandom } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { posteriorSolve, type Laplace } from './laplace.ts';
import { logPosterior, type PosteriorProblem } from './logPosterior.ts';

export interface ModeCheck {
  /** ‖∂ log p(D, w)/∂w‖₂ */
  readonly gradientNorm: number;
  /** Nats that a Newton step promises. */
  readonly gain: number;
  /** Smallest Ritz value of the Hessian: the smallest eigenvalue is no larger. And how far an eigenvalue is from it at most. */
  readonly lowestCurvature: number;
  readonly lowestCurvatureError: number;
}

const LANCZOS_STEPS = 40;
/** Root of the rounding, where a central difference of gradients is most accurate to a cube. */
const DIFFERENCE = 6e-6;

/** @param approximation at ŵ = `state` */
export async function modeCheck(problem: PosteriorProblem, state: Float64Array, approximation: Laplace, { signal, progress }: Pick<JobContext, 'signal' | 'progress'>): Promise<ModeCheck> {
  const size = problem.network.parameters;
  const gradient = new Float64Array(size);
  logPosterior(problem, state, gradient);
  const step = await posteriorSolve(approximation, gradient);
  const gain = 0.5 * gradient.reduce((sum, g, i) => sum + g * step[i]!, 0);
  progress({ message: 'Is ŵ a mode?' });
  const random = seededRandom(0);
  const start = Float64Array.from({ length: size }, () => random.normal());
  const { diagonal, off } = await interruptibly(lanczos(hessian(problem, state), start, { steps: Math.min(size, LANCZOS_STEPS), random }), signal);
  const { values, errors } = await interruptibly(ritzPairs({ diagonal, off }), signal);
  return { gradientNorm: Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0)), gain, lowestCurvature: values.at(-1) ?? Number.NaN, lowestCurvatureError: errors.at(-1) ?? Number.NaN };
}

/** Of −log p(w | D), by central differences of its gradient. */
function hessian(problem: PosteriorProblem, state: Float64Array): SymmetricOperator {
  const size = problem.network.parameters;
  const scale = Math.sqrt(state.subarray(0, size).reduce((sum, w) => sum + w * w, 0)) || 1;
  const h = DIFFERENCE * scale;
  return {
    size,
    *apply(v): Interruptible<Float64Array> {
      const [ahead, behind] = [new Float64Array(size), new Float64Array(size)];
      logPosterior(problem, state.map((w, i) => (i < size ? w + h * v[i]! : w)), ahead);
      yield;
      logPosterior(problem, state.map((w, i) => (i < size ? w - h * v[i]! : w)), behind);
      yield;
      return ahead.map((g, i) => (behind[i]! - g) / (2 * h));
    },
  };
}
