/** Questions whose answer is a report, and how they and their answers are recognised when they come back from storage. */
import type { Report } from '../protocol/report.ts';
import type { Method, RequestOf, ResultOf } from '../protocol/rpc.ts';

/** A question to the host, kept so that it can be asked again. */
export interface Question<M extends Method = Method> {
  readonly method: M;
  readonly request: RequestOf<M>;
  /** For people, as a heading: "Rank and kernel of net.pt". */
  readonly title: string;
}

/** Methods whose answer is a report. */
export type ReportMethod = { [M in Method]: ResultOf<M> extends Report ? M : never }[Method];

export type ReportQuestion = Question<ReportMethod>;

const methods: Readonly<Record<ReportMethod, true>> = { inspect: true, diff: true, canonicalize: true, align: true, compare: true, rank: true, posterior: true, predict: true, example: true };

/** Shallow: what is kept was written by this extension or its page, perhaps in another version; the page guards its drawing as well. */
export function isReport(value: unknown): value is Report {
  return typeof value === 'object' && value !== null && 'analysis' in value && isMethod(value.analysis)
    && 'sources' in value && Array.isArray(value.sources) && value.sources.every((source) => typeof source === 'string')
    && 'sections' in value && Array.isArray(value.sections);
}

export function isReportQuestion(value: unknown): value is ReportQuestion {
  return typeof value === 'object' && value !== null && 'method' in value && isMethod(value.method)
    && 'title' in value && typeof value.title === 'string'
    && 'request' in value && isRequest(value.request);
}

function isRequest(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return (!('files' in value) || (Array.isArray(value.files) && value.files.every((file) => typeof file === 'string')))
    && (!('file' in value) || typeof value.file === 'string');
}

const isMethod = (value: unknown): value is ReportMethod => typeof value === 'string' && Object.hasOwn(methods, value);
