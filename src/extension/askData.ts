/** Asks which file holds data: those beside the weights whose headers say so, likeliest first, what the command offers instead, and any other. */
import path from 'node:path';
import * as vscode from 'vscode';
import type { Likelihood } from '../protocol/service.ts';
import { extensionOf } from '../protocol/weightFileNames.ts';
import { t } from '../protocol/words.ts';
import { diskPath } from './analysisJob.ts';
import { filesIn } from './chosenFiles.ts';
import { dataIn, likelihoodIn } from './dataFile.ts';
import { likelihoodItems } from './likelihoodItems.ts';
import type { SummaryCache } from './summaryCache.ts';
import { dataCandidates } from './weightFiles.ts';

export interface DataQuestion {
  readonly summaries: SummaryCache;
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

/** Headers that are read for a question; of what comes after them the name is all there is. */
const MOST_READ = 24;

type Item = vscode.QuickPickItem & { readonly answer: { readonly file: string } | 'without' | 'browse' };

/** Absolute path, or 'without'. Undefined when the user did not want to answer. */
export async function askDataFile({ summaries, title, weights, without, remembered, likely }: DataQuestion): Promise<string | undefined> {
  const [first] = weights;
  if (first === undefined) return undefined;
  const folder = path.dirname(first);
  const beside = dataCandidates(await filesIn(folder), first).map((name) => path.join(folder, name)).filter((file) => !weights.includes(file));
  const named = likely === undefined ? beside : [...beside.filter((file) => likely(path.basename(file))), ...beside.filter((file) => !likely(path.basename(file)))];
  const last = remembered !== undefined && (await filesIn(path.dirname(remembered))).includes(path.basename(remembered)) ? [remembered] : [];
  const item = (file: string, description: string): Item => ({ label: path.basename(file), description, answer: { file } });
  const items = async (): Promise<Item[]> => [
    ...last.map((file) => item(file, t('last time'))),
    ...(without === undefined ? [] : [{ ...without, answer: 'without' } as const]),
    ...(await described(named.filter((file) => !last.includes(file)), summaries)).map(([file, description]) => item(file, description)),
    { label: `$(folder-opened) ${t('Browse for data…')}`, answer: 'browse' },
  ];
  const picked = await vscode.window.showQuickPick(items(), { title, ignoreFocusOut: true });
  if (picked === undefined) return undefined;
  if (picked.answer === 'browse') return browse(folder);
  return picked.answer === 'without' ? 'without' : picked.answer.file;
}

/** Those that hold data, each with what it holds, and last those that cannot be read: the analysis says why. */
async function described(files: readonly string[], summaries: SummaryCache): Promise<readonly (readonly [file: string, description: string])[]> {
  const unread = new Set<string>();
  const found = await Promise.all(files.map(async (file, i) => {
    if (i >= MOST_READ || extensionOf(file) === '.csv') return [[file, ''] as const];
    const summary = await summaries.of(file).catch(() => undefined);
    if (summary === undefined) unread.add(file);
    const held = summary === undefined ? t('cannot be read') : dataIn(summary);
    return held === undefined ? [] : [[file, held] as const];
  }));
  return found.flat().sort(([a], [b]) => Number(unread.has(a)) - Number(unread.has(b)));
}

/** Undefined when the user did not want to answer. @param data file of the targets, which may speak for one */
export async function askLikelihood(data: string, summaries: SummaryCache, remembered?: Likelihood): Promise<Likelihood | undefined> {
  const told = remembered === undefined && extensionOf(data) !== '.csv' ? await summaries.of(data).then(likelihoodIn, () => undefined) : undefined;
  const [first, why] = remembered === undefined ? [told, t('y holds whole numbers')] : [remembered, t('last time')];
  const items = likelihoodItems().map((item) => ({ ...item, ...(item.value === first ? { description: why } : {}) }))
    .sort((a, b) => Number(b.value === first) - Number(a.value === first));
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
