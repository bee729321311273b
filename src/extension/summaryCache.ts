/**
 * Summaries of weight files for hovers, decorations and questions, asked of the host once for each state of a file. A file whose
 * size and time of change are the same is taken to be the same file. What an analysis of such a file found beyond its header is
 * remembered with it.
 */
import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { ElementStatistics, Report } from '../protocol/report.ts';
import type { TensorShape, WeightSummary } from '../protocol/service.ts';
import { extensionOf } from '../protocol/weightFileNames.ts';
import { tensorRows, type TensorTable } from '../protocol/tensorTable.ts';
import { t } from '../protocol/words.ts';
import { AnalysisError } from './analysisError.ts';
import type { HostClient } from './hostClient.ts';

interface Entry {
  readonly state: string;
  readonly summary: Promise<WeightSummary>;
  /** Set once the host has answered. */
  known?: WeightSummary;
  /** Tensors by name, those of a long file as they are asked for; undefined for names that it does not hold. */
  readonly tensors: Map<string, Promise<TensorShape | undefined>>;
}

/** Of a file in the state that it was in when its weights were read. */
interface Learnt {
  readonly state: string;
  readonly total: ElementStatistics | undefined;
  readonly table: TensorTable;
  /** Made from the table when a tensor is first asked for. */
  byName?: ReadonlyMap<string, ElementStatistics>;
}

const LARGEST = 256;
/** Files that a document names, whose headers are read without a question. */
const MOST_FETCHED = 8;
const LARGEST_LEARNT = 32;

export class SummaryCache {
  readonly #host: HostClient;
  readonly #entries = new Map<string, Entry>();
  readonly #learnt = new Map<string, Learnt>();
  readonly #changed = new vscode.EventEmitter<string>();
  /** Fires with a file's path when there is a new summary of it. */
  readonly onDidChange = this.#changed.event;

  constructor(host: HostClient) {
    this.#host = host;
  }

  /** @throws AnalysisError when the file is not there or cannot be read. */
  async of(file: string): Promise<WeightSummary> {
    const { summary } = await this.#entry(file);
    return summary;
  }

  /**
   * Asks for some of the files before anybody else does, one after the other: the first of each format, whose reader takes longest to start,
   * then the others as they come. What is wrong with them is said when somebody asks.
   */
  async fetch(files: readonly string[]): Promise<void> {
    const firsts = new Map(files.toReversed().map((file) => [extensionOf(file), file])).values();
    for (const file of [...new Set([...firsts, ...files])].slice(0, MOST_FETCHED)) await this.of(file).catch(() => undefined);
  }

  /** Those of the named tensors that the file holds, in the order of the names. @throws AnalysisError as `of` */
  async tensors(file: string, names: readonly string[]): Promise<TensorShape[]> {
    const entry = await this.#entry(file);
    const summary = await entry.summary;
    const missing = names.filter((name) => !entry.tensors.has(name));
    if (missing.length > 0 && summary.tensors > summary.shapes.length) {
      const found = this.#host.call('summarize', { file, named: missing }).then(({ named }) => new Map((named ?? []).map((tensor) => [tensor.name, tensor])));
      for (const name of missing) entry.tensors.set(name, found.then((byName) => byName.get(name)));
      found.catch(() => { for (const name of missing) entry.tensors.delete(name); });
    }
    const found: TensorShape[] = [];
    for (const name of names) {
      const tensor = await entry.tensors.get(name);
      if (tensor !== undefined) found.push(tensor);
    }
    return found;
  }

  /** What is known of a file without asking anybody; it may have changed since. */
  known(file: string): WeightSummary | undefined {
    return this.#entries.get(file)?.known;
  }

  /** Takes note of statistics that an inspection of files has found. */
  async learn(report: Report): Promise<void> {
    const tables = report.sections.filter((section) => section.kind === 'tensors');
    for (const [i, { file, tensors }] of tables.entries()) {
      if (tensors.statistics === undefined) continue;
      const state = await stateOf(file).catch(() => undefined);
      if (state === undefined) continue;
      this.#learnt.delete(file);
      this.#learnt.set(file, { state, total: totalIn(report, i), table: tensors });
      const [oldest] = this.#learnt.keys();
      if (this.#learnt.size > LARGEST_LEARNT && oldest !== undefined) this.#learnt.delete(oldest);
    }
  }

  /** Of all elements of the file, or of one tensor, when its weights have been read in the state that it is in. */
  async statistics(file: string, tensor?: string): Promise<ElementStatistics | undefined> {
    const learnt = this.#learnt.get(file);
    if (learnt?.state !== await stateOf(file)) return undefined;
    if (tensor === undefined) return learnt.total;
    learnt.byName ??= new Map(tensorRows(learnt.table).flatMap(({ name, statistics }) => (statistics === undefined ? [] : [[name, statistics]])));
    return learnt.byName.get(tensor);
  }

  dispose(): void {
    this.#changed.dispose();
  }

  async #entry(file: string): Promise<Entry> {
    const state = await stateOf(file);
    const cached = this.#entries.get(file);
    if (cached?.state === state) return cached;
    const entry: Entry = { state, summary: this.#host.call('summarize', { file }), tensors: new Map() };
    // Newest last: the first key is the one that was asked for longest ago.
    this.#entries.delete(file);
    this.#entries.set(file, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > LARGEST && oldest !== undefined) this.#entries.delete(oldest);
    entry.summary.then(
      (summary) => {
        entry.known = summary;
        for (const tensor of summary.shapes) entry.tensors.set(tensor.name, Promise.resolve(tensor));
        this.#changed.fire(file);
      },
      (error: unknown) => {
        // That the file is bad is worth remembering; that the host crashed is not.
        if (!(error instanceof AnalysisError && error.kind === 'input') && this.#entries.get(file) === entry) this.#entries.delete(file);
      },
    );
    return entry;
  }
}

async function stateOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size } = await stat(file);
    return `${mtimeMs} ${size}`;
  } catch {
    throw new AnalysisError({ kind: 'input', message: t('{0}: there is no such file, or it cannot be read.', file) });
  }
}

/** The result of an inspection says it for each file. */
function totalIn({ result }: Report, file: number): ElementStatistics | undefined {
  if (typeof result !== 'object' || result === null || !('files' in result) || !Array.isArray(result['files'])) return undefined;
  const found: unknown = (result['files'] as readonly unknown[])[file];
  if (typeof found !== 'object' || found === null || !('statistics' in found)) return undefined;
  const { statistics } = found;
  return typeof statistics === 'object' && statistics !== null && 'norm' in statistics && typeof statistics.norm === 'number' ? (statistics as ElementStatistics) : undefined;
}
