/** The numbers of a two-dimensional histogram as the plot wants them: log10 of counts with gaps where nothing fell, and words. */
import { formatCount, formatNumber } from '../src/protocol/format.ts';
import type { BinAxis, DensityPanel, DensitySection } from '../src/protocol/report.ts';
import type { Cell } from './csv.ts';

/** Edges of the bins: bins + 1 numbers. */
export function binEdges(axis: BinAxis): number[] {
  return Array.from({ length: axis.bins + 1 }, (_, i) => axis.min + ((axis.max - axis.min) * i) / axis.bins);
}

/** Midpoints of the bins. */
export function binCentres(axis: BinAxis): number[] {
  return Array.from({ length: axis.bins }, (_, i) => axis.min + ((axis.max - axis.min) * (i + 0.5)) / axis.bins);
}

/** Largest count over all panels, so that one colour means one density everywhere; at least 1. */
export function largestCount(panels: readonly DensityPanel[]): number {
  return panels.reduce((most, panel) => panel.counts.reduce((a, b) => Math.max(a, b), most), 1);
}

/** Rows of log10(count), null where the count is zero: gaps are not drawn, so the background shows. */
export function logCounts(panel: DensityPanel, x: BinAxis, y: BinAxis): (number | null)[][] {
  return grid(x, y, (i) => {
    const count = panel.counts[i] ?? 0;
    return count > 0 ? Math.log10(count) : null;
  });
}

/** Per bin: where it lies, how many points and which share of all. Empty where nothing fell. */
export function binTexts(panel: DensityPanel, section: DensitySection, escape: (text: string) => string): string[][] {
  const { x, y } = section;
  const [xs, ys] = [binCentres(x), binCentres(y)];
  return grid(x, y, (i, ix, iy) => {
    const count = panel.counts[i] ?? 0;
    if (count <= 0) return '';
    const share = formatNumber((100 * count) / Math.max(1, panel.total), 3);
    const place = `${escape(section.xLabel)} ${formatNumber(xs[ix] ?? NaN, 3)}, ${escape(section.yLabel)} ${formatNumber(ys[iy] ?? NaN, 3)}`;
    return `${formatCount(count)} of ${formatCount(panel.total)} (${share} %)<br>${place}`;
  });
}

function grid<T>(x: BinAxis, y: BinAxis, value: (i: number, ix: number, iy: number) => T): T[][] {
  return Array.from({ length: y.bins }, (_, iy) => Array.from({ length: x.bins }, (_, ix) => value(iy * x.bins + ix, ix, iy)));
}

/** One row a bin that holds points. */
export function densityRows(section: DensitySection): Cell[][] {
  const [xs, ys] = [binEdges(section.x), binEdges(section.y)];
  const rows: Cell[][] = [['panel', 'x_from', 'x_to', 'y_from', 'y_to', 'count', 'share']];
  for (const panel of section.panels) {
    panel.counts.forEach((count, i) => {
      if (count <= 0) return;
      const [ix, iy] = [i % section.x.bins, Math.floor(i / section.x.bins)];
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
