/** What is in a weight file: an outline of tensor names with counts and statistics, and beside it the tensor that is looked at. */
import type { JsonValue, TensorsSection } from '../../src/protocol/report.ts';
import { tensorRows, type ListedTensor } from '../../src/protocol/tensorTable.ts';
import { t } from '../../src/protocol/words.ts';
import { element } from '../elements.ts';
import { outline } from '../outline.ts';
import type { Environment, Memory, SectionDrawing } from '../section.ts';
import { tensorColumns, tensorNumbers, tensorText } from '../tensorColumns.ts';
import { tensorPane } from '../tensorPane.ts';

export function drawTensors(section: TensorsSection, memory: Memory, { surroundings, nested }: Environment): SectionDrawing {
  const rows = tensorRows(section.tensors);
  const kept = remembered(memory.remembered);
  let { opened } = kept;
  let outlined = kept.outline;
  const remember = (): void => { memory.remember({ outline: outlined, opened }); };
  const grid = outline<ListedTensor>({
    title: section.title,
    rows,
    columns: tensorColumns(rows),
    placeholder: t('Filter by name, type or shape'),
    text: tensorText,
    facet: { label: t('All types'), of: ({ dtype }) => dtype },
    remembered: outlined,
    remember: (value) => {
      outlined = value;
      remember();
    },
    selected: (tensor, asked) => {
      if (tensor !== null && (opened || asked)) {
        opened = true;
        pane.show(tensor, asked);
      } else if (tensor === null && asked) close();
      remember();
    },
  });
  const close = (): void => {
    opened = false;
    pane.close();
    grid.focus();
    remember();
  };
  const pane = tensorPane(section.file, surroundings, nested, close);
  let placed = false;
  return {
    body: element('div', { class: 'tensors-body' }, grid.element, pane.element),
    draw: (theme) => {
      if (placed) return pane.draw(theme);
      placed = true;
      grid.place();
      const drawn = pane.draw(theme);
      const selected = opened ? grid.selected() : null;
      if (selected === null) opened = false;
      else pane.show(selected, true);
      return drawn;
    },
    numbers: () => tensorNumbers(grid.shown()),
    dispose: () => {
      grid.dispose();
      pane.dispose();
    },
  };
}

function remembered(value: JsonValue | undefined): { readonly outline: JsonValue; readonly opened: boolean } {
  if (typeof value !== 'object' || value === null || !('outline' in value)) return { outline: null, opened: false };
  return { outline: value['outline'] ?? null, opened: value['opened'] === true };
}
