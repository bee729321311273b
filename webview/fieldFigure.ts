/** A quantity over a plane as a Plotly figure: colours from the theme, named curves and points on top. */
import type { Data, LayoutAxis } from 'plotly.js-dist';
import { formatNumber } from '../src/protocol/format.ts';
import type { BinAxis, FieldPanel, FieldsSection } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { cssColour, type Ramp } from './colour.ts';
import { binCentres } from './densityGrid.ts';
import { axis, plotText, upright, type PlotFigure } from './plot.ts';
import { fieldHome, type ColourRange } from './fieldRange.ts';
import type { PlotView } from './plotView.ts';
import type { Theme } from './theme.ts';

export const fieldRamp = (theme: Theme, colours: FieldsSection['colours']): Ramp => (colours === 'diverging' ? theme.divergingRamp : theme.areaRamp);

/** An axis of a matrix counts its entries: each number stands at the middle of its row or column, which is a whole number itself where points are drawn on entries. */
const isIndex = (panel: FieldPanel, { min, max, bins }: BinAxis): boolean => panel.y.direction === 'down' && max - min === bins && Number.isInteger(2 * min);

function indexTicks(panel: FieldPanel, along: BinAxis): Partial<LayoutAxis> {
  if (!isIndex(panel, along)) return {};
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((size) => along.bins / size <= 7) ?? along.bins;
  const centres = binCentres(along).filter((centre) => Math.floor(centre) % step === 0);
  return { tickmode: 'array', tickvals: centres, ticktext: centres.map((centre) => String(Math.floor(centre))) };
}

/** An axis that means nothing has no numbers. */
const unnamed = (label: string): Partial<LayoutAxis> => (label === '' ? { showticklabels: false, ticks: '' } : {});

const margin = { l: 60, r: 12, t: 8, b: 46 } as const;

export function fieldFigure(section: FieldsSection, panel: FieldPanel, range: ColourRange, view: PlotView | null, theme: Theme, width: number): PlotFigure {
  const home = fieldHome(panel);
  const shown = view ?? home;
  const [xLabel, yLabel] = panel.arranged === true ? ['', ''] : [section.xLabel, section.yLabel];
  const spans = [panel.x.max - panel.x.min, panel.y.max - panel.y.min] as const;
  const ratio = panel.y.direction === 'down' ? Math.min(1.4, Math.max(0.15, panel.y.bins / panel.x.bins)) : Math.min(1.4, Math.max(section.contours === true ? 0.75 : 0.4, spans[1] / spans[0]));
  const height = Math.round(Math.min(640, (width - margin.l - margin.r) * ratio + margin.t + margin.b));
  return {
    home,
    height,
    data: [heatmap(section, panel, range, theme), ...contourLines(section, panel, range, theme), ...curves(panel, theme), ...points(panel, theme)],
    layout: {
      margin,
      xaxis: axis(theme, xLabel, { range: [...shown.x], nticks: width < 300 ? 5 : 7, mirror: true, showgrid: false, automargin: 'height', ...indexTicks(panel, panel.x), ...unnamed(xLabel) }),
      yaxis: axis(theme, upright(yLabel, height, margin, theme), { range: [...shown.y], nticks: width < 300 ? 5 : 7, mirror: true, showgrid: false, ...indexTicks(panel, panel.y), ...unnamed(yLabel) }),
    },
  };
}

function heatmap(section: FieldsSection, panel: FieldPanel, { low, high }: ColourRange, theme: Theme): Data {
  const rows = Array.from({ length: panel.y.bins }, (_, iy) => panel.values.slice(iy * panel.x.bins, (iy + 1) * panel.x.bins));
  const [xs, ys] = [binCentres(panel.x), binCentres(panel.y)];
  const at = (along: BinAxis, centre: number | undefined): string => (isIndex(panel, along) ? String(Math.floor(centre ?? NaN)) : formatNumber(centre ?? NaN, 3));
  const words = rows.map((row, iy) => row.map((value, ix) => (value === null ? '' : `${plotText(visible(section.valueLabel))} ${formatNumber(value)}${panel.arranged === true ? '' : `<br>${plotText(visible(section.xLabel))} ${at(panel.x, xs[ix])}, ${plotText(visible(section.yLabel))} ${at(panel.y, ys[iy])}`}`)));
  return {
    type: 'heatmap', x: xs, y: ys, z: rows.map((row) => row.map((value) => (value === null ? null : section.colours === 'log' ? logOf(value, low) : value))),
    // A quantity over a plane is smooth, an entry of a matrix is not; a gap would be smeared.
    zsmooth: panel.y.direction === 'up' && !panel.values.includes(null) ? 'best' : false,
    text: words, hovertemplate: '%{text}<extra></extra>', hoverongaps: false, showscale: false, zmin: low, zmax: high,
    colorscale: fieldRamp(theme, section.colours).map(([at, colour]): [number, string] => [at, cssColour(colour)]),
  };
}

