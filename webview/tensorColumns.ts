/** The columns of the tensor outline: what each shows for a tensor and for a group, and what it sorts by. */
import { formatBytes, formatCount, formatNumber, formatShape } from '../src/protocol/format.ts';
import type { TensorRow, TensorStatistics } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import type { Cell } from './csv.ts';
import type { TensorKey, TensorNode } from './tensorTree.ts';

export interface TensorColumn {
  readonly label: string;
  /** Said by screen readers and shown as a tooltip where the label is short. */
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Width as a CSS grid track. */
  readonly track: string;
  readonly key: TensorKey;
  readonly text: (node: TensorNode) => string;
}

const tensorOnly = (read: (tensor: TensorRow) => string): ((node: TensorNode) => string) => (node) => (node.kind === 'tensor' ? read(node.tensor) : '');

/** A group's name goes without the separator that ends it, unless there is nothing else. */
const nodeName = (node: TensorNode): string => {
  if (node.label === '') return '(no name)';
  return visible(node.kind === 'group' && node.label.length > 1 ? node.label.slice(0, -1) : node.label);
};

const basic: readonly TensorColumn[] = [
  { label: 'Name', title: 'Tensor name, grouped by prefix', align: 'left', track: '1fr', key: (node) => node.label, text: (node) => nodeName(node) },
  { label: 'Type', title: 'Element type', align: 'left', track: '4.5em', key: (node) => (node.kind === 'tensor' ? node.tensor.dtype : null), text: tensorOnly((tensor) => tensor.dtype) },
  {
    label: 'Shape', title: 'Shape', align: 'left', track: '10em', key: (node) => (node.kind === 'tensor' ? formatShape(node.tensor.shape) : null),
    text: (node) => (node.kind === 'tensor' ? formatShape(node.tensor.shape) : `${formatCount(node.tensors)} tensors`),
  },
  { label: 'Elements', title: 'Number of elements', align: 'right', track: '8em', key: (node) => (node.kind === 'tensor' ? node.tensor.elements : node.elements), text: (node) => formatCount(node.kind === 'tensor' ? node.tensor.elements : node.elements) },
  { label: 'Size', title: 'Bytes as stored', align: 'right', track: '6em', key: (node) => (node.kind === 'tensor' ? node.tensor.bytes : node.bytes), text: (node) => formatBytes(node.kind === 'tensor' ? node.tensor.bytes : node.bytes) },
];

const statistic = (label: string, title: string, read: (statistics: TensorStatistics) => number, write: (x: number) => string = (x) => formatNumber(x, 3)): TensorColumn => ({
  label, title, align: 'right', track: '5.6em',
  key: (node) => (node.kind === 'tensor' && node.tensor.statistics !== undefined ? read(node.tensor.statistics) : null),
  text: tensorOnly((tensor) => (tensor.statistics === undefined ? '–' : write(read(tensor.statistics)))),
});

const statistics: readonly TensorColumn[] = [
  statistic('Min', 'Smallest finite element', (s) => s.min),
  statistic('Max', 'Largest finite element', (s) => s.max),
  statistic('Mean', 'Mean of the finite elements', (s) => s.mean),
  statistic('Std', 'Standard deviation of the finite elements (divisor n)', (s) => s.standardDeviation),
  statistic('Norm', 'Euclidean norm', (s) => s.norm),
  statistic('Zeros', 'Elements that are exactly zero', (s) => s.zeros, formatCount),
  statistic('NaN/∞', 'Elements that are not finite', (s) => s.nan + s.infinite, formatCount),
];

export function tensorColumns(tensors: readonly TensorRow[]): readonly TensorColumn[] {
  const columns = basic.map((column) => (column.label in contents ? { ...column, track: fitted(column, tensors) } : column));
  return tensors.some((tensor) => tensor.statistics !== undefined) ? [...columns, ...statistics] : columns;
}

/** Columns as wide as what is in them, between their head and the width given above. */
const contents: Readonly<Record<string, (tensors: readonly TensorRow[]) => number>> = {
  Shape: (tensors) => tensors.reduce((most, { shape }) => Math.max(most, formatShape(shape).length), `${tensors.length} tensors`.length),
  Elements: (tensors) => formatCount(tensors.reduce((sum, { elements }) => sum + elements, 0)).length,
};

/** Digits of one width are about 0.62 em wide. */
function fitted({ label, track }: TensorColumn, tensors: readonly TensorRow[]): string {
  const characters = Math.max(label.length + 1, contents[label]?.(tensors) ?? 0);
  return `${Math.min(Number.parseFloat(track), Math.ceil(6.2 * characters) / 10)}em`;
}

/** Every tensor with full names and exact numbers, for export. */
export function tensorNumbers(tensors: readonly TensorRow[]): Cell[][] {
  const counted = tensors.some((tensor) => tensor.statistics !== undefined);
  const head = ['name', 'dtype', 'shape', 'elements', 'bytes', ...(counted ? ['count', 'min', 'max', 'mean', 'standard_deviation', 'norm', 'zeros', 'nan', 'infinite'] : [])];
  return [head, ...tensors.map(({ name, dtype, shape, elements, bytes, statistics: s }): Cell[] => [
    name, dtype, shape.join('x'), elements, bytes,
    ...(counted ? (s === undefined ? Array<null>(9).fill(null) : [s.count, s.min, s.max, s.mean, s.standardDeviation, s.norm, s.zeros, s.nan, s.infinite]) : []),
  ])];
}
