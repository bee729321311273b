/** Rank and Kernel of the GGN: on generic inputs, or on data that the user points at. */
import path from 'node:path';
import * as vscode from 'vscode';
import { formatCount } from '../../protocol/format.ts';
import type { Report } from '../../protocol/report.ts';
import type { RankRequest } from '../../protocol/service.ts';
import { diskPath } from '../analysisJob.ts';
import { chosenFiles, filesIn } from '../chosenFiles.ts';
import { likelihoods, rankSettings, seed } from '../settings.ts';
import { dataCandidates } from '../weightFiles.ts';
import type { Command } from './command.ts';

export const rank: Command = async ({ panels, choices }, selection) => {
  const files = await chosenFiles({ title: 'Weights whose GGN to analyse', folders: false, inFront: panels.inFront }, selection);
  const [first] = files ?? [];
  if (files === undefined || first === undefined) return undefined;
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  const data = await askData(first);
  if (data === undefined) return undefined;
  const reports: Report[] = [];
  for (const file of files) {
    const request: RankRequest = { file, ...rankSettings(), seed: seed(), ...data, ...options };
    const report = await panels.ask({ method: 'rank', title: `Rank and kernel of ${path.basename(file)}`, request }, [file]);
    // Failed or cancelled: the rest of the files waits for the user, not he for them.
    if (report === undefined) break;
    reports.push(report);
  }
  return files.length === 1 ? reports[0] : reports;
};

type Data = Pick<RankRequest, 'data' | 'likelihood'>;
type Item = vscode.QuickPickItem & { readonly answer: { readonly file: string } | 'generic' | 'browse' };

/** Undefined when the user did not want to answer. */
async function askData(weights: string): Promise<Data | undefined> {
  const folder = path.dirname(weights);
  const items: Item[] = [
    { label: 'Generic inputs', detail: `${formatCount(rankSettings().inputs)} random inputs: what the network can express at these weights`, answer: 'generic' },
    ...dataCandidates(await filesIn(folder), weights).map((name): Item => ({ label: name, description: 'inputs x, targets y', answer: { file: path.join(folder, name) } })),
    { label: '$(folder-opened) Browse for data…', answer: 'browse' },
  ];
  const picked = await vscode.window.showQuickPick(items, { title: `Inputs at which to take the GGN of ${path.basename(weights)}`, ignoreFocusOut: true });
  if (picked === undefined) return undefined;
  if (picked.answer === 'generic') return { likelihood: 'gaussian' };
  const data = picked.answer === 'browse' ? await browse(folder) : picked.answer.file;
  if (data === undefined) return undefined;
  const likelihood = await vscode.window.showQuickPick(likelihoods, { title: 'Likelihood of the targets given the outputs', ignoreFocusOut: true });
  return likelihood === undefined ? undefined : { data, likelihood: likelihood.value };
}

async function browse(folder: string): Promise<string | undefined> {
  const uris = await vscode.window.showOpenDialog({
    title: 'Data: arrays x (N × d) and y',
    defaultUri: vscode.Uri.file(folder),
    filters: { Data: ['npz', 'csv', 'safetensors', 'pt'] },
  });
  return uris?.[0] === undefined ? undefined : diskPath(uris[0]);
}
