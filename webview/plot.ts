/**
 * One Plotly drawing: built anew from a figure whenever theme or width change, zoomed by mouse and by keyboard, its view (axis
 * ranges) reported so that it can be stored and linked. Only SVG traces: the regl ones compile code and need `unsafe-eval`.
 */
import type { Data, Layout, LayoutAxis, PlotlyHTMLElement } from 'plotly.js-dist';
import type { JsonValue } from '../src/protocol/report.ts';
import { shortened } from './densityGrid.ts';
import { drawingLibrary, type DrawingLibrary } from './drawingLibrary.ts';
import { element } from './elements.ts';
import { fromKey, isSameView, parseView, type PlotView } from './plotView.ts';
import type { FileContent } from './surroundings.ts';
import type { Theme } from './theme.ts';

export interface PlotFigure {
  readonly data: Data[];
  readonly layout: Partial<Layout>;
  readonly height: number;
  /** The ranges that show everything. */
  readonly home: PlotView;
}

/** Builds the figure for a width in CSS pixels, showing `view` or, when null, everything. */
export type FigureBuilder = (theme: Theme, width: number, view: PlotView | null) => PlotFigure;

/** For plots in which a box can be drawn (drag mode `select`). */
export interface Brush {
  /** While the box is being drawn. */
  brushing(box: PlotView): void;
  /** Once it is drawn, or null when the user double-clicked it away. */
  brushed(box: PlotView | null): void;
}

const config = { displayModeBar: false, displaylogo: false, doubleClick: false, showTips: false, responsive: false } as const;

export class Plot {
  readonly element: HTMLElement;
  #theme: Theme | null = null;
  #figure: PlotFigure | null = null;
  #library: DrawingLibrary | null = null;
  #drawn: PlotlyHTMLElement | null = null;
  #disposed = false;
  #view: PlotView | null;
  #width = 0;
  #redrawing: 'no' | 'once' | 'again' = 'no';
  readonly #build: FigureBuilder;
  readonly #resized: ResizeObserver;
  /** Called when the user moved the view, also while a drag goes on. */
  readonly #moved: (view: PlotView | null) => void;
  readonly #brush: Brush | undefined;

