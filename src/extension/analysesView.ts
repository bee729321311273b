/** The view "Analyses" in the activity bar: what was asked of which files in this workspace, how it ended or how far it is, and what can be done with its result. */
import path from 'node:path';
import * as vscode from 'vscode';
import { fullResult } from '../protocol/fullResult.ts';
import { stemOf } from '../protocol/weightFileNames.ts';
import { fromOpenFolder } from '../protocol/shownPaths.ts';
import { t } from '../protocol/words.ts';
import type { AnalysisEntry, AnalysisHistory } from './analysisHistory.ts';
import { diskPath } from './analysisJob.ts';
import { dayAndTime, dayOrTime } from './clock.ts';
import { AnalysisError } from './analysisError.ts';
import type { ReportPanels } from './reportPanels.ts';
import { openFolders } from './openFolders.ts';
import { readableJson, renamed, RESULT_SUFFIX, writeResult, type SavedResult } from './resultFile.ts';

export const ANALYSES_VIEW = 'quotient.analyses';
/** Of the machine-readable results that are compared as texts. */
export const RESULT_SCHEME = 'quotient-result';

type ViewCommand = (entry: AnalysisEntry, selected: readonly AnalysisEntry[]) => Promise<unknown>;

export class AnalysesView implements vscode.TreeDataProvider<AnalysisEntry>, vscode.TextDocumentContentProvider {
  readonly #history: AnalysisHistory;
  readonly #panels: ReportPanels;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(history: AnalysisHistory, panels: ReportPanels) {
    this.#history = history;
    this.#panels = panels;
    history.onChange(() => { this.#changed.fire(undefined); });
  }

  getChildren(parent?: AnalysisEntry): readonly AnalysisEntry[] & AnalysisEntry[] {
    return parent === undefined ? [...this.#history.entries] : [];
  }

  getTreeItem(entry: AnalysisEntry): vscode.TreeItem {
    const { key, question: { title }, files, state, when, report } = entry;
    const item = new vscode.TreeItem(title);
    const word = stateWord(entry);
    item.id = key;
    // Done is what an icon says well enough; there is little room.
    item.description = state.kind === 'done' ? dayOrTime(when) : `${word} · ${dayOrTime(when)}`;
    item.iconPath = new vscode.ThemeIcon(...icons[state.kind]);
    item.tooltip = [title, said(entry), ...files.map((file) => vscode.workspace.asRelativePath(file)), dayAndTime(when)].join('\n');
    item.accessibilityInformation = { label: `${title}, ${word}, ${dayOrTime(when)}` };
    item.contextValue = `${state.kind}${report === undefined ? '' : ' result'}`;
    item.command = { command: 'quotient.analyses.open', title: t('Open Result'), arguments: [entry] };
    return item;
  }

  /** Under `quotient.analyses.NAME`. */
  readonly commands: Readonly<Record<'open' | 'runAgain' | 'cancel' | 'save' | 'delete' | 'reveal' | 'compare', ViewCommand>> = {
    // What the tree passes was true when it was drawn.
    open: (entry) => this.#panels.show(this.#history.of(entry.key) ?? entry),
    runAgain: ({ question, files }) => this.#panels.again(question, files),
    cancel: (entry) => {
      this.#panels.cancel(entry.key);
      return Promise.resolve();
    },
    save: async (entry) => saveResult(await this.#resultOf(entry)),
    delete: async (_, entries) => {
      for (const entry of entries) await this.#panels.forget(entry);
    },
    reveal: ({ files: [file] }) => (file === undefined ? Promise.resolve() : Promise.resolve(vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(file)))),
    compare: (entry, selected) => this.#compare(entry, selected),
  };

  /** The result as text, each number in a line of its own place: what is compared. */
  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const entry = this.#history.of(uri.query);
    return entry === undefined ? '' : `${readableJson(renamed(fullResult((await this.#resultOf(entry)).report), fromOpenFolder(openFolders())))}\n`;
  }

  async #compare(entry: AnalysisEntry, selected: readonly AnalysisEntry[]): Promise<void> {
    const other = selected.find(({ key }) => key !== entry.key) ?? await this.#askOther(entry);
    if (other === undefined) return;
    const [older, newer] = [entry, other].toSorted((a, b) => a.when - b.when);
    if (older === undefined || newer === undefined) return;
    const uri = ({ key, question }: AnalysisEntry): vscode.Uri => vscode.Uri.from({ scheme: RESULT_SCHEME, path: `/${question.title.replaceAll('/', '∕')}.json`, query: key });
    await vscode.commands.executeCommand('vscode.diff', uri(older), uri(newer), `${older.question.title} ↔ ${newer.question.title}`);
  }

