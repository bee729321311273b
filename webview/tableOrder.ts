/** The order of rows when the reader picks a column: numbers by size, text as people count ("layer2" before "layer10"), empty cells last. */
import type { JsonValue } from '../src/protocol/report.ts';

export interface Order {
  readonly column: number;
  readonly descending: boolean;
}

const collator = new Intl.Collator('en', { numeric: true });

export function compareCells(a: string | number | null, b: string | number | null): number {
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    return a < b ? -1 : a > b ? 1 : 0;
  }
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return collator.compare(String(a), String(b));
}

/**
 * Positions of `length` rows in reading order; without an order, as they came. Stable, also when descending, and empty or
 * not-a-number cells stay last both ways.
 */
export function rowOrder(length: number, cell: (row: number, column: number) => string | number | null, order: Order | null): number[] {
  const rows = Array.from({ length }, (_, i) => i);
  if (order === null) return rows;
  const keys = rows.map((row) => cell(row, order.column));
  const missing = (key: string | number | null): boolean => key === null || Number.isNaN(key);
  return rows.sort((a, b) => {
    const [x, y] = [keys[a] ?? null, keys[b] ?? null];
    if (missing(x) || missing(y)) return Number(missing(x)) - Number(missing(y));
    return order.descending ? compareCells(y, x) : compareCells(x, y);
  });
}

/** Picking a column sorts by it, picking it again turns the order round, a third time goes back to the order of the file. */
export function nextOrder(current: Order | null, column: number): Order | null {
  if (current?.column !== column) return { column, descending: false };
  return current.descending ? null : { column, descending: true };
}

export function parseOrder(value: JsonValue | undefined, columns: number): Order | null {
  if (typeof value !== 'object' || value === null || !('column' in value) || !('descending' in value)) return null;
  const { column, descending } = value;
  if (typeof column !== 'number' || !Number.isInteger(column) || column < 0 || column >= columns || typeof descending !== 'boolean') return null;
  return { column, descending };
}

export const storedOrder = (order: Order | null): JsonValue => (order === null ? null : { column: order.column, descending: order.descending });
