/**
 * Which files a command is about: what was selected in the Explorer, else what the active tab shows, else what the user picks.
 * A folder stands for the draws in it.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { AnalysisError } from './analysisError.ts';
import { diskPath } from './analysisJob.ts';
import { drawsAmong, inNaturalOrder, isNamedAsData, isWeightFile, weightExtensions } from '../protocol/weightFileNames.ts';
import { t } from '../protocol/words.ts';

export interface Wanted {
  /** "Weights to inspect": heads the lists that the user picks from. */
  readonly title: string;
  /** Whether a folder of draws will do. */
  readonly folders: boolean;
  /** Whether a folder that is a TensorFlow SavedModel is one model. */
  readonly savedModels?: boolean;
  /** Files of the report in front, when the active tab is one. */
  readonly inFront: readonly string[];
}

/** What VS Code passes to a command: the item that was clicked and, with several, the whole selection. */
export interface Selection {
  readonly clicked: unknown;
  readonly selected: unknown;
}

/** Absolute paths, at least one; undefined when the user did not want to pick. @throws AnalysisError for what is not on disk. */
export async function chosenFiles(wanted: Wanted, selection: Selection): Promise<string[] | undefined> {
  const given = urisOf(selection);
  if (given.length > 0) return expanded(given.map(diskPath), wanted);
  const active = activeWeightFile();
  if (active !== undefined) return [diskPath(active)];
  if (wanted.inFront.length > 0) return [...wanted.inFront];
  const picked = await pick(wanted);
  return picked === undefined ? undefined : expanded(picked, wanted);
}

export interface WantedPair {
  readonly title: string;
  readonly inFront: readonly string[];
  /** Heads the question for the second one: "Compare net.pt with". @param first name of the first one */
  readonly second: (first: string) => string;
}

/** Two files: both selected, or one and the one that the user then picks. @throws AnalysisError for more */
export async function chosenPair({ title, inFront, second }: WantedPair, selection: Selection): Promise<readonly [string, string] | undefined> {
  const files = await chosenFiles({ title, folders: false, inFront }, selection);
  if (files === undefined) return undefined;
  if (files.length > 2) throw new AnalysisError({ kind: 'input', message: t('This takes two files; {0} are selected. Select two, or one and choose the other.', files.length) });
  const [before, chosen] = files;
  if (before === undefined) return undefined;
  const after = chosen ?? await otherFile(second(path.basename(before)), before);
  return after === undefined ? undefined : [before, after];
}

/** One more weight file than the one that is known already; those beside it come first. */
export async function otherFile(title: string, than: string): Promise<string | undefined> {
  const picked = await pick({ title, folders: false, inFront: [] }, than);
  return picked?.[0];
}

function urisOf({ clicked, selected }: Selection): vscode.Uri[] {
  const several = Array.isArray(selected) ? selected.filter((item): item is vscode.Uri => item instanceof vscode.Uri) : [];
  if (several.length > 0) return several;
  if (Array.isArray(clicked)) return clicked.filter((item): item is vscode.Uri => item instanceof vscode.Uri);
  return clicked instanceof vscode.Uri ? [clicked] : [];
}

function activeWeightFile(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const uri = input instanceof vscode.TabInputCustom || input instanceof vscode.TabInputText ? input.uri : undefined;
  return uri !== undefined && isWeightFile(uri.path) ? uri : undefined;
}

async function expanded(files: readonly string[], wanted: Wanted): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    if (wanted.folders && await isFolder(file)) {
      const savedModel = await isSavedModel(file);
      if (savedModel && wanted.savedModels === true) {
        found.push(file);
        continue;
      }
      const draws = drawsAmong(await filesIn(file));
      if (draws.length === 0) {
        throw new AnalysisError({ kind: 'input', message: savedModel ? t('{0}: this folder is a TensorFlow SavedModel, which Posterior Predictive runs and nothing else here reads.', file) : t('{0}: there are no weight files in this folder ({1}).', file, weightExtensions.join(', ')) });
      }
      found.push(...draws.map((name) => path.join(file, name)));
    } else {
      found.push(file);
    }
  }
  // The Explorer gives a selection in the order of the clicks; draws are meant in the order of their numbers.
  return inNaturalOrder([...new Set(found)]);
}

/** Whether the folder is a TensorFlow SavedModel, by what lies in it. */
export async function isSavedModel(folder: string): Promise<boolean> {
  return (await filesIn(folder)).includes('saved_model.pb');
}

async function isFolder(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isDirectory();
  } catch {
    return false;
  }
}

/** Names of the files in a folder; none when it cannot be read. */
export async function filesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

type Item = vscode.QuickPickItem & { readonly answer: { readonly file: string } | { readonly browse: 'files' | 'folder' } };

const MOST_LISTED = 500;

async function pick(wanted: Wanted, than?: string): Promise<string[] | undefined> {
  const pattern = `**/*.{${weightExtensions.map((extension) => extension.slice(1)).join(',')},safetensors.index.json}`;
  const found = (await vscode.workspace.findFiles(pattern, undefined, MOST_LISTED)).filter((uri) => uri.scheme === 'file').map((uri) => uri.fsPath);
  // A folder outside the workspace is not searched, though its files may be the ones that are meant.
  const beside = than === undefined ? [] : (await filesIn(path.dirname(than))).filter(isWeightFile).slice(0, MOST_LISTED).map((name) => path.join(path.dirname(than), name));
  const listed = [...new Set([...beside, ...found])].filter((file) => file !== than);
  const browse: Item[] = [{ label: `$(folder-opened) ${t('Browse for files…')}`, answer: { browse: 'files' } }];
  if (wanted.folders) browse.push({ label: `$(folder) ${t('Choose a folder of draws…')}`, answer: { browse: 'folder' } });
  if (listed.length === 0 && !wanted.folders) return openDialog(wanted.title, 'files');
  const files = listed.map((file): Item => ({
    label: path.basename(file),
    description: path.dirname(vscode.workspace.asRelativePath(file)).replace(/^\.$/, ''),
    answer: { file },
  }));
  const near = (item: Item): number => Number(than !== undefined && 'file' in item.answer && path.dirname(item.answer.file) !== path.dirname(than));
  // By their names data, which are rarely the weights that are meant.
  const asData = ({ label }: Item): number => Number(isNamedAsData(label));
  files.sort((a, b) => near(a) - near(b) || asData(a) - asData(b) || a.label.localeCompare(b.label, 'en', { numeric: true }));
  const picked = await vscode.window.showQuickPick([...files, ...browse], { title: wanted.title, matchOnDescription: true });
  if (picked === undefined) return undefined;
  return 'file' in picked.answer ? [picked.answer.file] : openDialog(wanted.title, picked.answer.browse);
}

async function openDialog(title: string, kind: 'files' | 'folder'): Promise<string[] | undefined> {
  const uris = await vscode.window.showOpenDialog({
    title,
    canSelectFiles: kind === 'files',
    canSelectFolders: kind === 'folder',
    canSelectMany: kind === 'files',
    ...(kind === 'files' ? { filters: { [t('Weight files')]: [...weightExtensions.map((extension) => extension.slice(1)), 'json'], [t('All files')]: ['*'] } } : {}),
  });
  return uris?.map(diskPath);
}
