/** A panel of curves as a Plotly figure: shaded bands behind, curves told apart by colour and dash, points in front. */
import type { Data, LayoutAxis } from 'plotly.js-dist';
import { formatNumber } from '../src/protocol/format.ts';
import type { LinePanel, LinesSection } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import type { Curve } from './curves.ts';
import { axis, MARGIN, plotText, upright, type PlotFigure } from './plot.ts';
import type { PlotView } from './plotView.ts';
import { curveColour, curveDash } from './series.ts';
import type { Theme } from './theme.ts';

/** @param known curves of the section: one label has one colour in every panel */
export function linesFigure(section: LinesSection, panel: LinePanel, known: readonly Curve[], home: PlotView, view: PlotView | null, theme: Theme, width: number): PlotFigure {
  const shown = view ?? home;
  const height = width < 420 ? 240 : 320;
  return {
    home,
    height,
    data: lineTraces(panel, known, theme),
    layout: {
      xaxis: axis(theme, section.xLabel, { type: section.xScale, range: [...shown.x], showgrid: false, ...(section.xScale === 'log' ? decadeTicks(home.x, shown.x) : { nticks: width < 420 ? 5 : 8 }) }),
      yaxis: axis(theme, upright(section.yLabel, height, MARGIN, theme), { type: section.yScale, range: [...shown.y], ...(section.yScale === 'log' ? decadeTicks(home.y, shown.y) : { nticks: 6 }) }),
    },
  };
}

/** Powers of ten, or where they are too few 1, 2 and 5 of each, written out: Plotly would put bare digits between them. */
function decadeTicks([from, to]: readonly [number, number], [low, high]: readonly [number, number]): Partial<LayoutAxis> {
  if (high - low > 6) return { nticks: 8 };
  if (high - low >= 2.2) return { dtick: 1 };
  const decades = Array.from({ length: Math.ceil(to) - Math.floor(from) + 1 }, (_, k) => Math.floor(from) + k);
  const ticks = decades.flatMap((decade) => [1, 2, 5].map((digit) => digit * 10 ** decade));
  return { tickmode: 'array', tickvals: ticks, ticktext: ticks.map((value) => formatNumber(value)) };
}

function lineTraces(panel: LinePanel, known: readonly Curve[], theme: Theme): Data[] {
  const curveOf = (label: string): Curve => known.find((curve) => curve.label === label) ?? { label, place: null, dash: 0 };
  const bands = panel.series.flatMap(({ label, x, band }): Data[] => {
    if (band === undefined) return [];
    const color = curveColour(theme, curveOf(label).place);
    // One closed outline a finite stretch: a gap in the band is not bridged.
    return stretches(x, band.lower, band.upper).map((at): Data => ({
      type: 'scatter', mode: 'lines', fill: 'toself', hoverinfo: 'skip', showlegend: false, opacity: theme.highContrast ? 0.35 : 0.22, fillcolor: color, line: { width: 0, color, simplify: false },
      x: [...at.map((i) => x[i] ?? NaN), ...at.toReversed().map((i) => x[i] ?? NaN)],
      y: [...at.map((i) => band.upper[i] ?? NaN), ...at.toReversed().map((i) => band.lower[i] ?? NaN)],
    }));
  });
  const curves = panel.series.map(({ label, x, y, band }): Data => {
    const curve = curveOf(label);
    const { place } = curve;
    const words = x.map((at, k) => {
      const edges = band === undefined ? '' : `<br>${plotText(visible(band.label))}: ${formatNumber(band.lower[k] ?? NaN)} to ${formatNumber(band.upper[k] ?? NaN)}`;
      return `${plotText(visible(label))}<br>${formatNumber(at)}: ${formatNumber(y[k] ?? NaN)}${edges}`;
    });
    return {
      type: 'scatter', name: plotText(visible(label)), mode: place !== null && x.length > 2 && x.length <= 40 ? 'lines+markers' : 'lines', x: [...x], y: [...y], connectgaps: false, text: words, hovertemplate: '%{text}<extra></extra>',
      line: { simplify: false, color: curveColour(theme, place), width: theme.highContrast ? 2.5 : 2, dash: panel.series.length === 1 ? 'solid' : curveDash(curve) }, marker: { color: curveColour(theme, place), size: 5 },
    };
  });
  const { points } = panel;
  return [...bands, ...curves, ...(points === undefined ? [] : [{
    type: 'scatter', name: plotText(visible(points.label)), mode: 'markers', x: [...points.x], y: [...points.y], text: points.x.map((x, k) => `${plotText(visible(points.label))}<br>${formatNumber(x)}: ${formatNumber(points.y[k] ?? NaN)}`), hovertemplate: '%{text}<extra></extra>',
    marker: { size: points.x.length > 200 ? 4 : points.x.length > 3 ? 6 : 10, color: theme.foreground, line: { width: 1, color: theme.background } },
  } satisfies Data])];
}

function stretches(x: readonly number[], lower: readonly number[], upper: readonly number[]): number[][] {
  const found: number[][] = [];
  let open: number[] = [];
  for (let i = 0; i <= x.length; i++) {
    if (i < x.length && Number.isFinite(x[i]) && Number.isFinite(lower[i]) && Number.isFinite(upper[i])) open.push(i);
    else if (open.length > 0) {
      found.push(open);
      open = [];
    }
  }
  return found;
}
