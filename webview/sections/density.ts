/**
 * Linked two-dimensional histograms: the first figure of Laurent et al. (2023) as one reads it, left to right, each picture with
 * one symmetry fewer. Panels with equal axes zoom together; draws that are selected in one panel show up in all.
 */
import { formatCount } from '../../src/protocol/format.ts';
import type { DensityPanel, DensitySection, JsonValue } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { language, t } from '../../src/protocol/words.ts';
import { axisGroups, wholeView, type AxisGroup } from '../axisGroups.ts';
import { cssColour, type Ramp } from '../colour.ts';
import { panelFigure, sideBySide, type PanelGrid, type PanelPicture } from '../densityFigure.ts';
import { binTexts, countColours, densityRows, legendTicks, logCounts } from '../densityGrid.ts';
import { button, element } from '../elements.ts';
import { picture, Plot, plotText } from '../plot.ts';
import { parseView, storedView, type PlotView } from '../plotView.ts';
import { boxSelection, chosenPoints, parseSelection, selectionSentence, storedSelection, type Selection } from '../pointSelection.ts';
import type { Memory, SectionDrawing } from '../section.ts';

export function drawDensity(section: DensitySection, memory: Memory): SectionDrawing {
  const { panels } = section;
  const groups = axisGroups(panels);
  const kept = parseRemembered(memory.remembered, groups.length, panels.length);
  const views = [...kept.views];
  let { selection } = kept;
  let points = chosenPoints(panels, selection);
  let selecting = false;
  /** The panel whose view was moved last: the one that "Select view" means. */
  let current = groups.find((_, g) => views[g] !== null)?.panels[0] ?? 0;
  const groupOf = panels.map((_, i) => groups.findIndex((group) => group.panels.includes(i)));

  const pictureOf = (panel: DensityPanel, i: number): PanelPicture => ({
    panel, group: groups[groupOf[i] ?? 0] ?? { ...panel, panels: [i], largest: 1 },
    view: views[groupOf[i] ?? 0] ?? null, points: points[i] ?? { x: [], y: [] }, box: selection?.panel === i ? selection.box : null,
  });

  const reset = button(t('Reset zoom'), () => {
    views.fill(null);
    for (const plot of plots) void plot.show(null);
    changed();
  }, { class: 'quiet' });
  const selectView = button(t('Select view'), () => { selectInView(current); }, { class: 'quiet' });
  const clear = button(t('Clear selection'), () => { select(null); }, { class: 'quiet', title: t('Select nothing (Escape)') });
  const toggle = button(t('Select'), () => {
    selecting = !selecting;
    changed();
    redraw();
  }, { class: 'quiet toggle', title: t('Drag a box in any panel to find its draws in the others') });
  const sentence = element('p', { class: 'selection', role: 'status', lang: language() });

  const changed = (): void => {
    const zoomed = views.some((view) => view !== null);
    reset.hidden = !zoomed;
    selectView.hidden = !zoomed;
    selectView.title = t('Select the draws in the part of “{0}” that is on show (key S)', visible(panels[current]?.title ?? ''));
    clear.hidden = selection === null;
    toggle.setAttribute('aria-pressed', String(selecting));
    sentence.textContent = selection !== null ? selectionSentence(panels, selection) : selecting ? t('Drag a box in any panel. Escape clears it.') : '';
    memory.remember({ views: views.map(storedView), selection: storedSelection(selection) });
  };
  const redraw = (except?: Plot): void => { for (const plot of plots) if (plot !== except) void plot.redraw(); };
  const move = (view: PlotView | null, i: number): void => {
    const group = groupOf[i] ?? 0;
    views[group] = view;
    current = i;
    plots.forEach((plot, other) => { if (other !== i && groupOf[other] === group) void plot.show(view); });
    changed();
  };
  const select = (next: Selection | null, except?: Plot): void => {
    selection = next;
    points = chosenPoints(panels, selection);
    changed();
    redraw(except);
  };
  const selectInView = (i: number): void => {
    const panel = panels[i];
    if (panel !== undefined) select(boxSelection(i, views[groupOf[i] ?? 0] ?? wholeView(panel)));
  };
  const escape = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && selection !== null) select(null);
  };

  const plots = panels.map((panel, i): Plot => {
    const grid: PanelGrid = { z: logCounts(panel), text: binTexts(panel, section, plotText) };
    const plot = new Plot(`${visible(panel.title)}. ${visible(panel.meaning)}`, (theme, width) => panelFigure(section, pictureOf(panel, i), grid, selecting ? 'select' : 'zoom', theme, width), views[groupOf[i] ?? 0] ?? null, (view) => { move(view, i); }, {
      brushing: (box) => { select(boxSelection(i, box), plot); },
      brushed: (box) => { select(box === null ? null : boxSelection(i, box)); },
    });
    plot.element.setAttribute('aria-keyshortcuts', `${plot.element.getAttribute('aria-keyshortcuts') ?? ''} S Escape`);
    plot.element.addEventListener('keydown', (event) => {
      if (event.key.toLowerCase() === 's' && !event.ctrlKey && !event.metaKey && !event.altKey) selectInView(i);
    });
    return plot;
  });
  const legends = panels.map(() => element('div', { class: 'legend' }));
  const frames = element('div', { class: 'panels' }, ...panels.map((panel, i) => panelFrame(panel, plots[i]?.element ?? null, legends[i] ?? null)));
  frames.style.setProperty('--columns', String(columnsFor(panels.length)));
  document.addEventListener('keydown', escape);
  changed();

  return {
    body: element('div', {}, frames, sentence),
    controls: [toggle, selectView, clear, reset],
    draw: async (theme) => {
      legends.forEach((legend, i) => { legend.replaceChildren(...legendParts(theme.ramp, groups[groupOf[i] ?? 0])); });
      await Promise.all(plots.map((plot) => plot.draw(theme)));
    },
    numbers: () => densityRows(section),
    picture: async (theme, format) => {
      const width = 40 + 400 * panels.length;
      return picture(sideBySide(section, panels.map(pictureOf), theme, width), theme, width, format);
    },
    dispose: () => {
      document.removeEventListener('keydown', escape);
      for (const plot of plots) plot.dispose();
    },
  };
}

