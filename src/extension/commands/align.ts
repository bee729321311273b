/**
 * Align Units and Save: brings the units of networks into the order of a reference, or all of them into a common one, and writes each
 * with its function unchanged.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import type { AlignMethod, AlignRequest } from '../../protocol/service.ts';
import { namesApart } from '../../protocol/shownPaths.ts';
import { t } from '../../protocol/words.ts';
import { askDataFile, askLikelihood } from '../askData.ts';
import { chosenFiles, otherFile } from '../chosenFiles.ts';
import { askSaveTarget } from '../saveTarget.ts';
import { alignRestarts, seed } from '../settings.ts';
import type { SummaryCache } from '../summaryCache.ts';
import { alignedName } from '../weightFiles.ts';
import { namesOf, type Command } from './command.ts';

export const align: Command = async ({ panels, choices, summaries }, selection) => {
  const networks = await chosenNetworks(panels.inFront, selection);
  if (networks === undefined) return undefined;
  const options = await choices.settled(networks);
  if (options === undefined) return undefined;
  const data = await askData(networks, summaries);
  if (data === undefined) return undefined;
  const method = await askMethod(networks, data.data !== undefined);
  if (method === undefined) return undefined;
  // All at once has no reference; distances are told from the first.
  const reference = method === 'universe' ? networks[0] : await askReference(networks);
  if (reference === undefined) return undefined;
  const files = networks.filter((file) => file !== reference);
  const written = method === 'universe' ? networks : files;
  const target = await askSaveTarget({ files: written, title: written.length === 1 ? t('Save {0} with its units aligned', namesOf(written)) : t('Folder for {0} with their units aligned', namesOf(written)), nameOf: alignedName });
  if (target === undefined) return undefined;
  const title = method === 'universe' ? t('Alignment of {0}', namesOf(networks)) : aligningTitle(files, reference);
  return panels.ask({ method: 'align', title, request: { reference, files, ...target, method, ...alignRestarts(), seed: seed(), ...data, ...options } }, [reference, ...files]);
};

function aligningTitle(files: readonly string[], reference: string): string {
  const [only] = files;
  const [one = '', to = ''] = files.length === 1 && only !== undefined ? namesApart([only, reference]) : [namesOf(files), path.basename(reference)];
  return t('Alignment of {0} to {1}', one, to);
}

/** At least two. */
async function chosenNetworks(inFront: readonly string[], selection: Parameters<Command>[1]): Promise<readonly string[] | undefined> {
  const files = await chosenFiles({ title: t('Networks to align'), folders: true, inFront }, selection);
  const [only, ...others] = files ?? [];
  if (only === undefined || others.length > 0) return files;
  const other = await otherFile(t('Align {0} with', path.basename(only)), only);
  return other === undefined ? undefined : [only, other];
}

async function askData(networks: readonly string[], summaries: SummaryCache): Promise<Pick<AlignRequest, 'data' | 'likelihood'> | undefined> {
  const data = await askDataFile({
    summaries,
    title: t('Data for the loss along the straight line between the networks'),
    weights: networks,
    without: { label: t('Without data'), detail: t('The function along the line, on random inputs; units are matched by their weights') },
  });
  if (data === undefined) return undefined;
  if (data === 'without') return {};
  const likelihood = await askLikelihood(data, summaries);
  return likelihood === undefined ? undefined : { data, likelihood };
}

async function askMethod(networks: readonly string[], hasData: boolean): Promise<AlignMethod | undefined> {
  const items: (vscode.QuickPickItem & { readonly method: AlignMethod })[] = [
    { label: t('By their weights'), detail: t('To a reference: the order of units in which the weights have the largest inner product'), method: 'weights' },
    ...(hasData ? [{ label: t('By their responses to the data'), detail: t('To a reference: units that answer alike come to stand in the same place'), method: 'activations' as const }] : []),
    { label: t('All at once'), detail: t('All {0} into a common order without a reference, consistent for every pair', networks.length), method: 'universe' },
  ];
  return (await vscode.window.showQuickPick(items, { title: t('How to match units'), ignoreFocusOut: true }))?.method;
}

/** The first is offered first. */
async function askReference(networks: readonly string[]): Promise<string | undefined> {
  const items = networks.map((file) => ({ label: path.basename(file), description: vscode.workspace.asRelativePath(path.dirname(file)), file }));
  return (await vscode.window.showQuickPick(items, { title: t('Reference, which stays as it is'), matchOnDescription: true, ignoreFocusOut: true }))?.file;
}
