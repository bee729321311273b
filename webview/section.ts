/**
 * One section of a report on the page: heading, what it means, warnings, the drawing and the ways to take it along. The switch
 * is the register of renderers; a new kind of section does not compile until it stands there.
 */
import type { JsonValue, Report, Section } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { REPORT_LANGUAGE, t } from '../src/protocol/words.ts';
import { csv, tsv, type Cell } from './csv.ts';
import { copyButton } from './copyButton.ts';
import { placesOf } from './curves.ts';
import { button, element } from './elements.ts';
import { suggestedName } from './fileName.ts';
import { prose } from './prose.ts';
import { drawDensity } from './sections/density.ts';
import { drawDifferences } from './sections/differences.ts';
import { drawFields } from './sections/fields.ts';
import { drawFigures } from './sections/figures.ts';
import { drawHistogram } from './sections/histogram.ts';
import { drawLines } from './sections/lines.ts';
import { drawProjections } from './sections/projections.ts';
import { drawSpectrum } from './sections/spectrum.ts';
import { drawTable } from './sections/table.ts';
import { drawTensors } from './sections/tensors.ts';
import { drawWaterfall } from './sections/waterfall.ts';
import type { FileContent, NestedSection, Surroundings } from './surroundings.ts';
import type { Theme } from './theme.ts';
import { warningList } from './warnings.ts';

/** What a renderer knows of its surroundings: how the user left this section, and where to note changes. */
export interface Memory {
  readonly remembered: JsonValue | undefined;
  remember(value: JsonValue): void;
}

export interface SectionDrawing {
  readonly body: HTMLElement;
  /** Controls that belong to this drawing, shown before the export buttons. */
  readonly controls?: readonly HTMLElement[];
  /** Called once the body is in the document, and again when the theme changes; the width is known by then. */
  draw?(theme: Theme): Promise<void>;
  /** The numbers behind the drawing, with a head row. */
  numbers(): readonly (readonly Cell[])[];
  readonly picture?: (theme: Theme, format: 'png' | 'svg') => Promise<FileContent>;
  dispose?(): void;
}

/** For sections that draw others in themselves. */
export interface Environment {
  readonly surroundings: Surroundings;
  readonly nested: (section: Section) => NestedSection;
  /** Of the labels of curves, the same in all pictures of the report. */
  readonly places: ReadonlyMap<string, number>;
}

function drawing(section: Section, memory: Memory, environment: Environment): SectionDrawing {
  switch (section.kind) {
    case 'figures': return drawFigures(section);
    case 'table': return drawTable(section, memory);
    case 'tensors': return drawTensors(section, memory, environment);
    case 'differences': return drawDifferences(section, memory);
    case 'density': return drawDensity(section, memory);
    case 'spectrum': return drawSpectrum(section, memory);
    case 'waterfall': return drawWaterfall(section);
    case 'histogram': return drawHistogram(section, memory);
    case 'lines': return drawLines(section, memory, environment.places);
    case 'fields': return drawFields(section, memory);
    case 'projections': return drawProjections(section, memory);
    default: throw new Error(`This page does not know sections of kind "${(section satisfies never as Section).kind}".`);
  }
}

/** Tensor trees are the page's own words around names; everything else is drawn from what the report says. */
const isOfThePage = ({ kind }: Section): boolean => kind === 'tensors' || kind === 'differences';

/** @param words of the sentences of this section: the report's, or for what the page itself makes of a tensor none, which is the page's own. */
export function sectionView(section: Section, report: Report, memory: Memory, surroundings: Surroundings, theme: () => Theme, words: { readonly lang?: string } = { lang: REPORT_LANGUAGE }): NestedSection {
  const heading = element('h2', { id: `heading-${section.id}`, ...words }, visible(section.title));
  const frame = element('section', { class: `section ${section.kind}`, 'data-section': section.kind, 'data-id': section.id, 'aria-labelledby': heading.id });
  const tools = element('div', { class: 'tools', role: 'group', 'aria-label': t('Export “{0}”', visible(section.title)) });
  const head = element('div', { class: 'section-head' }, heading, tools);
  const said = [section.meaning, section.drawing ?? ''].filter((sentence) => sentence !== '').join(' ');
  const meaning = said === '' ? null : element('p', { class: 'meaning', ...words }, ...prose(said));
  frame.append(head, ...[meaning, warningList(section.warnings ?? [], surroundings.openSetting)].filter((node) => node !== null));

  const failed = (error: unknown): void => {
    frame.append(element('p', { class: 'failure', role: 'alert' }, t('This section could not be drawn: {0}', error instanceof Error ? error.message : String(error))));
  };
  let drawn: SectionDrawing;
  try {
    drawn = drawing(section, memory, {
      surroundings,
      places: placesOf(report.sections),
      nested: (inner) => sectionView(inner, report, { remembered: undefined, remember: () => undefined }, surroundings, theme, {}),
    });
  } catch (error) {
    failed(error);
    return { element: frame, draw: () => Promise.resolve(), dispose: () => undefined };
  }
  if (words.lang !== undefined && !isOfThePage(section)) drawn.body.lang = words.lang;
  frame.append(drawn.body);

  // A table that says by its meaning that there is nothing has nothing to take along either.
  const empty = section.kind === 'table' && section.rows.length === 0;
  const save = (extension: string, content: FileContent): void => { surroundings.save(suggestedName(report, section.id, extension), content); };
  const copied = copyButton(t('Copy numbers'), t('Copy the numbers behind this as tab-separated text'), async () => surroundings.copy(tsv(drawn.numbers())));
  const { picture } = drawn;
  tools.append(
    ...(drawn.controls ?? []),
    ...(picture === undefined ? [] : (['png', 'svg'] as const).map((format) => button(format.toUpperCase(), () => {
      void picture(theme(), format).then((content) => { save(format, content); });
    }, { class: 'quiet', title: t('Save the picture as {0}', format.toUpperCase()) }))),
    ...(section.kind === 'figures' || empty ? [] : [button('CSV', () => { save('csv', { text: csv(drawn.numbers()), mediaType: 'text/csv' }); }, { class: 'quiet', title: t('Save the numbers behind this as CSV') })]),
    ...(empty ? [] : [copied]),
  );
  return {
    element: frame,
    draw: async (now) => {
      try {
        await drawn.draw?.(now);
      } catch (error) {
        failed(error);
      }
    },
    dispose: () => { drawn.dispose?.(); },
  };
}
