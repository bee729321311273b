/** What bringing networks into one order, or comparing two, will take: estimated before it begins, told then, and refused when it would not fit. */
import { forwardSeconds } from '../network/cost.ts';
import type { Network } from '../network/network.ts';
import type { LinePlan } from '../posterior/linePlan.ts';
import { formatBytes, formatCount, formatSeconds } from '../protocol/format.ts';
import { MemoryLimitError } from '../protocol/userError.ts';
import type { Probe } from '../symmetry/comparedInputs.ts';
import type { MatchingClass } from '../symmetry/matchingClasses.ts';
import { rowLength } from '../symmetry/unitRows.ts';

export interface ComparisonWork {
  readonly network: Network;
  readonly networks: number;
  readonly classes: readonly MatchingClass[];
  /** Ascents of weight matching, all networks together. */
  readonly ascents: number;
  /** Whether all networks are mixed at once (`relaxedUnits.ts`). */
  readonly relaxed: boolean;
  /** Canonical forms that are made. */
  readonly forms: number;
  /** Inputs at which functions are compared, by every network before and after. */
  readonly probes: readonly Probe[];
  readonly lines: LinePlan | undefined;
}

/** Estimates. */
export interface ComparisonPlan {
  readonly seconds: number;
  readonly bytes: number;
}

/** Seconds a parameter, measured on one core of a small server. */
const READ_AND_WRITE = 30e-9;
const FORM = 100e-9;
const ASCENT = 100e-9;
/** Seconds a multiplication of the units' inner products; later sweeps take about as long as the first again. */
const PRODUCT = 0.16e-9;

/** @throws MemoryLimitError with the estimate */
export function planComparison({ network, networks, classes, ascents, relaxed, forms, probes, lines }: ComparisonWork, memoryLimitBytes: number): ComparisonPlan {
  const { parameters, stateSize } = network;
  let products = 0;
  let gains = 0;
  for (const { units: { units, uses } } of classes) {
    for (const use of uses) if (use.block.trainable) products += units ** 2 * rowLength(use);
    gains += units ** 2;
  }
  const seconds = networks * (parameters * READ_AND_WRITE + 4 * probes.reduce((sum, { network: seen, x }) => sum + forwardSeconds(seen, x.length / seen.inputs), 0))
    + ascents * (products * PRODUCT + parameters * ASCENT) + forms * parameters * FORM + (lines?.seconds ?? 0);
  // As read, and moved or in its forms; mixed, with its parts and a step's. Then what an ascent, a line or writing holds for a while; gains in the engine and as costs.
  const held = relaxed ? 10 * networks : networks + (forms > 0 ? forms + 1 : networks);
  const bytes = 8 * (stateSize * held + 2 * gains) + Math.max(8 * 3 * stateSize, lines?.bytes ?? 0);
  if (bytes > memoryLimitBytes) {
    throw new MemoryLimitError(`${workText(network, networks)} need about ${formatBytes(bytes)}, the limit is ${formatBytes(memoryLimitBytes)}; take fewer networks at a time or raise the memory limit`);
  }
  return { seconds, bytes };
}

const workText = ({ parameters }: Network, networks: number): string => `${formatCount(networks)} networks of ${formatCount(parameters)} parameters`;

/** "2 networks of 11,689,512 parameters: about 6 s and 900 MB" */
export function planText({ network, networks }: Pick<ComparisonWork, 'network' | 'networks'>, { seconds, bytes }: ComparisonPlan): string {
  return `${workText(network, networks)}: about ${seconds < 1 ? 'a second' : formatSeconds(Number(seconds.toPrecision(1)))} and ${formatBytes(bytes)}`;
}
