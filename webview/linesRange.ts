/** The axes on which all curves, bands and points of a section can be seen. */
import type { AxisScale, LinesSection } from '../src/protocol/report.ts';
import type { PlotView, Range } from './plotView.ts';

/** The ranges that show every panel of the section, in axis coordinates: exponents on a logarithmic axis. */
export function linesHome({ panels, xScale, yScale }: LinesSection): PlotView {
  const series = panels.flatMap((panel) => panel.series);
  const points = panels.flatMap((panel) => (panel.points === undefined ? [] : [panel.points]));
  const xs = [...series.flatMap(({ x }) => x), ...points.flatMap(({ x }) => x)];
  const ys = [...series.flatMap(({ y, band }) => [...y, ...(band?.lower ?? []), ...(band?.upper ?? [])]), ...points.flatMap(({ y }) => y)];
  return { x: reach(xs, xScale, 0.02), y: reach(ys, yScale, 0.06) };
}

function reach(values: readonly number[], scale: AxisScale, room: number): Range {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    const at = scale === 'log' ? Math.log10(value) : value;
    if (!Number.isFinite(at)) continue;
    low = Math.min(low, at);
    high = Math.max(high, at);
  }
  if (low > high) return [0, 1];
  const margin = high > low ? room * (high - low) : Math.max(Math.abs(high), 1) * 0.5;
  return [low - margin, high + margin];
}
