/**
 * The approximate posteriors of the slides as generators of draws: every method yields blocks of states w (count × stateSize), so that
 * whoever uses them (predictives, projections, symmetry removal) need not know where they come from, and none of them is ever held whole.
 */
import type { CurvatureProblem } from '../curvature/problem.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import type { Network } from '../network/network.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { UserError } from '../protocol/userError.ts';
import { drawsInBlock, type DrawSource } from './draws.ts';
import { diagonalPrecision } from './diagonalLaplace.ts';
import { diffusionWalks } from './diffusionWalks.ts';
import type { HmcChain } from './hmc.ts';
import { hmcChains } from './hmcChains.ts';
import { laplace, laplaceDisplacements, standardNormal, type Laplace, type LaplacePart } from './laplace.ts';
import { lastLayerProblem } from './lastLayer.ts';
import { logPosterior, type PosteriorProblem } from './logPosterior.ts';
import { meanFieldVi } from './meanFieldVi.ts';
import { SwagCollector, swagDraw, type SwagMoments } from './swag.ts';
import { train } from './training.ts';

/** Blocks of states, count × stateSize each. */
export type DrawBlocks = AsyncGenerator<Float64Array, void, void>;

export interface DrawSetting {
  readonly problem: PosteriorProblem;
  /** ŵ with its buffers. */
  readonly state: Float64Array;
  /** S */
  readonly draws: number;
  readonly random: Random;
  readonly context: JobContext;
}

/** Numbers in a block: 32 MB, so that matrix products are worth their while. */
const BLOCK_NUMBERS = 2 ** 22;

export const curvatureOf = ({ problem: { network, x, likelihood, sampleWeights }, state }: Pick<DrawSetting, 'problem' | 'state'>): CurvatureProblem => ({ network, state, x, likelihood, weighting: 'likelihood', ...(sampleWeights === undefined ? {} : { sampleWeights }) });

/** Draws that are in files already, a block at a time. */
export async function* sourceDraws(source: DrawSource): DrawBlocks {
  const step = drawsInBlock(source.network.stateSize);
  for (let first = 0; first < source.count; first += step) yield await source.read(first, Math.min(first + step, source.count));
}

/** Laplace draws, whole or one part of them. */
export async function* laplaceDraws(approximation: Laplace, part: LaplacePart, { state, draws, random, problem: { network } }: DrawSetting): DrawBlocks {
  const size = network.parameters;
  for (const count of blocks(draws, size)) {
    yield around(state, await laplaceDisplacements(approximation, standardNormal(count * size, random), part), network);
  }
}

/** Each draw has a seed of its own. */
export function diffusionDraws(approximation: Laplace, steps: number, part: LaplacePart, { draws, random, context }: DrawSetting): DrawBlocks {
  return diffusionWalks(approximation, { steps, part }, Array.from({ length: draws }, () => random.below(2 ** 31)), context);
}

/** N(ŵ, (diag GGN + αI)⁻¹). */
export async function* diagonalDraws(setting: DrawSetting): DrawBlocks {
  const { state, draws, random, problem: { network, priorPrecision } } = setting;
  const precision = await diagonalPrecision(curvatureOf(setting), setting.context);
  for (const count of blocks(draws, network.parameters)) {
    yield around(state, Float64Array.from({ length: count * network.parameters }, (_, k) => random.normal() / Math.sqrt(precision[k % network.parameters]! + priorPrecision)), network);
  }
}

/** Laplace on the last layer's weights alone, everything before it as it is. */
export async function* lastLayerDraws(setting: DrawSetting): DrawBlocks {
  const { state, draws, random, problem: { network, priorPrecision }, context } = setting;
  const { curvature, places } = lastLayerProblem(curvatureOf(setting));
  const approximation = await laplace(curvature, priorPrecision, context);
  const size = curvature.network.parameters;
  for (const count of blocks(draws, network.parameters)) {
    const moves = await laplaceDisplacements(approximation, standardNormal(count * size, random), 'whole');
    const displacements = new Float64Array(count * network.parameters);
    for (let m = 0; m < count; m++) for (let k = 0; k < size; k++) displacements[m * network.parameters + places[k]!] = moves[m * size + k]!;
    yield around(state, displacements, network);
  }
}

export interface SwagOptions {
  readonly epochs: number;
  /** To begin with. */
  readonly learningRate: number;
  /** Nats that −log p(w | D) should lie above ŵ's on average over the trajectory. */
  readonly rise: number;
  readonly momentum: number;
  readonly batch: number;
  /** K */
  readonly rank: number;
}

export interface SwagTrajectory {
  readonly moments: SwagMoments;
  /** At which it ran. */
  readonly learningRate: number;
  /** Nats, on average over its iterates. */
  readonly rise: number;
  /** Whether it stayed as close to ŵ as it should. */
  readonly stayed: boolean;
}

/** A trajectory that lies this many times higher than it should has left the mode. */
const STRAYED = 2;
const TRAJECTORIES = 6;

