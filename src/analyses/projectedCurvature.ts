/** What projections of draws ask of a network: the curvature at ŵ and at its canonical form, and what symmetries there are to remove. */
import { rowsPerInput } from '../curvature/problem.ts';
import type { Network } from '../network/network.ts';
import { curvatureOf } from '../posterior/drawMethods.ts';
import { laplace, type Laplace } from '../posterior/laplace.ts';
import type { PosteriorProblem } from '../posterior/logPosterior.ts';
import type { ProjectionQuestion } from '../posterior/projections.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { CanonicalOptions } from '../symmetry/canonicalForm.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import { symmetrySteps } from './symmetrySteps.ts';

/** Multiplications of a spectrum that is taken for a picture alone: some seconds. */
const SPECTRUM_PRODUCTS = 2e10;

export interface CurvaturePlace {
  readonly problem: PosteriorProblem;
  /** ŵ */
  readonly state: Float64Array;
  readonly priorPrecision: number;
}

/** @param there Laplace at ŵ, where it is known already */
export function curvatureAt({ problem, state, priorPrecision }: CurvaturePlace, there: Promise<Laplace> | undefined, context: JobContext): ProjectionQuestion['curvature'] {
  let kept: { readonly state: Float64Array; readonly found: Promise<Laplace> } | undefined;
  const rows = (problem.x.length / problem.network.inputs) * rowsPerInput(curvatureOf({ problem, state }));
  const small = Math.min(rows, problem.network.parameters);
  const affordable = rows * problem.network.parameters * small + 10 * small ** 3 <= SPECTRUM_PRODUCTS;
  return (place) => {
    if (place === state && there !== undefined) return there;
    if (!affordable) return Promise.resolve(undefined);
    if (kept?.state !== place) kept = { state: place, found: laplace(curvatureOf({ problem, state: place }), priorPrecision, { ...context, progress: () => undefined }) };
    return kept.found;
  };
}

/** Undefined when the network has none. */
export function removable(network: Network): CanonicalOptions | undefined {
  return symmetrySteps(symmetryGroup(network), 'unit', false).length > 1 ? { scaling: 'unit', sign: 'fixed', permutation: 'sorted', countBiases: false } : undefined;
}
