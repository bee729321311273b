/** The columns of a comparison of two weight files. */
import type { DifferenceRow, TensorDistance } from '../src/protocol/differenceTable.ts';
import { formatCount, formatNumber, formatShape } from '../src/protocol/format.ts';
import type { TensorKind } from '../src/protocol/tensorTable.ts';
import { t } from '../src/protocol/words.ts';
import type { Cell } from './csv.ts';
import { tensorsOf, type OutlineColumn } from './outlineColumns.ts';
import { nodeName } from './tensorColumns.ts';
import type { OutlineRow, TensorNode } from './tensorTree.ts';

/** A difference as the outline counts it: by what is in the second file, or was in the first. */
export type Difference = DifferenceRow & OutlineRow;

export const outlined = (row: DifferenceRow): Difference => ({ ...row, elements: (row.after ?? row.before)?.elements ?? 0, bytes: (row.after ?? row.before)?.bytes ?? 0 });

/** "added", "removed", "other shape", … */
export function changeName(change: DifferenceRow['change']): string {
  switch (change) {
    case 'added': return t('added');
    case 'removed': return t('removed');
    case 'reshaped': return t('other shape');
    case 'unread': return t('not readable');
    case 'changed': return t('changed');
    case 'equal': return t('equal');
  }
}

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

export const differenceColumns = (): readonly OutlineColumn<Difference>[] => [
  { label: t('Name'), title: t('Tensor name, grouped by prefix'), align: 'left', em: 0, expendable: 0, key: (node) => node.label, text: nodeName },
  { label: t('Change'), title: t('What happened to the tensor'), align: 'left', em: 7, expendable: 0, key: (node) => (node.kind === 'tensor' ? changeName(node.tensor.change) : null), text: (node) => (node.kind === 'tensor' ? changeName(node.tensor.change) : tensorsOf(node.tensors)) },
  { label: t('Type'), title: t('Element type, before → after'), align: 'left', em: 6, expendable: 6, key: (node) => (node.kind === 'tensor' ? beforeAfter(node.tensor, ({ dtype }) => dtype) : null), text: only((row) => beforeAfter(row, ({ dtype }) => dtype)) },
  { label: t('Shape'), title: t('Shape, before → after'), align: 'left', em: 11, expendable: 3, key: (node) => (node.kind === 'tensor' ? beforeAfter(node.tensor, ({ shape }) => formatShape(shape)) : null), text: only((row) => beforeAfter(row, ({ shape }) => formatShape(shape))) },
  distance(t('Relative'), 0, t('Euclidean distance divided by the norm of the first'), (d) => d.relative),
  distance(t('Distance'), 1, t('Euclidean distance'), (d) => d.l2),
  distance(t('Largest'), 2, t('Largest difference of two elements'), (d) => d.largest),
  distance(t('Cosine'), 4, t('Cosine of the angle between the two'), (d) => d.cosine, (x) => formatNumber(x, 6)),
  distance(t('Elements'), 5, t('Elements that differ'), (d) => d.different, formatCount),
];

/** Every tensor with full names and exact numbers, for export. */
export function differenceNumbers(rows: readonly DifferenceRow[]): Cell[][] {
  const head = ['name', 'change', 'dtype_before', 'dtype_after', 'shape_before', 'shape_after', 'norm_before', 'distance', 'relative', 'largest', 'cosine', 'different', 'incomparable'];
  return [head, ...rows.map(({ name, change, before, after, distance: d }): Cell[] => [
    name, change, before?.dtype ?? null, after?.dtype ?? null, before?.shape.join('x') ?? null, after?.shape.join('x') ?? null,
    ...(d === undefined ? Array<null>(7).fill(null) : [d.norm, d.l2, d.relative, d.largest, d.cosine, d.different, d.incomparable]),
  ])];
}
