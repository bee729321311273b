/**
 * Rows under names that form a tree: tensors of a file, or differences of two files. Only the rows in sight are in the document
 * (plus the one that holds the keyboard's focus), so that 100,000 rows scroll like a hundred. Keys follow the treegrid pattern of the
 * ARIA Authoring Practices: arrows move, open and close; Home, End, Page Up and Page Down jump; Enter opens; letters filter.
 */
import { formatCount } from '../src/protocol/format.ts';
import type { JsonValue } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { t } from '../src/protocol/words.ts';
import { button, element } from './elements.ts';
import { fittingColumns, tensorsOf, type OutlineColumn } from './outlineColumns.ts';
import { parseRemembered, type Remembered } from './outlineState.ts';
import { nextOrder, storedOrder } from './tableOrder.ts';
import { initiallyClosed, nodeComparison, tensorTree, visibleRows, wordFilter, type OutlineRow, type TensorNode, type VisibleRow } from './tensorTree.ts';

const rowHeight = 24;
const rowsAtFirst = 200;
const rowsBeyondSight = 10;

export interface OutlineOptions<T extends OutlineRow> {
  readonly title: string;
  /** In the order of the file. */
  readonly rows: readonly T[];
  /** The first one shows the name. */
  readonly columns: readonly OutlineColumn<T>[];
  /** Lower-case text in which the words of the filter are looked for. */
  readonly text: (row: T) => string;
  readonly placeholder: string;
  /** A property with few values, to choose from. */
  readonly facet: { readonly label: string; readonly of: (row: T) => string };
  readonly remembered: JsonValue | undefined;
  readonly remember: (value: JsonValue) => void;
  /** The row that is selected, as it changes; null for a group and for nothing. `opened` when it was asked for and not only passed over. */
  readonly selected: (row: T | null, opened: boolean) => void;
}

export interface Outline<T> {
  readonly element: HTMLElement;
  /** Called once it is in the document. */
  place(): void;
  /** The rows that pass the filter, in the order of the file. */
  shown(): readonly T[];
  /** The selected row, if it is still there and in sight of the filter. */
  selected(): T | null;
  /** Puts the keyboard on the selected row. */
  focus(): void;
  dispose(): void;
}

