/** Hover over the path of a weight file, in a program, a configuration or a note: what the file holds, without opening it. */
import path from 'node:path';
import * as vscode from 'vscode';
import { AnalysisError } from './analysisError.ts';
import { fileMeant } from './documentFolders.ts';
import { pathLiteralAt } from './pathLiteral.ts';
import type { SummaryCache } from './summaryCache.ts';
import { escapeMarkdown, summaryMarkdown } from './summaryText.ts';
import { isShardIndex } from '../protocol/weightFileNames.ts';

export class PathHover implements vscode.HoverProvider {
  readonly #summaries: SummaryCache;

  constructor(summaries: SummaryCache) {
    this.#summaries = summaries;
  }

  async provideHover(document: vscode.TextDocument, position: vscode.Position): Promise<vscode.Hover | undefined> {
    // Names in an index of shards have a hover of their own.
    if (isShardIndex(document.uri.path)) return undefined;
    const literal = pathLiteralAt(document.lineAt(position.line).text, position.character);
    if (literal === undefined) return undefined;
    const file = await fileMeant(literal.text, document);
    if (file === undefined) return undefined;
    const range = new vscode.Range(position.line, literal.start, position.line, literal.end);
    return new vscode.Hover(await fileMarkdown(this.#summaries, file), range);
  }
}

/** The summary, or the sentence that says why there is none: that a file is damaged is worth knowing too. */
export async function fileMarkdown(summaries: SummaryCache, file: string): Promise<vscode.MarkdownString> {
  const name = path.basename(file);
  try {
    return new vscode.MarkdownString(summaryMarkdown(await summaries.of(file), name, await summaries.statistics(file)));
  } catch (error) {
    if (!(error instanceof AnalysisError)) throw error;
    return new vscode.MarkdownString(`**${escapeMarkdown(name)}**\n\n${escapeMarkdown(error.message)}`);
  }
}
