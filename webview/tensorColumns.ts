/** The columns of the tensor outline: what each shows for a tensor and for a group, and what it sorts by. */
import { formatBytes, formatCount, formatNumber, formatShape } from '../src/protocol/format.ts';
import { quantileLevels } from '../src/protocol/report.ts';
import type { ListedStatistics, ListedTensor } from '../src/protocol/tensorTable.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { t } from '../src/protocol/words.ts';
import type { Cell } from './csv.ts';
import { tensorsOf, type OutlineColumn } from './outlineColumns.ts';
import type { OutlineRow, TensorNode } from './tensorTree.ts';

const tensorOnly = (read: (tensor: ListedTensor) => string): ((node: TensorNode<ListedTensor>) => string) => (node) => (node.kind === 'tensor' ? read(node.tensor) : '');

/** A group's name goes without the separator that ends it, unless there is nothing else. */
export const nodeName = (node: TensorNode<OutlineRow>): string => {
  if (node.label === '') return t('(no name)');
  return visible(node.kind === 'group' && node.label.length > 1 ? node.label.slice(0, -1) : node.label);
};

/** Shapes and counts are as wide as what is in them. */
const basic = (tensors: readonly ListedTensor[]): readonly OutlineColumn<ListedTensor>[] => [
  { label: t('Name'), title: t('Tensor name, grouped by prefix'), align: 'left', em: 0, expendable: 0, key: (node) => node.label, text: (node) => nodeName(node) },
  { label: t('Type'), title: t('Element type'), align: 'left', em: 4.5, expendable: 2, key: (node) => (node.kind === 'tensor' ? node.tensor.dtype : null), text: tensorOnly((tensor) => tensor.dtype) },
  {
    label: t('Shape'), title: t('Shape'), align: 'left', em: fitted(t('Shape'), 10, tensors.reduce((most, { shape }) => Math.max(most, formatShape(shape).length), tensorsOf(tensors.length).length)), expendable: 0, key: (node) => (node.kind === 'tensor' ? formatShape(node.tensor.shape) : null),
    text: (node) => (node.kind === 'tensor' ? formatShape(node.tensor.shape) : tensorsOf(node.tensors)),
  },
  { label: t('Elements'), title: t('Number of elements'), align: 'right', em: fitted(t('Elements'), 8, formatCount(tensors.reduce((sum, { elements }) => sum + elements, 0)).length), expendable: 9, key: (node) => (node.kind === 'tensor' ? node.tensor.elements : node.elements), text: (node) => formatCount(node.kind === 'tensor' ? node.tensor.elements : node.elements) },
  { label: t('Size'), title: t('Bytes as stored'), align: 'right', em: 6, expendable: 3, key: (node) => (node.kind === 'tensor' ? node.tensor.bytes : node.bytes), text: (node) => formatBytes(node.kind === 'tensor' ? node.tensor.bytes : node.bytes) },
];

const statistic = (label: string, expendable: number, title: string, read: (statistics: ListedStatistics) => number, write: (x: number) => string = (x) => formatNumber(x, 3)): OutlineColumn<ListedTensor> => ({
  label, title, expendable, align: 'right', em: 5.6,
  key: (node) => (node.kind === 'tensor' && node.tensor.statistics !== undefined ? read(node.tensor.statistics) : null),
  text: tensorOnly((tensor) => (tensor.statistics === undefined ? '–' : write(read(tensor.statistics)))),
});

const statistics = (): readonly OutlineColumn<ListedTensor>[] => [
  statistic(t('Min'), 6, t('Smallest finite element'), (s) => s.min),
  statistic(t('Max'), 5, t('Largest finite element'), (s) => s.max),
  statistic(t('Mean'), 7, t('Mean of the finite elements'), (s) => s.mean),
  statistic(t('Std'), 4, t('Standard deviation of the finite elements (divisor n)'), (s) => s.standardDeviation),
  statistic(t('Norm'), 1, t('Euclidean norm'), (s) => s.norm),
  statistic(t('Zeros'), 8, t('Elements that are exactly zero'), (s) => s.zeros, formatCount),
  statistic(t('NaN/∞'), 1, t('Elements that are not finite'), (s) => s.nan + s.infinite, formatCount),
];

export function tensorColumns(tensors: readonly ListedTensor[]): readonly OutlineColumn<ListedTensor>[] {
  const columns = basic(tensors);
  return tensors.some((tensor) => tensor.statistics !== undefined) ? [...columns, ...statistics()] : columns;
}

/** A column as wide as what is in it, between its head and the width given. Digits of one width are about 0.62 em wide. */
function fitted(label: string, em: number, characters: number): number {
  return Math.min(em, Math.ceil(6.2 * Math.max(label.length + 1, characters)) / 10);
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
