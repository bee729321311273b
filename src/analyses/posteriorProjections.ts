/** A set of draws over the loss of the data that they are a posterior of, where these are known: in planes through the draw of highest density. */
import { likelihoodModel } from '../curvature/likelihood.ts';
import { seededRandom } from '../linalg/random.ts';
import { readData, requireInputs } from '../network/data.ts';
import type { DrawSource } from '../posterior/draws.ts';
import type { PosteriorProblem } from '../posterior/logPosterior.ts';
import { LossSurface } from '../posterior/lossSurface.ts';
import { drawKeeper, projections, type Projections } from '../posterior/projections.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PosteriorRequest } from '../protocol/service.ts';
import type { PlottedPair } from './plottedPair.ts';
import { curvatureAt, removable } from './projectedCurvature.ts';
import { targetsFor } from './targets.ts';

export interface PosteriorProjections {
  readonly found: Projections;
  readonly data: number;
}

/** Of which the best draw is found. */
const SEARCH_INPUTS = 500;

/** Undefined when the request names no likelihood, or its data have no targets. */
export async function posteriorProjections({ data: file, likelihood: kind, noise = 1, priorPrecision = 1, seed }: PosteriorRequest, source: DrawSource, pair: PlottedPair, context: JobContext): Promise<PosteriorProjections | undefined> {
  if (file === undefined || kind === undefined) return undefined;
  const { network, count } = source;
  const data = await readData(file);
  requireInputs(data, network);
  const likelihood = likelihoodModel(kind, noise, network.outputs);
  const targets = targetsFor(data, likelihood, network.outputs);
  if (targets === undefined) return undefined;
  const problem: PosteriorProblem = { network, x: data.x, targets, likelihood, priorPrecision, sampleWeights: data.sampleWeights };
  const keeper = drawKeeper(network.stateSize);
  for (const m of keeper.wanted(count)) {
    keeper.add(await source.read(m, m + 1), m, count);
    context.progress({ message: 'Draws in weight space' });
    context.signal.throwIfAborted();
  }
  const states = keeper.states();
  const mode = bestOf(problem, states, seed);
  const curvature = curvatureAt({ problem, state: mode, priorPrecision }, undefined, context);
  const found = await projections({ problem, mode, methods: [{ method: 'draws', states }], parameters: pair.positions, curvature, canonical: removable(network), seed }, context);
  return found === undefined ? undefined : { found, data: data.rows };
}

/** The draw of the highest log-posterior. */
function bestOf(problem: PosteriorProblem, states: Float64Array, seed: number): Float64Array {
  const { stateSize } = problem.network;
  const row = (m: number): Float64Array => states.slice(m * stateSize, (m + 1) * stateSize);
  const surface = new LossSurface(problem, row(0), SEARCH_INPUTS, seededRandom(seed));
  let [best, least] = [0, 0];
  for (let m = 1; m * stateSize < states.length; m++) {
    const rise = surface.rise(row(m));
    if (rise < least) [best, least] = [m, rise];
  }
  return row(best);
}
