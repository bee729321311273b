/** The tensors of a file as an aligned table that fits a terminal: of the statistics, those that say most and find room. */
import { formatBytes, formatCount, formatNumber, formatShape } from '../protocol/format.ts';
import { quantileLevels } from '../protocol/report.ts';
import type { ListedStatistics, ListedTensor } from '../protocol/tensorTable.ts';
import { visible } from '../protocol/untrustedText.ts';

/** Terminals may be wider; a table is not, unless they are. */
const WIDTH = 120;
const LONGEST_NAME = 60;
const MEDIAN = quantileLevels.indexOf(0.5);

interface Column {
  readonly label: string;
  readonly align: 'left' | 'right';
  /** Shown first come first; 0 always. */
  readonly rank: number;
  readonly text: (tensor: ListedTensor) => string;
}

const number = (label: string, rank: number, read: (statistics: ListedStatistics) => number, write: (x: number) => string = (x) => formatNumber(x)): Column => ({
  label, align: 'right', rank, text: ({ statistics }) => (statistics === undefined ? '–' : write(read(statistics))),
});

const basic: readonly Column[] = [
  { label: 'name', align: 'left', rank: 0, text: ({ name }) => shortened(visible(name)) },
  { label: 'dtype', align: 'left', rank: 0, text: ({ dtype, stored }) => (stored === undefined || stored.dtype === dtype ? dtype : `${dtype} as ${stored.dtype}`) },
  { label: 'shape', align: 'left', rank: 0, text: ({ shape }) => formatShape(shape) },
  { label: 'elements', align: 'right', rank: 7, text: ({ elements }) => formatCount(elements) },
  { label: 'size', align: 'right', rank: 4, text: ({ bytes }) => formatBytes(bytes) },
];

const counted = (label: string, read: (statistics: ListedStatistics) => number): Column => number(label, 1, read, formatCount);

const statistics: readonly Column[] = [
  number('min', 3, (s) => s.min),
  number('median', 5, (s) => s.quantiles[MEDIAN] ?? Number.NaN),
  number('max', 3, (s) => s.max),
  number('mean', 2, (s) => s.mean),
  number('std', 2, (s) => s.standardDeviation),
  number('norm', 6, (s) => s.norm),
];

/** Where there is none, a column of zeros says nothing. */
const rare: readonly (readonly [(statistics: ListedStatistics) => number, string])[] = [[(s) => s.zeros, 'zeros'], [(s) => s.nan, 'NaN'], [(s) => s.infinite, 'Inf']];

/** @param columns width of the terminal */
export function tensorLines(tensors: readonly ListedTensor[], columns: number): string[] {
  const limit = Math.max(WIDTH, columns);
  const known = tensors.flatMap(({ statistics: s }) => (s === undefined ? [] : [s]));
  const shown = [
    ...basic,
    ...(known.length === 0 ? [] : statistics),
    ...rare.filter(([read]) => known.some((s) => read(s) > 0)).map(([read, label]) => counted(label, read)),
  ].map((column) => ({ column, cells: [column.label, ...tensors.map(column.text)] }));
  const widths = shown.map(({ cells }) => cells.reduce((most, cell) => Math.max(most, cell.length), 0));
  const byRank = shown.map((_, i) => i).sort((a, b) => shown[a]!.column.rank - shown[b]!.column.rank);
  let width = -2;
  const fitting = new Set<number>();
  for (const i of byRank) {
    width += 2 + widths[i]!;
    if (width > limit && shown[i]!.column.rank > 0) break;
    fitting.add(i);
  }
  const kept = shown.map((entry, i) => ({ ...entry, width: widths[i]! })).filter((_, i) => fitting.has(i));
  return Array.from({ length: tensors.length + 1 }, (_, row) => kept
    .map(({ column, cells, width: w }) => (column.align === 'left' ? cells[row]!.padEnd(w) : cells[row]!.padStart(w))).join('  ').trimEnd());
}

/** The beginning and the end of a long name, which tell layers and weights apart. */
function shortened(name: string): string {
  const characters = Array.from(name);
  if (characters.length <= LONGEST_NAME) return name;
  return `${characters.slice(0, LONGEST_NAME / 2).join('')}…${characters.slice(1 - LONGEST_NAME / 2).join('')}`;
}
