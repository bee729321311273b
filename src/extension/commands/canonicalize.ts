/** Canonicalise and Save: the same function with its symmetries removed, in a new file that the user names. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import type { CanonicalizeRequest } from '../../protocol/service.ts';
import { diskPath } from '../analysisJob.ts';
import { chosenFiles } from '../chosenFiles.ts';
import { canonicalForm, seed } from '../settings.ts';
import { canonicalName } from '../weightFiles.ts';
import { namesOf, type Command } from './command.ts';

export const canonicalize: Command = async ({ panels, choices }, selection) => {
  const files = await chosenFiles({ title: 'Weights to canonicalise', folders: false, inFront: panels.inFront }, selection);
  const [first] = files ?? [];
  if (files === undefined || first === undefined) return undefined;
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  const target = files.length === 1 ? await askFile(first) : await askFolder(files, path.dirname(first));
  if (target === undefined) return undefined;
  return panels.ask(
    { method: 'canonicalize', title: `Canonical form of ${namesOf(files)}`, request: { files, ...target, ...canonicalForm(), seed: seed(), ...options } },
    files,
  );
};

type Target = Pick<CanonicalizeRequest, 'out' | 'overwrite'>;

/** The dialog itself asks before it returns the name of a file that is there; for the original that is not enough. */
async function askFile(file: string): Promise<Target | undefined> {
  const uri = await vscode.window.showSaveDialog({
    title: `Save the canonical form of ${path.basename(file)}`,
    defaultUri: vscode.Uri.file(path.join(path.dirname(file), canonicalName(file))),
    filters: { safetensors: ['safetensors'] },
  });
  if (uri === undefined) return undefined;
  const target = diskPath(uri);
  if (target === file && !(await confirm(`Replace the original ${path.basename(file)}?`, 'Its weights are overwritten by their canonical form; this cannot be undone.'))) return undefined;
  return { out: { file: target }, overwrite: true };
}

async function askFolder(files: readonly string[], near: string): Promise<Target | undefined> {
  const uris = await vscode.window.showOpenDialog({
    title: `Folder for the canonical forms of ${files.length} files`,
    openLabel: 'Save Here',
    defaultUri: vscode.Uri.file(near),
    canSelectFiles: false,
    canSelectFolders: true,
  });
  if (uris?.[0] === undefined) return undefined;
  const folder = diskPath(uris[0]);
  const there: string[] = [];
  for (const name of files.map(canonicalName)) if (await exists(path.join(folder, name))) there.push(name);
  if (there.length > 0 && !(await confirm(`Replace ${namesOf(there)} in this folder?`, there.slice(0, 10).join('\n')))) return undefined;
  return { out: { folder }, overwrite: there.length > 0 };
}

async function confirm(question: string, detail: string): Promise<boolean> {
  return await vscode.window.showWarningMessage(question, { modal: true, detail }, 'Replace') === 'Replace';
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}
