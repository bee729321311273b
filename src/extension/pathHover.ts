/** Hover over the path of a weight file, in a program, a configuration or a note: what the file holds, without opening it. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { AnalysisError } from './analysisError.ts';
import { pathCandidates, pathLiteralAt } from './pathLiteral.ts';
import type { SummaryCache } from './summaryCache.ts';
import { escapeMarkdown, summaryMarkdown } from './summaryText.ts';
import { isShardIndex } from './weightFiles.ts';

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
    const file = await firstFile(pathCandidates(literal.text, ...foldersOf(document)));
    if (file === undefined) return undefined;
    const range = new vscode.Range(position.line, literal.start, position.line, literal.end);
    return new vscode.Hover(await fileMarkdown(this.#summaries, file), range);
  }
}

/** The summary, or the sentence that says why there is none: that a file is damaged is worth knowing too. */
export async function fileMarkdown(summaries: SummaryCache, file: string): Promise<vscode.MarkdownString> {
  const name = path.basename(file);
  try {
    return new vscode.MarkdownString(summaryMarkdown(await summaries.of(file), name));
  } catch (error) {
    if (!(error instanceof AnalysisError)) throw error;
    return new vscode.MarkdownString(`**${escapeMarkdown(name)}**\n\n${escapeMarkdown(error.message)}`);
  }
}

/** Where relative paths are looked up, and the folders that they must not leave. */
function foldersOf(document: vscode.TextDocument): [folders: string[], roots: string[]] {
  const workspace = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file').map(({ uri }) => uri.fsPath);
  if (document.uri.scheme !== 'file') return [workspace, workspace];
  const own = path.dirname(document.uri.fsPath);
  const inWorkspace = vscode.workspace.getWorkspaceFolder(document.uri) !== undefined;
  return [[own, ...workspace], inWorkspace ? workspace : [own, ...workspace]];
}

async function firstFile(candidates: readonly string[]): Promise<string | undefined> {
  for (const file of candidates) {
    try {
      if ((await stat(file)).isFile()) return file;
    } catch {
      // Not there: the next one may be.
    }
  }
  return undefined;
}
