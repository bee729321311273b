/** Where an analysis writes its networks: a file that the user names, or a folder. Nothing that is there is replaced unless he says so. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { t } from '../protocol/words.ts';
import { diskPath } from './analysisJob.ts';

export interface SaveTarget {
  readonly out: { readonly file: string } | { readonly folder: string };
  readonly overwrite: boolean;
}

export interface Saved {
  /** Networks that get a file each, at least one. */
  readonly files: readonly string[];
  /** Of the dialog: "Save the canonical form of net.pt", "Folder for the canonical forms of 12 files". */
  readonly title: string;
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
async function askFile(file: string, { title, nameOf }: Saved): Promise<SaveTarget | undefined> {
  const uri = await vscode.window.showSaveDialog({
    title,
    defaultUri: vscode.Uri.file(path.join(path.dirname(file), nameOf(file))),
    filters: { safetensors: ['safetensors'] },
  });
  if (uri === undefined) return undefined;
  const target = diskPath(uri);
  if (target === file && !(await confirmReplacing(t('Replace the original {0}?', path.basename(file)), t('Its weights are overwritten; this cannot be undone.')))) return undefined;
  // A file that comes to be there later was not asked about.
  return { out: { file: target }, overwrite: await exists(target) };
}

async function askFolder(near: string, { files, title, nameOf }: Saved): Promise<SaveTarget | undefined> {
  const uris = await vscode.window.showOpenDialog({
    title,
    openLabel: t('Save Here'),
    defaultUri: vscode.Uri.file(near),
    canSelectFiles: false,
    canSelectFolders: true,
  });
  if (uris?.[0] === undefined) return undefined;
  const folder = diskPath(uris[0]);
  const there: string[] = [];
  for (const name of files.map(nameOf)) if (await exists(path.join(folder, name))) there.push(name);
  const question = there.length === 1 ? t('Replace {0} in this folder?', there[0] ?? '') : t('Replace {0} files in this folder?', there.length);
  if (there.length > 0 && !(await confirmReplacing(question, there.slice(0, 10).join('\n')))) return undefined;
  return { out: { folder }, overwrite: there.length > 0 };
}

/** Asks before anything that is there is replaced. */
export async function confirmReplacing(question: string, detail: string): Promise<boolean> {
  const replace = t('Replace');
  return await vscode.window.showWarningMessage(question, { modal: true, detail }, replace) === replace;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(() => true, () => false);
}
