/**
 * Where the kernel of the GGN comes from. Three parts that add up to dim ker = D − rank:
 *   symmetry      the span of the known continuous symmetries' tangents at θ;
 *   hidden        directions that no input sees, beyond those: D − rank J(X_generic) − symmetry (functional dimension:
 *                 Grigsby, Lindsey & Rolnick 2023);
 *   data-limited  rank J(X_generic) − rank H^{1/2}J(X): what more data would remove.
 * X_generic contains the data, so that the last part cannot be negative but for rounding. Under a softmax both ranks are
 * taken under the likelihood. Its blind directions count as symmetries: adding one affine function of the last hidden layer to
 * every logit, n_in weights and a bias, leaves a softmax as it is.
 */
import { interruptibly } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import type { DenseChain } from '../network/denseChain.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { MemoryLimitError } from '../protocol/userError.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import { symmetryTangents } from '../symmetry/tangents.ts';
import { genericInputCount, inputsAround, standardNormalInputs } from './genericInputs.ts';
import { outputRank, type LikelihoodModel } from './likelihood.ts';
import { rankEstimate, type RankEstimate } from './rank.ts';
import { gramSpectrum, type GgnSpectrum } from './spectrum.ts';
import { symmetryDimension } from './symmetryDimension.ts';
import { inputCount, type CurvatureProblem } from './weightedJacobian.ts';

export interface KernelQuestion {
  readonly chain: DenseChain;
  readonly theta: Float64Array;
  readonly likelihood: LikelihoodModel;
  /** Data inputs, N × d; undefined asks for the rank on generic (standard normal) inputs alone. */
  readonly x: Float64Array | undefined;
  /** How many generic inputs to draw at least. */
  readonly genericInputs: number;
  readonly random: Random;
}

export interface KernelAccounting {
  /** Of H^{1/2}J on the data, or on the generic inputs when there are none. */
  readonly spectrum: GgnSpectrum;
  /** The inputs that `spectrum` was taken on, N × d. */
  readonly x: Float64Array;
  readonly rank: RankEstimate;
  readonly genericRank: RankEstimate;
  /** D − rank. */
  readonly dimension: number;
  readonly symmetry: number;
  readonly hidden: number;
  readonly dataLimited: number;
  readonly warnings: readonly string[];
}

/** @throws UserError, MemoryLimitError as `gramSpectrum` does */
export async function kernelAccounting(question: KernelQuestion, context: JobContext): Promise<KernelAccounting> {
  const { chain, theta, likelihood, random } = question;
  const count = genericInputCount(chain, likelihood, question.genericInputs);
  const x = question.x ?? standardNormalInputs(question.genericInputs, chain.inputs, random);
  const data: CurvatureProblem = { chain, theta, x, likelihood, weighting: 'likelihood' };
  const spectrum = await gramSpectrum(data, context);
  const generic: CurvatureProblem = { ...data, x: withGenericInputs(question, x, count), weighting: 'uniform' };
  const symmetry = await interruptibly(symmetryDimension(generic, tangentsOf(question, context)), context.signal);
  const beyondSymmetry = chain.parameters - symmetry.dimension;
  const rank = rankOf(spectrum, Math.min(beyondSymmetry, inputCount(data) * outputRank(likelihood, chain.outputs)));
  const genericRank = await functionalDimension(generic, x, rank, beyondSymmetry, context);
  const hidden = chain.parameters - genericRank.rank - symmetry.dimension;
  const dataLimited = genericRank.rank - rank.rank;
  return {
    spectrum,
    x,
    rank,
    genericRank,
    dimension: chain.parameters - rank.rank,
    symmetry: symmetry.dimension,
    hidden,
    dataLimited,
    warnings: warningsOf({ rank, genericRank, hidden, dataLimited, rejected: symmetry.rejected.length, symmetryBracket: symmetry.bracket }),
  };
}

