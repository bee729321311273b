/**
 * Where the kernel of the GGN comes from. Three parts that add up to dim ker = D − rank:
 *   symmetry      the span of the known continuous symmetries' tangents at θ;
 *   hidden        directions that no input sees, beyond those: D − rank J(X_generic) − symmetry (functional dimension:
 *                 Grigsby, Lindsey & Rolnick 2023);
 *   data-limited  rank J(X_generic) − rank H^{1/2}J(X): what more data would remove.
 * X_generic contains the data, so that the last part cannot be negative but for rounding. Under a softmax both ranks are
 * taken under the likelihood. Its blind directions count as symmetries: adding one affine function of the last hidden layer to
 * every logit, n_in weights and a bias, leaves a softmax as it is.
 *
 * J(X_generic) has at least twice as many rows as there are parameters. Where that does not fit into the memory limit, the last
 * two parts are given together; so they are where it would take too long.
 */
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { seededRandom, type Random } from '../linalg/random.ts';
import type { Network } from '../network/network.ts';
import { formatBytes, formatCount, formatNumber } from '../protocol/format.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import { symmetryTangents } from '../symmetry/tangents.ts';
import { decidedRank, decidedRankBytes } from './decidedRank.ts';
import { genericInputCount, genericInputs } from './genericInputs.ts';
import type { LikelihoodModel } from './likelihood.ts';
import { rankEstimate, type RankEstimate } from './rank.ts';
import { fits, gramSpectrum, planSpectrum, type GgnSpectrum, type SpectrumPlan } from './spectrum.ts';
import { symmetryDimension, type SymmetryDimension } from './symmetryDimension.ts';
import { rowCount, type CurvatureProblem } from './problem.ts';

export interface KernelQuestion {
  readonly network: Network;
  /** w */
  readonly state: Float64Array;
  readonly likelihood: LikelihoodModel;
  /** Inputs, N × d. */
  readonly x: Float64Array;
  /** Whether x are generic inputs themselves, there being no data. */
  readonly generic: boolean;
  /** How many generic inputs to draw at least. */
  readonly genericInputs: number;
  readonly random: Random;
  /** As in `CurvatureProblem`. */
  readonly sampleWeights?: Float64Array;
  /** Whether the spectrum should come with its vectors. */
  readonly vectors?: boolean;
}

export interface KernelAccounting {
  /** Of H^{1/2}J on the data, or on the generic inputs when there are none. */
  readonly spectrum: GgnSpectrum;
  readonly rank: RankEstimate;
  /** D − rank. */
  readonly dimension: number;
  readonly symmetry: number;
  readonly remainder: KernelRemainder;
  /** What all of it was planned to need at its peak. */
  readonly bytes: number;
  readonly warnings: readonly string[];
}

/** The functional dimension, as far as it is known. */
export type GenericRank = Pick<RankEstimate, 'rank' | 'bracket'>;

/** The kernel beyond the known symmetries. */
export type KernelRemainder =
  | { readonly kind: 'separated'; readonly genericRank: GenericRank; readonly hidden: number; readonly dataLimited: number }
  /** hidden + data-limited; what it would take to tell them apart is more than memory or patience allow. */
  | { readonly kind: 'together'; readonly dimension: number; readonly needed: SpectrumPlan; readonly because: 'memory' | 'time' };

/** What is told of it. */
export type RemainderParts = Extract<KernelRemainder, { kind: 'separated' }> | Pick<Extract<KernelRemainder, { kind: 'together' }>, 'kind' | 'dimension'>;

/** Multiplications that telling hidden from data-limited directions may take: some minutes. */
const PATIENCE = 1e12;
/** Multiplications up to which an SVD is as quick as any other way to the generic rank. */
const SVD_SUFFICES = 1e9;
/** How rows are mixed does not depend on the user's seed: what is decided does not depend on it either. */
const MIXING_SEED = 1;

