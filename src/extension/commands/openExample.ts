/**
 * Open Example: writes an example into a folder and leads straight to the picture that it is about, the posterior before and
 * after its symmetries are removed.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import { diskPath, runJob } from '../analysisJob.ts';
import { filesIn } from '../chosenFiles.ts';
import { seed } from '../settings.ts';
import { drawsAmong } from '../weightFiles.ts';
import type { Command } from './command.ts';
import { showPosterior } from './posterior.ts';

interface Example {
  readonly name: string;
  readonly detail: string;
  readonly networks: number;
}

const examples: readonly [Example, ...Example[]] = [
  { name: 'two-neurons', detail: 'Ten thousand networks of two hidden ReLU units, trained here in some seconds: a ring, until its symmetries are removed', networks: 10_000 },
];

export const openExample: Command = async (surroundings) => {
  const example = await askExample();
  if (example === undefined) return undefined;
  const parent = await askFolder(example);
  if (parent === undefined) return undefined;
  const out = path.join(parent, example.name);
  const there = (await filesIn(out)).length > 0;
  if (there && await vscode.window.showWarningMessage(
    `Write the example into ${out} again?`, { modal: true, detail: 'The folder exists already; the files of the example are replaced.' }, 'Replace',
  ) !== 'Replace') return undefined;

  const request = { name: example.name, out, networks: example.networks, seed: seed(), overwrite: there };
  const report = await runJob(surroundings.host, { method: 'example', title: `Example ${example.name}`, request }, { notification: true });
  surroundings.log.info(report.summary);
  void offerFolder(out);
  const draws = drawsAmong(await filesIn(out));
  await showPosterior(surroundings, draws.map((name) => path.join(out, name)));
  return report;
};

async function askExample(): Promise<Example | undefined> {
  if (examples.length === 1) return examples[0];
  return (await vscode.window.showQuickPick(examples.map((example) => ({ label: example.name, detail: example.detail, example })), { title: 'Example' }))?.example;
}

/** Into the workspace when there is one folder to think of; the user may always say otherwise. */
async function askFolder({ name, detail }: Example): Promise<string | undefined> {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  const items = [
    ...folders.map((folder) => ({ label: `$(root-folder) ${folder.name}/${name}`, detail, folder: folder.uri.fsPath })),
    { label: '$(folder-opened) In another folder…', folder: undefined },
  ];
  if (folders.length > 0) {
    const picked = await vscode.window.showQuickPick(items, { title: `Where to write the example ${name}`, ignoreFocusOut: true });
    if (picked === undefined) return undefined;
    if (picked.folder !== undefined) return picked.folder;
  }
  const uris = await vscode.window.showOpenDialog({ title: `Folder that receives ${name}/`, openLabel: 'Write Here', canSelectFiles: false, canSelectFolders: true });
  return uris?.[0] === undefined ? undefined : diskPath(uris[0]);
}

/** What lies in the workspace is in the Explorer already. */
async function offerFolder(folder: string): Promise<void> {
  const uri = vscode.Uri.file(folder);
  if (vscode.workspace.getWorkspaceFolder(uri) !== undefined) return;
  const answer = await vscode.window.showInformationMessage(`The example is in ${folder}.`, 'Open Folder');
  if (answer !== undefined) await vscode.commands.executeCommand('vscode.openFolder', uri, { forceNewWindow: true });
}
