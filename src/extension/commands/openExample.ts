/**
 * Open Example: writes an example into a folder and leads straight to the picture that it is about: the posterior before and after its
 * symmetries are removed, or what it predicts by several methods.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import type { Report } from '../../protocol/report.ts';
import type { ExampleName } from '../../protocol/service.ts';
import { diskPath, runJob } from '../analysisJob.ts';
import { usualMethods } from '../askPrediction.ts';
import { filesIn } from '../chosenFiles.ts';
import { confirmReplacing } from '../saveTarget.ts';
import { seed } from '../settings.ts';
import type { Surroundings } from '../surroundings.ts';
import { drawsAmong } from '../../protocol/weightFileNames.ts';
import { t } from '../../protocol/words.ts';
import type { Command } from './command.ts';
import { showPosterior } from './posterior.ts';
import { showPrediction } from './predict.ts';

interface Example {
  readonly name: ExampleName;
  readonly label: string;
  readonly detail: string;
  readonly networks: number;
  /** @param report of what was written into the folder */
  readonly show: (surroundings: Surroundings, folder: string, report: Report) => Promise<unknown>;
}

const examples = (): readonly Example[] => [
  {
    name: 'two-neurons', label: t('Two neurons'), networks: 10_000, show: showDraws,
    detail: t('Ten thousand tiny ReLU networks: a ring, until its symmetries are removed'),
  },
  {
    name: 'sine', label: t('Regression with a gap'), networks: 1, show: showBands,
    detail: t('A tanh network on a curve with a gap: why sampled Laplace underfits'),
  },
  {
    name: 'digits', label: t('Handwritten digits'), networks: 1, show: showClasses,
    detail: t('A ReLU network on a hundred images: class probabilities and calibration'),
  },
];

export const openExample: Command = async (surroundings, { clicked }) => {
  // The walkthrough names the one that its step is about.
  const example = examples().find(({ name }) => name === clicked) ?? await askExample();
  if (example === undefined) return undefined;
  const parent = await askFolder(example);
  if (parent === undefined) return undefined;
  const out = path.join(parent, example.name);
  const there = (await filesIn(out)).length > 0;
  if (there && !(await confirmReplacing(t('Write the example into {0} again?', out), t('The folder exists already; the files of the example are replaced.')))) return undefined;

  const request = { name: example.name, out, networks: example.networks, seed: seed(), overwrite: there };
  const report = await runJob(surroundings.host, { method: 'example', title: t('Example {0}', example.name), request }, { notification: true });
  surroundings.log.info(report.summary);
  void offerFolder(out);
  await example.show(surroundings, out, report);
  return report;
};

async function showDraws(surroundings: Surroundings, folder: string): Promise<unknown> {
  const draws = drawsAmong(await filesIn(folder));
  return showPosterior(surroundings, draws.map((name) => path.join(folder, name)), { data: path.join(folder, 'data.npz'), likelihood: 'bernoulli', priorPrecision: 1 });
}

/** With the noise and the prior that the network was trained with, of which its mode is one. */
async function showBands(surroundings: Surroundings, folder: string, { result }: Report): Promise<unknown> {
  const { noise, priorPrecision } = result as { readonly noise: number; readonly priorPrecision: number };
  return showPrediction(surroundings, [path.join(folder, 'network.safetensors')], {
    data: path.join(folder, 'data.npz'), test: path.join(folder, 'test.npz'), likelihood: 'gaussian', noise, priorPrecision, methods: usualMethods,
  });
}

/** Without the diffusion, which takes the curvature of nine hundred rows at every step. */
async function showClasses(surroundings: Surroundings, folder: string, { result }: Report): Promise<unknown> {
  const { priorPrecision } = result as { readonly priorPrecision: number };
  return showPrediction(surroundings, [path.join(folder, 'network.safetensors')], {
    data: path.join(folder, 'data.npz'), test: path.join(folder, 'test.npz'), likelihood: 'categorical', noise: 1, priorPrecision, methods: ['sampled', 'linearized', 'projected', 'last-layer'],
  });
}

async function askExample(): Promise<Example | undefined> {
  return (await vscode.window.showQuickPick(examples().map((example) => ({ label: example.label, detail: example.detail, example })), { title: t('Example') }))?.example;
}

/** Into the workspace when there is one folder to think of; the user may always say otherwise. */
async function askFolder({ name, detail }: Example): Promise<string | undefined> {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  const items = [
    ...folders.map((folder) => ({ label: `$(root-folder) ${folder.name}/${name}`, detail, folder: folder.uri.fsPath })),
    { label: `$(folder-opened) ${t('In another folder…')}`, folder: undefined },
  ];
  if (folders.length > 0) {
    const picked = await vscode.window.showQuickPick(items, { title: t('Where to write the example {0}', name), ignoreFocusOut: true });
    if (picked === undefined) return undefined;
    if (picked.folder !== undefined) return picked.folder;
  }
  const uris = await vscode.window.showOpenDialog({ title: t('Folder that receives {0}/', name), openLabel: t('Write Here'), canSelectFiles: false, canSelectFolders: true });
  return uris?.[0] === undefined ? undefined : diskPath(uris[0]);
}

/** What lies in the workspace is in the Explorer already. */
async function offerFolder(folder: string): Promise<void> {
  const uri = vscode.Uri.file(folder);
  if (vscode.workspace.getWorkspaceFolder(uri) !== undefined) return;
  const answer = await vscode.window.showInformationMessage(t('The example is in {0}.', folder), t('Open Folder'));
  if (answer !== undefined) await vscode.commands.executeCommand('vscode.openFolder', uri, { forceNewWindow: true });
}