function tangentsOf({ chain, theta, likelihood }: KernelQuestion, context: JobContext): Float64Array[] {
  const options = { likelihood: likelihood.kind, outputRowShift: true };
  // The vectors, a scaled copy, and what its factorisation takes.
  const bytes = 4 * 8 * symmetryGroup(chain, options).dimensions * chain.parameters;
  if (bytes > context.memoryLimitBytes) {
    throw new MemoryLimitError(`The tangent vectors of this network's symmetries would need about ${(bytes / 1e9).toPrecision(2)} GB, more than the limit of ${(context.memoryLimitBytes / 1e9).toPrecision(2)} GB.`);
  }
  return symmetryTangents(chain, theta, options);
}

function withGenericInputs(question: KernelQuestion, x: Float64Array, count: number): Float64Array {
  const width = question.chain.inputs;
  const present = x.length / width;
  if (question.x === undefined && present >= count) return x;
  const drawn = question.x === undefined ? standardNormalInputs(count - present, width, question.random)
    : present === 0 ? standardNormalInputs(count, width, question.random)
      : inputsAround(x, width, count, question.random);
  const all = new Float64Array(drawn.length + x.length);
  all.set(drawn);
  all.set(x, drawn.length);
  return all;
}

function rankOf(spectrum: GgnSpectrum, bound: number): RankEstimate {
  const { singularValues, rows, parameters, resolution, floor } = spectrum;
  return rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound });
}

async function functionalDimension(generic: CurvatureProblem, dataInputs: Float64Array, rank: RankEstimate, bound: number, context: JobContext): Promise<RankEstimate> {
  // The generic rank lies between the data's and the bound: where these meet there is nothing to compute. Nor is there when
  // the inputs are the generic ones and H is the same for all outputs.
  if (rank.rank === bound && rank.bracket[0] === bound) return rank;
  if (generic.x === dataInputs && generic.likelihood.kind === 'gaussian') return rank;
  const told: JobContext = { ...context, progress: ({ message, ...rest }) => { context.progress({ message: `On generic inputs: ${message}`, ...rest }); } };
  return rankOf(await gramSpectrum(generic, told), bound);
}

interface Doubts {
  readonly rank: RankEstimate;
  readonly genericRank: RankEstimate;
  readonly hidden: number;
  readonly dataLimited: number;
  readonly rejected: number;
  readonly symmetryBracket: readonly [number, number];
}

function warningsOf({ rank, genericRank, hidden, dataLimited, rejected, symmetryBracket }: Doubts): string[] {
  const warnings: string[] = [];
  const [low, high] = rank.bracket;
  if (low !== high) {
    warnings.push(`The rank lies between ${low} and ${high}: singular values run into rounding without a clear gap, and float64 cannot tell the smallest from zero.`);
  }
  const [genericLow, genericHigh] = genericRank.bracket;
  if (genericLow !== genericHigh && genericRank !== rank) {
    warnings.push(`On generic inputs the rank lies between ${genericLow} and ${genericHigh}; up to ${genericHigh - genericRank.rank} of the hidden directions may belong to the image or be data-limited.`);
  } else if (genericLow !== genericHigh) {
    warnings.push(`Up to ${genericHigh - genericRank.rank} of the hidden directions may belong to the image.`);
  }
  if (symmetryBracket[0] !== symmetryBracket[1]) {
    warnings.push(`The symmetry tangents span between ${symmetryBracket[0]} and ${symmetryBracket[1]} dimensions: some are nearly dependent.`);
  }
  if (rejected > 0) warnings.push(`${rejected} symmetry tangents change the network's outputs and were left out of the accounting.`);
  if (hidden < 0) {
    warnings.push(`The parts do not separate (hidden = ${hidden}): singular values that belong to symmetries came out above the tolerance, so the rank is too high by ${-hidden} or more.`);
  }
  if (dataLimited < 0) {
    warnings.push(`The parts do not separate (data-limited = ${dataLimited}): generic inputs scale the singular values so that ${-dataLimited} which the data resolve fall below their tolerance.`);
  }
  return warnings;
}
