/**
 * A report as text for a terminal: figures, aligned tables, densities as small shaded plots.
 */
import { differenceRows } from '../protocol/differenceTable.ts';
import { formatCount, formatNumber, formatSeconds, formatShape } from '../protocol/format.ts';
import type { DensityPanel, DensitySection, LinesSection, Report, Section } from '../protocol/report.ts';
import { tensorRows, type TensorKind } from '../protocol/tensorTable.ts';
import { visible } from '../protocol/untrustedText.ts';
import { tensorLines } from './tensorLines.ts';

const NARROW = 80;

/** @param columns width of the terminal; 80 where unknown */
export function reportAsText(report: Report, columns = NARROW): string {
  const lines = [visible(report.title), report.summary, ''];
  for (const section of report.sections) {
    lines.push(section.title, '─'.repeat(section.title.length));
    lines.push(...sectionLines(section, columns));
    lines.push(...(section.warnings ?? []).map((warning) => `! ${warning}`), ...(section.meaning === '' ? [] : wrap(section.meaning, columns)), '');
  }
  for (const warning of report.warnings) lines.push(...wrap(`! ${warning}`, columns));
  lines.push(`${formatSeconds(report.provenance.seconds)}${report.provenance.seed === null ? '' : `, seed ${report.provenance.seed}`}, Quotient ${report.provenance.version}`);
  return `${lines.join('\n')}\n`;
}

function sectionLines(section: Section, columns: number): string[] {
  switch (section.kind) {
    case 'figures': {
      const width = Math.max(...section.figures.map(({ label }) => label.length));
      return section.figures.map(({ label, value, detail }) => `${label.padEnd(width)}  ${value}${detail === undefined ? '' : `  (${detail})`}`);
    }
    case 'table':
      return aligned([section.columns.map(({ label }) => label), ...section.rows.map((row) => row.map(cell))], section.columns.map(({ align }) => align));
    case 'tensors':
      return tensorLines(tensorRows(section.tensors), columns);
    case 'differences': {
      const side = (kind: TensorKind | undefined): string => (kind === undefined ? '–' : `${kind.dtype} ${formatShape(kind.shape)}`);
      const rows = differenceRows(section.tensors).map(({ name, change, before, after, distance }) => [
        visible(name), change, side(before), side(after),
        ...(distance === undefined ? ['–', '–', '–', '–'] : [distance.l2, distance.relative, distance.largest, distance.cosine].map((x) => formatNumber(x))),
      ]);
      const header = ['name', 'change', 'before', 'after', 'distance', 'relative', 'largest', 'cosine'];
      return aligned([header, ...rows], header.map((_, i) => (i < 4 ? 'left' as const : 'right' as const)));
    }
    case 'density':
      return densityLines(section, columns);
    case 'spectrum': {
      const { values, rank, dimension, tolerance, resolution } = section;
      const of = (k: number): string => (values[k] === undefined ? '–' : formatNumber(values[k]));
      return [`${section.valueLabel}: largest ${of(0)}, at the rank (${formatCount(rank)} of ${formatCount(dimension)}) ${of(rank - 1)}, next ${of(rank)}`, `tolerance ${formatNumber(tolerance)}, resolution ${formatNumber(resolution)}`];
    }
    case 'waterfall': {
      const steps = [section.total, ...section.steps.map((step) => ({ ...step, label: `− ${step.label}` })), { ...section.remainder, label: `= ${section.remainder.label}` }];
      const width = Math.max(...steps.map(({ label }) => label.length));
      const digits = Math.max(...steps.map(({ value }) => formatCount(value).length));
      return steps.map(({ label, value, meaning }) => `${label.padEnd(width)}  ${formatCount(value).padStart(digits)}  ${meaning}`);
    }
    case 'lines':
      return bandedLines(section) ?? section.panels.flatMap(({ title, series }) => [...(title === '' ? [] : [visible(title)]), ...lineSummaries(series, section)]);
    case 'fields':
      // What a picture says in words says more than the range of its colours.
      return section.panels.flatMap(({ title, meaning, values }) => wrap(`${visible(title)}: ${visible(section.valueLabel)} ${rangeOf(values.filter((value) => value !== null))}${meaning === '' ? '' : `. ${meaning}`}`, columns));
    case 'projections': {
      const [first] = section.planes;
      const others = [...new Set(section.planes.filter(({ id }) => id !== first?.id).map(({ label }) => visible(label)))];
      return [
        ...section.planes.filter(({ id }) => id === first?.id).flatMap(({ label, stage, panels }) => [`${visible(label)}, ${stage === 'drawn' ? 'as drawn' : 'symmetries removed'}`, ...panels.flatMap(({ meaning }, k) => wrap(`${visible(section.methods[k] ?? '')}: ${meaning}`, columns - 2).map((line) => `  ${line}`))]),
        ...(others.length === 0 ? [] : [`Other planes, in the files of --html and --json: ${others.join('; ')}`]),
      ];
    }
    case 'histogram':
      return section.series.map(({ label, counts }) => `${sparkline(counts)}  ${label}`).concat(`${formatNumber(section.axis.min)} … ${formatNumber(section.axis.max)}  ${section.xLabel}`);
  }
}

const cell = (value: string | number | null): string => (value === null ? '–' : typeof value === 'number' ? formatNumber(value) : visible(value));

function aligned(rows: readonly (readonly string[])[], align: readonly ('left' | 'right')[]): string[] {
  const widths = align.map((_, c) => Math.max(...rows.map((row) => (row[c] ?? '').length)));
  return rows.map((row) => align.map((side, c) => (side === 'left' ? (row[c] ?? '').padEnd(widths[c]!) : (row[c] ?? '').padStart(widths[c]!))).join('  ').trimEnd());
}

