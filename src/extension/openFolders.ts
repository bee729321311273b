/** The folders on disk that are open in the window: paths are said from them. */
import * as vscode from 'vscode';
import type { OpenFolder } from '../protocol/shownPaths.ts';

export function openFolders(): readonly OpenFolder[] {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  return folders.map(({ uri, name }) => ({ path: uri.fsPath, name: folders.length === 1 ? '' : name }));
}
