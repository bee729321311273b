/**
 * Reports of the workspace's last analyses, in files of the extension's own storage: for the view that lists them, and for panels after a
 * reload of the window. VS Code keeps a page's state as well, but only every so often and only up to a size; and it does not know which
 * question the report answered.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isReport, isReportQuestion, type ReportQuestion } from './reportQuestion.ts';
import type { Report } from '../protocol/report.ts';

export interface Kept {
  /** Title of the panel. */
  readonly title: string;
  readonly question: ReportQuestion;
  readonly report: Report;
}

const MOST = 32;

export class KeptReports {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param key tells one panel from another */
  async put(key: string, kept: Kept): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await writeFile(this.#file(key), JSON.stringify(kept));
    for (const { file } of (await this.#newestFirst()).slice(MOST)) await rm(file, { force: true });
  }

  async remove(key: string): Promise<void> {
    await rm(this.#file(key), { force: true });
  }

  async get(key: string): Promise<Kept | undefined> {
    return read(this.#file(key));
  }

  /** The newest under this title: all that is known of a panel whose state was lost. */
  async titled(title: string): Promise<Kept | undefined> {
    for (const { file } of await this.#newestFirst()) {
      const kept = await read(file);
      if (kept?.title === title) return kept;
    }
    return undefined;
  }

  #file(key: string): string {
    return path.join(this.#folder, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`);
  }

  async #newestFirst(): Promise<{ readonly file: string; readonly time: number }[]> {
    let names: string[];
    try {
      names = await readdir(this.#folder);
    } catch {
      return [];
    }
    const files = await Promise.all(names.map(async (name) => {
      const file = path.join(this.#folder, name);
      return { file, time: (await stat(file)).mtimeMs };
    }));
    return files.sort((a, b) => b.time - a.time);
  }
}

/** Undefined for what is missing, cut off, or from another version. */
async function read(file: string): Promise<Kept | undefined> {
  try {
    const kept: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof kept !== 'object' || kept === null || !('title' in kept && 'question' in kept && 'report' in kept)) return undefined;
    const { title, question, report } = kept;
    return typeof title === 'string' && isReportQuestion(question) && isReport(report) ? { title, question, report } : undefined;
  } catch {
    return undefined;
  }
}
