/** A panel of curves as a Plotly figure: shaded bands behind, curves told apart by colour and dash, points in front. */
import type { Data } from 'plotly.js-dist';
import { formatNumber } from '../src/protocol/format.ts';
import type { LinePanel, LinesSection } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { axis, plotText, type PlotFigure } from './plot.ts';
import type { PlotView } from './plotView.ts';
import { seriesColour, seriesDash } from './series.ts';
import type { Theme } from './theme.ts';

/** @param labels of all series of the section: one label has one colour in every panel */
export function linesFigure(section: LinesSection, panel: LinePanel, labels: readonly string[], home: PlotView, view: PlotView | null, theme: Theme, width: number): PlotFigure {
  const shown = view ?? home;
  return {
    home,
    height: width < 420 ? 240 : 320,
    data: lineTraces(panel, labels, theme),
    layout: {
      xaxis: axis(theme, section.xLabel, { type: section.xScale, range: [...shown.x], showgrid: false, ...(wholeDecades(section.xScale, shown.x) ? { dtick: 1 } : { nticks: width < 420 ? 5 : 8 }) }),
      yaxis: axis(theme, section.yLabel, { type: section.yScale, range: [...shown.y], nticks: 6 }),
    },
  };
}

/** Where powers of ten are ticks enough: Plotly would put bare digits between them. */
function wholeDecades(scale: LinesSection['xScale'], [low, high]: readonly [number, number]): boolean {
  return scale === 'log' && high - low >= 1.4 && high - low <= 6;
}

function lineTraces(panel: LinePanel, labels: readonly string[], theme: Theme): Data[] {
  const bands = panel.series.flatMap(({ label, x, band }): Data[] => {
    if (band === undefined) return [];
    const color = seriesColour(theme, labels.indexOf(label));
    // One closed outline a finite stretch: a gap in the band is not bridged.
    return stretches(x, band.lower, band.upper).map((at): Data => ({
      type: 'scatter', mode: 'lines', fill: 'toself', hoverinfo: 'skip', showlegend: false, opacity: theme.highContrast ? 0.35 : 0.22, fillcolor: color, line: { width: 0, color, simplify: false },
      x: [...at.map((i) => x[i] ?? NaN), ...at.toReversed().map((i) => x[i] ?? NaN)],
      y: [...at.map((i) => band.upper[i] ?? NaN), ...at.toReversed().map((i) => band.lower[i] ?? NaN)],
    }));
  });
  const curves = panel.series.map(({ label, x, y, band }): Data => {
    const i = labels.indexOf(label);
    const words = x.map((at, k) => {
      const edges = band === undefined ? '' : `<br>${plotText(visible(band.label))}: ${formatNumber(band.lower[k] ?? NaN)} to ${formatNumber(band.upper[k] ?? NaN)}`;
      return `${plotText(visible(label))}<br>${formatNumber(at)}: ${formatNumber(y[k] ?? NaN)}${edges}`;
    });
    return {
      type: 'scatter', name: plotText(visible(label)), mode: x.length > 2 && x.length <= 40 ? 'lines+markers' : 'lines', x: [...x], y: [...y], connectgaps: false, text: words, hovertemplate: '%{text}<extra></extra>',
      line: { simplify: false, color: seriesColour(theme, i), width: theme.highContrast ? 2.5 : 2, dash: panel.series.length === 1 ? 'solid' : seriesDash(i) }, marker: { color: seriesColour(theme, i), size: 5 },
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
