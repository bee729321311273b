/** What is in a weight file: an outline of tensor names with counts and statistics. */
import type { TensorsSection } from '../../src/protocol/report.ts';
import { tensorRows, type ListedTensor } from '../../src/protocol/tensorTable.ts';
import { outline } from '../outline.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import { tensorColumns, tensorNumbers, tensorText } from '../tensorColumns.ts';

export function drawTensors(section: TensorsSection, memory: Memory): SectionDrawing {
  const rows = tensorRows(section.tensors);
  const grid = outline<ListedTensor>({
    title: section.title,
    rows,
    columns: tensorColumns(rows),
    noun: 'tensors',
    placeholder: 'Filter by name, type or shape',
    text: tensorText,
    facet: { label: 'All types', of: ({ dtype }) => dtype },
    remembered: memory.remembered,
    remember: (value) => { memory.remember(value); },
    selected: () => undefined,
  });
  let placed = false;
  return {
    body: grid.element,
    draw: () => {
      if (!placed) grid.place();
      placed = true;
      return Promise.resolve();
    },
    numbers: () => tensorNumbers(grid.shown()),
    dispose: () => { grid.dispose(); },
  };
}