/** @throws UserError, MemoryLimitError as `gramSpectrum` does */
export async function kernelAccounting(question: KernelQuestion, context: JobContext): Promise<KernelAccounting> {
  const { network, state, likelihood, x, sampleWeights } = question;
  const count = genericInputCount(network, likelihood, question.genericInputs);
  const data: CurvatureProblem = { network, state, x, likelihood, weighting: 'likelihood', ...(sampleWeights === undefined ? {} : { sampleWeights }) };
  const spectrum = await gramSpectrum(data, context, { vectors: question.vectors === true });
  // Inputs can be much larger than the network.
  const inputBytes = 8 * (x.length + count * network.inputs);
  const inputsFit = inputBytes <= context.memoryLimitBytes / 4;
  const generic: CurvatureProblem = { network, state, likelihood, x: inputsFit ? await interruptibly(withGenericInputs(question, count), context.signal) : x, weighting: 'uniform' };
  const symmetry = await knownSymmetry(generic, context);
  const beyondSymmetry = network.parameters - symmetry.dimension;
  const rank = rankOf(spectrum, Math.min(beyondSymmetry, rowCount(data)));
  const { remainder, bytes } = await remainderOf(generic, x, rank, symmetry.dimension, inputsFit ? 0 : inputBytes, context);
  return {
    spectrum,
    rank,
    dimension: network.parameters - rank.rank,
    symmetry: symmetry.dimension,
    remainder,
    bytes: Math.max(spectrum.plan.bytes, bytes),
    warnings: [...rankWarnings(spectrum, rank), ...symmetryWarnings(symmetry), ...remainderWarnings(rank, remainder)],
  };
}

/** The symmetries of a network whose outputs go into a likelihood: under a softmax with those that it does not see. */
function blindTo(likelihood: LikelihoodModel): { readonly likelihood: LikelihoodModel['kind']; readonly outputRowShift: true } {
  return { likelihood: likelihood.kind, outputRowShift: true };
}

/** `counted` where the tangents would not fit: by the group alone, neither verified nor tried for independence. */
export type KnownSymmetry = SymmetryDimension & { readonly counted: boolean };

/** Dimensions of the kernel along the continuous symmetries that follow from the graph. */
export async function knownSymmetry(problem: CurvatureProblem, context: JobContext): Promise<KnownSymmetry> {
  const { network, state, likelihood } = problem;
  const { dimensions } = symmetryGroup(network, blindTo(likelihood));
  // The vectors, a scaled copy, and what its factorisation takes.
  if (4 * 8 * dimensions * network.parameters > context.memoryLimitBytes) return { dimension: dimensions, bracket: [dimensions, dimensions], rejected: [], counted: true };
  context.progress({ message: 'Directions along the symmetries' });
  const tangents = symmetryTangents(network, state, blindTo(likelihood));
  return { ...(await symmetryDimension(problem, tangents, context.signal)), counted: false };
}

function* withGenericInputs({ network, state, x, generic, random, sampleWeights }: KernelQuestion, count: number): Interruptible<Float64Array> {
  const present = x.length / network.inputs;
  if (generic && present >= count && sampleWeights === undefined) return x;
  const drawn = yield* genericInputs(network, state, generic ? Math.max(0, count - present) : count, random, generic ? undefined : x);
  const all = new Float64Array(drawn.length + x.length);
  all.set(drawn);
  all.set(x, drawn.length);
  return all;
}

function rankOf(spectrum: GgnSpectrum, bound: number): RankEstimate {
  const { singularValues, rows, parameters, resolution, floor } = spectrum;
  return rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound });
}

