/** All paths of weight files in a document that lead to a file, for links and lenses. Long documents are read in part: this happens with every keystroke. */
import * as vscode from 'vscode';
import { fileMeant } from './documentFolders.ts';
import { pathLiteralsIn } from './pathLiteral.ts';
import { isShardIndex } from '../protocol/weightFileNames.ts';

export interface DocumentPath {
  readonly range: vscode.Range;
  readonly file: string;
}

const MOST_LINES = 10_000;
const MOST_PATHS = 200;
/** Links and lenses are asked for one after the other. */
const REMEMBERED_MS = 2000;

export class DocumentPaths {
  readonly #found = new WeakMap<vscode.TextDocument, { readonly version: number; readonly time: number; readonly paths: Promise<DocumentPath[]> }>();
  readonly #seen = new WeakSet<vscode.TextDocument>();
  readonly #onPaths: (files: readonly string[]) => void;

  /** @param onPaths called once for each document that turns out to hold such paths, with the files that are there */
  constructor(onPaths: (files: readonly string[]) => void) {
    this.#onPaths = onPaths;
  }

  of(document: vscode.TextDocument): Promise<DocumentPath[]> {
    // An index names the same few shards many thousand times, and has a hover of its own.
    if (isShardIndex(document.uri.path)) return Promise.resolve([]);
    const before = this.#found.get(document);
    if (before?.version === document.version && Date.now() - before.time < REMEMBERED_MS) return before.paths;
    const paths = find(document);
    this.#found.set(document, { version: document.version, time: Date.now(), paths });
    void paths.then((found) => {
      if (found.length === 0 || this.#seen.has(document)) return;
      this.#seen.add(document);
      this.#onPaths(found.map(({ file }) => file));
    });
    return paths;
  }
}

async function find(document: vscode.TextDocument): Promise<DocumentPath[]> {
  const literals: { readonly text: string; readonly range: vscode.Range }[] = [];
  for (let line = 0; line < Math.min(document.lineCount, MOST_LINES) && literals.length < MOST_PATHS; line++) {
    for (const { text, start, end } of pathLiteralsIn(document.lineAt(line).text)) literals.push({ text, range: new vscode.Range(line, start, line, end) });
  }
  // A name that is used ten times is looked up once.
  const meant = new Map<string, Promise<string | undefined>>();
  for (const { text } of literals) if (!meant.has(text)) meant.set(text, fileMeant(text, document));
  const found: DocumentPath[] = [];
  for (const { text, range } of literals) {
    const file = await meant.get(text);
    if (file !== undefined) found.push({ range, file });
  }
  return found;
}
