/**
 * What is in a weight file: an outline of tensor names with counts and statistics. Only the rows in sight are in the document
 * (plus the one that holds the keyboard's focus), so that 100,000 tensors scroll like a hundred. Keys follow the treegrid pattern
 * of the ARIA Authoring Practices: arrows move, open and close; Home, End, Page Up and Page Down jump.
 */
import { formatCount } from '../../src/protocol/format.ts';
import type { JsonValue, TensorsSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { button, element } from '../elements.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import { nextOrder, parseOrder, storedOrder, type Order } from '../tableOrder.ts';
import { tensorColumns, tensorNumbers, type TensorColumn } from '../tensorColumns.ts';
import { initiallyClosed, nodeComparison, tensorFilter, tensorTree, visibleRows, type TensorNode, type VisibleRow } from '../tensorTree.ts';

const rowHeight = 24;
const rowsAtFirst = 200;
const rowsBeyondSight = 10;

interface Remembered {
  readonly order: Order | null;
  readonly query: string;
  readonly grouped: boolean;
  /** Groups that are not as they were at first. */
  readonly toggled: readonly string[];
  readonly scroll: number;
}

export function drawTensors(section: TensorsSection, memory: Memory): SectionDrawing {
  const columns = tensorColumns(section.tensors);
  const whole = tensorTree(section.tensors);
  const closedAtFirst = initiallyClosed(whole, rowsAtFirst);
  const kept = parseRemembered(memory.remembered, columns.length);
  const toggled = new Set(kept.toggled);
  let { order, query, grouped, scroll } = kept;
  let rows: readonly VisibleRow[] = [];
  let active = 0;

  const remember = (): void => {
    memory.remember({ order: storedOrder(order), query, grouped, toggled: [...toggled].slice(0, 1000), scroll });
  };
  const heads = columns.map((column, i) => columnHead(column, () => {
    order = nextOrder(order, i);
    update();
  }));
  const headRow = element('div', { class: 'grid-row grid-head', role: 'row', 'aria-rowindex': 1 }, ...heads);
  const space = element('div', { class: 'grid-space', role: 'rowgroup' });
  const viewport = element('div', { class: 'grid-scroll', role: 'treegrid', 'aria-label': visible(section.title), 'aria-readonly': true },
    element('div', { class: 'grid-inner', role: 'presentation' }, element('div', { role: 'rowgroup', class: 'grid-top' }, headRow), space));
  viewport.style.setProperty('--row-height', `${rowHeight}px`);
  const search = element('input', { type: 'search', class: 'filter', 'aria-label': 'Filter tensors by name, type or shape' });
  search.placeholder = 'Filter by name, type or shape';
  search.spellcheck = false;
  search.value = query;
  const count = element('span', { class: 'note', role: 'status' });
  const groupBox = element('input', { type: 'checkbox' });
  groupBox.checked = grouped;
  const body = element('div', { class: 'tensors-body' },
    element('div', { class: 'grid-tools' }, search, element('label', { class: 'check' }, groupBox, 'Group by prefix'), button('Open all', () => { openAll(true); }, { class: 'quiet' }), button('Close all', () => { openAll(false); }, { class: 'quiet' }), count),
    viewport);

  const isClosed = (path: string): boolean => (query === '' ? closedAtFirst.has(path) : false) !== toggled.has(path);
  const openAll = (open: boolean): void => {
    toggled.clear();
    const visit = (node: TensorNode): void => {
      if (node.kind !== 'group') return;
      if (isClosed(node.path) === open) toggled.add(node.path);
      node.children.forEach(visit);
    };
    whole.forEach(visit);
    update();
  };

  const update = (): void => {
    const keep = tensorFilter(query);
    const roots = grouped ? (query === '' ? whole : tensorTree(section.tensors, keep)) : flat(section, keep);
    const column = order === null ? undefined : columns[order.column];
    rows = visibleRows(roots, isClosed, column === undefined ? null : nodeComparison(column.key, order?.descending ?? false));
    heads.forEach((head, i) => { head.setAttribute('aria-sort', order?.column !== i ? 'none' : order.descending ? 'descending' : 'ascending'); });
    viewport.style.setProperty('--tracks', [`minmax(${nameWidth(rows)}em, 1fr)`, ...columns.slice(1).map((column) => column.track)].join(' '));
    active = Math.min(active, Math.max(0, rows.length - 1));
    viewport.setAttribute('aria-rowcount', String(rows.length + 1));
    space.style.height = `${rows.length * rowHeight}px`;
    const matching = query === '' ? section.tensors.length : section.tensors.filter(keep).length;
    count.textContent = query === '' ? `${formatCount(matching)} tensors` : `${formatCount(matching)} of ${formatCount(section.tensors.length)} tensors`;
    render();
    remember();
  };

  const render = (): void => {
    const top = viewport.scrollTop - headRow.offsetHeight;
    const first = Math.max(0, Math.floor(top / rowHeight) - rowsBeyondSight);
    const last = Math.min(rows.length, Math.ceil((top + (viewport.clientHeight || 600)) / rowHeight) + rowsBeyondSight);
    const focused = space.contains(document.activeElement);
    const inSight: HTMLElement[] = [];
    for (let i = first; i < last; i++) inSight.push(rowElement(i));
    if (rows.length > 0 && active < first) inSight.unshift(rowElement(active));
    if (rows.length > 0 && active >= last) inSight.push(rowElement(active));
    space.replaceChildren(...inSight);
    if (focused) focusActive();
  };

  const rowElement = (i: number): HTMLElement => {
    const row = rows[i];
    if (row === undefined) return element('div');
    const { node, level } = row;
    const line = element('div', {
      class: `grid-row ${node.kind}`, role: 'row', tabindex: i === active ? 0 : -1, 'aria-level': level, 'aria-posinset': row.position, 'aria-setsize': row.siblings, 'aria-rowindex': i + 2,
      'aria-expanded': node.kind === 'group' ? row.expanded : undefined, 'data-row': i,
    }, ...columns.map((column, c) => element('div', { class: `cell ${column.align}`, role: c === 0 ? 'rowheader' : 'gridcell' }, column.text(node))));
    line.style.top = `${i * rowHeight}px`;
    const name = line.firstElementChild;
    if (name instanceof HTMLElement) {
      name.style.paddingInlineStart = `${(level - 1) * 14 + 22}px`;
      name.title = visible(node.kind === 'tensor' ? node.tensor.name : node.path);
    }
    return line;
  };

  const focusActive = (): void => {
    space.querySelector<HTMLElement>(`[data-row="${active}"]`)?.focus({ preventScroll: true });
  };
  const moveTo = (i: number): void => {
    active = Math.min(rows.length - 1, Math.max(0, i));
    const [top, height] = [active * rowHeight, viewport.clientHeight - headRow.offsetHeight];
    if (top < viewport.scrollTop) viewport.scrollTop = top;
    else if (top + rowHeight > viewport.scrollTop + height) viewport.scrollTop = top + rowHeight - height;
    render();
    focusActive();
  };
  const toggle = (i: number): void => {
    const node = rows[i]?.node;
    if (node?.kind !== 'group') return;
    if (!toggled.delete(node.path)) toggled.add(node.path);
    active = i;
    update();
    focusActive();
  };
  const parentOf = (i: number): number => {
    const level = rows[i]?.level ?? 1;
    for (let j = i - 1; j >= 0; j--) if ((rows[j]?.level ?? 1) < level) return j;
    return i;
  };
  const page = (): number => Math.max(1, Math.floor(viewport.clientHeight / rowHeight) - 2);

  space.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows[active];
    const action: Readonly<Record<string, () => void>> = {
      ArrowDown: () => { moveTo(active + 1); },
      ArrowUp: () => { moveTo(active - 1); },
      Home: () => { moveTo(0); },
      End: () => { moveTo(rows.length - 1); },
      PageDown: () => { moveTo(active + page()); },
      PageUp: () => { moveTo(active - page()); },
      ArrowRight: () => {
        if (row?.node.kind !== 'group') return;
        if (row.expanded) moveTo(active + 1);
        else toggle(active);
      },
      ArrowLeft: () => {
        if (row?.expanded === true) toggle(active);
        else moveTo(parentOf(active));
      },
      Enter: () => { toggle(active); },
      ' ': () => { toggle(active); },
    };
    const chosen = Object.hasOwn(action, event.key) ? action[event.key] : undefined;
    if (chosen === undefined) return;
    event.preventDefault();
    chosen();
  });
  space.addEventListener('click', (event) => {
    const line = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-row]') : null;
    if (line === null || !(window.getSelection()?.isCollapsed ?? true)) return;
    const i = Number(line.dataset['row']);
    if (rows[i]?.node.kind === 'group') toggle(i);
    else moveTo(i);
  });
  viewport.addEventListener('scroll', () => {
    scroll = viewport.scrollTop;
    render();
    remember();
  });
  let waiting: number | undefined;
  search.addEventListener('input', () => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      query = search.value.trim();
      toggled.clear();
      active = 0;
      viewport.scrollTop = 0;
      update();
    }, section.tensors.length > 5000 ? 150 : 0);
  });
  groupBox.addEventListener('change', () => {
    grouped = groupBox.checked;
    update();
  });

  let placed = false;
  return {
    body,
    draw: () => {
      if (!placed) {
        const to = scroll;
        update();
        viewport.scrollTop = to;
        render();
        placed = true;
      }
      return Promise.resolve();
    },
    numbers: () => tensorNumbers(section.tensors.filter(tensorFilter(query))),
  };
}

