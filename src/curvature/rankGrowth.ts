/**
 * The rank of the GGN against the number of data points, at the same weights: nested parts of the inputs in a random order. It rises by at
 * most S a point, to at most D − symmetry. Where it still rises at N the kernel is for want of data; where it is flat, more of the
 * same data would change nothing.
 *
 * The rank of a part is at most that of the whole and at least that of a smaller part. Numerical ranks need not obey (their tolerance is
 * relative to the largest singular value, which grows), so estimates are held to it, and parts between two that agree beyond doubt are
 * not computed. A part whose SVD would take too long is left to its Gram matrix, with the wider bracket of that.
 */
import type { Random } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { rankEstimate, type RankEstimate } from './rank.ts';
import { fits, gramSpectrum, planSpectrum, type SpectrumMethod, type SpectrumPlan } from './spectrum.ts';
import { inputCount, rowCount, rowsPerInput, type CurvatureProblem } from './problem.ts';

export interface RankAtSize {
  /** Inputs that the GGN was taken on. */
  readonly data: number;
  readonly rank: number;
  readonly bracket: readonly [low: number, high: number];
  /** min(n·S, D − symmetry) */
  readonly bound: number;
}

export interface RankGrowth {
  /** By number of inputs; the last is the whole. */
  readonly points: readonly RankAtSize[];
  /** Sizes that would have taken too long. */
  readonly omitted: readonly number[];
}

export interface RankGrowthQuestion {
  readonly problem: CurvatureProblem;
  /** Of the whole. */
  readonly rank: RankEstimate;
  /** Dimensions of the known symmetries. */
  readonly symmetry: number;
  /** How many sizes, about. */
  readonly sizes: number;
  /** Multiplications that all parts together may take. */
  readonly operations: number;
  readonly random: Random;
}

/** At most `count` sizes up to N, evenly spaced by ratio, from a sixteenth of what could reach the bound. */
export function nestedSizes(inputs: number, enough: number, count: number): number[] {
  const first = Math.max(1, Math.min(inputs, enough) / 16);
  const sizes = Array.from({ length: count }, (_, k) => Math.round(first * (inputs / first) ** (k / (count - 1))));
  return [...new Set(sizes)].filter((size) => size > 0);
}

export async function rankGrowth({ problem, rank, symmetry, sizes: count, operations, random }: RankGrowthQuestion, context: JobContext): Promise<RankGrowth> {
  const inputs = inputCount(problem);
  const perInput = rowsPerInput(problem);
  const reachable = problem.network.parameters - symmetry;
  const sizes = nestedSizes(inputs, reachable / perInput, count);
  const order = random.permutation(inputs);
  const quiet: JobContext = { ...context, progress: () => undefined };
  const found: (Omit<RankAtSize, 'bound'>)[] = [];
  const omitted: number[] = [];
  let left = operations;
  for (const [done, size] of sizes.entries()) {
    if (size === inputs) continue;
    // Between a part that has the whole's rank for certain and the whole there is nothing to find.
    if ((found.at(-1)?.bracket[0] ?? 0) >= rank.rank) {
      found.push({ data: size, rank: rank.rank, bracket: [rank.rank, rank.bracket[1]] });
      continue;
    }
    const part = partOf(problem, order.subarray(0, size));
    const plan = [planSpectrum(part, context.memoryLimitBytes), planSpectrum(part, context.memoryLimitBytes, { method: 'gram' })].find((way) => way.operations <= left && fits(way, context.memoryLimitBytes));
    if (plan === undefined) {
      omitted.push(size);
      continue;
    }
    left -= plan.operations;
    context.progress({ message: `Rank on ${size} of ${inputs} data points`, fraction: done / sizes.length });
    const estimate = await rankOfPart(part, plan, Math.min(reachable, rowCount(part)), quiet);
    found.push({ data: size, rank: estimate.rank, bracket: estimate.bracket });
  }
  found.push({ data: inputs, rank: rank.rank, bracket: rank.bracket });
  return { points: monotone(found).map((point) => ({ ...point, bound: Math.min(point.data * perInput, reachable) })), omitted };
}

/** A part whose Gram matrix shows the largest rank that is possible, safe from its rounding, has it: then there is nothing that an SVD could add. */
async function rankOfPart(part: CurvatureProblem, { method, operations }: SpectrumPlan, bound: number, context: JobContext): Promise<RankEstimate> {
  const by = async (which: SpectrumMethod): Promise<RankEstimate> => {
    const { singularValues, rows, parameters, resolution, floor } = await gramSpectrum(part, context, { method: which });
    return rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound });
  };
  const gram = planSpectrum(part, context.memoryLimitBytes, { method: 'gram' });
  if (method === 'svd' && operations > Math.max(WORTH_A_TRIAL, TRIAL * gram.operations) && fits(gram, context.memoryLimitBytes)) {
    const tried = await by('gram');
    if (tried.bracket[0] === bound && tried.bracket[1] === bound) return tried;
  }
  return by(method);
}

/** From so many operations of an SVD on, and so many times those of the Gram matrix, the latter is tried first. */
const WORTH_A_TRIAL = 1e7;
const TRIAL = 3;

/** Upper ends are the least of all that follow, lower ends the largest of all before. */
function monotone(found: readonly Omit<RankAtSize, 'bound'>[]): Omit<RankAtSize, 'bound'>[] {
  const ranks = found.map(({ rank }) => rank);
  const lows = found.map(({ bracket }) => bracket[0]);
  const highs = found.map(({ bracket }) => bracket[1]);
  for (let k = found.length - 2; k >= 0; k--) {
    ranks[k] = Math.min(ranks[k]!, ranks[k + 1]!);
    highs[k] = Math.min(highs[k]!, highs[k + 1]!);
  }
  for (let k = 1; k < found.length; k++) lows[k] = Math.max(lows[k]!, lows[k - 1]!);
  return found.map(({ data }, k) => ({ data, rank: ranks[k]!, bracket: [Math.min(lows[k]!, ranks[k]!), Math.max(highs[k]!, ranks[k]!)] }));
}

function partOf(problem: CurvatureProblem, members: Int32Array): CurvatureProblem {
  const { network: { inputs: width }, x, sampleWeights } = problem;
  const part = new Float64Array(members.length * width);
  members.forEach((n, k) => { part.set(x.subarray(n * width, (n + 1) * width), k * width); });
  return { ...problem, x: part, ...(sampleWeights === undefined ? {} : { sampleWeights: Float64Array.from(members, (n) => sampleWeights[n]!) }) };
}