  async #askOther(entry: AnalysisEntry): Promise<AnalysisEntry | undefined> {
    const others = this.#history.entries.filter(({ key, report }) => key !== entry.key && report !== undefined)
      // The same question of another file is what is mostly meant.
      .toSorted((a, b) => Number(b.question.method === entry.question.method) - Number(a.question.method === entry.question.method));
    if (others.length === 0) throw new AnalysisError({ kind: 'input', message: t('There is no other result to compare with yet: run an analysis of another file first.') });
    const items = others.map((other) => ({ label: other.question.title, description: dayOrTime(other.when), other }));
    return (await vscode.window.showQuickPick(items, { title: t('Compare “{0}” with', entry.question.title), matchOnDescription: true }))?.other;
  }

  async #resultOf(entry: AnalysisEntry): Promise<SavedResult> {
    const kept = await this.#panels.keptOf(this.#history.of(entry.key) ?? entry);
    if (kept === undefined) throw new AnalysisError({ kind: 'input', message: t('The result of “{0}” is not kept any more; run the analysis again.', entry.question.title) });
    return kept;
  }
}

/** Asks where to, beside what was analysed. */
export async function saveResult(result: SavedResult): Promise<vscode.Uri | undefined> {
  const [source] = result.report.sources;
  const stem = source === undefined ? 'result' : stemOf(source);
  const folder = source !== undefined && path.isAbsolute(source) ? path.dirname(source) : (vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '.');
  const target = await vscode.window.showSaveDialog({ title: t('Save Result'), defaultUri: vscode.Uri.file(path.join(folder, `${stem}.${result.report.analysis}${RESULT_SUFFIX}`)), filters: { [t('Quotient result')]: ['json'] } });
  if (target === undefined) return undefined;
  await vscode.workspace.fs.writeFile(target, Buffer.from(writeResult(result, path.dirname(diskPath(target))), 'utf8'));
  vscode.window.setStatusBarMessage(t('Quotient: saved {0}', path.basename(target.path)), 5000);
  return target;
}

/** Several questions have one panel each; in what the tree passes, the clicked one comes first. */
export function chosenEntries(clicked: unknown, selected: unknown): readonly AnalysisEntry[] {
  const given = [clicked, ...(Array.isArray(selected) ? (selected as readonly unknown[]) : [])];
  return [...new Set(given.filter(isEntry))];
}

const isEntry = (value: unknown): value is AnalysisEntry => typeof value === 'object' && value !== null && 'key' in value && 'question' in value && 'state' in value;

const icons: Readonly<Record<AnalysisEntry['state']['kind'], [id: string, colour?: vscode.ThemeColor]>> = {
  running: ['loading~spin'],
  done: ['pass', new vscode.ThemeColor('testing.iconPassed')],
  failed: ['error', new vscode.ThemeColor('testing.iconFailed')],
  cancelled: ['circle-slash'],
};

function stateWord({ state }: AnalysisEntry): string {
  switch (state.kind) {
    case 'running': return state.fraction === undefined ? t('running') : t('running, {0} %', Math.floor(100 * state.fraction));
    case 'done': return t('done');
    case 'failed': return t('failed');
    case 'cancelled': return t('cancelled');
  }
}

function said({ state }: AnalysisEntry): string {
  switch (state.kind) {
    case 'done': return state.summary;
    case 'cancelled': return t('Cancelled.');
    case 'running':
    case 'failed': return state.message;
  }
}

