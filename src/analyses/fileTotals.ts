/** Headline numbers of a whole file: its logical parameters, how they are stored where that differs, and statistics of all elements together. */
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { ElementStatistics, Figure, StoredForm, TensorRow } from '../protocol/report.ts';
import { wholeStatistics } from '../weights/moments.ts';
import { blockElements, isPacked } from '../weights/packedDtype.ts';
import type { TensorInfo, WeightFile } from '../weights/weightFile.ts';
import { tensorRole } from '../weights/weightTensors.ts';

const MOST_FORMS = 4;

/** What lies in the file for a tensor, where that is not a number of its dtype for each element. */
export function storedForm({ dtype, elements, storedDtype }: TensorInfo): StoredForm | undefined {
  if (storedDtype !== undefined) return { dtype: storedDtype, count: elements, elementsEach: 1 };
  if (!isPacked(dtype)) return undefined;
  const elementsEach = blockElements(dtype);
  return { dtype, count: Math.ceil(elements / elementsEach), elementsEach };
}

/** "4,096 blocks of 32 (Q4_0), 1,024 numbers"; nothing when every parameter is stored as itself. */
export function storedFigure(rows: readonly TensorRow[]): Figure[] {
  if (rows.every(({ stored }) => stored === undefined)) return [];
  const counts = new Map<string, number>();
  for (const { elements, stored } of rows) {
    const what = stored === undefined ? 'numbers' : stored.elementsEach === 1 ? `${stored.dtype} numbers` : `blocks of ${formatCount(stored.elementsEach)} (${stored.dtype})`;
    counts.set(what, (counts.get(what) ?? 0) + (stored?.count ?? elements));
  }
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([what, count]) => `${formatCount(count)} ${what}`);
  return [{ label: 'Stored as', value: [...parts.slice(0, MOST_FORMS), ...(parts.length > MOST_FORMS ? [`${parts.length - MOST_FORMS} more kinds`] : [])].join(', ') }];
}

/** Of all parameters together; undefined when no tensor of them was counted. */
export function totalStatistics(file: WeightFile, rows: readonly TensorRow[]): ElementStatistics | undefined {
  const parts = rows.flatMap(({ name, statistics }) => (statistics === undefined || tensorRole(file, name) !== 'parameters' ? [] : [statistics]));
  return parts.length === 0 ? undefined : wholeStatistics(parts);
}

export function totalFigures(total: ElementStatistics | undefined): Figure[] {
  if (total === undefined || total.count === 0) return [];
  const { count, min, max, mean, standardDeviation, norm, zeros, nan, infinite } = total;
  const share = (part: number): string => `${formatNumber((100 * part) / count, 3)} %`;
  return [
    ...(nan + infinite === count ? [] : [
      { label: 'Mean', value: formatNumber(mean), detail: `std ${formatNumber(standardDeviation)}, from ${formatNumber(min)} to ${formatNumber(max)}` },
      { label: 'Norm', value: formatNumber(norm), detail: 'of all parameters' },
    ]),
    ...(zeros === 0 ? [] : [{ label: 'Zeros', value: formatCount(zeros), detail: share(zeros) }]),
    ...(nan + infinite === 0 ? [] : [{ label: 'Not finite', value: formatCount(nan + infinite), detail: share(nan + infinite) }]),
  ];
}
