/** Asks which file holds data: those beside the weights that may, likeliest first, what the command offers instead, and any other. */
import path from 'node:path';
import * as vscode from 'vscode';
import type { Likelihood } from '../protocol/service.ts';
import { t } from '../protocol/words.ts';
import { diskPath } from './analysisJob.ts';
import { filesIn } from './chosenFiles.ts';
import { likelihoodItems } from './likelihoodItems.ts';
import { dataCandidates } from './weightFiles.ts';

export interface DataQuestion {
  readonly title: string;
  /** Data lie beside these, which are not data themselves. */
  readonly weights: readonly string[];
  /** What there is instead of data, where a command can do without. */
  readonly without?: { readonly label: string; readonly detail: string };
  /** Offered first, while it is there. */
  readonly remembered?: string | undefined;
  /** Whether a name speaks for a file: those come before the others. */
  readonly likely?: (name: string) => boolean;
}

type Item = vscode.QuickPickItem & { readonly answer: { readonly file: string } | 'without' | 'browse' };

/** Absolute path, or 'without'. Undefined when the user did not want to answer. */
export async function askDataFile({ title, weights, without, remembered, likely }: DataQuestion): Promise<string | undefined> {
  const [first] = weights;
  if (first === undefined) return undefined;
  const folder = path.dirname(first);
  const beside = dataCandidates(await filesIn(folder), first).map((name) => path.join(folder, name)).filter((file) => !weights.includes(file));
  const named = likely === undefined ? beside : [...beside.filter((file) => likely(path.basename(file))), ...beside.filter((file) => !likely(path.basename(file)))];
  const last = remembered !== undefined && (await filesIn(path.dirname(remembered))).includes(path.basename(remembered)) ? [remembered] : [];
  const item = (file: string): Item => ({ label: path.basename(file), description: file === remembered ? t('last time') : t('inputs x, targets y'), answer: { file } });
  const items: Item[] = [
    ...last.map(item),
    ...(without === undefined ? [] : [{ ...without, answer: 'without' } as const]),
    ...named.filter((file) => !last.includes(file)).map(item),
    { label: `$(folder-opened) ${t('Browse for data…')}`, answer: 'browse' },
  ];
  const picked = await vscode.window.showQuickPick(items, { title, ignoreFocusOut: true });
  if (picked === undefined) return undefined;
  if (picked.answer === 'browse') return browse(folder);
  return picked.answer === 'without' ? 'without' : picked.answer.file;
}

/** Undefined when the user did not want to answer. */
export async function askLikelihood(remembered?: Likelihood): Promise<Likelihood | undefined> {
  const items = likelihoodItems().map((item) => ({ ...item, ...(item.value === remembered ? { description: t('last time') } : {}) }))
    .sort((a, b) => Number(b.value === remembered) - Number(a.value === remembered));
  return (await vscode.window.showQuickPick(items, { title: t('Likelihood of the targets given the outputs'), ignoreFocusOut: true }))?.value;
}

async function browse(folder: string): Promise<string | undefined> {
  const uris = await vscode.window.showOpenDialog({
    title: t('Data: arrays x (N × d) and y'),
    defaultUri: vscode.Uri.file(folder),
    filters: { [t('Data')]: ['npz', 'csv', 'safetensors', 'pt'] },
  });
  return uris?.[0] === undefined ? undefined : diskPath(uris[0]);
}
