/** Which columns of an outline there is room for: what matters least gives way first. */
import { formatCount } from '../src/protocol/format.ts';
import { t } from '../src/protocol/words.ts';
import type { OutlineRow, TensorKey, TensorNode } from './tensorTree.ts';

export interface OutlineColumn<T extends OutlineRow> {
  readonly label: string;
  /** Said by screen readers and shown as a tooltip where the label is short. */
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Width. */
  readonly em: number;
  /** 0 stays whatever happens; of the others the highest goes first. */
  readonly expendable: number;
  readonly key: TensorKey<T>;
  readonly text: (node: TensorNode<T>) => string;
}

/** "1 tensor", "1,234 tensors". */
export const tensorsOf = (n: number): string => (n === 1 ? t('1 tensor') : t('{0} tensors', formatCount(n)));

/** Between columns, and at the end of the row. */
const GAP_EM = 0.8;
/** What a name needs before columns give way to it. */
const LEAST_NAME_EM = 14;

/**
 * @param nameEm what the longest name would take
 * @param widthEm what there is
 * @param all show them all, and let the table scroll
 * @param sorted column that is sorted by, which stays
 */
export function fittingColumns<T extends OutlineRow>(columns: readonly OutlineColumn<T>[], nameEm: number, widthEm: number, all: boolean, sorted: number): { readonly shown: readonly number[]; readonly hidden: number; readonly nameEm: number } {
  const wanted = Math.min(nameEm, Math.max(LEAST_NAME_EM, 0.4 * widthEm));
  const shown = new Set(columns.keys());
  const total = (): number => [...shown].reduce((sum, i) => sum + GAP_EM + (i === 0 ? wanted : (columns[i]?.em ?? 0)), GAP_EM);
  const order = [...columns.keys()].filter((i) => i !== sorted && (columns[i]?.expendable ?? 0) > 0).sort((i, j) => (columns[j]?.expendable ?? 0) - (columns[i]?.expendable ?? 0));
  for (const i of all ? [] : order) {
    if (total() <= widthEm) break;
    shown.delete(i);
  }
  return { shown: [...shown], hidden: columns.length - shown.size, nameEm: wanted };
}
