/** The tensors of two weight files beside each other, in columns. */
import { packKinds, packNames, packNumbers, unpackNames, unpackNumbers, type NameColumn, type NumberColumn } from './columns.ts';
import { kindKey, type TensorKind } from './tensorTable.ts';

/**
 * - `added`, `removed`: only the second file has it, only the first;
 * - `reshaped`: both have it, with shapes between which there is no distance;
 * - `unread`: of a dtype that holds no real numbers;
 * - `changed`, `equal`: both were read and compared, element by element.
 */
export type TensorChange = 'added' | 'removed' | 'reshaped' | 'unread' | 'changed' | 'equal';

export interface TensorDistance {
  /** ‖a‖₂, of the first file's tensor. */
  readonly norm: number;
  /** ‖b − a‖₂; like all that follows, over the elements that are finite in both. */
  readonly l2: number;
  /** ‖b − a‖₂ / ‖a‖₂; infinite when only a is zero. */
  readonly relative: number;
  /** Largest |bᵢ − aᵢ|. */
  readonly largest: number;
  /** ⟨a, b⟩ / (‖a‖ ‖b‖); NaN when either is zero. */
  readonly cosine: number;
  /** Elements that differ. */
  readonly different: number;
  /** Elements that are NaN or infinite in one file and something else in the other: the rest leaves them out. */
  readonly incomparable: number;
}

export interface DifferenceRow {
  readonly name: string;
  readonly change: TensorChange;
  /** Absent for what was added. */
  readonly before?: TensorKind;
  /** Absent for what was removed. */
  readonly after?: TensorKind;
  readonly distance?: TensorDistance;
}

const distanceNames: readonly (keyof TensorDistance)[] = ['norm', 'l2', 'relative', 'largest', 'cosine', 'different', 'incomparable'];

type Kind = Pick<DifferenceRow, 'change' | 'before' | 'after'>;

export interface DifferenceTable {
  readonly names: NameColumn;
  readonly kinds: readonly Kind[];
  readonly kind: readonly number[];
  /** NaN in all of them for a tensor that was not compared. */
  readonly distances: Readonly<Record<keyof TensorDistance, NumberColumn>>;
}

export function packDifferences(rows: readonly DifferenceRow[]): DifferenceTable {
  const side = (kind: TensorKind | undefined): string => (kind === undefined ? '' : kindKey(kind));
  const kinds = packKinds(
    rows.map(({ change, before, after }): Kind => ({ change, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) })),
    ({ change, before, after }) => `${change}|${side(before)}|${side(after)}`,
  );
  const column = (name: keyof TensorDistance): NumberColumn => packNumbers(rows.map(({ distance }) => distance?.[name] ?? NaN));
  return {
    names: packNames(rows.map(({ name }) => name)),
    ...kinds,
    distances: Object.fromEntries(distanceNames.map((name) => [name, column(name)])) as Record<keyof TensorDistance, NumberColumn>,
  };
}

export function differenceRows({ names, kinds, kind, distances }: DifferenceTable): DifferenceRow[] {
  const columns = distanceNames.map((name) => [name, unpackNumbers(distances[name])] as const);
  return unpackNames(names).map((name, i): DifferenceRow => {
    const row = { name, ...(kinds[kind[i] ?? -1] ?? { change: 'unread' as const }) };
    if (row.change !== 'changed' && row.change !== 'equal') return row;
    return { ...row, distance: Object.fromEntries(columns.map(([column, values]) => [column, values[i]])) as unknown as TensorDistance };
  });
}
