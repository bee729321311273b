/** Pictures of a set of draws at every stage: two parameters, principal components, distances. */
import { commonAxis, histogram, histogram2d, quantile } from '../posterior/density.ts';
import type { PrincipalComponents } from '../posterior/principalComponents.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { BinAxis, DensityPanel, DensitySection, HistogramSection } from '../protocol/report.ts';
import type { PlottedPair } from './plottedPair.ts';
import type { FunctionView, PosteriorView } from './posteriorReport.ts';

/** Few draws get large bins, so that single ones can be seen: about 1.2 √M a side. */
const densityBins = (draws: number): number => Math.min(120, Math.max(24, Math.ceil(1.2 * Math.sqrt(draws))));
/** Of many draws the tails may lie outside; of few every one counts. */
const densityCoverage = (draws: number): number => (draws < 200 ? 1 : 0.95);
const DENSITY_MARGIN = 0.12;
/** Of few pairs a bar holds some: about 2 √M. */
const distanceBins = (pairs: number): number => Math.min(100, Math.max(12, Math.ceil(2 * Math.sqrt(pairs))));
/** Fewer draws have no principal components worth a picture. */
const FEWEST_FOR_COMPONENTS = 3;

export function densitySection(views: readonly PosteriorView[], pair: PlottedPair, shown: Int32Array): DensitySection {
  return {
    kind: 'density',
    id: 'density',
    title: pair.title,
    meaning: 'Every panel shows the same draws.',
    drawing: 'The dashed line is where the two parameters are equal. Select a region in one panel to see where its draws are in the others.',
    xLabel: pair.labels[0],
    yLabel: pair.labels[1],
    panels: stagePanels(views, shown, ({ x, y }) => ({ x, y }), sameAxes, ({ step }) => step.meaning),
  };
}

export function componentsSection(views: readonly PosteriorView[], shown: Int32Array): DensitySection[] {
  const last = views.at(-1);
  if (last === undefined || last.x.length < FEWEST_FOR_COMPONENTS) return [];
  const { basis } = last.components;
  return [{
    kind: 'density',
    id: 'components',
    title: 'Principal components in weight space',
    meaning: `At every stage the two directions in which the draws spread most there${basis < last.x.length ? `, from ${formatCount(basis)} of them` : ''}. Islands that vanish from one panel to the next were copies.`,
    xLabel: 'first component',
    yLabel: 'second component',
    diagonal: false,
    panels: stagePanels(views, shown, ({ components: { x, y } }) => ({ x, y }), ownAxes, ({ components }) => explainedSentence(components)),
  }];
}

export function functionsSection({ components, inputs }: FunctionView, shown: Int32Array): DensitySection[] {
  if (components.x.length < FEWEST_FOR_COMPONENTS) return [];
  return [{
    kind: 'density',
    id: 'functions',
    title: 'Principal components in function space',
    meaning: `The same draws as functions, by their outputs at ${inputs}; copies coincide here from the start. Islands in this picture are different functions.`,
    xLabel: 'first component',
    yLabel: 'second component',
    diagonal: false,
    panels: [panel('Functions', explainedSentence(components), components, ownAxes([components]), shown)],
  }];
}

function explainedSentence({ explained }: PrincipalComponents): string {
  const [first = 0, second = 0] = explained;
  return `The two components hold ${formatNumber(100 * first, 3)} % and ${formatNumber(100 * second, 3)} % of the variance.`;
}

interface Points {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

interface Axes {
  readonly x: BinAxis;
  readonly y: BinAxis;
}

/** Removing the scaling changes the unit of the weights, so the views before and after it have axes of their own. */
function stagePanels(views: readonly PosteriorView[], shown: Int32Array, points: (view: PosteriorView) => Points, axesOf: (of: readonly Points[]) => Axes, meaning: (view: PosteriorView) => string): DensityPanel[] {
  const scaled = views.findIndex(({ step }) => step.id === 'scaling');
  const before = axesOf((scaled < 0 ? views : views.slice(0, scaled)).map(points));
  const after = scaled < 0 ? before : axesOf(views.slice(scaled).map(points));
  return views.map((view, v) => panel(view.step.title, meaning(view), points(view), scaled >= 0 && v >= scaled ? after : before, shown));
}

const axisOf = (samples: readonly Float64Array[]): BinAxis => {
  const draws = samples[0]?.length ?? 0;
  return commonAxis(samples, densityBins(draws), densityCoverage(draws), DENSITY_MARGIN);
};

/** One range for x and y, so that the mirror line v1 = v2 is the diagonal. */
function sameAxes(of: readonly Points[]): Axes {
  const axis = axisOf(of.flatMap(({ x, y }) => [x, y]));
  return { x: axis, y: axis };
}

/** Of equal length, each around its own points: units stay equal, and nothing is squeezed because the tails lie to one side. */
function ownAxes(of: readonly Points[]): Axes {
  const [x, y] = [axisOf(of.map((points) => points.x)), axisOf(of.map((points) => points.y))];
  const length = Math.max(x.max - x.min, y.max - y.min);
  const lengthened = ({ min, max, bins }: BinAxis): BinAxis => ({ min: (min + max - length) / 2, max: (min + max + length) / 2, bins });
  return { x: lengthened(x), y: lengthened(y) };
}

function panel(title: string, meaning: string, { x, y }: Points, axes: Axes, shown: Int32Array): DensityPanel {
  const sample = { x: Array.from(shown, (m) => x[m]!), y: Array.from(shown, (m) => y[m]!) };
  return { title, meaning, ...axes, ...histogram2d(x, y, axes.x, axes.y), total: x.length, sample };
}

export function distanceSection(views: readonly PosteriorView[]): HistogramSection {
  const logs = views.map(({ distances }) => distances.sorted.map((distance) => Math.log10(Math.max(distance, 1e-16))));
  const axis = commonAxis(logs, distanceBins(logs[0]?.length ?? 0));
  return {
    kind: 'histogram',
    id: 'distances',
    title: 'Distance between draws',
    meaning: `Euclidean distance in weight space of ${formatCount(views[0]?.distances.sorted.length ?? 0)} pairs of draws: half of them are within ${new Intl.ListFormat('en-GB').format(views.map(({ distances, step }, v) => `${formatNumber(quantile(distances.sorted, 0.5), 3)}${v === 0 ? ' as drawn' : ` with ${step.title.charAt(0).toLowerCase()}${step.title.slice(1)}`}`))}.${views.length > 1 ? ' What moves left were copies; what stays apart are different functions.' : ''}${views.some(({ step }) => step.id === 'scaling') ? ' (Removing the scaling changes the unit of length as well: compare shapes before sizes there.)' : ''}`,
    xLabel: 'log10 of the distance',
    axis,
    series: views.map(({ step }, v) => ({ label: step.title, counts: histogram(logs[v]!, axis).counts })),
  };
}