/** What is not above zero has the lowest colour. */
const logOf = (value: number, low: number): number => (value > 0 ? Math.max(low, Math.log10(value)) : low);

/** Powers of ten below the highest: where a value falls to zero they would crowd. */
const LINES = 4;

/** Lines of equal value, where the field asks for them. */
function contourLines(section: FieldsSection, panel: FieldPanel, { low, high }: ColourRange, theme: Theme): Data[] {
  if (section.contours !== true) return [];
  const rows = Array.from({ length: panel.y.bins }, (_, iy) => panel.values.slice(iy * panel.x.bins, (iy + 1) * panel.x.bins));
  const log = section.colours === 'log';
  const size = log ? 1 : (high - low) / 8;
  return [{
    type: 'contour', x: binCentres(panel.x), y: binCentres(panel.y), z: rows.map((row) => row.map((value) => (value === null ? null : log ? logOf(value, low) : value))),
    autocontour: false, contours: { coloring: 'none', start: log ? Math.max(Math.ceil(low), Math.floor(high) - LINES) : low + size, end: log ? Math.floor(high) : high - size / 2, size },
    line: { color: theme.background, width: 1 }, showscale: false, hoverinfo: 'skip',
  }];
}

/** The scale of colours beside the picture, for export; on the page it stands below all panels. */
export function withScale(figure: PlotFigure, section: FieldsSection, theme: Theme): PlotFigure {
  const font = { size: theme.font.size - 1, color: theme.muted };
  return {
    ...figure,
    data: figure.data.map((trace): Data => (trace.type === 'heatmap' ? { ...trace, showscale: true, colorbar: { thickness: 10, outlinewidth: 0, tickfont: font, title: { text: plotText(visible(section.colours === 'log' ? `log10 ${section.valueLabel}` : section.valueLabel)), side: 'right', font } } } : trace)),
  };
}

/** Drawn twice, so that a curve stands off light and dark colours alike. */
function curves(panel: FieldPanel, theme: Theme): Data[] {
  return panel.curves.flatMap(({ label, x, y }, i): Data[] => {
    const dash = (['solid', 'dash', 'dot'] as const)[i % 3];
    const base = { type: 'scatter' as const, mode: 'lines' as const, x: [...x], y: [...y], name: plotText(visible(label)) };
    return [
      { ...base, hoverinfo: 'skip', line: { color: theme.background, width: 5 } },
      { ...base, hovertemplate: `${plotText(visible(label))}<extra></extra>`, line: { color: theme.foreground, width: 2, ...(dash === undefined ? {} : { dash }) } },
    ];
  });
}

const SYMBOLS = ['circle', 'diamond', 'cross', 'x'] as const;

/** Many small ones below, every other kind of them inside out; single ones large and in the page's own colours on top. */
function points(panel: FieldPanel, theme: Theme): Data[] {
  const many = panel.points.some(({ x }) => x.length > 20);
  return panel.points.map(({ label, x, y }, i): Data => {
    const single = many && x.length <= 1;
    const [fill, outline] = i % 2 === 0 ? [theme.selected.fill, theme.selected.outline] : [theme.selected.outline, theme.selected.fill];
    return {
      type: 'scatter', mode: 'markers', x: [...x], y: [...y], hovertemplate: `${plotText(visible(label))}<br>%{x:.3~g}, %{y:.3~g}<extra></extra>`,
      marker: {
        symbol: SYMBOLS[i % SYMBOLS.length] ?? 'circle', size: single ? 11 : x.length > 100 ? 5 : x.length > 20 ? 6 : 8,
        color: single ? theme.background : fill, line: single ? { width: 2, color: theme.foreground } : { width: x.length > 100 ? 0.75 : 1, color: outline },
      },
    };
  });
}