const SHADES = [' ', '░', '▒', '▓', '█'];
const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** Panels side by side where they fit. A character cell is about twice as high as wide, hence twice as many columns as rows. */
function densityLines({ panels, xLabel, yLabel }: DensitySection, columns: number): string[] {
  const width = 36;
  const height = width / 2;
  const each = Math.max(1, Math.floor((columns + 3) / (width + 5)));
  const lines: string[] = [];
  for (let first = 0; first < panels.length; first += each) {
    const row = panels.slice(first, first + each).map((panel) => {
      const cells = shades(panel, width, height);
      const range = `${formatNumber(panel.x.min, 3)} … ${formatNumber(panel.x.max, 3)}`;
      return [panel.title.padEnd(width + 2).slice(0, width + 2), `┌${'─'.repeat(width)}┐`, ...cells.map((line) => `│${line}│`), `└${'─'.repeat(width)}┘`, range.padEnd(width + 2)];
    });
    for (let line = 0; line < height + 4; line++) lines.push(row.map((panel) => panel[line] ?? '').join('   '));
  }
  lines.push(`across ${xLabel}, up ${yLabel}, over the range below each panel`);
  return lines;
}

/** Counts summed into a grid of characters, darker where there are more on a logarithmic scale; the first line is the top. */
function shades({ counts, x: { bins: nx }, y: { bins: ny } }: DensityPanel, width: number, height: number): string[] {
  const grid = new Float64Array(width * height);
  for (let iy = 0; iy < ny; iy++) {
    const row = height - 1 - Math.floor((iy * height) / ny);
    for (let ix = 0; ix < nx; ix++) grid[row * width + Math.floor((ix * width) / nx)]! += counts[iy * nx + ix]!;
  }
  const top = Math.log1p(Math.max(1, ...grid));
  const shade = (count: number): string => SHADES[count === 0 ? 0 : 1 + Math.min(3, Math.floor((4 * Math.log1p(count)) / top))]!;
  return Array.from({ length: height }, (_, r) => Array.from(grid.subarray(r * width, (r + 1) * width), shade).join(''));
}

/** Values of x at which bands are listed. */
const LISTED_X = 9;

/** Curves with bands, one a panel over the same x, as a table: at some x the middle and the edges of every panel. Undefined for other sections. */
function bandedLines({ panels, xLabel, yLabel }: LinesSection): string[] | undefined {
  const x = panels[0]?.series[0]?.x ?? [];
  if (panels.length < 2 || x.length < LISTED_X || !panels.every(({ series }) => series.length === 1 && series[0]!.x.length === x.length) || panels.every(({ series }) => series[0]!.band === undefined)) return undefined;
  const places = Array.from({ length: LISTED_X }, (_, k) => Math.round(((x.length - 1) * k) / (LISTED_X - 1)));
  const number = (value: number | undefined): string => (value === undefined || !Number.isFinite(value) ? '–' : formatNumber(value, 3));
  const rows = panels.map(({ title, series }) => {
    const { y, band } = series[0]!;
    return [visible(title), ...places.map((k) => (band === undefined ? number(y[k]) : `${number(y[k])} [${number(band.lower[k])}, ${number(band.upper[k])}]`))];
  });
  const lines = Array.from({ length: 3 }, (_, third) => {
    const some = places.slice(3 * third, 3 * third + 3);
    const columns = [`${yLabel} at ${xLabel} =`, ...some.map((k) => number(x[k]))];
    return aligned([columns, ...rows.map((row) => [row[0]!, ...row.slice(3 * third + 1, 3 * third + 4)])], columns.map((_, c) => (c === 0 ? 'left' : 'right')));
  });
  const band = panels.flatMap(({ series }) => series[0]!.band?.label ?? [])[0] ?? '';
  return [...lines.flatMap((part, third) => (third === 0 ? part : ['', ...part])), `in brackets ${visible(band)} to either side`];
}

/** A curve in a terminal: where it begins and ends, and its range. */
function lineSummaries(series: LinesSection['panels'][number]['series'], { xLabel, yLabel }: LinesSection): string[] {
  const rows = series.filter(({ reference }) => reference !== true).map(({ label, x, y }) => [visible(label), `${formatNumber(y[0] ?? Number.NaN)} → ${formatNumber(y.at(-1) ?? Number.NaN)}`, rangeOf(y), `${formatNumber(x[0] ?? Number.NaN)} … ${formatNumber(x.at(-1) ?? Number.NaN)}`]);
  return aligned([['', `${yLabel}, first → last`, 'range', xLabel], ...rows], ['left', 'right', 'right', 'right']);
}

function rangeOf(values: readonly number[]): string {
  const finite = values.filter((value) => Number.isFinite(value));
  if (finite.length === 0) return '–';
  return `${formatNumber(finite.reduce((a, b) => Math.min(a, b)))} … ${formatNumber(finite.reduce((a, b) => Math.max(a, b)))}`;
}

function sparkline(counts: readonly number[]): string {
  const width = Math.min(60, counts.length);
  const sums = new Float64Array(width);
  counts.forEach((count, i) => {
    sums[Math.floor((i * width) / counts.length)]! += count;
  });
  const top = Math.max(1, ...sums);
  return Array.from(sums, (sum) => (sum === 0 ? ' ' : BARS[Math.min(BARS.length - 1, Math.floor((BARS.length * sum) / top))]!)).join('');
}

function wrap(text: string, columns: number): string[] {
  const width = Math.min(columns, 100);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
