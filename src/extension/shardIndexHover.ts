/** Hover in a `*.safetensors.index.json`: type and shape of the tensor, contents of the shard. */
import path from 'node:path';
import * as vscode from 'vscode';
import { t } from '../protocol/words.ts';
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
      return new vscode.Hover(new vscode.MarkdownString(t('Shard {0} lies outside the folder of its index and is not opened.', escapeMarkdown(entry.shard))), range);
    }
    return new vscode.Hover(entry.part === 'shard' ? await fileMarkdown(this.#summaries, shard) : await this.#tensor(entry, shard, document.uri.fsPath), range);
  }

  async #tensor(entry: IndexEntry, shard: string, index: string): Promise<vscode.MarkdownString> {
    try {
      const [tensor] = await this.#summaries.tensors(shard, [entry.tensor]);
      if (tensor === undefined) return new vscode.MarkdownString(t('There is no tensor {0} in {1}.', escapeMarkdown(entry.tensor), escapeMarkdown(entry.shard)));
      // Statistics of the model are statistics of its shards' tensors.
      const statistics = await this.#summaries.statistics(index, entry.tensor) ?? await this.#summaries.statistics(shard, entry.tensor);
      return new vscode.MarkdownString(tensorMarkdown(tensor, entry.shard, statistics));
    } catch (error) {
      if (!(error instanceof AnalysisError)) throw error;
      return new vscode.MarkdownString(escapeMarkdown(error.message));
    }
  }
}
