/** The numbers of a two-dimensional histogram as the plot wants them: log10 of counts with gaps where nothing fell, and words. */
import { formatCount, formatNumber } from '../src/protocol/format.ts';
import type { BinAxis, DensityPanel, DensitySection } from '../src/protocol/report.ts';
import { t } from '../src/protocol/words.ts';
import { upperPart, type Ramp } from './colour.ts';
import type { Cell } from './csv.ts';

/** Edges of the bins: bins + 1 numbers. */
export function binEdges(axis: BinAxis): number[] {
  return Array.from({ length: axis.bins + 1 }, (_, i) => axis.min + ((axis.max - axis.min) * i) / axis.bins);
}

/** Midpoints of the bins. */
export function binCentres(axis: BinAxis): number[] {
  return Array.from({ length: axis.bins }, (_, i) => axis.min + ((axis.max - axis.min) * (i + 0.5)) / axis.bins);
}

/** Rows of log10(count), null where the count is zero: gaps are not drawn, so the background shows. */
export function logCounts(panel: DensityPanel): (number | null)[][] {
  return grid(panel, (count) => (count > 0 ? Math.log10(count) : null));
}

/** Per bin: where it lies, how many points and which share of all. Empty where nothing fell. */
export function binTexts(panel: DensityPanel, { xLabel, yLabel }: Pick<DensitySection, 'xLabel' | 'yLabel'>, escape: (text: string) => string): string[][] {
  const [xs, ys] = [binCentres(panel.x), binCentres(panel.y)];
  const [xName, yName] = [escape(xLabel), escape(yLabel)];
  return grid(panel, (count, ix, iy) => {
    if (count <= 0) return '';
    const share = formatNumber((100 * count) / Math.max(1, panel.total), 3);
    return `${t('{0} of {1} ({2} %)', formatCount(count), formatCount(panel.total), share)}<br>${xName} ${formatNumber(xs[ix] ?? NaN, 3)}, ${yName} ${formatNumber(ys[iy] ?? NaN, 3)}`;
  });
}

function grid<T>({ x, y, counts }: DensityPanel, value: (count: number, ix: number, iy: number) => T): T[][] {
  return Array.from({ length: y.bins }, (_, iy) => Array.from({ length: x.bins }, (_, ix) => value(counts[iy * x.bins + ix] ?? 0, ix, iy)));
}

/** One row a bin that holds points, with edges in the panel's own axes. */
export function densityRows(section: DensitySection): Cell[][] {
  const rows: Cell[][] = [['panel', 'x_from', 'x_to', 'y_from', 'y_to', 'count', 'share']];
  for (const panel of section.panels) {
    const [xs, ys] = [binEdges(panel.x), binEdges(panel.y)];
    panel.counts.forEach((count, i) => {
      if (count <= 0) return;
      const [ix, iy] = [i % panel.x.bins, Math.floor(i / panel.x.bins)];
      rows.push([panel.title, xs[ix] ?? NaN, xs[ix + 1] ?? NaN, ys[iy] ?? NaN, ys[iy + 1] ?? NaN, count, count / Math.max(1, panel.total)]);
    });
  }
  return rows;
}

/** Counts to mark on the colour legend: powers of ten below the largest, and the largest itself; no two too close to read. */
export function legendTicks(largest: number): number[] {
  const decades = Math.floor(Math.log10(largest));
  const step = Math.max(1, Math.ceil(decades / 4));
  const ticks: number[] = [];
  for (let decade = 0; decade <= decades; decade += step) ticks.push(10 ** decade);
  const last = ticks.at(-1) ?? 1;
  if (ticks.length > 1 && Math.log10(largest / last) < 0.25 * Math.log10(largest) && last !== largest) ticks.pop();
  if (ticks.at(-1) !== largest) ticks.push(largest);
  return ticks;
}

/**
 * Colours of counts from 1 to 10^`top`, on a logarithmic scale. Ten points in a bin use the whole ramp; where the fullest bin has fewer, one point
 * begins further in, so that few draws are as plain to see as many. There is always room above one point: alone it is not the darkest colour.
 */
export function countColours(ramp: Ramp, largest: number): { readonly top: number; readonly colours: Ramp } {
  const top = Math.max(Math.log10(largest), 0.3);
  return { top, colours: upperPart(ramp, 0.6 * Math.max(0, 1 - top)) };
}

/** A long name loses its middle: what tells parameters apart is at its ends. `width` in em; letters are about 0.55 em wide. */
export function shortened(name: string, width: number): string {
  const room = Math.max(8, Math.floor(width / 0.55));
  return name.length <= room ? name : `${name.slice(0, Math.floor(room / 3))}…${name.slice(name.length - (room - 1 - Math.floor(room / 3)))}`;
}
