/** Plots of one section that share their axes: zoomed together, with one button that shows everything again. */
import type { JsonValue } from '../src/protocol/report.ts';
import { t } from '../src/protocol/words.ts';
import { button } from './elements.ts';
import { Plot, type FigureBuilder } from './plot.ts';
import { parseView, storedView, type PlotView } from './plotView.ts';
import type { Memory } from './section.ts';

export interface LinkedPlots {
  readonly plots: readonly Plot[];
  readonly reset: HTMLButtonElement;
  readonly view: () => PlotView | null;
}

export interface LinkedPlot {
  /** What the drawing shows and means, for those who cannot see it. */
  readonly label: string;
  readonly build: FigureBuilder;
}

export function linkedPlots(linked: readonly LinkedPlot[], memory: Memory): LinkedPlots {
  let current = parseView(memory.remembered);
  const changed = (view: PlotView | null): void => {
    current = view;
    reset.hidden = view === null;
    const stored: JsonValue = storedView(view);
    memory.remember(stored);
  };
  const reset = button(t('Reset zoom'), () => {
    for (const plot of plots) void plot.show(null);
    changed(null);
  }, { class: 'quiet' });
  reset.hidden = current === null;
  const plots = linked.map(({ label, build }, i): Plot => new Plot(label, build, current, (view) => {
    plots.forEach((plot, other) => { if (other !== i) void plot.show(view); });
    changed(view);
  }));
  return { plots, reset, view: () => current };
}
