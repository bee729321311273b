/** Hover in a `*.safetensors.index.json`: type and shape of the tensor, contents of the shard. */
import path from 'node:path';
import * as vscode from 'vscode';
import { AnalysisError } from './analysisError.ts';
import { fileMarkdown } from './pathHover.ts';
import { isInside } from './pathLiteral.ts';
import { indexEntryAt, type IndexEntry } from './shardIndexLiteral.ts';
import type { SummaryCache } from './summaryCache.ts';
import { escapeMarkdown, tensorMarkdown } from './summaryText.ts';

export const shardIndexSelector: vscode.DocumentSelector = { scheme: 'file', pattern: '**/*.safetensors.index.json' };

export class ShardIndexHover implements vscode.HoverProvider {
  readonly #summaries: SummaryCache;

  constructor(summaries: SummaryCache) {
    this.#summaries = summaries;
  }

  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    const entry = indexEntryAt(document.lineAt(position.line).text, position.character);
    if (entry === undefined) return undefined;
    const range = new vscode.Range(position.line, entry.start, position.line, entry.end);
    const folder = path.dirname(document.uri.fsPath);
    const shard = path.resolve(folder, entry.shard);
    if (!isInside(shard, folder)) {
      return new vscode.Hover(new vscode.MarkdownString(`Shard ${escapeMarkdown(entry.shard)} lies outside the folder of its index and is not opened.`), range);
    }
    return new vscode.Hover(entry.part === 'shard' ? await fileMarkdown(this.#summaries, shard) : await this.#tensor(entry, shard), range);
  }

  async #tensor(entry: IndexEntry, shard: string): Promise<vscode.MarkdownString> {
    try {
      const summary = await this.#summaries.of(shard);
      const tensor = summary.shapes.find(({ name }) => name === entry.tensor);
      if (tensor !== undefined) return new vscode.MarkdownString(tensorMarkdown(tensor, entry.shard));
      const missing = summary.shapes.length === summary.tensors;
      return new vscode.MarkdownString(missing
        ? `There is no tensor ${escapeMarkdown(entry.tensor)} in ${escapeMarkdown(entry.shard)}.`
        : `${escapeMarkdown(entry.tensor)} is not among the first ${summary.shapes.length} tensors of ${escapeMarkdown(entry.shard)}.`);
    } catch (error) {
      if (!(error instanceof AnalysisError)) throw error;
      return new vscode.MarkdownString(escapeMarkdown(error.message));
    }
  }
}
