/**
 * A report as text for a language model: the answer, its figures and tables with what they mean, and the warnings. Pictures are left to
 * the panel, their sentences are not; long lists end with how much is left out. Names from files are strangers' words, and stay in one line.
 */
import { formatBytes, formatCount, formatNumber, formatShape } from '../protocol/format.ts';
import type { Report, Section } from '../protocol/report.ts';
import { tensorRows } from '../protocol/tensorTable.ts';
import { visible } from '../protocol/untrustedText.ts';

const ROWS = 40;
/** Some three thousand tokens. */
const LONGEST = 12_000;

export function modelText(report: Report): string {
  const lines = [visible(report.title), report.summary, ...report.warnings.map((warning) => `Warning: ${warning}`)];
  for (const section of report.sections) lines.push('', `## ${visible(section.title)}`, ...content(section), section.meaning, ...(section.warnings ?? []).map((warning) => `Warning: ${warning}`));
  const text = lines.join('\n');
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}\n… (the rest is in the report that the command of the same name opens)`;
}

function content(section: Section): readonly string[] {
  switch (section.kind) {
    case 'figures':
      return section.figures.map(({ label, value, detail }) => `- ${label}: ${value}${detail === undefined ? '' : ` (${detail})`}`);
    case 'table':
      return firstOf([section.columns.map(({ label }) => label), ...section.rows.map((row) => row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : visible(cell ?? '–'))))].map((row) => row.join(' | ')));
    case 'tensors':
      return firstOf(tensorRows(section.tensors).map(({ name, dtype, shape, bytes, statistics }) => `- ${visible(name)}: ${dtype} ${formatShape(shape)}, ${formatBytes(bytes)}${statistics === undefined ? '' : `, mean ${formatNumber(statistics.mean)}, standard deviation ${formatNumber(statistics.standardDeviation)}, NaN ${formatCount(statistics.nan)}, infinite ${formatCount(statistics.infinite)}`}`));
    case 'waterfall':
      return [section.total, ...section.steps, section.remainder].map(({ label, value, meaning }) => `- ${label}: ${formatCount(value)}. ${meaning}`);
    case 'spectrum':
      return [`- rank ${formatCount(section.rank)} of ${formatCount(section.dimension)}, between ${section.rankBracket.map(formatCount).join(' and ')}; tolerance ${formatNumber(section.tolerance)}, resolution ${formatNumber(section.resolution)}`];
    case 'differences':
    case 'density':
    case 'histogram':
    case 'lines':
    case 'fields':
    case 'projections':
      return [];
  }
}

const firstOf = (lines: readonly string[]): readonly string[] => (lines.length <= ROWS ? lines : [...lines.slice(0, ROWS), `… and ${formatCount(lines.length - ROWS)} more`]);