/**
 * Continues SGD at a constant learning rate from ŵ, one iterate an epoch; each batch is drawn anew, as the rate's theory has it (swagRate.ts). Where the
 * theory does not hold the trajectory rises further than it should: the rise is of the order of the rate, which is lowered by as much.
 */
export async function swagTrajectory({ problem, state, random, context }: DrawSetting, { epochs, learningRate, rise: expected, momentum, batch, rank }: SwagOptions): Promise<SwagTrajectory> {
  const scratch = new Float64Array(problem.network.parameters);
  const top = logPosterior(problem, state, scratch).value;
  for (let run = 1, rate = learningRate; ; run++) {
    const collector = new SwagCollector(problem.network.parameters, rank);
    let rise = 0;
    try {
      await interruptibly(train(problem, state, {
        optimizer: { kind: 'sgd', learningRate: rate, momentum }, epochs, batch, batches: 'independent', schedule: 'constant', random,
        onEpoch(current, epoch) {
          collector.add(current);
          rise += (top - logPosterior(problem, current, scratch).value) / epochs;
          context.progress({ message: `SWAG: epoch ${epoch + 1} of ${epochs}`, fraction: (epoch + 1) / epochs });
        },
      }), context.signal);
    } catch (error) {
      if (!(error instanceof UserError) || run === TRAJECTORIES) throw error;
      rise = Number.POSITIVE_INFINITY;
    }
    const stayed = rise <= STRAYED * expected;
    if (stayed || run === TRAJECTORIES) return { moments: collector.moments(), learningRate: rate, rise, stayed };
    rate *= Math.max(0.1, expected / rise);
  }
}

export function* swagDraws(moments: SwagMoments, { state, draws, random, problem: { network } }: DrawSetting): Generator<Float64Array, void, void> {
  for (const count of blocks(draws, network.parameters)) {
    const states = new Float64Array(count * network.stateSize);
    for (let m = 0; m < count; m++) {
      states.set(state, m * network.stateSize);
      states.set(swagDraw(moments, random), m * network.stateSize);
    }
    yield states;
  }
}

export interface VariationalOptions {
  readonly steps: number;
  readonly learningRate: number;
}

export async function* variationalDraws({ problem, state, draws, random, context }: DrawSetting, { steps, learningRate }: VariationalOptions): DrawBlocks {
  const { network } = problem;
  const { mean, deviation } = await interruptibly(meanFieldVi(problem, state, {
    steps, learningRate, draws: 4, deviation: 0.01, random,
    onStep(step) { if (step % 50 === 0) context.progress({ message: `Variational inference: step ${step} of ${steps}`, fraction: step / steps }); },
  }), context.signal);
  for (const count of blocks(draws, network.parameters)) {
    const states = new Float64Array(count * network.stateSize);
    for (let m = 0; m < count; m++) {
      states.set(state, m * network.stateSize);
      for (let i = 0; i < network.parameters; i++) states[m * network.stateSize + i] = mean[i]! + deviation[i]! * random.normal();
    }
    yield states;
  }
}

export interface HmcSetting {
  readonly chains: number;
  /** A chain. */
  readonly draws: number;
  readonly warmup: number;
  readonly maxSteps: number;
  readonly pathLength: number;
  /** Called with what the chains say of themselves. */
  readonly report: (chains: readonly HmcChain[]) => void;
}

/** Chains from draws of the prior, one block each. */
export async function* hmcDraws({ problem, state, random, context }: DrawSetting, { chains, report, ...setting }: HmcSetting): DrawBlocks {
  const { network } = problem;
  const found = await hmcChains(problem, state, setting, Array.from({ length: chains }, () => random.below(2 ** 31)), context);
  report(found);
  for (const { draws } of found) {
    const states = new Float64Array(setting.draws * network.stateSize);
    for (let m = 0; m < setting.draws; m++) {
      states.set(state, m * network.stateSize);
      states.set(draws.subarray(m * network.parameters, (m + 1) * network.parameters), m * network.stateSize);
    }
    yield states;
  }
}

/** How many draws each block holds. */
function* blocks(draws: number, size: number): Generator<number> {
  const step = Math.max(1, Math.floor(BLOCK_NUMBERS / size));
  for (let first = 0; first < draws; first += step) yield Math.min(step, draws - first);
}

/** ŵ + displacement for each row, in place where there are no buffers: count × `stateSize`. @param displacements count × D */
export function around(state: Float64Array, displacements: Float64Array, { parameters, stateSize }: Network): Float64Array {
  const count = displacements.length / parameters;
  if (stateSize === parameters) {
    for (let m = 0; m < count; m++) for (let i = 0, at = m * parameters; i < parameters; i++, at++) displacements[at]! += state[i]!;
    return displacements;
  }
  const states = new Float64Array(count * stateSize);
  for (let m = 0; m < count; m++) {
    states.set(state, m * stateSize);
    for (let i = 0; i < parameters; i++) states[m * stateSize + i]! += displacements[m * parameters + i]!;
  }
  return states;
}
