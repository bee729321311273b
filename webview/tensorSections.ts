/** What is known of one tensor as sections of a report, so that it is drawn, zoomed and exported like everything else. */
import { formatCount, formatNumber } from '../src/protocol/format.ts';
import { quantileLevels, type FieldsSection, type HistogramSection, type TableSection } from '../src/protocol/report.ts';
import type { ListedStatistics } from '../src/protocol/tensorTable.ts';
import type { WireTensorDetail } from '../src/protocol/webview.ts';
import { t } from '../src/protocol/words.ts';

/** Bars thinner than this many pixels in a pane cannot be told apart. */
const MOST_BARS = 128;

export function statisticsSection(s: ListedStatistics): TableSection {
  const finite = s.count - s.nan - s.infinite;
  const ordered = quantileLevels.map((level, i): [string, number | null] => [level === 0.5 ? t('Median') : t('{0} % below', formatNumber(100 * level)), s.quantiles[i] ?? null]);
  const half = quantileLevels.indexOf(0.5);
  return {
    kind: 'table', id: 'tensor-statistics', title: t('Statistics'),
    meaning: [
      finite < s.count ? t('Of the finite elements.') : '',
      s.resolution > 0 ? t('Quantiles are known to ±{0}.', formatNumber(s.resolution, 2)) : '',
    ].filter((sentence) => sentence !== '').join(' '),
    columns: [{ label: t('Quantity'), align: 'left' }, { label: t('Value'), align: 'right' }],
    rows: [
      [t('Min'), s.min], ...ordered.slice(0, half + 1), ...ordered.slice(half + 1), [t('Max'), s.max],
      [t('Mean'), s.mean], [t('Standard deviation'), s.standardDeviation], [t('Norm'), s.norm],
      [t('Zeros'), s.zeros], ['NaN', s.nan], [t('Infinite'), s.infinite],
    ],
  };
}

/** Null when no element is finite. */
export function histogramSection({ histogram, statistics }: WireTensorDetail): HistogramSection | null {
  const { counts, axis } = histogram;
  if (counts.length === 0) return null;
  const join = Math.ceil(counts.length / MOST_BARS);
  const joined = Array.from({ length: Math.ceil(counts.length / join) }, (_, i) => counts.slice(i * join, (i + 1) * join).reduce((sum, n) => sum + n, 0));
  // All elements are equal: one bar needs a width.
  const flat = axis.min === axis.max;
  const around = flat ? Math.max(Math.abs(axis.min), 1) / 2 : 0;
  return {
    kind: 'histogram', id: 'tensor-histogram', title: t('Histogram'), meaning: flat ? t('Every element is {0}.', formatNumber(statistics.min)) : spreadSentence(statistics), xLabel: t('Value'),
    axis: { min: axis.min - around, max: axis.max + around, bins: joined.length },
    series: [{ label: t('Elements'), counts: joined }],
  };
}

/** Where the elements are: what the highest bar hides when a few are far out. */
function spreadSentence({ quantiles }: ListedStatistics): string {
  const at = (level: (typeof quantileLevels)[number]): string => formatNumber(quantiles[quantileLevels.indexOf(level)] ?? NaN, 3);
  return t('Half of the elements lie between {0} and {1}, 98 % between {2} and {3}.', at(0.25), at(0.75), at(0.01), at(0.99));
}

/** Where the largest element stands; the first of equals. */
function largestSentence(values: readonly (number | null)[], columns: number): string {
  const at = values.reduce<number>((best, value, i) => (Math.abs(value ?? 0) > Math.abs(values[best] ?? 0) ? i : best), 0);
  return t('A cell is one element; the largest in magnitude is {0}, in row {1}, column {2}.', formatNumber(values[at] ?? NaN, 3), formatCount(Math.floor(at / columns)), formatCount(at % columns));
}

export type CellValue = 'mean' | 'largest';

/** Null for a scalar, and for a matrix without elements. */
export function heatMapSection({ heatMap, shape, statistics }: WireTensorDetail, show: CellValue): FieldsSection | null {
  const { rows, columns, cellRows, cellColumns, mean, min, max, slice, notFinite } = heatMap;
  if (rows * columns < 2) return null;
  const largest = (i: number): number => (Math.abs(min[i] ?? 0) > Math.abs(max[i] ?? 0) ? min[i] ?? NaN : max[i] ?? NaN);
  const single = cellRows === rows && cellColumns === columns;
  const values = Array.from({ length: cellRows * cellColumns }, (_, i) => {
    const value = show === 'mean' ? mean[i] ?? NaN : largest(i);
    return Number.isNaN(value) ? null : value;
  });
  const signed = statistics.min < 0 && statistics.max > 0;
  const cell = (whole: number, cells: number): string => formatNumber(whole / cells, 3);
  const [down, across] = shape.length < 2 ? ['', t('Element')] : slice.length > 0 || shape.length === 2 ? [t('Row'), t('Column')] : [t('First axis'), t('Other axes')];
  return {
    kind: 'fields', id: 'tensor-heat-map', title: slice.length > 0 ? t('Heat map of [{0}, :, :]', slice.join(', ')) : t('Heat map'),
    meaning: [
      single ? (slice.length > 0 || shape.length === 2 ? largestSentence(values, cellColumns) : '') : show === 'mean'
        ? t('A cell stands for {0} × {1} elements and shows their mean.', cell(rows, cellRows), cell(columns, cellColumns))
        : t('A cell stands for {0} × {1} elements and shows the one of the largest magnitude.', cell(rows, cellRows), cell(columns, cellColumns)),
      notFinite.length === 0 ? '' : t('Cells without a finite element are left empty.'),
    ].filter((sentence) => sentence !== '').join(' '),
    xLabel: across, yLabel: down, valueLabel: single ? t('Value') : show === 'mean' ? t('Mean') : t('Largest'),
    colours: signed ? 'diverging' : 'sequential',
    panels: [{ title: '', meaning: '', x: { min: 0, max: columns, bins: cellColumns }, y: { min: 0, max: rows, bins: cellRows, direction: 'down' }, values, curves: [], points: [] }],
  };
}
