/** The columns of the tensor outline: what each shows for a tensor and for a group, and what it sorts by. */
import { formatBytes, formatCount, formatNumber, formatShape } from '../src/protocol/format.ts';
import { quantileLevels } from '../src/protocol/report.ts';
import type { ListedStatistics, ListedTensor } from '../src/protocol/tensorTable.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import type { Cell } from './csv.ts';
import type { OutlineColumn } from './outlineColumns.ts';
import type { OutlineRow, TensorNode } from './tensorTree.ts';

const tensorOnly = (read: (tensor: ListedTensor) => string): ((node: TensorNode<ListedTensor>) => string) => (node) => (node.kind === 'tensor' ? read(node.tensor) : '');

/** A group's name goes without the separator that ends it, unless there is nothing else. */
export const nodeName = (node: TensorNode<OutlineRow>): string => {
  if (node.label === '') return '(no name)';
  return visible(node.kind === 'group' && node.label.length > 1 ? node.label.slice(0, -1) : node.label);
};

const basic: readonly OutlineColumn<ListedTensor>[] = [
  { label: 'Name', title: 'Tensor name, grouped by prefix', align: 'left', em: 0, expendable: 0, key: (node) => node.label, text: (node) => nodeName(node) },
  { label: 'Type', title: 'Element type', align: 'left', em: 4.5, expendable: 2, key: (node) => (node.kind === 'tensor' ? node.tensor.dtype : null), text: tensorOnly((tensor) => tensor.dtype) },
  {
    label: 'Shape', title: 'Shape', align: 'left', em: 10, expendable: 0, key: (node) => (node.kind === 'tensor' ? formatShape(node.tensor.shape) : null),
    text: (node) => (node.kind === 'tensor' ? formatShape(node.tensor.shape) : `${formatCount(node.tensors)} tensors`),
  },
  { label: 'Elements', title: 'Number of elements', align: 'right', em: 8, expendable: 9, key: (node) => (node.kind === 'tensor' ? node.tensor.elements : node.elements), text: (node) => formatCount(node.kind === 'tensor' ? node.tensor.elements : node.elements) },
  { label: 'Size', title: 'Bytes as stored', align: 'right', em: 6, expendable: 3, key: (node) => (node.kind === 'tensor' ? node.tensor.bytes : node.bytes), text: (node) => formatBytes(node.kind === 'tensor' ? node.tensor.bytes : node.bytes) },
];

const statistic = (label: string, expendable: number, title: string, read: (statistics: ListedStatistics) => number, write: (x: number) => string = (x) => formatNumber(x, 3)): OutlineColumn<ListedTensor> => ({
  label, title, expendable, align: 'right', em: 5.6,
  key: (node) => (node.kind === 'tensor' && node.tensor.statistics !== undefined ? read(node.tensor.statistics) : null),
  text: tensorOnly((tensor) => (tensor.statistics === undefined ? '–' : write(read(tensor.statistics)))),
});

const statistics: readonly OutlineColumn<ListedTensor>[] = [
  statistic('Min', 6, 'Smallest finite element', (s) => s.min),
  statistic('Max', 5, 'Largest finite element', (s) => s.max),
  statistic('Mean', 7, 'Mean of the finite elements', (s) => s.mean),
  statistic('Std', 4, 'Standard deviation of the finite elements (divisor n)', (s) => s.standardDeviation),
  statistic('Norm', 1, 'Euclidean norm', (s) => s.norm),
  statistic('Zeros', 8, 'Elements that are exactly zero', (s) => s.zeros, formatCount),
  statistic('NaN/∞', 1, 'Elements that are not finite', (s) => s.nan + s.infinite, formatCount),
];

export function tensorColumns(tensors: readonly ListedTensor[]): readonly OutlineColumn<ListedTensor>[] {
  const columns = basic.map((column) => (column.label in contents ? { ...column, em: fitted(column, tensors) } : column));
  return tensors.some((tensor) => tensor.statistics !== undefined) ? [...columns, ...statistics] : columns;
}

/** Columns as wide as what is in them, between their head and the width given above. */
const contents: Readonly<Record<string, (tensors: readonly ListedTensor[]) => number>> = {
  Shape: (tensors) => tensors.reduce((most, { shape }) => Math.max(most, formatShape(shape).length), `${tensors.length} tensors`.length),
  Elements: (tensors) => formatCount(tensors.reduce((sum, { elements }) => sum + elements, 0)).length,
};

/** Digits of one width are about 0.62 em wide. */
function fitted({ label, em }: OutlineColumn<ListedTensor>, tensors: readonly ListedTensor[]): number {
  const characters = Math.max(label.length + 1, contents[label]?.(tensors) ?? 0);
  return Math.min(em, Math.ceil(6.2 * characters) / 10);
}

/** Every tensor with full names and exact numbers, for export. */
export function tensorNumbers(tensors: readonly ListedTensor[]): Cell[][] {
  const counted = tensors.some((tensor) => tensor.statistics !== undefined);
  const head = ['name', 'dtype', 'shape', 'elements', 'bytes', ...(counted ? ['count', 'min', 'max', 'mean', 'standard_deviation', 'norm', 'zeros', 'nan', 'infinite', ...quantileLevels.map((level) => `quantile_${level}`)] : [])];
  return [head, ...tensors.map(({ name, dtype, shape, elements, bytes, statistics: s }): Cell[] => [
    name, dtype, shape.join('x'), elements, bytes,
    ...(counted ? (s === undefined ? Array<null>(9 + quantileLevels.length).fill(null) : [s.count, s.min, s.max, s.mean, s.standardDeviation, s.norm, s.zeros, s.nan, s.infinite, ...quantileLevels.map((_, i) => s.quantiles[i] ?? null)]) : []),
  ])];
}

/** Where the words of a filter are looked for. */
export const tensorText = ({ name, dtype, shape }: ListedTensor): string => `${name} ${dtype} ${shape.join('×')} ${shape.join('x')}`.toLowerCase();
