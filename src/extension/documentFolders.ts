/** Where a document's relative paths are looked up: beside it, then in the workspace; notebooks' cells stand where the notebook does. */
import path from 'node:path';
import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { pathCandidates } from './pathLiteral.ts';

/** Programs, configurations, notes and notebooks, saved or not yet. */
export const textDocuments: vscode.DocumentSelector = [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }];

/** The first file on disk that the text may mean. */
export async function fileMeant(text: string, document: vscode.TextDocument): Promise<string | undefined> {
  for (const file of pathCandidates(text, ...foldersOf(document))) {
    try {
      if ((await stat(file)).isFile()) return file;
    } catch {
      // Not there: the next one may be.
    }
  }
  return undefined;
}

/** @returns the folders in the order in which they are tried, and those that a relative path must not leave */
function foldersOf(document: vscode.TextDocument): [folders: string[], roots: string[]] {
  const workspace = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file').map(({ uri }) => uri.fsPath);
  const uri = document.uri.scheme === 'vscode-notebook-cell' ? vscode.workspace.notebookDocuments.find((notebook) => notebook.getCells().some((cell) => cell.document === document))?.uri : document.uri;
  if (uri?.scheme !== 'file') return [workspace, workspace];
  const own = path.dirname(uri.fsPath);
  const inWorkspace = vscode.workspace.getWorkspaceFolder(uri) !== undefined;
  return [[own, ...workspace], inWorkspace ? workspace : [own, ...workspace]];
}
