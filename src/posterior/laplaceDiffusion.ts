/**
 * Laplace diffusion (Roy et al. 2024, "Reparameterization invariance in approximate Bayesian inference"): a random walk whose covariance is the
 * Laplace posterior's at every point it reaches,
 *   w_{t+1} = w_t + √h S(w_t) ε_t,   S(w) = (GGN_w + αI)^{-1/2},   h = 1/T,
 * so that it bends with the manifold of reparameterisations instead of leaving it along one tangent. One step is the Laplace draw. Image and
 * kernel parts can be taken alone.
 *
 * The steps above (Euler–Maruyama) follow the equation dw = S(w) dB in Itô's sense. Its kernel part does not stay on the manifold even as h → 0:
 * by Itô's formula predictions drift by ½ tr(S ∇²f S) a unit of time, the curvature that every step leaves behind. In Stratonovich's sense there
 * is no such drift, and predictions are kept as the steps shrink; Heun's steps w + ½√h (S(w) + S(w + √h S(w) ε)) ε follow that equation.
 */
import type { Random } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { laplace, laplaceDisplacements, standardNormal, type Laplace, type LaplacePart } from './laplace.ts';

export interface DiffusionOptions {
  /** T */
  readonly steps: number;
  readonly part: LaplacePart;
  /** `ito` as in the paper; `stratonovich` takes two spectra a step. */
  readonly sense: 'ito' | 'stratonovich';
  readonly random: Random;
}

/**
 * One draw: the state at the end of a walk of T steps from ŵ.
 * @param start the approximation at ŵ: its eigenvectors serve the first step
 */
export async function laplaceDiffusion(start: Laplace, { steps, part, sense, random }: DiffusionOptions, context: JobContext): Promise<Float64Array> {
  const quiet: JobContext = { ...context, progress: () => undefined };
  const { parameters } = start.problem.network;
  const root = 1 / Math.sqrt(steps);
  const at = (state: Float64Array): Promise<Laplace> => laplace({ ...start.problem, state }, start.priorPrecision, quiet);
  let state: Float64Array = start.problem.state.slice();
  for (let t = 0; t < steps; t++) {
    const here = t === 0 ? start : await at(state);
    const noise = standardNormal(parameters, random);
    const step = await laplaceDisplacements(here, noise.slice(), part);
    if (sense === 'stratonovich') {
      const ahead = await laplaceDisplacements(await at(moved(state, step, root)), noise, part);
      for (let i = 0; i < parameters; i++) step[i] = 0.5 * (step[i]! + ahead[i]!);
    }
    state = moved(state, step, root);
    context.signal.throwIfAborted();
  }
  return state;
}

/** w + t × step; buffers stay. */
function moved(state: Float64Array, step: Float64Array, t: number): Float64Array {
  const result = state.slice();
  for (let i = 0; i < step.length; i++) result[i]! += t * step[i]!;
  return result;
}