/** One panel alone is no larger than it would be beside others. */
const columnsFor = (panels: number): number => (panels === 1 ? 3 : panels === 4 ? 2 : Math.min(3, panels));

function panelFrame(panel: DensityPanel, plot: HTMLElement | null, legend: HTMLElement | null): HTMLElement {
  const outside = panel.outside === 0 ? null : element('p', { class: 'note', lang: language() }, t('{0} of {1} points lie outside these axes.', formatCount(panel.outside), formatCount(panel.total)));
  return element('figure', { class: 'panel' }, element('h3', {}, visible(panel.title)), plot, legend, element('figcaption', {}, visible(panel.meaning)), outside);
}

function legendParts(ramp: Ramp, group: AxisGroup | undefined): HTMLElement[] {
  const largest = group?.largest ?? 1;
  const { top, colours } = countColours(ramp, largest);
  const bar = element('div', { class: largest === 1 ? 'legend-bar one' : 'legend-bar', 'aria-hidden': 'true' });
  // Where no bin has two points there is one colour.
  if (largest === 1) bar.style.backgroundColor = cssColour(colours[0]![1]);
  else bar.style.backgroundImage = `linear-gradient(to right, ${colours.map(([at, colour]) => `${cssColour(colour)} ${Math.round(100 * at)}%`).join(', ')})`;
  const ticks = legendTicks(largest).map((count) => {
    const tick = element('span', { class: 'legend-tick' }, formatCount(count));
    tick.style.left = `${(100 * Math.log10(count)) / top}%`;
    return tick;
  });
  return [element('span', { class: 'legend-label', lang: language() }, t('Points in a bin')), element('div', { class: 'legend-scale' }, bar, element('div', { class: 'legend-ticks' }, ...ticks))];
}

interface Remembered {
  /** One a group of axes. */
  readonly views: readonly (PlotView | null)[];
  readonly selection: Selection | null;
}

function parseRemembered(value: JsonValue | undefined, groups: number, panels: number): Remembered {
  const known = typeof value === 'object' && value !== null && 'views' in value ? value : {};
  const views: readonly JsonValue[] = 'views' in known && Array.isArray(known['views']) ? known['views'] : [];
  return { views: Array.from({ length: groups }, (_, g) => (views.length === groups ? parseView(views[g]) : null)), selection: 'selection' in known ? parseSelection(known['selection'], panels) : null };
}
