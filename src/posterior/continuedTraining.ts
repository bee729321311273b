/** Maximum a posteriori by training on from a network in a file, with settings that need no choosing: the prior is the weight decay. */
import { interruptibly } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { TrainRequest } from '../protocol/service.ts';
import type { PosteriorProblem } from './logPosterior.ts';
import { train, type Training } from './training.ts';

/** Up to so many inputs a step is on all of them, whose gradient has no noise to average out. */
const WHOLE_BATCH = 2000;
const BATCH = 256;

/** @returns the state and what it is like. @throws UserError when the weights leave the finite numbers */
export function continuedTraining(problem: PosteriorProblem, state: Float64Array, { optimizer, epochs, learningRate }: TrainRequest, random: Random, { signal, progress }: Pick<JobContext, 'signal' | 'progress'>): Promise<Training> {
  const rows = problem.x.length / problem.network.inputs;
  return interruptibly(train(problem, state, {
    optimizer: optimizer === 'adam' ? { kind: 'adam', learningRate: learningRate ?? 0.01 } : { kind: 'sgd', learningRate: learningRate ?? 0.01 * stepScale(problem), momentum: 0.9 },
    epochs, batch: rows <= WHOLE_BATCH ? rows : BATCH, batches: 'epochs', schedule: 'cosine', random,
    onEpoch(_, epoch) { progress({ message: `Training: epoch ${epoch + 1} of ${epochs}`, fraction: (epoch + 1) / epochs }); },
  }), signal);
}

/** Learning rates are for a loss of the size of one nat a point; a Gaussian likelihood of small noise is steeper by 1/σ². */
const stepScale = ({ likelihood }: PosteriorProblem): number => (likelihood.kind === 'gaussian' ? Math.min(1, likelihood.noise ** 2) : 1);
