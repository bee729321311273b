/**
 * The panels that show reports: one for each question, found again when it is asked again, and restored after a reload of the
 * window from the report that the page itself kept.
 */
import * as vscode from 'vscode';
import type { Report } from '../protocol/report.ts';
import type { WebviewAction } from '../protocol/webview.ts';
import { t } from '../protocol/words.ts';
import type { AnalysisEntry, AnalysisHistory } from './analysisHistory.ts';
import type { HostClient } from './hostClient.ts';
import { isCancellation } from './analysisError.ts';
import { runJob } from './analysisJob.ts';
import { askParameters } from './askParameters.ts';
import { failureSentence } from './failureMessage.ts';
import { KeptReports, type Kept } from './keptReports.ts';
import { isReport, type ReportMethod, type ReportQuestion } from './reportQuestion.ts';
import { ReportView } from './reportView.ts';
import type { SummaryCache } from './summaryCache.ts';

export const REPORT_VIEW = 'quotient.report';

/** The command that asks each kind of question about files. */
const commandOf: Readonly<Record<ReportMethod, string>> = {
  inspect: 'quotient.inspect',
  diff: 'quotient.diff',
  canonicalize: 'quotient.canonicalize',
  align: 'quotient.align',
  compare: 'quotient.compare',
  rank: 'quotient.rank',
  posterior: 'quotient.posterior',
  predict: 'quotient.predict',
  example: 'quotient.openExample',
};

/** Runs what a button of a report leads to, on files. */
export async function runAction(action: Extract<WebviewAction, 'activation' | ReportMethod>, files: readonly string[]): Promise<void> {
  await runCommand(action === 'activation' ? 'quotient.chooseActivation' : commandOf[action], files);
}

/** What tells one panel from another. */
interface About {
  readonly method: ReportMethod;
  readonly files: readonly string[];
}

interface Open {
  readonly panel: vscode.WebviewPanel;
  readonly view: ReportView;
  /** Undefined for a panel of which nothing was kept across a reload. */
  readonly about: About | undefined;
  /** Unknown after a reload. */
  question: ReportQuestion | undefined;
}

export class ReportPanels implements vscode.WebviewPanelSerializer {
  readonly #extensionUri: vscode.Uri;
  readonly #host: HostClient;
  readonly #summaries: SummaryCache;
  readonly #log: vscode.LogOutputChannel;
  readonly #history: AnalysisHistory;
  readonly #kept: KeptReports;
  readonly #open = new Map<string, Open>();
  /** Questions that no panel asked. */
  readonly #unseen = new Map<string, AbortController>();

  /** @param storage folder of the extension's own, for what must survive a reload */
  constructor(extensionUri: vscode.Uri, storage: vscode.Uri, host: HostClient, summaries: SummaryCache, history: AnalysisHistory, log: vscode.LogOutputChannel) {
    this.#history = history;
    this.#kept = new KeptReports(vscode.Uri.joinPath(storage, 'reports').fsPath);
    this.#extensionUri = extensionUri;
    this.#host = host;
    this.#summaries = summaries;
    this.#log = log;
  }

  /**
   * Runs the question in its panel, which it opens or brings to the front.
   * @param files tell one question from another of its kind
   */
  async ask(question: ReportQuestion, files: readonly string[]): Promise<Report | undefined> {
    const about: About = { method: question.method, files };
    const key = keyOf(about);
    let open = this.#open.get(key);
    if (open === undefined) open = this.#adopt(key, newPanel(question.title), about);
    else open.panel.reveal();
    return this.#run(open, question);
  }

