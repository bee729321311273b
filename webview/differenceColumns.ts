/** The columns of a comparison of two weight files. */
import type { DifferenceRow, TensorDistance } from '../src/protocol/differenceTable.ts';
import { formatCount, formatNumber, formatShape } from '../src/protocol/format.ts';
import type { TensorKind } from '../src/protocol/tensorTable.ts';
import type { Cell } from './csv.ts';
import type { OutlineColumn } from './outlineColumns.ts';
import { nodeName } from './tensorColumns.ts';
import type { OutlineRow, TensorNode } from './tensorTree.ts';

/** A difference as the outline counts it: by what is in the second file, or was in the first. */
export type Difference = DifferenceRow & OutlineRow;

export const outlined = (row: DifferenceRow): Difference => ({ ...row, elements: (row.after ?? row.before)?.elements ?? 0, bytes: (row.after ?? row.before)?.bytes ?? 0 });

/** "added", "removed", "other shape", … */
export const changeName: Readonly<Record<DifferenceRow['change'], string>> = { added: 'added', removed: 'removed', reshaped: 'other shape', unread: 'not readable', changed: 'changed', equal: 'equal' };

const only = (read: (row: Difference) => string): ((node: TensorNode<Difference>) => string) => (node) => (node.kind === 'tensor' ? read(node.tensor) : '');

const distance = (label: string, expendable: number, title: string, read: (distance: TensorDistance) => number, write: (x: number) => string = (x) => formatNumber(x, 3)): OutlineColumn<Difference> => ({
  label, title, expendable, align: 'right', em: 6,
  key: (node) => (node.kind === 'tensor' && node.tensor.distance !== undefined ? read(node.tensor.distance) : null),
  text: only((row) => (row.distance === undefined ? '–' : write(read(row.distance)))),
});

/** What it was and what it is, once where that is the same. */
export function beforeAfter(row: DifferenceRow, read: (kind: TensorKind) => string): string {
  const [before, after] = [row.before, row.after].map((kind) => (kind === undefined ? undefined : read(kind)));
  if (before === undefined || after === undefined || before === after) return before ?? after ?? '';
  return `${before} → ${after}`;
}

export const differenceColumns: readonly OutlineColumn<Difference>[] = [
  { label: 'Name', title: 'Tensor name, grouped by prefix', align: 'left', em: 0, expendable: 0, key: (node) => node.label, text: nodeName },
  { label: 'Change', title: 'What happened to the tensor', align: 'left', em: 7, expendable: 0, key: (node) => (node.kind === 'tensor' ? changeName[node.tensor.change] : null), text: (node) => (node.kind === 'tensor' ? changeName[node.tensor.change] : `${formatCount(node.tensors)} tensors`) },
  { label: 'Type', title: 'Element type, before → after', align: 'left', em: 6, expendable: 6, key: (node) => (node.kind === 'tensor' ? beforeAfter(node.tensor, ({ dtype }) => dtype) : null), text: only((row) => beforeAfter(row, ({ dtype }) => dtype)) },
  { label: 'Shape', title: 'Shape, before → after', align: 'left', em: 11, expendable: 3, key: (node) => (node.kind === 'tensor' ? beforeAfter(node.tensor, ({ shape }) => formatShape(shape)) : null), text: only((row) => beforeAfter(row, ({ shape }) => formatShape(shape))) },
  distance('Relative', 0, 'Euclidean distance divided by the norm of the first', (d) => d.relative),
  distance('Distance', 1, 'Euclidean distance', (d) => d.l2),
  distance('Largest', 2, 'Largest difference of two elements', (d) => d.largest),
  distance('Cosine', 4, 'Cosine of the angle between the two', (d) => d.cosine, (x) => formatNumber(x, 6)),
  distance('Elements', 5, 'Elements that differ', (d) => d.different, formatCount),
];

/** Every tensor with full names and exact numbers, for export. */
export function differenceNumbers(rows: readonly DifferenceRow[]): Cell[][] {
  const head = ['name', 'change', 'dtype_before', 'dtype_after', 'shape_before', 'shape_after', 'norm_before', 'distance', 'relative', 'largest', 'cosine', 'different', 'incomparable'];
  return [head, ...rows.map(({ name, change, before, after, distance: d }): Cell[] => [
    name, change, before?.dtype ?? null, after?.dtype ?? null, before?.shape.join('x') ?? null, after?.shape.join('x') ?? null,
    ...(d === undefined ? Array<null>(7).fill(null) : [d.norm, d.l2, d.relative, d.largest, d.cosine, d.different, d.incomparable]),
  ])];
}
