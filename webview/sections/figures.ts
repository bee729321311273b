/** A handful of headline numbers, as a definition list. */
import { visible } from '../../src/protocol/untrustedText.ts';
import type { FiguresSection } from '../../src/protocol/report.ts';
import { element } from '../elements.ts';
import type { SectionDrawing } from '../section.ts';

/** Characters of a value that fit into a column, and of its detail in few lines; what is longer takes two columns. */
const longest = 14;
const LONGEST_DETAIL = 60;

export function drawFigures(section: FiguresSection): SectionDrawing {
  const body = element('dl', { class: 'figures-list' }, ...section.figures.map(({ label, value, detail }) =>
    element('div', { class: value.length > longest || (detail?.length ?? 0) > LONGEST_DETAIL ? 'figure wide' : 'figure' },
      element('dt', {}, visible(label)),
      element('dd', { class: 'value' }, visible(value)),
      detail === undefined ? null : element('dd', { class: 'detail' }, visible(detail)))));
  return {
    body,
    numbers: () => [['quantity', 'value', 'detail'], ...section.figures.map(({ label, value, detail }) => [label, value, detail ?? null])],
  };
}
