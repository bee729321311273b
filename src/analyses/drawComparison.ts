/**
 * What a set of points says of itself, whether they are weights at one stage or predictions: how far apart they are, whether the two
 * halves of them agree, how many modes they have, in which directions they spread.
 */
import { setImmediate } from 'node:timers/promises';
import { interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { diagnose, type ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { pairDistances, type PairDistances } from '../posterior/distances.ts';
import { drawGram } from '../posterior/drawGram.ts';
import type { DrawRows } from '../posterior/drawRows.ts';
import type { DrawSource } from '../posterior/draws.ts';
import { meanDiscrepancy, medianBandwidth, type Discrepancy } from '../posterior/meanDiscrepancy.ts';
import { findModes, type Modes } from '../posterior/modes.ts';
import { principalComponents, type ComponentAxes, type PrincipalComponents } from '../posterior/principalComponents.ts';
import { evenly, submatrix, type TwoSets } from '../posterior/selection.ts';
import type { JobContext } from '../protocol/rpc.ts';

export interface DrawComparison {
  /** Of all pairs of the selection. */
  readonly distances: PairDistances;
  readonly components: PrincipalComponents;
  /** Undefined when there are fewer than two draws a set. */
  readonly discrepancy: Discrepancy | undefined;
  /** Undefined when there are too few draws to speak of modes. */
  readonly modes: Modes | undefined;
}

/** Selections that are the same at every stage, so that what is compared are the same draws. */
export interface Compared {
  /** M */
  readonly draws: number;
  /** Draws whose inner products are formed. */
  readonly selection: Int32Array;
  readonly sets: TwoSets;
  readonly seed: number;
}

const PERMUTATIONS = 999;
const MODE_DRAWS = 400;
const FEWEST_FOR_MODES = 8;

/**
 * @param chosen the rows that are the draws of `selection`
 * @param bandwidth of the kernel; by the median heuristic when undefined
 */
export async function compareDraws(rows: DrawRows, chosen: Int32Array, { draws, selection, sets, seed }: Compared, bandwidth: number | undefined, context: JobContext): Promise<DrawComparison & { readonly components: ComponentAxes }> {
  const { signal, progress } = context;
  const n = selection.length;
  progress({ message: 'Distances between draws' });
  const known = await interruptibly(drawGram(rows, chosen), signal);
  const { squared } = known;
  const distances = pairDistances(squared, n, draws);
  progress({ message: 'Principal components' });
  const components = await interruptibly(principalComponents(rows, chosen, known, seededRandom(seed)), signal);
  progress({ message: 'Discrepancy of the two sets' });
  const between = submatrix(squared, n, sets.positions);
  const discrepancy = sets.each < 2 ? undefined
    : await interruptibly(meanDiscrepancy(between, sets.each, bandwidth ?? medianBandwidth(between, 2 * sets.each), PERMUTATIONS, seededRandom(seed)), signal);
  progress({ message: 'Modes' });
  const some = evenly(n, MODE_DRAWS);
  const modes = n < FEWEST_FOR_MODES ? undefined : await interruptibly(findModes(submatrix(squared, n, some), some.length, seededRandom(seed)), signal);
  return { distances, components, discrepancy, modes };
}

/** Diagnostics of quantities, one array of all draws each. */
export async function diagnoseAll(columns: readonly Float64Array[], { chains, drawsPerChain }: DrawSource, { signal, progress }: JobContext): Promise<ChainDiagnostics[]> {
  const result: ChainDiagnostics[] = [];
  for (const [k, column] of columns.entries()) {
    progress({ message: 'Chain diagnostics', fraction: k / columns.length });
    result.push(diagnose(column, chains, drawsPerChain));
    await setImmediate();
    signal.throwIfAborted();
  }
  return result;
}
