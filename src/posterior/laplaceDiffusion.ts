/**
 * Laplace diffusion (Roy et al. 2024, "Reparameterization invariance in approximate Bayesian inference"): a random walk whose covariance is the
 * Laplace posterior's at every point it reaches,
 *   w_{t+1} = w_t + √h S(w_t) ε_t,   S(w) S(w)ᵀ = (GGN_w + αI)⁻¹,   h = 1/T,
 * so that it bends with the manifold of reparameterisations instead of leaving it along one tangent. One step is the Laplace draw. Image and
 * kernel parts can be taken alone.
 *
 * The steps above (Euler–Maruyama) follow the equation dw = S(w) dB in Itô's sense, whose law knows S through S Sᵀ only: of several
 * steps each takes the root that is cheapest where it is (posteriorStep.ts), a single one the symmetric root, which is known at ŵ. The equation's kernel part does not
 * stay on the manifold even as h → 0: by Itô's formula predictions drift by ½ tr(Sᵀ ∇²f S) a unit of time, the curvature that every step leaves behind. In
 * Stratonovich's sense, for the symmetric root, there is no such drift, and predictions are kept as the steps shrink; Heun's steps
 * w + ½√h (S(w) + S(w + √h S(w) ε)) ε follow that equation.
 */
import type { Random } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { laplace, laplaceDisplacements, standardNormal, type Laplace, type LaplacePart } from './laplace.ts';
import { hasPosteriorStep, posteriorStep } from './posteriorStep.ts';

export interface DiffusionOptions {
  /** T */
  readonly steps: number;
  readonly part: LaplacePart;
  /** `ito` as in the paper; `stratonovich` takes two spectra a step. */
  readonly sense: 'ito' | 'stratonovich';
}

/** One draw: the state at the end of a walk of T steps from ŵ. */
export type DiffusionWalk = (random: Random) => Promise<Float64Array>;

/** @param start the approximation at ŵ, where it is known: its eigenvectors serve the first step */
export function laplaceDiffusion({ problem, priorPrecision }: Pick<Laplace, 'problem' | 'priorPrecision'>, { steps, part, sense }: DiffusionOptions, context: JobContext, start?: Laplace): DiffusionWalk {
  const quiet: JobContext = { ...context, progress: () => undefined };
  const { parameters } = problem.network;
  const root = 1 / Math.sqrt(steps);
  const at = (state: Float64Array): Promise<Laplace> => laplace({ ...problem, state }, priorPrecision, quiet);
  const cheap = steps > 1 && sense === 'ito' && hasPosteriorStep(problem, part) ? posteriorStep(problem, priorPrecision) : undefined;
  const step = new Float64Array(parameters);
  let first = start === undefined ? undefined : Promise.resolve(start);
  return async (random) => {
    const state = problem.state.slice();
    for (let t = 0; t < steps; t++) {
      if (cheap === undefined || !await cheap(state, random, step)) {
        const noise = standardNormal(parameters, random);
        const here = await (t === 0 ? (first ??= at(problem.state)) : at(state));
        step.set(await laplaceDisplacements(here, noise.slice(), part));
        if (sense === 'stratonovich') {
          const ahead = state.slice();
          move(ahead, step, root);
          (await laplaceDisplacements(await at(ahead), noise, part)).forEach((value, i) => { step[i] = 0.5 * (step[i]! + value); });
        }
      }
      move(state, step, root);
      context.signal.throwIfAborted();
    }
    return state;
  };
}

/** w ← w + t × step; buffers stay. */
function move(state: Float64Array, step: Float64Array, t: number): void {
  for (let i = 0; i < step.length; i++) state[i]! += t * step[i]!;
}
