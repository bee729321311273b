/** Curves with bands: one picture, or several side by side with common axes so that methods can be compared at a glance. */
import type { LinePanel, LinesSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { language, REPORT_LANGUAGE, t } from '../../src/protocol/words.ts';
import { lineRows } from '../curveNumbers.ts';
import { curvesOf } from '../curves.ts';
import { element } from '../elements.ts';
import { linesFigure } from '../linesFigure.ts';
import { linesHome } from '../linesRange.ts';
import { linkedPlots } from '../linkedPlots.ts';
import { joinedFigure, panelRow, ROW_MARGIN } from '../panelRow.ts';
import { picture } from '../plot.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import { curveKeys } from '../series.ts';

/** @param places of labels in the whole report */
export function drawLines(section: LinesSection, memory: Memory, places: ReadonlyMap<string, number>): SectionDrawing {
  const { panels } = section;
  const home = linesHome(section);
  const curves = curvesOf(section, places);
  const { plots, reset, view } = linkedPlots(panels.map((panel) => ({
    label: `${visible(panel.title === '' ? section.title : panel.title)}. ${visible(panel.meaning === '' ? section.meaning : panel.meaning)}`,
    build: (theme, width, shown) => linesFigure(section, panel, curves, home, shown, theme, width),
  })), memory);
  const keyed = curves.length > 1 && !panels.every(namesItsCurve);
  const keys = element('ul', { class: 'keys' });
  const bands = [...new Set(panels.flatMap(({ series }) => series.flatMap(({ band }) => (band === undefined ? [] : [band.label]))))];
  const points = [...new Set(panels.flatMap((panel) => (panel.points === undefined ? [] : [panel.points.label])))];
  const single = panels.length === 1 && panels[0]?.title === '';
  return {
    body: element('div', {},
      single ? plots[0]?.element ?? null : panelRow(panels, plots.map((plot) => plot.element)),
      keyed ? keys : null,
      bands.length === 0 ? null : element('p', { class: 'note', lang: language() }, ...shaded(bands))),
    controls: [reset],
    draw: async (theme) => {
      keys.replaceChildren(...curveKeys(curves, theme), ...points.map((label) => element('li', {}, element('span', { class: 'mark', 'aria-hidden': 'true' }, '●'), visible(label))));
      await Promise.all(plots.map((plot) => plot.draw(theme)));
    },
    numbers: () => lineRows(section),
    picture: (theme, format) => {
      const each = single ? 900 : 420;
      const figures = panels.map((panel, i) => {
        const figure = linesFigure(section, panel, curves, home, view(), theme, each);
        return i === 0 ? figure : { ...figure, data: figure.data.map((trace) => ({ ...trace, showlegend: false })) };
      });
      const joined = joinedFigure(panels, figures, theme);
      const legend = { showlegend: keyed, legend: { orientation: 'h', y: -0.2, yanchor: 'top', x: 0 } } as const;
      return picture({ ...joined, height: joined.height + 40, layout: { ...joined.layout, ...legend, margin: { ...ROW_MARGIN, b: 100 } } }, theme, each * panels.length, format);
    },
    dispose: () => { for (const plot of plots) plot.dispose(); },
  };
}

/** What bands are is the report's, the sentence around it the page's. */
function shaded(bands: readonly string[]): (Node | string)[] {
  const [before = '', after = ''] = t('Shaded: {0}.', '{0}').split('{0}');
  return [before, element('span', { lang: REPORT_LANGUAGE }, bands.map(visible).join('; ')), after];
}

/** A panel of one curve under a title that says the same needs no key. */
const namesItsCurve = ({ title, series }: LinePanel): boolean => series.length === 1 && series[0]?.label === title;
