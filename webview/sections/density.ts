/**
 * Linked two-dimensional histograms on common axes: the first figure of Laurent et al. (2023) as one reads it, left to right,
 * each picture with one symmetry fewer. Colour is logarithmic in the count, one scale for all panels; the dashed line is x = y,
 * the mirror of the permutation symmetry.
 */
import type { Data, Layout } from 'plotly.js-dist';
import { formatCount } from '../../src/protocol/format.ts';
import type { DensityPanel, DensitySection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { cssColour, type Ramp } from '../colour.ts';
import { binCentres, binTexts, densityRows, largestCount, legendTicks, logCounts } from '../densityGrid.ts';
import { button, element } from '../elements.ts';
import { axis, picture, Plot, plotText, type FigureBuilder, type PlotFigure } from '../plot.ts';
import { parseView, storedView, type PlotView } from '../plotView.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import type { Theme } from '../theme.ts';

const margin = { l: 52, r: 10, t: 8, b: 46 };

export function drawDensity(section: DensitySection, memory: Memory): SectionDrawing {
  const shared = { largest: largestCount(section.panels), home: { x: [section.x.min, section.x.max], y: [section.y.min, section.y.max] } as const };
  let view = parseView(memory.remembered);
  const reset = button('Reset zoom', () => { move(null); }, { class: 'quiet' });
  reset.hidden = view === null;

  const move = (next: PlotView | null, from?: Plot): void => {
    view = next;
    reset.hidden = next === null;
    memory.remember(storedView(next));
    for (const plot of plots) if (plot !== from) void plot.show(next);
  };
  const plots = section.panels.map((panel) => {
    const texts = binTexts(panel, section, plotText);
    const trace = { z: logCounts(panel, section.x, section.y), text: texts };
    const plot: Plot = new Plot(`${visible(panel.title)}. ${visible(panel.meaning)}`, panelFigure(section, trace, shared), view, (next) => { move(next, plot); });
    return plot;
  });
  const legend = element('div', { class: 'legend' });
  const panels = element('div', { class: 'panels' }, ...section.panels.map((panel, i) => panelFrame(panel, plots[i]?.element ?? null)));
  panels.style.setProperty('--columns', String(section.panels.length === 4 ? 2 : Math.min(3, section.panels.length)));

  return {
    body: element('div', {}, panels, legend),
    controls: [reset],
    draw: async (theme) => {
      legend.replaceChildren(...legendParts(theme.ramp, shared.largest));
      await Promise.all(plots.map((plot) => plot.draw(theme)));
    },
    numbers: () => densityRows(section),
    picture: async (theme, format) => {
      const width = 40 + 400 * section.panels.length;
      return picture(sideBySide(section, shared, theme, width, view), theme, width, format);
    },
    dispose: () => { for (const plot of plots) plot.dispose(); },
  };
}

function panelFrame(panel: DensityPanel, plot: HTMLElement | null): HTMLElement {
  const outside = panel.outside === 0 ? null : element('p', { class: 'note' }, `${formatCount(panel.outside)} of ${formatCount(panel.total)} points lie outside these axes.`);
  return element('figure', { class: 'panel' }, element('h3', {}, visible(panel.title)), plot, element('figcaption', {}, visible(panel.meaning)), outside);
}

interface Shared {
  readonly largest: number;
  readonly home: PlotView;
}

interface PanelTrace {
  readonly z: (number | null)[][];
  readonly text: string[][];
}

/** Equal units on both axes are what makes a ring a ring; given up when one axis is over four times as long as the other. */
function aspect(section: DensitySection): { readonly equal: boolean; readonly ratio: number } {
  const ratio = (section.y.max - section.y.min) / (section.x.max - section.x.min);
  return ratio >= 0.25 && ratio <= 4 ? { equal: true, ratio } : { equal: false, ratio: 1 };
}

function heatmap(section: DensitySection, { z, text }: PanelTrace, largest: number, theme: Theme): Data {
  return {
    type: 'heatmap', x: binCentres(section.x), y: binCentres(section.y), z, text,
    hovertemplate: '%{text}<extra></extra>', hoverongaps: false, showscale: false,
    zmin: 0, zmax: Math.max(Math.log10(largest), 0.3), colorscale: theme.ramp.map(([at, colour]): [number, string] => [at, cssColour(colour)]),
  };
}

/** x = y, drawn far beyond the axes so that it is there wherever one pans to. */
function diagonal(section: DensitySection, theme: Theme): NonNullable<Layout['shapes']>[number] {
  const low = Math.min(section.x.min, section.y.min);
  const high = Math.max(section.x.max, section.y.max);
  const [from, to] = [low - 10 * (high - low), high + 10 * (high - low)];
  return { type: 'line', x0: from, y0: from, x1: to, y1: to, line: { color: theme.muted, width: 1, dash: 'dash' }, layer: 'above' };
}

function panelFigure(section: DensitySection, trace: PanelTrace, { largest, home }: Shared): FigureBuilder {
  return (theme, width, view): PlotFigure => {
    const { equal, ratio } = aspect(section);
    const shown = view ?? home;
    return {
      home,
      height: Math.round(Math.min(720, (width - margin.l - margin.r) * ratio + margin.t + margin.b)),
      data: [heatmap(section, trace, largest, theme)],
      layout: {
        margin,
        xaxis: axis(theme, section.xLabel, { range: [...shown.x], constrain: 'domain', nticks: 7, mirror: true }),
        yaxis: axis(theme, section.yLabel, { range: [...shown.y], constrain: 'domain', nticks: 7, mirror: true, ...(equal ? { scaleanchor: 'x' } : {}) }),
        shapes: [diagonal(section, theme)],
      },
    };
  };
}

/** The picture to export: all panels in one, titles above. */
function sideBySide(section: DensitySection, { largest, home }: Shared, theme: Theme, width: number, view: PlotView | null): Omit<PlotFigure, 'home'> {
  const count = section.panels.length;
  const gap = 0.055;
  const share = (1 - gap * (count - 1)) / count;
  const shown = view ?? home;
  const { equal, ratio } = aspect(section);
  const side = (width - 100) * share;
  const layout: Record<string, unknown> = {};
  const data = section.panels.map((panel, i): Data => {
    const suffix = i === 0 ? '' : String(i + 1);
    const domain = [i * (share + gap), i * (share + gap) + share];
    layout[`xaxis${suffix}`] = axis(theme, section.xLabel, { range: [...shown.x], domain, anchor: `y${suffix}`, mirror: true, nticks: 7, constrain: 'domain' } as Parameters<typeof axis>[2]);
    layout[`yaxis${suffix}`] = axis(theme, i === 0 ? section.yLabel : '', { range: [...shown.y], anchor: `x${suffix}`, mirror: true, nticks: 7, constrain: 'domain', ...(equal ? { scaleanchor: `x${suffix}` } : {}) } as Parameters<typeof axis>[2]);
    return { ...heatmap(section, { z: logCounts(panel, section.x, section.y), text: [] }, largest, theme), xaxis: `x${suffix}`, yaxis: `y${suffix}`, hovertemplate: '' };
  });
  return {
    data,
    height: Math.round(side * ratio + 110),
    layout: {
      ...layout,
      margin: { l: 60, r: 20, t: 50, b: 60 },
      shapes: section.panels.map((_, i) => ({ ...diagonal(section, theme), xref: i === 0 ? 'x' : `x${i + 1}`, yref: i === 0 ? 'y' : `y${i + 1}` }) as NonNullable<Layout['shapes']>[number]),
      annotations: section.panels.map((panel, i) => ({
        text: plotText(visible(panel.title)), x: i * (share + gap) + share / 2, y: 1, xref: 'paper', yref: 'paper', xanchor: 'center', yanchor: 'bottom', yshift: 10, showarrow: false, font: { size: theme.font.size + 2 },
      })),
    },
  };
}

function legendParts(ramp: Ramp, largest: number): HTMLElement[] {
  const bar = element('div', { class: 'legend-bar', 'aria-hidden': 'true' });
  bar.style.background = `linear-gradient(to right, ${ramp.map(([at, colour]) => `${cssColour(colour)} ${Math.round(100 * at)}%`).join(', ')})`;
  const top = Math.max(Math.log10(largest), 0.3);
  const ticks = legendTicks(largest).map((count) => {
    const tick = element('span', { class: 'legend-tick' }, formatCount(count));
    tick.style.left = `${(100 * Math.log10(count)) / top}%`;
    return tick;
  });
  return [element('span', { class: 'legend-label' }, 'Points in a bin'), element('div', { class: 'legend-scale' }, bar, element('div', { class: 'legend-ticks' }, ...ticks))];
}