/** Room for the longest name in the outline, in em of the table's font: monospace digits are about 0.6 em wide. */
function nameWidth(rows: readonly VisibleRow[]): number {
  const widest = rows.reduce((most, { node, level }) => Math.max(most, 0.6 * node.label.length + 1.1 * level), 0);
  return Math.min(28, Math.max(14, Math.ceil(widest + 2)));
}

function flat(section: TensorsSection, keep: ReturnType<typeof tensorFilter>): TensorNode[] {
  return section.tensors.flatMap((tensor, index) => (keep(tensor) ? [{ kind: 'tensor' as const, label: tensor.name, index, tensor }] : []));
}

function columnHead(column: TensorColumn, pressed: () => void): HTMLElement {
  return element('div', { class: `cell ${column.align}`, role: 'columnheader', 'aria-sort': 'none' }, button(column.label, pressed, { class: 'sort', title: column.title }));
}

function parseRemembered(value: JsonValue | undefined, columns: number): Remembered {
  const nothing: Remembered = { order: null, query: '', grouped: true, toggled: [], scroll: 0 };
  if (typeof value !== 'object' || value === null || !('toggled' in value)) return nothing;
  const { order, query, grouped, toggled, scroll } = value;
  return {
    order: parseOrder(order, columns),
    query: typeof query === 'string' ? query : '',
    grouped: typeof grouped === 'boolean' ? grouped : true,
    toggled: Array.isArray(toggled) ? (toggled as readonly JsonValue[]).filter((path) => typeof path === 'string') : [],
    scroll: typeof scroll === 'number' ? scroll : 0,
  };
}