  /** @param label what the drawing shows and means, for those who cannot see it. */
  constructor(label: string, build: FigureBuilder, view: PlotView | null, moved: (view: PlotView | null) => void, brush?: Brush) {
    this.element = element('div', { class: 'plot', role: 'img', 'aria-label': label, 'aria-keyshortcuts': '+ - 0 ArrowLeft ArrowRight ArrowUp ArrowDown', tabindex: 0 });
    this.#build = build;
    this.#view = view;
    this.#moved = moved;
    this.#brush = brush;
    this.element.addEventListener('keydown', (event) => { this.#key(event); });
    this.#resized = new ResizeObserver(() => {
      if (this.#theme !== null && this.element.clientWidth > 0 && this.element.clientWidth !== this.#width) void this.draw(this.#theme);
    });
    this.#resized.observe(this.element);
  }

  async draw(theme: Theme): Promise<void> {
    this.#theme = theme;
    const library = await drawingLibrary();
    if (this.#disposed || this.#theme !== theme) return;
    this.#width = this.element.clientWidth;
    const width = Math.max(this.#width, 200);
    const figure = this.#build(theme, width, this.#view);
    this.#figure = figure;
    const layout = { ...baseLayout(theme, width, figure.height), ...figure.layout };
    const first = this.#library === null;
    this.#library = library;
    this.#drawn = await library.react(this.element, figure.data, layout, config);
    if (!first) return;
    this.#drawn.on('plotly_relayout', (event) => { this.#relayout(event); });
    this.#drawn.on('plotly_relayouting', (event) => { this.#relayout(event); });
    this.#drawn.on('plotly_doubleclick', () => { this.#move(null); });
    const brush = this.#brush;
    if (brush === undefined) return;
    this.#drawn.on('plotly_selecting', (event: unknown) => {
      const box = boxOf(event);
      if (box !== null) brush.brushing(box);
    });
    // Plotly is still busy with its own outline when it reports.
    this.#drawn.on('plotly_selected', (event: unknown) => {
      const box = boxOf(event);
      if (box !== null) window.setTimeout(() => { brush.brushed(box); });
    });
    this.#drawn.on('plotly_deselect', () => { window.setTimeout(() => { brush.brushed(null); }); });
  }

  /** Builds the figure anew. Calls while one is under way are answered by a single one after it. */
  async redraw(): Promise<void> {
    if (this.#theme === null || this.#redrawing === 'again') return;
    if (this.#redrawing === 'once') {
      this.#redrawing = 'again';
      return;
    }
    this.#redrawing = 'once';
    await this.draw(this.#theme);
    const again = (this.#redrawing as 'once' | 'again') === 'again';
    this.#redrawing = 'no';
    if (again) await this.redraw();
  }

  /** Shows these ranges (null: everything) without reporting it. */
  async show(view: PlotView | null): Promise<void> {
    if (isSameView(view, this.#view)) return;
    this.#view = view;
    if (this.#library === null || this.#drawn === null || this.#figure === null) return;
    const { x, y } = view ?? this.#figure.home;
    // Plotly names nested attributes by path here, which its Layout type does not list.
    await this.#library.relayout(this.element, { 'xaxis.range': [...x], 'yaxis.range': [...y] } as Partial<Layout>);
  }

  dispose(): void {
    this.#disposed = true;
    this.#resized.disconnect();
    this.#library?.purge(this.element);
  }

  #move(view: PlotView | null): void {
    void this.show(view);
    this.#moved(view);
  }

  #relayout(event: unknown): void {
    if (this.#figure === null) return;
    const view = viewOf(event, this.#view ?? this.#figure.home);
    if (view === null || isSameView(view, this.#view ?? this.#figure.home)) return;
    this.#view = isSameView(view, this.#figure.home) ? null : view;
    this.#moved(this.#view);
  }

  #key(event: KeyboardEvent): void {
    if (this.#figure === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = fromKey(event.key, this.#view ?? this.#figure.home);
    if (next === undefined) return;
    event.preventDefault();
    this.#move(next);
  }
}

/** Plotly reports moved axes as `xaxis.range[0]`, `xaxis.range[1]`, …; an axis that did not move is left out. */
function viewOf(event: unknown, current: PlotView): PlotView | null {
  if (typeof event !== 'object' || event === null) return null;
  const moved: Readonly<Record<string, unknown>> = { ...event };
  const range = (axis: 'xaxis' | 'yaxis', otherwise: readonly [number, number]): readonly [number, number] => {
    const [low, high] = [moved[`${axis}.range[0]`], moved[`${axis}.range[1]`]];
    return typeof low === 'number' && typeof high === 'number' ? [low, high] : otherwise;
  };
  return { x: range('xaxis', current.x), y: range('yaxis', current.y) };
}

/** The box of a selection event; null where there is none (a click). */
function boxOf(event: unknown): PlotView | null {
  if (typeof event !== 'object' || event === null || !('range' in event)) return null;
  const { range } = event;
  if (typeof range !== 'object' || range === null || !('x' in range) || !('y' in range)) return null;
  return parseView({ x: range.x as JsonValue, y: range.y as JsonValue });
}

/** Around an axis pair, in pixels. */
export const MARGIN = { l: 56, r: 12, t: 12, b: 48 } as const;

function baseLayout(theme: Theme, width: number, height: number): Partial<Layout> {
  return {
    width,
    height,
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    font: { family: theme.font.family, size: theme.font.size, color: theme.foreground },
    margin: MARGIN,
    hovermode: 'closest',
    dragmode: 'zoom',
    showlegend: false,
    separators: '.,',
    hoverlabel: { bgcolor: theme.popup.background, bordercolor: theme.popup.border, font: { family: theme.font.family, size: theme.font.size, color: theme.popup.foreground }, align: 'left' },
  };
}

/** An axis in the theme's colours. `title` may come from a file. */
export function axis(theme: Theme, title: string, more: Partial<LayoutAxis> = {}): Partial<LayoutAxis> {
  return {
    title: { text: plotText(title), font: { size: theme.font.size, color: theme.muted }, standoff: 8 },
    tickfont: { color: theme.muted, size: theme.font.size - 1 },
    gridcolor: theme.grid,
    linecolor: theme.line,
    tickcolor: theme.line,
    ticks: 'outside',
    ticklen: 4,
    showline: true,
    zeroline: false,
    exponentformat: 'e',
    separatethousands: true,
    automargin: true,
    ...more,
  };
}

/** The name of an upright axis, as much of it as there is room for: it stands at the middle of the axis, and the picture ends above. */
export function upright(title: string, height: number, margin: { readonly t: number; readonly b: number }, theme: Theme): string {
  return shortened(title, (height - margin.b + margin.t) / theme.font.size);
}

/** Plotly reads a little markup in its texts (tags, entities): names from files must not. */
export const plotText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Renders a figure off-screen, on the theme's own background. */
export async function picture(figure: Omit<PlotFigure, 'home'>, theme: Theme, width: number, format: 'png' | 'svg'): Promise<FileContent> {
  const layout = { ...baseLayout(theme, width, figure.height), ...figure.layout, paper_bgcolor: theme.background };
  const library = await drawingLibrary();
  const uri = await library.toImage({ data: figure.data, layout }, { format, width, height: figure.height, scale: format === 'png' ? 2 : 1 });
  const content = uri.slice(uri.indexOf(',') + 1);
  return format === 'png' ? { base64: content, mediaType: 'image/png' } : { text: decodeURIComponent(content), mediaType: 'image/svg+xml' };
}
