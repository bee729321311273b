/** The numbers behind a histogram, as they are exported: the edges of each bin, its count in each series, and the standard error of an estimated one. */
import type { HistogramSection } from '../src/protocol/report.ts';
import type { Cell } from './csv.ts';
import { binEdges } from './densityGrid.ts';

export function histogramNumbers({ axis, series }: Pick<HistogramSection, 'axis' | 'series'>): Cell[][] {
  const edges = binEdges(axis);
  return [
    ['from', 'to', ...series.flatMap(({ label, errors }) => (errors === undefined ? [label] : [label, `standard error of ${label}`]))],
    ...edges.slice(0, -1).map((from, i) => [from, edges[i + 1] ?? NaN, ...series.flatMap(({ counts, errors }) => (errors === undefined ? [counts[i] ?? 0] : [counts[i] ?? 0, errors[i] ?? NaN]))]),
  ];
}
