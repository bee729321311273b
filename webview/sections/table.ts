/** A plain table: sortable by its heads, searchable when it is long, numbers aligned, the first few hundred rows until the rest is asked for. */
import { formatCount, formatNumber } from '../../src/protocol/format.ts';
import type { TableSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { language, t } from '../../src/protocol/words.ts';
import { button, element } from '../elements.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import { nextOrder, parseOrder, rowOrder, storedOrder, type Order } from '../tableOrder.ts';
import { wordFilter } from '../tensorTree.ts';

const rowsAtFirst = 200;
/** Text that is longer is read as a sentence; and a name that is longer is broken into lines, which should be few. */
const SENTENCE = 32;
const NAME = 18;
/** A table that is longer than this can be searched. */
const rowsAtAGlance = 20;

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
  const isLonger = (column: number, length: number): boolean => section.columns[column]?.align === 'left' && section.rows.some((row) => typeof row[column] === 'string' && row[column].length > length);
  const kinds = section.columns.map((_, i) => (i === 0 ? (isLonger(i, NAME) ? ' name' : '') : isLonger(i, SENTENCE) ? ' prose' : ''));
  const rows = element('tbody');
  const more = button('', () => {
    shown = Infinity;
    fill();
  }, { class: 'secondary more', lang: language() });

  const search = element('input', { type: 'search', class: 'filter', lang: language(), 'aria-label': t('Filter “{0}”', visible(section.title)) });
  search.placeholder = t('Filter');
  search.spellcheck = false;
  const count = element('span', { class: 'note', role: 'status', lang: language() });
  search.addEventListener('input', () => { fill(); });
  let texts: readonly string[] | undefined;
  const inOrder = (): number[] => {
    const rows = rowOrder(section.rows.length, (row, column) => section.rows[row]?.[column] ?? null, order);
    if (search.value.trim() === '') return rows;
    texts ??= section.rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell))).join(' ').toLowerCase());
    const matches = wordFilter(search.value);
    return rows.filter((row) => matches(texts?.[row] ?? ''));
  };
  const fill = (): void => {
    heads.forEach((head, i) => { head.setAttribute('aria-sort', order?.column !== i ? 'none' : order.descending ? 'descending' : 'ascending'); });
    const kept = inOrder();
    count.textContent = kept.length === section.rows.length ? '' : t('{0} of {1} rows', formatCount(kept.length), formatCount(section.rows.length));
    rows.replaceChildren(...kept.slice(0, shown).map((row) =>
      element('tr', {}, ...section.columns.map((column, i) => element('td', { class: `${column.align}${kinds[i] ?? ''}`, ...(i === 0 && column.align === 'left' ? { role: 'rowheader' } : {}) }, cellText(section.rows[row]?.[i] ?? null))))));
    more.textContent = t('Show all {0} rows', formatCount(kept.length));
    more.hidden = kept.length <= shown;
  };
  fill();

  const nothing = section.rows.length === 0;
  return {
    body: nothing ? element('p', { class: 'note', lang: language() }, section.meaning === '' ? t('No rows.') : '') : element('div', { class: 'table-body' }, section.rows.length > rowsAtAGlance ? element('div', { class: 'grid-tools' }, search, count) : null, element('div', { class: 'table-scroll' }, element('table', {}, element('thead', {}, element('tr', {}, ...heads)), rows)), more),
    numbers: () => [section.columns.map((column) => column.label), ...inOrder().map((row) => section.rows[row] ?? [])],
  };
}

function cellText(cell: string | number | null): string {
  if (cell === null) return '–';
  if (typeof cell === 'string') return visible(cell);
  return Number.isSafeInteger(cell) ? formatCount(cell) : formatNumber(cell);
}
