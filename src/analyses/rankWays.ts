/**
 * The ways in weight space whose image and kernel parts a user asks for: to another checkpoint, to draws of a posterior, along a step of
 * training.
 */
import { basename } from 'node:path';
import { logPosteriorGradient } from '../curvature/evidence.ts';
import type { CurvatureProblem } from '../curvature/problem.ts';
import type { DataSet } from '../network/data.ts';
import { layoutDifference, type Network } from '../network/network.ts';
import { readOptimizerStep } from '../network/optimizerStep.ts';
import { requireNetwork } from '../network/readNetwork.ts';
import { openDraws } from '../posterior/draws.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { RankRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { groupedFiles } from './drawFiles.ts';

export interface Ways {
  /** "Direction towards later.pt", "The gradient step". */
  readonly title: string;
  /** A sentence about what the way is, where its title does not say it; "" otherwise. */
  readonly about: string;
  /** A file, a folder, or the kind of step. */
  readonly source: string;
  /** How many there are, of which these are some at even distances. */
  readonly count: number;
  readonly ways: readonly Way[];
}

export interface Way {
  /** From 1 on, among all. */
  readonly number: number;
  readonly direction: Float64Array;
}

/** Draws that are looked at, and numbers that they may take: 256 MB. */
const MOST = { draws: 64, numbers: 2 ** 25 } as const;

/** Undefined when none are asked for. @throws UserError when they cannot be had */
export async function readWays(request: RankRequest, problem: CurvatureProblem, data: DataSet | undefined, context: JobContext): Promise<Ways | undefined> {
  const { toward, step, draw } = request;
  if (toward !== undefined && step !== undefined) throw new UserError('a way to other weights and a step of training are two questions; ask for one at a time');
  if (draw !== undefined && toward === undefined) throw new UserError('a draw is named, but nothing that holds draws; say where they are, on the command line by --toward');
  if (step === 'gradient') return gradientStep(problem, data, request.priorPrecision);
  if (step === 'optimizer') return optimizerStep(request, problem.network);
  return toward === undefined ? undefined : towards(toward, request, problem, context);
}

function gradientStep(problem: CurvatureProblem, data: DataSet | undefined, priorPrecision: number): Ways {
  if (data?.y === undefined) throw new UserError('a gradient step needs data with targets y; on the command line, --data FILE');
  const direction = logPosteriorGradient(problem, data.y, priorPrecision).score;
  return {
    title: 'The gradient step', source: 'gradient', count: 1, ways: [{ number: 1, direction }],
    about: `Against the gradient of the negative log posterior at prior precision ${formatNumber(priorPrecision)}, at step size 1. The likelihood’s gradient lies in the image; what lies in the kernel is the pull of the prior. `,
  };
}

async function optimizerStep({ file: path, ...options }: RankRequest, network: Network): Promise<Ways> {
  const file = await openWeightFile(path);
  try {
    const { network: own } = await requireNetwork(file, options);
    const { rule, step } = await readOptimizerStep(file, own);
    if (layoutDifference(network, own) !== undefined) throw new WeightFileError(path, '', 'changed while it was read; ask again');
    return {
      title: 'The optimiser’s step', source: 'optimizer', count: 1, ways: [{ number: 1, direction: step }],
      about: `By ${rule === 'Adam' ? 'Adam’s rule from the moments' : 'the momentum'} in the file, at learning rate 1 and without weight decay. ${rule === 'Adam' ? 'Dividing by the second moment turns the gradient out of the image. ' : ''}`,
    };
  } finally {
    await file.close();
  }
}

async function towards(path: string, request: RankRequest, { network, state }: CurvatureProblem, context: JobContext): Promise<Ways> {
  const options = { ...(request.network === undefined ? {} : { network: request.network }), ...(request.activation === undefined ? {} : { activation: request.activation }) };
  const source = await openDraws(await groupedFiles([path]), { ...options, draws: MOST.draws, seed: request.seed, least: 1 }, context);
  try {
    const difference = layoutDifference(network, source.network);
    if (difference !== undefined) throw new WeightFileError(path, '', `does not hold the same network as ${showName(request.file)} (${showName(difference)}), so there is no direction towards it`);
    const { count } = source;
    if (request.draw !== undefined && request.draw > count) throw new WeightFileError(path, '', `holds ${count === 1 ? 'one network' : `${formatCount(count)} draws`}; there is no draw ${request.draw}`);
    const most = Math.max(1, Math.min(MOST.draws, Math.floor(MOST.numbers / network.parameters)));
    const numbers = request.draw === undefined ? Array.from({ length: Math.min(count, most) }, (_, k) => 1 + Math.floor((k * count) / Math.min(count, most))) : [request.draw];
    const ways: Way[] = [];
    for (const number of numbers) {
      context.signal.throwIfAborted();
      context.progress({ message: `Reading draw ${number} of ${count}`, fraction: 0 });
      const other = await source.read(number - 1, number);
      ways.push({ number, direction: other.subarray(0, network.parameters).map((value, i) => value - state[i]!) });
    }
    const named = showName(basename(path));
    const title = count === 1 ? `Direction towards ${named}` : ways.length === 1 ? `Direction towards draw ${numbers[0]!} of ${named}` : `Directions towards the draws of ${named}`;
    return { title, about: '', source: path, count, ways };
  } finally {
    await source.close();
  }
}
