/** Pictures side by side, each with its heading above and its sentence below; exported as one, they become subplots of one figure. */
import type { Data, Layout } from 'plotly.js-dist';
import { visible } from '../src/protocol/untrustedText.ts';
import { element } from './elements.ts';
import { plotText, type PlotFigure } from './plot.ts';
import { prose } from './prose.ts';
import type { Theme } from './theme.ts';

export interface RowPanel {
  readonly title: string;
  readonly meaning: string;
}

export function panelRow(panels: readonly RowPanel[], pictures: readonly (HTMLElement | null)[]): HTMLElement {
  const frames = panels.map((panel, i) => element('figure', { class: 'panel' },
    element('h3', {}, visible(panel.title)), pictures[i] ?? null, element('figcaption', {}, ...prose(panel.meaning))));
  const row = element('div', { class: 'panels' }, ...frames);
  row.style.setProperty('--columns', String(panels.length === 4 ? 2 : Math.min(3, panels.length)));
  return row;
}

const GAP = 0.07;
export const ROW_MARGIN = { l: 64, r: 20, t: 44, b: 56 } as const;

/** Joins the panels' figures, drawn for `width` each, into one figure of that width times their number. */
export function joinedFigure(panels: readonly RowPanel[], figures: readonly PlotFigure[], theme: Theme): Omit<PlotFigure, 'home'> {
  const share = (1 - GAP * (figures.length - 1)) / figures.length;
  const layout: Record<string, unknown> = {};
  const data = figures.flatMap((figure, i): Data[] => {
    const suffix = i === 0 ? '' : String(i + 1);
    layout[`xaxis${suffix}`] = { ...figure.layout.xaxis, domain: [i * (share + GAP), i * (share + GAP) + share], anchor: `y${suffix}` };
    layout[`yaxis${suffix}`] = { ...figure.layout.yaxis, anchor: `x${suffix}`, ...(figure.layout.yaxis?.scaleanchor === undefined ? {} : { scaleanchor: `x${suffix}` }) };
    return figure.data.map((trace): Data => ({ ...trace, xaxis: `x${suffix}`, yaxis: `y${suffix}` }));
  });
  const annotations = panels.map(({ title }, i): Partial<NonNullable<Layout['annotations']>[number]> => ({
    text: plotText(visible(title)), x: i * (share + GAP) + share / 2, y: 1, xref: 'paper', yref: 'paper', xanchor: 'center', yanchor: 'bottom', yshift: 8, showarrow: false, font: { size: theme.font.size + 1 },
  }));
  return { data, height: Math.max(...figures.map(({ height }) => height)) + 60, layout: { ...layout, margin: ROW_MARGIN, annotations } };
}