  /** Answers a question without a panel: it is listed with the others, and its report can be opened from there. @throws AnalysisError */
  async answer(question: ReportQuestion, signal: AbortSignal): Promise<Report> {
    const about = aboutQuestion(question);
    const key = keyOf(about);
    const run = this.#history.start(key, question, about.files);
    const abort = new AbortController();
    this.#unseen.set(key, abort);
    try {
      const report = await runJob(this.#host, question, {
        signal: AbortSignal.any([signal, abort.signal]), notification: true,
        onProgress: ({ message, fraction }) => { run.progress(message, fraction); },
      });
      run.end({ kind: 'done', summary: report.summary }, await this.#keep(question.title, question, report));
      return report;
    } catch (error) {
      run.end(isCancellation(error) ? { kind: 'cancelled' } : { kind: 'failed', message: failureSentence(error) });
      throw error;
    } finally {
      if (this.#unseen.get(key) === abort) this.#unseen.delete(key);
    }
  }

  /** Asks a question again as it was asked; what writes files asks anew where to. */
  async again(question: ReportQuestion, files: readonly string[]): Promise<void> {
    if (asksItself(question)) await this.ask(question, files);
    else await runCommand(commandOf[question.method], files);
  }

  /** Shows an analysis of the list as it ended or runs, without running anything. */
  async show(entry: AnalysisEntry): Promise<void> {
    const there = this.#open.get(entry.key);
    if (there !== undefined) {
      there.panel.reveal();
      return;
    }
    const kept = await this.keptOf(entry);
    const open = this.#adopt(entry.key, newPanel(entry.question.title), { method: entry.question.method, files: entry.files }, kept === undefined ? undefined : { report: kept.report, onPage: false });
    open.question = entry.question;
    const { state } = entry;
    if (state.kind === 'failed') open.view.explain(entry.question.title, state.message);
    else if (kept === undefined) open.view.explain(entry.question.title, state.kind === 'cancelled' ? t('The analysis was cancelled. It can be run again.') : t('The result of this analysis is not kept any more. It can be run again.'));
  }

  /** The last report of an analysis of the list. */
  async keptOf({ report }: AnalysisEntry): Promise<Kept | undefined> {
    return report === undefined ? undefined : this.#kept.get(report);
  }

  cancel(key: string): void {
    this.#open.get(key)?.view.cancel();
    this.#unseen.get(key)?.abort();
  }

  /** Takes an analysis off the list, with its report; its panel stays as long as it is open. */
  async forget({ key, report }: AnalysisEntry): Promise<void> {
    this.cancel(key);
    this.#history.remove(key);
    if (report !== undefined) await this.#kept.remove(report);
  }

  /** Question and report in front, where both are known. */
  get resultInFront(): { readonly question: ReportQuestion; readonly report: Report } | undefined {
    for (const { panel, view: { report }, question } of this.#open.values()) {
      if (panel.active && report !== undefined && question !== undefined) return { question, report };
    }
    return undefined;
  }

  /** Files of the report in front, if there is one. */
  get inFront(): readonly string[] {
    for (const { panel, about } of this.#open.values()) {
      if (panel.active) return about?.files ?? [];
    }
    return [];
  }

  /** Asks for two parameters and draws the posterior or predictive report in front anew with them. @returns 'none' when there is no such report in front */
  async chooseParameters(): Promise<Report | undefined | 'none'> {
    const open = [...this.#open.values()].find(({ panel, about }) => panel.active && (about?.method === 'posterior' || about?.method === 'predict'));
    return open === undefined ? 'none' : this.#chooseParameters(open);
  }

  async #chooseParameters(open: Open): Promise<Report | undefined> {
    const { view: { report }, question, about } = open;
    if (report === undefined || about === undefined) return undefined;
    // Nothing is known of how an older report was asked for.
    if (question?.method !== 'posterior' && question?.method !== 'predict') {
      await runCommand(commandOf[about.method], about.files);
      return undefined;
    }
    const parameters = await askParameters(report);
    if (parameters === undefined) return undefined;
    return this.#run(open, question.method === 'posterior' ? { ...question, request: { ...question.request, parameters } } : { ...question, request: { ...question.request, parameters, plane: 'parameters' } });
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const onPage = reportIn(state);
    const kept = onPage === undefined ? await this.#kept.titled(panel.title) : await this.#kept.get(keyOf(aboutReport(onPage)));
    const report = onPage ?? kept?.report;
    // The question says it better: a report also names the data that were read.
    const about = kept !== undefined ? aboutQuestion(kept.question) : report === undefined ? undefined : aboutReport(report);
    // Two panels cannot have asked the same, unless an older version kept them so.
    const wanted = about === undefined ? 'empty' : keyOf(about);
    let key = wanted;
    for (let copy = 2; this.#open.has(key); copy++) key = `${wanted}\n${copy}`;
    const open = this.#adopt(key, panel, about, report === undefined ? undefined : { report, onPage: onPage !== undefined });
    open.question = kept?.question;
  }

  async #run(open: Open, question: ReportQuestion): Promise<Report | undefined> {
    open.question = question;
    const about = open.about ?? aboutQuestion(question);
    const run = this.#history.start(keyOf(about), question, about.files);
    const answer = await open.view.ask(question, { notification: true, onProgress: ({ message, fraction }) => { run.progress(message, fraction); } });
    if (answer.kind !== 'done') {
      run.end(answer);
      return undefined;
    }
    const { report } = answer;
    run.end({ kind: 'done', summary: report.summary }, await this.#keep(open.panel.title, question, report));
    return report;
  }

  /** @returns the name by which a restored page will ask for it; undefined when the disk does not take it */
  async #keep(title: string, question: ReportQuestion, report: Report): Promise<string | undefined> {
    const key = keyOf(aboutReport(report));
    try {
      await this.#kept.put(key, { title, question, report });
      return key;
    } catch (error) {
      this.#log.warn(`The report is not kept for a reload: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  #adopt(key: string, panel: vscode.WebviewPanel, about: About | undefined, restored?: { report: Report; onPage: boolean }): Open {
    const icon = (theme: string): vscode.Uri => vscode.Uri.joinPath(this.#extensionUri, 'media', `report-${theme}.svg`);
    panel.iconPath = { light: icon('light'), dark: icon('dark') };
    const view: ReportView = new ReportView({
      webview: panel.webview,
      extensionUri: this.#extensionUri,
      host: this.#host,
      log: this.#log,
      inSight: () => panel.visible,
      onReport: (report) => this.#summaries.learn(report),
      ...(restored === undefined ? {} : { restored }),
      onAction: (action) => this.#act(action, open),
    });
    const open: Open = { panel, view, about, question: undefined };
    this.#open.set(key, open);
    panel.onDidDispose(() => {
      this.#open.delete(key);
      view.dispose();
    });
    return open;
  }

  async #act(action: Exclude<WebviewAction, 'cancel'>, open: Open): Promise<void> {
    const { view, about, question } = open;
    if (about === undefined) return;
    switch (action) {
      case 'refresh':
        if (question !== undefined && asksItself(question)) await this.#run(open, question);
        else await runCommand(commandOf[about.method], about.files);
        return;
      case 'statistics':
        await this.#run(open, { method: 'inspect', title: view.report?.title ?? t('Statistics'), request: { files: about.files, brief: true, ...question?.request, statistics: true } });
        return;
      case 'parameters':
        await this.#chooseParameters(open);
        return;
      default:
        await runAction(action, about.files);
    }
  }
}

async function runCommand(command: string, files: readonly string[]): Promise<void> {
  const uris = files.map((file) => vscode.Uri.file(file));
  await vscode.commands.executeCommand(command, uris[0], uris);
}

const newPanel = (title: string): vscode.WebviewPanel => vscode.window.createWebviewPanel(REPORT_VIEW, title, vscode.ViewColumn.Active, { retainContextWhenHidden: true, enableFindWidget: true });

/** What writes files asks the user again where to. */
const asksItself = ({ method }: ReportQuestion): boolean => method !== 'canonicalize' && method !== 'align' && method !== 'example';

const keyOf = ({ method, files }: About): string => [method, ...files].join('\n');

export function aboutQuestion({ method, request }: ReportQuestion): About {
  if ('reference' in request) return { method, files: [request.reference, ...request.files] };
  return { method, files: 'files' in request ? request.files : 'file' in request ? [request.file] : [] };
}

const aboutReport = (report: Report): About => ({ method: report.analysis, files: report.sources });

/** The page's state is its own business; all that matters here is the report in it. */
function reportIn(state: unknown): Report | undefined {
  return typeof state === 'object' && state !== null && 'report' in state && isReport(state.report) ? state.report : undefined;
}
