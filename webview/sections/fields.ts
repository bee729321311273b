/** A quantity over a plane: a loss around ŵ with the curves that matter, or a direction as a picture of weights. */
import { formatNumber } from '../../src/protocol/format.ts';
import type { FieldsSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { language, t } from '../../src/protocol/words.ts';
import { cssColour } from '../colour.ts';
import { fieldRows } from '../curveNumbers.ts';
import { element } from '../elements.ts';
import { fieldFigure, fieldRamp, withScale } from '../fieldFigure.ts';
import { colourRange, fieldHome, type ColourRange } from '../fieldRange.ts';
import { linkedPlots } from '../linkedPlots.ts';
import { joinedFigure, panelRow } from '../panelRow.ts';
import { picture } from '../plot.ts';
import { isSameView } from '../plotView.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import type { Theme } from '../theme.ts';

export function drawFields(section: FieldsSection, memory: Memory): SectionDrawing {
  const { panels } = section;
  const range = colourRange(section);
  // Panels of different planes are looked at one by one.
  const homes = panels.map(fieldHome);
  const groupOf = homes.map((home) => homes.findIndex((other) => isSameView(home, other)));
  const alike = panels.length > 0 && groupOf.every((group) => group === 0);
  const linked = panels.map((panel) => ({
    label: `${visible(panel.title)}. ${visible(panel.meaning)}`,
    build: (theme: Theme, width: number, shown: Parameters<typeof fieldFigure>[3]) => fieldFigure(section, panel, range, shown, theme, width),
  }));
  const groups = [...new Set(groupOf)].map((first) => {
    const members = linked.flatMap((one, i) => (groupOf[i] === first ? [{ one, i }] : []));
    return { places: members.map(({ i }) => i), ...linkedPlots(members.map(({ one }) => one), alike ? memory : { remembered: undefined, remember: () => undefined }) };
  });
  const plots = panels.map((_, i) => groups.flatMap((group) => group.plots.filter((__, k) => group.places[k] === i))[0]!);
  const legend = element('div', { class: 'legend' });
  const keys = overlays(section);
  return {
    body: element('div', {}, panelRow(panels, plots.map((plot) => plot.element)), legend, keys),
    controls: groups.filter(({ places }) => places.length > 1).map(({ reset }) => reset),
    draw: async (theme) => {
      legend.replaceChildren(...legendParts(section, range, theme));
      for (const mark of keys?.querySelectorAll<HTMLElement>('.mark') ?? []) mark.style.color = mark.classList.contains('hollow') ? theme.foreground : theme.selected.fill;
      await Promise.all(plots.map((plot) => plot.draw(theme)));
    },
    numbers: () => fieldRows(section),
    picture: (theme, format) => {
      const shown = alike ? groups[0]?.view() ?? null : null;
      const figures = panels.map((panel, i) => {
        const figure = fieldFigure(section, panel, range, shown, theme, 420);
        return i === panels.length - 1 ? withScale(figure, section, theme) : figure;
      });
      return picture(joinedFigure(panels, figures, theme), theme, 460 * panels.length, format);
    },
    dispose: () => { for (const plot of plots) plot.dispose(); },
  };
}

/** What the curves and points are, in words: there are few, and they keep their order of dashes and symbols. */
function overlays({ panels, contours, colours }: FieldsSection): HTMLElement | null {
  const curves = [...new Set(panels.flatMap((panel) => panel.curves.map(({ label }) => label)))];
  const points = [...new Set(panels.flatMap((panel) => panel.points.map(({ label }) => label)))];
  const many = panels.some((panel) => panel.points.some(({ x }) => x.length > 20));
  if (curves.length + points.length === 0) return null;
  const dashes = ['solid', 'dashed', 'dotted'];
  const symbols = ['●', '◇', '✚', '✖'];
  // As they are drawn: a single point among many is hollow.
  const hollow = (label: string): boolean => many && panels.every((panel) => panel.points.every((each) => each.label !== label || each.x.length <= 1));
  return element('ul', { class: 'keys' },
    ...curves.map((label, i) => {
      const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
      swatch.style.borderTopStyle = dashes[i % dashes.length] ?? 'solid';
      return element('li', {}, swatch, visible(label));
    }),
    ...points.map((label, i) => element('li', {}, element('span', { class: hollow(label) ? 'mark hollow' : 'mark', 'aria-hidden': 'true' }, hollow(label) ? '◇' : symbols[i % symbols.length] ?? '●'), visible(label))),
    contours === true && colours === 'log' ? element('li', { lang: language() }, t('Lines: powers of ten')) : null);
}

function legendParts(section: FieldsSection, { low, high }: ColourRange, theme: Theme): HTMLElement[] {
  const bar = element('div', { class: 'legend-bar', 'aria-hidden': 'true' });
  bar.style.backgroundImage = `linear-gradient(to right, ${fieldRamp(theme, section.colours).map(([at, colour]) => `${cssColour(colour)} ${Math.round(100 * at)}%`).join(', ')})`;
  const value = (at: number): number => (section.colours === 'log' ? 10 ** at : at);
  const ticks = [0, 0.5, 1].map((share) => {
    const shown = value(low + share * (high - low));
    // What is far below the colours' resolution is zero to the eye.
    const tick = element('span', { class: 'legend-tick' }, formatNumber(section.colours !== 'log' && Math.abs(shown) < 1e-4 * (high - low) ? 0 : shown, 3));
    tick.style.left = `${100 * share}%`;
    return tick;
  });
  return [element('span', { class: 'legend-label' }, visible(section.valueLabel)), element('div', { class: 'legend-scale' }, bar, element('div', { class: 'legend-ticks' }, ...ticks))];
}