async function remainderOf(generic: CurvatureProblem, dataInputs: Float64Array, rank: RankEstimate, symmetry: number, missingBytes: number, context: JobContext): Promise<{ readonly remainder: KernelRemainder; readonly bytes: number }> {
  const { network, likelihood } = generic;
  const bound = network.parameters - symmetry;
  const separated = (genericRank: GenericRank, bytes = 0): { readonly remainder: KernelRemainder; readonly bytes: number } => (
    { remainder: { kind: 'separated', genericRank, hidden: bound - genericRank.rank, dataLimited: genericRank.rank - rank.rank }, bytes });
  const together = (needed: SpectrumPlan, because: 'memory' | 'time'): { readonly remainder: KernelRemainder; readonly bytes: number } => ({ remainder: { kind: 'together', dimension: bound - rank.rank, needed, because }, bytes: 0 });
  // The generic rank lies between the data's and the bound: where these meet there is nothing to compute. Nor is there when
  // the inputs are the generic ones and H is the same for all outputs.
  if (rank.rank === bound && rank.bracket[0] === bound) return separated(rank);
  if (missingBytes > 0) {
    const plan = planSpectrum(generic, context.memoryLimitBytes);
    return together({ ...plan, bytes: 4 * missingBytes + plan.bytes }, 'memory');
  }
  if (generic.x === dataInputs && likelihood.kind === 'gaussian') return separated(rank);
  const needed = planSpectrum(generic, context.memoryLimitBytes);
  if (!fits(needed, context.memoryLimitBytes)) return together(needed, 'memory');
  if (needed.operations > PATIENCE) return together(needed, 'time');
  const told: JobContext = { ...context, progress: ({ message, ...rest }) => { context.progress({ message: `On generic inputs: ${message}`, ...rest }); } };
  const decided = needed.operations > SVD_SUFFICES ? await decidedRank(generic, bound, seededRandom(MIXING_SEED), told) : undefined;
  if (decided !== undefined) return separated({ rank: decided, bracket: [decided, decided] }, decidedRankBytes(network.parameters));
  return separated(rankOf(await gramSpectrum(generic, told), bound), needed.bytes);
}

function rankWarnings({ method, resolution }: GgnSpectrum, { bracket: [low, high] }: RankEstimate): string[] {
  if (low === high) return [];
  const between = `The rank lies between ${formatCount(low)} and ${formatCount(high)}:`;
  return [method === 'svd'
    ? `${between} singular values run into rounding without a clear gap, and float64 cannot tell the smallest from zero.`
    : `${between} the Gram matrix squares singular values, and what is below ${formatNumber(resolution, 1)} of the largest cannot be told from zero. Fewer data points or outputs would allow a singular value decomposition.`];
}

export function symmetryWarnings({ bracket: [low, high], counted, rejected: { length: rejected } }: KnownSymmetry): string[] {
  return [
    ...(low === high ? [] : [`The symmetry tangents span between ${formatCount(low)} and ${formatCount(high)} dimensions: some are nearly dependent.`]),
    ...(counted ? ['Symmetry directions are counted by the network’s symmetry group alone: their tangent vectors would not fit into the memory limit, so they are neither verified nor tried for independence.'] : []),
    ...(rejected === 0 ? [] : [`${formatCount(rejected)} symmetry tangents change the network’s outputs and were left out of the accounting.`]),
  ];
}

function remainderWarnings(rank: RankEstimate, remainder: KernelRemainder): string[] {
  if (remainder.kind === 'together') {
    const { needed: { bytes, operations }, because } = remainder;
    return [because === 'memory'
      ? `Hidden and data-limited directions are counted together: to tell them apart would take about ${formatBytes(bytes)} for this many parameters, more than the memory limit (--memory; in the settings quotient.host.memoryLimit).`
      : `Hidden and data-limited directions are counted together: to tell them apart would take about ${formatNumber(operations, 1)} multiplications for this many parameters.`];
  }
  const { genericRank, hidden, dataLimited } = remainder;
  const warnings: string[] = [];
  const [low, high] = genericRank.bracket;
  if (low !== high && genericRank !== rank) {
    warnings.push(`On generic inputs the rank lies between ${formatCount(low)} and ${formatCount(high)}; up to ${formatCount(high - genericRank.rank)} of the hidden directions may belong to the image or be data-limited.`);
  } else if (low !== high) {
    warnings.push(`Up to ${high - genericRank.rank} of the hidden directions may belong to the image.`);
  }
  if (hidden < 0) {
    warnings.push(`The parts do not separate (hidden = ${hidden}): singular values that belong to symmetries came out above the tolerance, so the rank is too high by ${-hidden} or more.`);
  }
  if (dataLimited < 0) {
    warnings.push(`The parts do not separate (data-limited = ${dataLimited}): generic inputs scale the singular values so that ${-dataLimited} which the data resolve fall below their tolerance.`);
  }
  return warnings;
}
