/**
 * Which analyses were run in this workspace, how each ended, and which run now: what the view "Analyses" lists. One entry a question,
 * that is a method and its files; asking again takes the entry's place. What ended is kept across windows, what runs is not. Knows
 * nothing of VS Code, so that a test can give it a store.
 */
import { isReportQuestion, type ReportQuestion } from './reportQuestion.ts';
import { t } from '../protocol/words.ts';

export type AnalysisState =
  | { readonly kind: 'running'; readonly message: string; readonly fraction?: number }
  | { readonly kind: 'done'; readonly summary: string }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'cancelled' };

export interface AnalysisEntry {
  /** Tells one question from another. */
  readonly key: string;
  readonly question: ReportQuestion;
  readonly files: readonly string[];
  /** When it was asked, in milliseconds since 1970. */
  readonly when: number;
  readonly state: AnalysisState;
  /** Under which the last report is kept; a later run that failed does not take it away. */
  readonly report?: string;
}

/** What an analysis says of itself while it runs. Nothing is heard of it any more once the same question was asked again. */
export interface Run {
  progress(message: string, fraction?: number): void;
  /** @param report key of the report, when there is one */
  end(state: Exclude<AnalysisState, { kind: 'running' }>, report?: string): void;
}

/** As much of VS Code's `Memento` as is used. */
export interface Store {
  get(key: string): unknown;
  update(key: string, value: unknown): PromiseLike<void>;
}

const KEY = 'analyses';
/** As many as there are kept reports. */
const MOST = 32;

export class AnalysisHistory {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();
  readonly #runs = new Map<string, symbol>();
  #entries: readonly AnalysisEntry[];

  constructor(store: Store, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
    const kept = store.get(KEY);
    this.#entries = Array.isArray(kept) ? kept.filter(isEndedEntry) : [];
  }

  /** The last one asked comes first. */
  get entries(): readonly AnalysisEntry[] {
    return this.#entries;
  }

  of(key: string): AnalysisEntry | undefined {
    return this.#entries.find((entry) => entry.key === key);
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  start(key: string, question: ReportQuestion, files: readonly string[]): Run {
    const run = Symbol(key);
    const before = this.of(key);
    this.#runs.set(key, run);
    this.#put({ key, question, files, when: this.#now(), state: { kind: 'running', message: t('Starting') }, ...(before?.report === undefined ? {} : { report: before.report }) });
    const change = (state: AnalysisState, report?: string): void => {
      const entry = this.of(key);
      if (this.#runs.get(key) !== run || entry === undefined) return;
      this.#replace({ ...entry, state, ...(report === undefined ? {} : { report }) });
    };
    return {
      progress: (message, fraction) => { change({ kind: 'running', message, ...(fraction === undefined ? {} : { fraction }) }); },
      end: (state, report) => {
        change(state, report);
        if (this.#runs.get(key) === run) this.#runs.delete(key);
        this.#keep();
      },
    };
  }

  remove(key: string): void {
    this.#entries = this.#entries.filter((entry) => entry.key !== key);
    this.#runs.delete(key);
    this.#keep();
    this.#changed();
  }

  #put(entry: AnalysisEntry): void {
    const others = this.#entries.filter(({ key }) => key !== entry.key);
    // What runs is not forgotten, however much does.
    const ended = others.filter(({ state }) => state.kind !== 'running').slice(0, MOST - 1);
    this.#entries = [entry, ...others.filter((other) => other.state.kind === 'running' || ended.includes(other))];
    this.#changed();
  }

  #replace(entry: AnalysisEntry): void {
    this.#entries = this.#entries.map((other) => (other.key === entry.key ? entry : other));
    this.#changed();
  }

  #keep(): void {
    void this.#store.update(KEY, this.#entries.filter(({ state }) => state.kind !== 'running'));
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** The store may hold what another version wrote. */
function isEndedEntry(value: unknown): value is AnalysisEntry {
  return typeof value === 'object' && value !== null && 'key' in value && typeof value.key === 'string'
    && 'question' in value && isReportQuestion(value.question)
    && 'files' in value && Array.isArray(value.files) && value.files.every((file) => typeof file === 'string')
    && 'when' in value && typeof value.when === 'number'
    && (!('report' in value) || typeof value.report === 'string')
    && 'state' in value && isEnd(value.state);
}

function isEnd(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  if (value.kind === 'cancelled') return true;
  if (value.kind === 'done') return 'summary' in value && typeof value.summary === 'string';
  return value.kind === 'failed' && 'message' in value && typeof value.message === 'string';
}