export function outline<T extends OutlineRow>(options: OutlineOptions<T>): Outline<T> {
  const { rows: all, columns, facet } = options;
  const whole = tensorTree(all);
  const closedAtFirst = initiallyClosed(whole, rowsAtFirst);
  const state: Remembered = parseRemembered(options.remembered, columns.length);
  const toggled = new Set(state.toggled);
  const facets = countsOf(all.map(facet.of));
  if (!facets.has(state.facet)) state.facet = '';
  let rows: readonly VisibleRow<T>[] = [];
  let kept: readonly boolean[] | null = null;
  let texts: readonly string[] | null = null;
  let active = 0;
  let shownColumns: readonly number[] = columns.map((_, i) => i);

  const remember = (): void => {
    options.remember({ order: storedOrder(state.order), query: state.query, facet: state.facet, grouped: state.grouped, allColumns: state.allColumns, toggled: [...toggled].slice(0, 1000), scroll: state.scroll, selected: state.selected });
  };
  const heads = columns.map((column, i) => {
    const press = button(column.label, () => {
      state.order = nextOrder(state.order, i);
      update();
    }, { class: 'sort', title: column.title });
    return element('div', { class: `cell ${column.align}`, role: 'columnheader', 'aria-sort': 'none', 'aria-colindex': i + 1 }, press);
  });
  const headRow = element('div', { class: 'grid-row grid-head', role: 'row', 'aria-rowindex': 1 });
  const space = element('div', { class: 'grid-space', role: 'rowgroup' });
  const viewport = element('div', { class: 'grid-scroll', role: 'treegrid', 'aria-label': visible(options.title), 'aria-readonly': true, 'aria-colcount': columns.length },
    element('div', { class: 'grid-inner', role: 'presentation' }, element('div', { role: 'rowgroup', class: 'grid-top' }, headRow), space));
  viewport.style.setProperty('--row-height', `${rowHeight}px`);
  const search = element('input', { type: 'search', class: 'filter', 'aria-label': t('Filter tensors'), 'aria-keyshortcuts': '/' });
  search.placeholder = options.placeholder;
  search.spellcheck = false;
  search.value = state.query;
  const facetBox = facetSelect(facet.label, facets, state.facet);
  const count = element('span', { class: 'note', role: 'status' });
  const groupBox = element('input', { type: 'checkbox' });
  groupBox.checked = state.grouped;
  const columnsButton = button('', () => {
    state.allColumns = !state.allColumns;
    fit();
    remember();
  }, { class: 'quiet', 'data-action': 'columns' });
  const body = element('div', { class: 'outline' },
    element('div', { class: 'grid-tools' }, search, facets.size > 1 ? facetBox : null, element('label', { class: 'check' }, groupBox, t('Group by prefix')),
      button(t('Open all'), () => { openAll(true); }, { class: 'quiet' }), button(t('Close all'), () => { openAll(false); }, { class: 'quiet' }), columnsButton, count),
    viewport);

  const isFiltered = (): boolean => state.query !== '' || state.facet !== '';
  const isClosed = (path: string): boolean => (isFiltered() ? false : closedAtFirst.has(path)) !== toggled.has(path);
  const openAll = (open: boolean): void => {
    toggled.clear();
    const visit = (node: TensorNode<T>): void => {
      if (node.kind !== 'group') return;
      if (isClosed(node.path) === open) toggled.add(node.path);
      node.children.forEach(visit);
    };
    whole.forEach(visit);
    update();
  };
  const nameOf = (i: number): string => {
    const node = rows[i]?.node;
    return node === undefined ? '' : node.kind === 'tensor' ? node.tensor.name : node.path;
  };

  const filter = (): readonly boolean[] | null => {
    if (!isFiltered()) return null;
    texts ??= all.map(options.text);
    const matches = wordFilter(state.query);
    return texts.map((text, i) => matches(text) && (state.facet === '' || facet.of(all[i]!) === state.facet));
  };
  /** What is on show depends on the filter, the groups and the order; the selection stays on its row as long as that is there. */
  const update = (): void => {
    kept = filter();
    const keep = kept;
    const passes = keep === null ? undefined : (_: T, i: number): boolean => keep[i] === true;
    const roots = state.grouped ? (passes === undefined ? whole : tensorTree(all, passes)) : flat(all, passes);
    const column = state.order === null ? undefined : columns[state.order.column];
    rows = visibleRows(roots, isClosed, column === undefined ? null : nodeComparison(column.key, state.order?.descending ?? false));
    heads.forEach((head, i) => { head.setAttribute('aria-sort', state.order?.column !== i ? 'none' : state.order.descending ? 'descending' : 'ascending'); });
    const selected = state.selected === '' ? -1 : rows.findIndex((_, i) => nameOf(i) === state.selected);
    active = selected >= 0 ? selected : 0;
    viewport.setAttribute('aria-rowcount', String(rows.length + 1));
    space.style.height = `${rows.length * rowHeight}px`;
    const matching = keep === null ? all.length : keep.reduce((sum, one) => sum + Number(one), 0);
    count.textContent = keep === null ? tensorsOf(matching) : t('{0} of {1} tensors', formatCount(matching), formatCount(all.length));
    fit();
    remember();
  };

  /** Chooses the columns that there is room for. */
  const fit = (): void => {
    const em = Number.parseFloat(getComputedStyle(viewport).fontSize) || 13;
    const { shown, hidden, nameEm } = fittingColumns(columns, nameWidth(rows), (viewport.clientWidth || 1000) / em, state.allColumns, state.order?.column ?? 0);
    shownColumns = shown;
    columnsButton.hidden = hidden === 0 && !state.allColumns;
    columnsButton.textContent = state.allColumns ? t('Fewer columns') : hidden === 1 ? t('1 more column') : t('{0} more columns', hidden);
    columnsButton.setAttribute('aria-pressed', String(state.allColumns));
    viewport.style.setProperty('--tracks', [`minmax(${nameEm}em, 1fr)`, ...shown.slice(1).map((i) => `${columns[i]?.em ?? 6}em`)].join(' '));
    headRow.replaceChildren(...shown.map((i) => heads[i]).filter((head) => head !== undefined));
    render();
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
      'aria-expanded': node.kind === 'group' ? row.expanded : undefined, 'aria-selected': i === active && state.selected !== '' ? true : undefined, 'data-row': i,
    }, ...shownColumns.map((c) => element('div', { class: `cell ${columns[c]?.align ?? 'left'}`, role: c === 0 ? 'rowheader' : 'gridcell', 'aria-colindex': c + 1 }, columns[c]?.text(node) ?? '')));
    line.style.top = `${i * rowHeight}px`;
    const name = line.firstElementChild;
    if (name instanceof HTMLElement) {
      name.style.paddingInlineStart = `${(level - 1) * 14 + 22}px`;
      name.title = visible(nameOf(i));
    }
    return line;
  };

  const focusActive = (): void => {
    space.querySelector<HTMLElement>(`[data-row="${active}"]`)?.focus({ preventScroll: true });
  };
  const select = (i: number, opened: boolean): void => {
    active = Math.min(rows.length - 1, Math.max(0, i));
    state.selected = nameOf(active);
    const node = rows[active]?.node;
    options.selected(node?.kind === 'tensor' ? node.tensor : null, opened);
    remember();
  };
  const moveTo = (i: number, opened = false): void => {
    select(i, opened);
    const [top, height] = [active * rowHeight, viewport.clientHeight - headRow.offsetHeight];
    if (top < viewport.scrollTop) viewport.scrollTop = top;
    else if (top + rowHeight > viewport.scrollTop + height) viewport.scrollTop = top + rowHeight - height;
    render();
    focusActive();
  };
  const open = (i: number): void => {
    const node = rows[i]?.node;
    if (node?.kind === 'tensor') {
      moveTo(i, true);
      return;
    }
    if (node === undefined) return;
    if (!toggled.delete(node.path)) toggled.add(node.path);
    select(i, false);
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
        else open(active);
      },
      ArrowLeft: () => {
        if (row?.expanded === true) open(active);
        else moveTo(parentOf(active));
      },
      Enter: () => { open(active); },
      ' ': () => { open(active); },
      '/': () => { search.focus(); },
      Escape: () => { options.selected(null, true); },
    };
    const chosen = Object.hasOwn(action, event.key) ? action[event.key] : undefined;
    if (chosen === undefined) {
      // A letter goes where it filters; the keystroke itself lands there once the field has the focus.
      if (/^\P{C}$/u.test(event.key)) search.focus();
      return;
    }
    event.preventDefault();
    chosen();
  });
  space.addEventListener('click', (event) => {
    const line = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-row]') : null;
    if (line === null || !(window.getSelection()?.isCollapsed ?? true)) return;
    open(Number(line.dataset['row']));
  });
  viewport.addEventListener('scroll', () => {
    state.scroll = viewport.scrollTop;
    render();
    remember();
  });
  let waiting: number | undefined;
  const filterAgain = (): void => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      state.query = search.value.trim();
      state.facet = facetBox.value;
      toggled.clear();
      viewport.scrollTop = 0;
      update();
    }, all.length > 5000 ? 120 : 0);
  };
  search.addEventListener('input', filterAgain);
  facetBox.addEventListener('change', filterAgain);
  search.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'Enter') {
      event.preventDefault();
      if (rows.length > 0) moveTo(event.key === 'Enter' ? active : 0);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      if (search.value === '') moveTo(active);
      else {
        search.value = '';
        filterAgain();
      }
    }
  });
  groupBox.addEventListener('change', () => {
    state.grouped = groupBox.checked;
    update();
  });

  let width = 0;
  const resized = new ResizeObserver(() => {
    if (viewport.clientWidth === width) render();
    else fit();
    width = viewport.clientWidth;
  });
  return {
    element: body,
    place: () => {
      const to = state.scroll;
      update();
      viewport.scrollTop = to;
      render();
      width = viewport.clientWidth;
      resized.observe(viewport);
    },
    shown: () => {
      const keep = kept;
      return keep === null ? all : all.filter((_, i) => keep[i]);
    },
    selected: () => {
      const node = state.selected !== '' && nameOf(active) === state.selected ? rows[active]?.node : undefined;
      return node?.kind === 'tensor' ? node.tensor : null;
    },
    focus: focusActive,
    dispose: () => {
      window.clearTimeout(waiting);
      resized.disconnect();
    },
  };
}

/** Room for the longest name in the outline, in em of the table's font: monospace digits are about 0.6 em wide. */
function nameWidth<T extends OutlineRow>(rows: readonly VisibleRow<T>[]): number {
  const widest = rows.reduce((most, { node, level }) => Math.max(most, 0.6 * node.label.length + 1.1 * level), 0);
  return Math.min(28, Math.max(14, Math.ceil(widest + 2)));
}

function flat<T extends OutlineRow>(rows: readonly T[], keep: ((row: T, index: number) => boolean) | undefined): TensorNode<T>[] {
  return rows.flatMap((tensor, index) => (keep === undefined || keep(tensor, index) ? [{ kind: 'tensor' as const, label: tensor.name, index, tensor }] : []));
}

function countsOf(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function facetSelect(label: string, facets: ReadonlyMap<string, number>, value: string): HTMLSelectElement {
  const option = (text: string, chosen: string): HTMLOptionElement => {
    const node = element('option', {}, text);
    node.value = chosen;
    return node;
  };
  const select = element('select', { class: 'facet', 'aria-label': label }, option(label, ''), ...Array.from(facets, ([name, n]) => option(`${visible(name)} (${formatCount(n)})`, name)));
  select.value = value;
  return select;
}
