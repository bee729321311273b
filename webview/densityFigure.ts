/**
 * A density panel as a Plotly figure: counts on a logarithmic colour scale, the dashed line x = y (the mirror of the permutation
 * symmetry), selected points and the box that selected them; and all panels side by side, for export.
 */
import type { ColorBar, Data, Layout } from 'plotly.js-dist';
import { formatCount } from '../src/protocol/format.ts';
import type { BinAxis, DensityPanel, DensitySection } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { t } from '../src/protocol/words.ts';
import { wholeView, type AxisGroup } from './axisGroups.ts';
import { cssColour } from './colour.ts';
import { binCentres, countColours, legendTicks, logCounts, shortened } from './densityGrid.ts';
import { axis, plotText, type PlotFigure } from './plot.ts';
import type { PlotView } from './plotView.ts';
import type { Points } from './pointSelection.ts';
import type { Theme } from './theme.ts';

type Shape = NonNullable<Layout['shapes']>[number];

export interface PanelPicture {
  readonly panel: DensityPanel;
  readonly group: AxisGroup;
  /** Null: everything. */
  readonly view: PlotView | null;
  readonly points: Points;
  /** The box of the selection, in the panel where it was drawn. */
  readonly box: PlotView | null;
}

/** The parts of a figure that cost time to build and never change. */
export interface PanelGrid {
  readonly z: (number | null)[][];
  readonly text: string[][];
}

const margin = { l: 60, r: 12, t: 8, b: 46 };
/** Labels of the x-axis may not push the sides about, so that panels in a row keep one size. */
const sides = { automargin: 'height' } as const;

export function panelFigure({ xLabel, yLabel, diagonal = true }: DensitySection, picture: PanelPicture, grid: PanelGrid, dragmode: 'zoom' | 'select', theme: Theme, width: number): PlotFigure {
  const { equal, ratio } = aspect(picture.panel);
  const home = wholeView(picture.panel);
  const shown = picture.view ?? home;
  const nticks = width < 300 ? 5 : 7;
  return {
    home,
    height: Math.round(Math.min(720, (width - margin.l - margin.r) * ratio + margin.t + margin.b)),
    data: traces(picture, grid, theme),
    layout: {
      margin,
      dragmode,
      xaxis: axis(theme, shortened(xLabel, (width - margin.l) / theme.font.size), { ...sides, range: [...shown.x], constrain: 'domain', nticks, tickangle: 0, mirror: true }),
      yaxis: axis(theme, shortened(yLabel, (width - margin.l) / theme.font.size), { range: [...shown.y], constrain: 'domain', nticks, mirror: true, ...(equal ? { scaleanchor: 'x' } : {}) }),
      shapes: shapes(picture, diagonal, theme, '', 1),
      ...selecting(theme),
    },
  };
}

/** Equal units on both axes are what makes a ring a ring; given up when one axis is over four times as long as the other. */
function aspect({ x, y }: DensityPanel): { readonly equal: boolean; readonly ratio: number } {
  const ratio = length(y) / length(x);
  return ratio >= 0.25 && ratio <= 4 ? { equal: true, ratio } : { equal: false, ratio: 1 };
}

const length = ({ min, max }: BinAxis): number => max - min;

function traces({ panel, group, points }: PanelPicture, { z, text }: PanelGrid, theme: Theme): Data[] {
  const { top, colours } = countColours(theme.ramp, group.largest);
  const hover = text.length === 0 ? { hoverinfo: 'skip' as const } : { text, hovertemplate: '%{text}<extra></extra>' };
  return [
    {
      type: 'heatmap', x: binCentres(panel.x), y: binCentres(panel.y), z, ...hover, hoverongaps: false, showscale: false,
      zmin: 0, zmax: top, colorscale: colours.map(([at, colour]): [number, string] => [at, cssColour(colour)]),
    },
    {
      type: 'scatter', mode: 'markers', x: [...points.x], y: [...points.y], hoverinfo: 'skip',
      marker: { size: theme.highContrast ? 6 : 5, color: theme.selected.fill, line: { width: 1, color: theme.selected.outline } },
    },
  ];
}

