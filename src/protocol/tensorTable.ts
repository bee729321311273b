/** The tensors of a file in columns: what a report carries in place of a hundred thousand rows. */
import { packKinds, packNames, packNumbers, unpackNames, unpackNumbers, type NameColumn, type NumberColumn } from './columns.ts';
import { quantileLevels, type TensorRow, type TensorStatistics } from './report.ts';

/** What many tensors of a file have in common: all of its layers have the same few shapes. */
export type TensorKind = Pick<TensorRow, 'dtype' | 'shape' | 'elements' | 'bytes' | 'stored'>;

/** A histogram is asked for tensor by tensor. */
export type ListedStatistics = Omit<TensorStatistics, 'histogram'>;

/** A tensor as it comes out of the table. */
export type ListedTensor = Omit<TensorRow, 'statistics'> & { readonly statistics?: ListedStatistics };

type StatisticName = Exclude<keyof TensorStatistics, 'quantiles' | 'histogram'>;
const statisticNames: readonly StatisticName[] = ['count', 'min', 'max', 'mean', 'standardDeviation', 'norm', 'zeros', 'nan', 'infinite', 'resolution'];

export interface TensorTable {
  readonly names: NameColumn;
  readonly kinds: readonly TensorKind[];
  /** Of each tensor its position in `kinds`. */
  readonly kind: readonly number[];
  /** Absent when no tensor has any. */
  readonly statistics?: {
    /** NaN in all of them for a tensor that has none. */
    readonly columns: Readonly<Record<StatisticName, NumberColumn>>;
    /** One column for each of `quantileLevels`; NaN for a tensor without finite elements. */
    readonly quantiles: readonly NumberColumn[];
  };
}

const kindOf = ({ dtype, shape, elements, bytes, stored }: TensorRow): TensorKind => ({ dtype, shape, elements, bytes, ...(stored === undefined ? {} : { stored }) });

/** Tells kinds apart. */
export const kindKey = ({ dtype, shape, elements, bytes, stored }: TensorKind): string =>
  `${dtype} ${shape.join(' ')} ${elements} ${bytes}${stored === undefined ? '' : ` ${stored.dtype} ${stored.count} ${stored.elementsEach}`}`;

export function packTensors(rows: readonly TensorRow[]): TensorTable {
  const table = { names: packNames(rows.map(({ name }) => name)), ...packKinds(rows.map(kindOf), kindKey) };
  if (rows.every(({ statistics }) => statistics === undefined)) return table;
  const column = (name: StatisticName): NumberColumn => packNumbers(rows.map(({ statistics }) => statistics?.[name] ?? NaN));
  return {
    ...table,
    statistics: {
      columns: Object.fromEntries(statisticNames.map((name) => [name, column(name)])) as Record<StatisticName, NumberColumn>,
      quantiles: quantileLevels.map((_, level) => packNumbers(rows.map(({ statistics }) => statistics?.quantiles[level] ?? NaN))),
    },
  };
}

export function tensorRows({ names, kinds, kind, statistics }: TensorTable): ListedTensor[] {
  const columns = statistics === undefined ? undefined : statisticNames.map((name) => [name, unpackNumbers(statistics.columns[name])] as const);
  const quantiles = statistics?.quantiles.map(unpackNumbers) ?? [];
  const nothing: TensorKind = { dtype: '', shape: [], elements: 0, bytes: 0 };
  return unpackNames(names).map((name, i) => {
    const row = { name, ...(kinds[kind[i] ?? -1] ?? nothing) };
    // A tensor that was counted has a count, also when it has no finite element.
    if (columns === undefined || Number.isNaN(columns[0]?.[1][i] ?? NaN)) return row;
    const numbers = Object.fromEntries(columns.map(([column, values]) => [column, values[i]])) as unknown as Omit<ListedStatistics, 'quantiles'>;
    return { ...row, statistics: { ...numbers, quantiles: quantiles.map((level) => level[i] ?? NaN).filter((x) => !Number.isNaN(x)) } };
  });
}
