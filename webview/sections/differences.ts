/** Two weight files, tensor by tensor: what was added, removed and changed, and how far. */
import { differenceRows } from '../../src/protocol/differenceTable.ts';
import { formatShape } from '../../src/protocol/format.ts';
import type { DifferencesSection } from '../../src/protocol/report.ts';
import { t } from '../../src/protocol/words.ts';
import { beforeAfter, changeName, differenceColumns, differenceNumbers, outlined } from '../differenceColumns.ts';
import { outline } from '../outline.ts';
import type { Memory, SectionDrawing } from '../section.ts';

export function drawDifferences(section: DifferencesSection, memory: Memory): SectionDrawing {
  const grid = outline({
    title: section.title,
    rows: differenceRows(section.tensors).map(outlined),
    columns: differenceColumns(),
    placeholder: t('Filter by name, type, shape or change'),
    text: (row) => `${row.name} ${beforeAfter(row, ({ dtype, shape }) => `${dtype} ${formatShape(shape)} ${shape.join('x')}`)} ${changeName(row.change)}`.toLowerCase(),
    facet: { label: t('All changes'), of: (row) => changeName(row.change) },
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
    numbers: () => differenceNumbers(grid.shown()),
    dispose: () => { grid.dispose(); },
  };
}