/** The line x = y reaches far beyond the axes, so that it is there wherever one pans to. */
function shapes({ panel: { x, y }, box }: PanelPicture, diagonal: boolean, theme: Theme, suffix: string, width: number): Shape[] {
  const [low, high] = [Math.min(x.min, y.min), Math.max(x.max, y.max)];
  const [from, to] = [low - 10 * (high - low), high + 10 * (high - low)];
  const on = { xref: `x${suffix}`, yref: `y${suffix}` } as Pick<Shape, 'xref' | 'yref'>;
  return [
    ...(diagonal ? [{ ...on, type: 'line' as const, x0: from, y0: from, x1: to, y1: to, line: { color: theme.muted, width, dash: 'dash' as const }, layer: 'above' as const }] : []),
    ...(box === null ? [] : [{ ...on, type: 'rect' as const, x0: box.x[0], x1: box.x[1], y0: box.y[0], y1: box.y[1], line: { color: theme.foreground, width: 1.5 * width }, layer: 'above' as const }]),
  ];
}

/** The box while it is being drawn; once drawn it is one of our shapes, so Plotly keeps none. */
function selecting(theme: Theme): Partial<Layout> {
  return { selections: [], newselection: { mode: 'immediate', line: { color: theme.foreground, width: 1.5, dash: 'dot' } } };
}

/** The legend of a panel, centred at `x` below its axis. */
function colourBar(largest: number, x: number, share: number, theme: Theme): Partial<ColorBar> {
  const counts = legendTicks(largest);
  const font = { size: theme.font.size - 1, color: theme.muted };
  return {
    orientation: 'h', x, xanchor: 'center', len: 0.7 * share, y: 0, yanchor: 'top', ypad: 52, thickness: 8, outlinewidth: 0, tickmode: 'array', tickvals: counts.map(Math.log10), ticktext: counts.map(formatCount), tickfont: font,
    title: { text: t('Points in a bin'), side: 'top', font },
  };
}

/** The picture to export: all panels in one, titles above. */
export function sideBySide(section: DensitySection, pictures: readonly PanelPicture[], theme: Theme, width: number): Omit<PlotFigure, 'home'> {
  const count = pictures.length;
  const gap = 0.055;
  const share = (1 - gap * (count - 1)) / count;
  const side = (width - 100) * share;
  const layout: Record<string, unknown> = {};
  const data = pictures.flatMap((picture, i): Data[] => {
    const suffix = i === 0 ? '' : String(i + 1);
    const shown = picture.view ?? wholeView(picture.panel);
    const domain = [i * (share + gap), i * (share + gap) + share];
    layout[`xaxis${suffix}`] = axis(theme, section.xLabel, { range: [...shown.x], domain, anchor: `y${suffix}`, mirror: true, nticks: 7, constrain: 'domain' } as Parameters<typeof axis>[2]);
    layout[`yaxis${suffix}`] = axis(theme, i === 0 ? section.yLabel : '', { range: [...shown.y], anchor: `x${suffix}`, mirror: true, nticks: 7, constrain: 'domain', ...(aspect(picture.panel).equal ? { scaleanchor: `x${suffix}` } : {}) } as Parameters<typeof axis>[2]);
    return traces(picture, { z: logCounts(picture.panel), text: [] }, theme).map((trace): Data => ({
      ...trace, xaxis: `x${suffix}`, yaxis: `y${suffix}`, ...(trace.type === 'heatmap' ? { showscale: true, colorbar: colourBar(picture.group.largest, i * (share + gap) + share / 2, share, theme) } : {}),
    }));
  });
  const tallest = pictures.reduce((most, { panel }) => Math.max(most, aspect(panel).ratio), 0.25);
  return {
    data,
    height: Math.round(side * tallest + 180),
    layout: {
      ...layout,
      margin: { l: 60, r: 20, t: 50, b: 130 },
      shapes: pictures.flatMap((picture, i) => shapes(picture, section.diagonal ?? true, theme, i === 0 ? '' : String(i + 1), 1)),
      annotations: pictures.map(({ panel }, i) => ({
        text: plotText(visible(panel.title)), x: i * (share + gap) + share / 2, y: 1, xref: 'paper', yref: 'paper', xanchor: 'center', yanchor: 'bottom', yshift: 10, showarrow: false, font: { size: theme.font.size + 2 },
      })),
    },
  };
}
