/**
 * Summaries of weight files for hovers, decorations and questions, asked of the host once for each state of a file. A file whose
 * size and time of change are the same is taken to be the same file.
 */
import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { WeightSummary } from '../protocol/service.ts';
import { AnalysisError } from './analysisError.ts';
import type { HostClient } from './hostClient.ts';

interface Entry {
  readonly state: string;
  readonly summary: Promise<WeightSummary>;
  /** Set once the host has answered. */
  known?: WeightSummary;
}

const LARGEST = 256;

export class SummaryCache {
  readonly #host: HostClient;
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new vscode.EventEmitter<string>();
  /** Fires with a file's path when there is a new summary of it. */
  readonly onDidChange = this.#changed.event;

  constructor(host: HostClient) {
    this.#host = host;
  }

  /** @throws AnalysisError when the file is not there or cannot be read. */
  async of(file: string): Promise<WeightSummary> {
    const state = await stateOf(file);
    const cached = this.#entries.get(file);
    if (cached?.state === state) return cached.summary;
    const entry: Entry = { state, summary: this.#host.call('summarize', { file }) };
    // Newest last: the first key is the one that was asked for longest ago.
    this.#entries.delete(file);
    this.#entries.set(file, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > LARGEST && oldest !== undefined) this.#entries.delete(oldest);
    try {
      entry.known = await entry.summary;
      this.#changed.fire(file);
      return entry.known;
    } catch (error) {
      // That the file is bad is worth remembering; that the host crashed is not.
      if (!(error instanceof AnalysisError && error.kind === 'input') && this.#entries.get(file) === entry) this.#entries.delete(file);
      throw error;
    }
  }

  /** What is known of a file without asking anybody; it may have changed since. */
  known(file: string): WeightSummary | undefined {
    return this.#entries.get(file)?.known;
  }

  dispose(): void {
    this.#changed.dispose();
  }
}

async function stateOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size } = await stat(file);
    return `${mtimeMs} ${size}`;
  } catch {
    throw new AnalysisError({ kind: 'input', message: `${file}: there is no such file, or it cannot be read.` });
  }
}
