/** Where an analysis writes its networks: a file that the user names, or a folder. Nothing that is there is replaced unless he says so. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { diskPath } from './analysisJob.ts';

export interface SaveTarget {
  readonly out: { readonly file: string } | { readonly folder: string };
  readonly overwrite: boolean;
}

export interface Saved {
  /** Networks that get a file each, at least one. */
  readonly files: readonly string[];
  /** "the canonical form of net.pt", "the canonical forms of 12 files" */
  readonly what: string;
  /** Where the form of a file goes unless the user says otherwise; the analysis uses the same name inside a folder. */
  readonly nameOf: (file: string) => string;
}

/** Undefined when the user changed his mind. */
export async function askSaveTarget(saved: Saved): Promise<SaveTarget | undefined> {
  const [first, ...others] = saved.files;
  if (first === undefined) return undefined;
  return others.length === 0 ? askFile(first, saved) : askFolder(path.dirname(first), saved);
}

/** The dialog itself asks before it returns the name of a file that is there; for the original that is not enough. */
async function askFile(file: string, { what, nameOf }: Saved): Promise<SaveTarget | undefined> {
  const uri = await vscode.window.showSaveDialog({
    title: `Save ${what}`,
    defaultUri: vscode.Uri.file(path.join(path.dirname(file), nameOf(file))),
    filters: { safetensors: ['safetensors'] },
  });
  if (uri === undefined) return undefined;
  const target = diskPath(uri);
  if (target === file && !(await confirm(`Replace the original ${path.basename(file)}?`, `Its weights are overwritten by ${what}; this cannot be undone.`))) return undefined;
  // A file that comes to be there later was not asked about.
  return { out: { file: target }, overwrite: await exists(target) };
}

async function askFolder(near: string, { files, what, nameOf }: Saved): Promise<SaveTarget | undefined> {
  const uris = await vscode.window.showOpenDialog({
    title: `Folder for ${what}`,
    openLabel: 'Save Here',
    defaultUri: vscode.Uri.file(near),
    canSelectFiles: false,
    canSelectFolders: true,
  });
  if (uris?.[0] === undefined) return undefined;
  const folder = diskPath(uris[0]);
  const there: string[] = [];
  for (const name of files.map(nameOf)) if (await exists(path.join(folder, name))) there.push(name);
  const question = `Replace ${there.length === 1 ? String(there[0]) : `${there.length} files`} in this folder?`;
  if (there.length > 0 && !(await confirm(question, there.slice(0, 10).join('\n')))) return undefined;
  return { out: { folder }, overwrite: there.length > 0 };
}

async function confirm(question: string, detail: string): Promise<boolean> {
  return await vscode.window.showWarningMessage(question, { modal: true, detail }, 'Replace') === 'Replace';
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(() => true, () => false);
}
