/** A plain table: sortable by its heads, numbers aligned, the first few hundred rows until the rest is asked for. */
import { formatCount, formatNumber } from '../../src/protocol/format.ts';
import type { TableSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { button, element } from '../elements.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import { nextOrder, parseOrder, rowOrder, storedOrder, type Order } from '../tableOrder.ts';

const rowsAtFirst = 200;

export function drawTable(section: TableSection, memory: Memory): SectionDrawing {
  let order: Order | null = parseOrder(memory.remembered, section.columns.length);
  let shown = rowsAtFirst;
  const heads = section.columns.map((column, i) => {
    const press = button(visible(column.label), () => {
      order = nextOrder(order, i);
      memory.remember(storedOrder(order));
      fill();
    }, { class: 'sort' });
    return element('th', { class: column.align, 'aria-sort': 'none' }, press);
  });
  for (const head of heads) head.scope = 'col';
  const rows = element('tbody');
  const more = button('', () => {
    shown = Infinity;
    fill();
  }, { class: 'secondary more' });

  const inOrder = (): number[] => rowOrder(section.rows.length, (row, column) => section.rows[row]?.[column] ?? null, order);
  const fill = (): void => {
    heads.forEach((head, i) => { head.setAttribute('aria-sort', order?.column !== i ? 'none' : order.descending ? 'descending' : 'ascending'); });
    rows.replaceChildren(...inOrder().slice(0, shown).map((row) =>
      element('tr', {}, ...section.columns.map((column, i) => element('td', { class: column.align }, cellText(section.rows[row]?.[i] ?? null))))));
    more.textContent = `Show all ${formatCount(section.rows.length)} rows`;
    more.hidden = section.rows.length <= shown;
  };
  fill();

  const nothing = section.rows.length === 0;
  return {
    body: nothing ? element('p', { class: 'note' }, section.meaning === '' ? 'No rows.' : '') : element('div', { class: 'table-body' }, element('div', { class: 'table-scroll' }, element('table', {}, element('thead', {}, element('tr', {}, ...heads)), rows)), more),
    numbers: () => [section.columns.map((column) => column.label), ...inOrder().map((row) => section.rows[row] ?? [])],
  };
}

function cellText(cell: string | number | null): string {
  if (cell === null) return '–';
  if (typeof cell === 'string') return visible(cell);
  return Number.isSafeInteger(cell) ? formatCount(cell) : formatNumber(cell);
}
