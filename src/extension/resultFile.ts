/**
 * A result as a file, `NAME.quotient.json`: the report with the question that it answers, so that it can be opened again, asked again,
 * committed, and compared line by line. Arrays of numbers stand in one line, and paths are relative to the file, `./net.pt`, so that they
 * hold on another machine. Its title is the report's: the question's own is in the language of who asked.
 */
import path from 'node:path';
import type { Report } from '../protocol/report.ts';
import { t } from '../protocol/words.ts';
import { isReport, isReportQuestion, type ReportQuestion } from './reportQuestion.ts';

export const RESULT_SUFFIX = '.quotient.json';

export interface SavedResult {
  readonly question: ReportQuestion;
  readonly report: Report;
}

const FORMAT = 'quotient-result';
const VERSION = 1;

/** @param folder that the file will be in */
export function writeResult({ question, report }: SavedResult, folder: string): string {
  const named = new Map<string, string>();
  for (const file of pathsOf({ question, report })) {
    const relative = path.relative(folder, file);
    // On another drive there is no way from one to the other.
    if (!path.isAbsolute(relative)) named.set(file, relative.startsWith('..') ? slashed(relative) : `./${slashed(relative)}`);
  }
  const files = [...new Set(named.values())];
  return `${readableJson(renamed({ format: FORMAT, version: VERSION, files, question: { ...question, title: report.title }, report }, (text) => named.get(text) ?? text))}\n`;
}

/** @throws Error in one sentence when the text is not a saved result. */
export function readResult(text: string, file: string): SavedResult {
  const name = path.basename(file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(t('{0} is not JSON ({1}). A merge may have left its marks in it; save the result again.', name, error instanceof Error ? error.message : String(error)), { cause: error });
  }
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== FORMAT) {
    throw new Error(t('{0} is not a result saved by Quotient: expected "format": "{1}". Open it with the text editor.', name, FORMAT));
  }
  if (!('version' in value) || value.version !== VERSION) throw new Error(t('{0} was saved in another version of the format than {1}, which this Quotient reads. Save the result again.', name, VERSION));
  const folder = path.dirname(file);
  const files = 'files' in value && Array.isArray(value.files) ? value.files.filter((entry) => typeof entry === 'string' && entry.startsWith('.')) as string[] : [];
  const { question, report } = renamed(value, (text) => (files.includes(text) ? path.resolve(folder, text) : text)) as { question?: unknown; report?: unknown };
  if (!isReportQuestion(question) || !isReport(report)) throw new Error(t('{0} holds no whole report: "question" or "report" is missing or damaged. Save the result again.', name));
  return { question, report };
}

/** JSON with a line for each value, but one for a whole array of numbers or short texts: what changed then is one line of a comparison. */
export function readableJson(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value as readonly unknown[];
    if (items.every((item) => typeof item !== 'object' || item === null)) return JSON.stringify(items);
    return `[\n${items.map((item) => inner + readableJson(item, inner)).join(',\n')}\n${indent}]`;
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return entries.length === 0 ? '{}' : `{\n${entries.map(([key, item]) => `${inner}${JSON.stringify(key)}: ${readableJson(item, inner)}`).join(',\n')}\n${indent}}`;
}

/** Absolute paths that the question and the report name as files. */
function pathsOf({ question, report }: SavedResult): readonly string[] {
  const values = Object.values(question.request).flatMap((value: unknown) => (Array.isArray(value) ? (value as readonly unknown[]) : typeof value === 'object' && value !== null ? Object.values(value) : [value]));
  return [...new Set([...report.sources, ...values])].filter((value): value is string => typeof value === 'string' && path.isAbsolute(value));
}

/** A copy in which every text is what `name` says for it, wherever it stands. */
export function renamed(value: unknown, name: (text: string) => string): unknown {
  if (typeof value === 'string') return name(value);
  if (Array.isArray(value)) return value.map((item) => renamed(item, name));
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renamed(item, name)]));
}

/** Elsewhere than on Windows a name may hold a backslash. */
const slashed = (relative: string): string => relative.split(path.sep).join('/');
