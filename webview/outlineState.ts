/** How the user left an outline: what a reload of the window, and a file that changed on disk, must not lose. */
import type { JsonValue } from '../src/protocol/report.ts';
import { parseOrder, type Order } from './tableOrder.ts';

export interface Remembered {
  order: Order | null;
  query: string;
  /** Chosen value of the outline's facet; empty for all. */
  facet: string;
  grouped: boolean;
  /** Whether columns are shown for which there is no room. */
  allColumns: boolean;
  /** Groups that are not as they were at first. */
  readonly toggled: readonly string[];
  scroll: number;
  /** Name of the selected tensor, or path of the group; empty for none. */
  selected: string;
}

export function parseRemembered(value: JsonValue | undefined, columns: number): Remembered {
  const record: Readonly<Record<string, JsonValue | undefined>> = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, JsonValue>>) : {};
  const { order, query, facet, grouped, allColumns, toggled, scroll, selected } = record;
  const text = (one: JsonValue | undefined): string => (typeof one === 'string' ? one : '');
  return {
    order: parseOrder(order, columns),
    query: text(query),
    facet: text(facet),
    grouped: grouped !== false,
    allColumns: allColumns === true,
    toggled: Array.isArray(toggled) ? (toggled as readonly JsonValue[]).filter((path) => typeof path === 'string') : [],
    scroll: typeof scroll === 'number' ? scroll : 0,
    selected: text(selected),
  };
}
