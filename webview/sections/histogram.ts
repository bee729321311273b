/** One-dimensional histograms on a common axis: bars for one series, outlines with a legend for several. */
import type { Data } from 'plotly.js-dist';
import { formatCount, formatNumber } from '../../src/protocol/format.ts';
import type { HistogramSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { t } from '../../src/protocol/words.ts';
import { binEdges } from '../densityGrid.ts';
import { histogramNumbers } from '../histogramNumbers.ts';
import { button, element } from '../elements.ts';
import { axis, picture, Plot, plotText, type PlotFigure } from '../plot.ts';
import { parseView, storedView, type PlotView } from '../plotView.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import { curveColour, curveDash, curveKeys } from '../series.ts';
import type { Theme } from '../theme.ts';

export function drawHistogram(section: HistogramSection, memory: Memory): SectionDrawing {
  const edges = binEdges(section.axis);
  const initial = parseView(memory.remembered);
  const reset = button(t('Reset zoom'), () => { void plot.show(null); moved(null); }, { class: 'quiet' });
  const moved = (view: PlotView | null): void => {
    reset.hidden = view === null;
    memory.remember(storedView(view));
  };
  reset.hidden = initial === null;
  const plot = new Plot(`${visible(section.title)}. ${visible(section.meaning)}`, (theme, width, view) => figure(section, edges, theme, width, view), initial, moved);
  const keys = element('ul', { class: 'keys' });
  return {
    body: element('div', {}, plot.element, ...(section.series.length > 1 ? [keys] : [])),
    controls: [reset],
    draw: (theme) => {
      keys.replaceChildren(...curveKeys(section.series.map(({ label }, place) => ({ label, place, dash: place })), theme));
      return plot.draw(theme);
    },
    numbers: () => histogramNumbers(section),
    picture: (theme, format) => {
      const { layout, ...rest } = figure(section, edges, theme, 900, null);
      return picture({ ...rest, layout: { ...layout, showlegend: section.series.length > 1, legend: { orientation: 'h', y: 1.08, x: 0 } } }, theme, 900, format);
    },
    dispose: () => { plot.dispose(); },
  };
}

/** Two standard errors either way, where the counts are estimates; not below zero. */
function errorBars({ counts, errors }: HistogramSection['series'][number], theme: Theme): Pick<Extract<Data, { type?: 'bar' }>, 'error_y'> {
  if (errors === undefined) return {};
  return { error_y: { type: 'data', symmetric: false, array: errors.map((error) => 2 * error), arrayminus: errors.map((error, i) => Math.min(2 * error, counts[i] ?? 0)), color: theme.foreground, thickness: 1, width: 2 } };
}

function figure(section: HistogramSection, edges: readonly number[], theme: Theme, width: number, view: PlotView | null): PlotFigure {
  const top = section.series.reduce((most, { counts, errors }) => counts.reduce((a, b, i) => Math.max(a, b + 2 * (errors?.[i] ?? 0)), most), 0);
  const home: PlotView = { x: [section.axis.min, section.axis.max], y: [0, Math.max(1, top) * 1.06] };
  const shown = view ?? home;
  const size = (count: number, error: number | undefined): string => (error === undefined ? formatCount(count) : `${formatNumber(count)} ± ${formatNumber(error, 2)}`);
  const texts = ({ counts, errors }: HistogramSection['series'][number]): string[] => counts.map((count, i) => t('{0} in {1} to {2}', size(count, errors?.[i]), formatNumber(edges[i] ?? NaN, 3), formatNumber(edges[i + 1] ?? NaN, 3)));
  const step = (section.axis.max - section.axis.min) / section.axis.bins;
  const centres = edges.slice(0, -1).map((edge) => edge + step / 2);
  const data = section.series.map((series, i): Data => {
    const name = plotText(visible(series.label));
    const color = curveColour(theme, i);
    if (section.series.length === 1) {
      return { type: 'bar', x: centres, y: [...series.counts], width: step, name, marker: { color, line: { width: series.counts.length > 60 ? 0 : theme.highContrast ? 1 : 0.5, color: theme.background } }, hovertext: texts(series), hoverinfo: 'text', ...errorBars(series, theme) };
    }
    return {
      type: 'scatter', mode: 'lines', line: { shape: 'hv', color, width: 1.5, dash: curveDash({ place: i, dash: i }) }, x: [...edges], y: [...series.counts, series.counts.at(-1) ?? 0], name,
      hovertext: texts(series).map((words) => `${name}: ${words}`), hoverinfo: 'text', ...(i === 0 ? { fill: 'tozeroy', fillcolor: theme.tint } : {}),
    };
  });
  return {
    home,
    data,
    height: width < 520 ? 240 : 300,
    layout: { xaxis: axis(theme, section.xLabel, { range: [...shown.x], showgrid: false }), yaxis: axis(theme, t('Count'), { range: [...shown.y], nticks: 6, exponentformat: 'none', ...(top < 6 && view === null ? { dtick: 1 } : {}) }), bargap: 0 },
  };
}
