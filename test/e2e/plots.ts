/** What Plotly drew on the page, read back from the page itself. */
import type { FrameLocator } from 'playwright-core';

export interface DrawnDensity {
  readonly title: string;
  /** Points of the panel, drawn or outside its axes, by its own account. */
  readonly total: number;
  readonly outside: number;
  /** Bins as drawn: rows from below, columns from the left; zero where nothing is drawn. */
  readonly counts: readonly (readonly number[])[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** What part of the x axis is on show. */
  readonly range: readonly number[];
  /** Draws that are selected, in the order of the draws. */
  readonly selected: readonly (readonly [x: number, y: number])[];
  /** Size on the screen. */
  readonly width: number;
  readonly height: number;
}

/** As much of a Plotly element as is read; Plotly keeps what it drew on the element. */
interface PlotElement {
  readonly layout: { readonly xaxis: { readonly range: ArrayLike<number> } };
  readonly data: readonly { readonly type: string; readonly x: ArrayLike<number>; readonly y: ArrayLike<number>; readonly z: readonly ArrayLike<number | null>[]; readonly text: readonly (readonly string[])[] }[];
  closest(selector: string): { readonly textContent: string; querySelector(selector: string): { readonly textContent: string } | null } | null;
  querySelector(selector: string): unknown;
  getBoundingClientRect(): { readonly width: number; readonly height: number };
}

/** The panels of the density section, whose colours are log10 of the counts. */
export async function drawnDensities(view: FrameLocator): Promise<DrawnDensity[]> {
  return view.locator('[data-id=density] .js-plotly-plot').evaluateAll((plots: readonly PlotElement[]) =>
    plots.map((plot) => {
      const heatmap = plot.data.find((trace) => trace.type === 'heatmap');
      // The picture itself: an image in the plot's SVG.
      if (heatmap === undefined || plot.querySelector('.heatmaplayer image') === null) throw new Error('no heatmap is drawn');
      const { width, height } = plot.getBoundingClientRect();
      const figure = plot.closest('figure');
      const written = (pattern: RegExp, text: string): number => Number(pattern.exec(text)?.[1]?.replaceAll(',', '') ?? '0');
      return {
        title: figure?.querySelector('h3')?.textContent ?? '',
        // "17 of 9,946 (0.171 %)" over every bin; "3 of 9,946 points lie outside" below the panel.
        total: written(/ of ([\d,]+) \(/, heatmap.text.flat().find((text) => text !== '') ?? ''),
        outside: written(/([\d,]+) of [\d,]+ points lie outside/, figure?.textContent ?? ''),
        counts: heatmap.z.map((row) => Array.from(row, (log) => (log === null ? 0 : Math.round(10 ** log)))),
        range: Array.from(plot.layout.xaxis.range),
        selected: plot.data.filter((trace) => trace.type === 'scatter').flatMap((trace) => Array.from(trace.x, (x, i): [number, number] => [x, trace.y[i] ?? NaN])),
        x: Array.from(heatmap.x),
        y: Array.from(heatmap.y),
        width,
        height,
      };
    }));
}

export interface DrawnLines {
  readonly title: string;
  /** Curves and bands that have a path in the picture. */
  readonly curves: number;
  readonly bands: number;
  /** Size on the screen. */
  readonly width: number;
}

/** The panels of a section of curves; a panel of its own has no title. */
export async function drawnLines(view: FrameLocator, section: string): Promise<DrawnLines[]> {
  return view.locator(`[data-id=${section}] .js-plotly-plot`).evaluateAll((plots: readonly LinesElement[]) =>
    plots.map((plot) => ({
      title: plot.closest('figure')?.querySelector('h3')?.textContent ?? '',
      // The outline of a band is a line of no width.
      curves: plot.querySelectorAll('.scatterlayer .js-line').length - plot.querySelectorAll('.scatterlayer .js-fill').length,
      bands: plot.querySelectorAll('.scatterlayer .js-fill').length,
      width: plot.getBoundingClientRect().width,
    })));
}

interface LinesElement extends Pick<PlotElement, 'closest' | 'getBoundingClientRect'> {
  querySelectorAll(selector: string): { readonly length: number };
}

/** Label → value of the headline numbers. */
export async function figures(view: FrameLocator): Promise<Record<string, string>> {
  const labels = await view.locator('[data-section=figures] dt').allInnerTexts();
  const values = await view.locator('[data-section=figures] dd.value').allInnerTexts();
  return Object.fromEntries(labels.map((label, i) => [label, values[i] ?? '']));
}

export interface DrawnDraws {
  readonly title: string;
  /** Points drawn: the draws, not ŵ. */
  readonly draws: number;
  /** What part of the x axis is on show. */
  readonly range: readonly number[];
  /** Whether there are lines of equal loss behind them. */
  readonly contours: boolean;
  readonly width: number;
}

/** The panels of draws in weight space. */
export async function drawnDraws(view: FrameLocator): Promise<DrawnDraws[]> {
  return view.locator('[data-id=projections] .js-plotly-plot').evaluateAll((plots: readonly (PlotElement & LinesElement)[]) =>
    plots.map((plot) => ({
      title: plot.closest('figure')?.querySelector('h3')?.textContent ?? '',
      draws: plot.querySelectorAll('.scatterlayer .trace:first-child .point').length,
      range: Array.from(plot.layout.xaxis.range),
      contours: plot.querySelectorAll('.contourlayer .contourlines path').length > 0,
      width: plot.getBoundingClientRect().width,
    })));
}
