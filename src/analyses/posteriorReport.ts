/**
 * The posterior report: densities of two parameters, distances and chain diagnostics at every stage, in words, pictures and JSON.
 */
import type { ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { commonAxis, histogram, histogram2d, quantile } from '../posterior/density.ts';
import type { Draws } from '../posterior/draws.ts';
import { formatCount, formatNumber, formatPowerOfTen } from '../protocol/format.ts';
import type { BinAxis, JsonValue, Section } from '../protocol/report.ts';
import type { SymmetryGroup } from '../symmetry/group.ts';
import type { SymmetryStep } from './symmetrySteps.ts';

/** Few draws get large bins, so that single ones can be seen: about 1.2 √M a side. */
const densityBins = (draws: number): number => Math.min(120, Math.max(24, Math.ceil(1.2 * Math.sqrt(draws))));
/** Of many draws the tails may lie outside; of few every one counts. */
const densityCoverage = (draws: number): number => (draws < 200 ? 1 : 0.95);
const DENSITY_MARGIN = 0.12;
const DISTANCE_BINS = 100;

/** The draws at one stage. */
export interface PosteriorView {
  readonly step: SymmetryStep;
  /** The two parameters that are plotted, one entry a draw. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Of a fixed selection of pairs of draws. */
  readonly distances: Float64Array;
  /** Of the parameters, or of an even selection of them. */
  readonly diagnostics: readonly ChainDiagnostics[];
}


/** The two parameters of the density plots. */
export interface PlottedPair {
  readonly title: string;
  readonly labels: readonly [string, string];
}

export function symmetrySentence(group: SymmetryGroup): string {
  const continuous = group.dimensions > 0 ? ` and ${formatCount(group.dimensions)} continuous ${group.dimensions === 1 ? 'direction' : 'directions'}` : '';
  return `Each function has ${formatPowerOfTen(group.log10Copies)} discrete copies${continuous} in weight space.`;
}

/** Of the last step alone: removing the scaling changes the unit of length, so distances before and after it cannot be compared. */
export function distanceSentence(views: readonly PosteriorView[]): string {
  const [before, after] = views.slice(-2).map(({ distances }) => quantile(distances.toSorted(), 0.5));
  if (before === undefined || after === undefined) return '';
  return ` ${views.at(-1)?.step.title ?? ''}, the median distance between two draws is ${formatNumber(after, 3)}; before the last step it was ${formatNumber(before, 3)}.`;
}

export function densitySection(views: readonly PosteriorView[], pair: PlottedPair, shown: Int32Array): Section {
  // x and y get the same range, so that the mirror line v1 = v2 is the diagonal. Removing the scaling changes the unit of the
  // weights, so the views before and after it have axes of their own.
  const draws = views[0]?.x.length ?? 0;
  const axisOf = (of: readonly PosteriorView[]): BinAxis => commonAxis(of.flatMap(({ x, y }) => [x, y]), densityBins(draws), densityCoverage(draws), DENSITY_MARGIN);
  const scaled = views.findIndex(({ step }) => step.id === 'scaling');
  const before = axisOf(scaled < 0 ? views : views.slice(0, scaled));
  const after = scaled < 0 ? before : axisOf(views.slice(scaled));
  return {
    kind: 'density',
    id: 'density',
    title: pair.title,
    meaning: 'Every panel shows the same draws; the dashed line is where the two parameters are equal. Select a region in one panel to see where its draws are in the others.',
    xLabel: pair.labels[0],
    yLabel: pair.labels[1],
    panels: views.map(({ step, x, y }, v) => {
      const axis = scaled >= 0 && v >= scaled ? after : before;
      const sample = { x: Array.from(shown, (m) => x[m]!), y: Array.from(shown, (m) => y[m]!) };
      return { title: step.title, meaning: step.meaning, x: axis, y: axis, ...histogram2d(x, y, axis, axis), total: x.length, sample };
    }),
  };
}

export function distanceSection(views: readonly PosteriorView[]): Section {
  const logs = views.map(({ distances }) => distances.map((distance) => Math.log10(Math.max(distance, 1e-16))));
  const axis = commonAxis(logs, DISTANCE_BINS);
  return {
    kind: 'histogram',
    id: 'distances',
    title: 'Distance between draws',
    meaning: `Euclidean distance in weight space of ${formatCount(views[0]?.distances.length ?? 0)} pairs of draws. What moves left were copies; what stays apart are different functions. (Removing the scaling changes the unit of length as well, so compare shapes before sizes.)`,
    xLabel: 'log10 of the distance',
    axis,
    series: views.map(({ step }, v) => ({ label: step.title, counts: histogram(logs[v]!, axis).counts })),
  };
}

export function diagnosticsSection(views: readonly PosteriorView[], predicted: readonly ChainDiagnostics[], { chains }: Draws, diagnosed: number): Section {
  const row = (label: string, values: readonly ChainDiagnostics[]): (string | number | null)[] => {
    const { rhat, bulk, tail } = worst(values);
    return [label, rhat, bulk, tail];
  };
  return {
    kind: 'table',
    id: 'diagnostics',
    title: 'Chain diagnostics',
    meaning:
      chains > 1
        ? `Rank-normalised split-R̂ and effective sample sizes (Vehtari et al. 2021), the worst over parameters (${diagnosed} of them, when there are more) and over predictions. Weights that do not mix while predictions do are wandering between copies.`
        : 'Rank-normalised split-R̂ and effective sample sizes (Vehtari et al. 2021) of the draws in their order, taken as one chain, so that R̂ is not defined. Of independent draws the effective size is about their number, with or without copies.',
    columns: [{ label: 'Quantity', align: 'left' }, { label: 'R̂, largest', align: 'right' }, { label: 'bulk ESS, least', align: 'right' }, { label: 'tail ESS, least', align: 'right' }],
    rows: [...views.map(({ step, diagnostics: values }) => row(`weights: ${step.title}`, values)), row('predictions', predicted)],
  };
}

interface Worst {
  readonly rhat: number | null;
  readonly bulk: number | null;
  readonly tail: number | null;
}

function worst(values: readonly ChainDiagnostics[]): Worst {
  const finite = (pick: (value: ChainDiagnostics) => number): number[] => values.map(pick).filter(Number.isFinite);
  const extreme = (numbers: number[], choose: (...numbers: number[]) => number): number | null => (numbers.length === 0 ? null : choose(...numbers));
  return { rhat: extreme(finite(({ rhat }) => rhat), Math.max), bulk: extreme(finite(({ essBulk }) => essBulk), Math.min), tail: extreme(finite(({ essTail }) => essTail), Math.min) };
}

export function viewResult({ step, distances, diagnostics: values }: PosteriorView): JsonValue {
  const sorted = distances.toSorted();
  return {
    stage: step.id,
    distance: { q05: quantile(sorted, 0.05), median: quantile(sorted, 0.5), q95: quantile(sorted, 0.95), pairs: distances.length },
    ...diagnosticsResult(values),
  };
}

export function diagnosticsResult(values: readonly ChainDiagnostics[]): { readonly rhatMax: number | null; readonly essBulkMin: number | null; readonly essTailMin: number | null } {
  const { rhat, bulk, tail } = worst(values);
  return { rhatMax: rhat, essBulkMin: bulk, essTailMin: tail };
}
