/**
 * The panels that show reports: one for each question, found again when it is asked again, and restored after a reload of the
 * window from the report that the page itself kept.
 */
import * as vscode from 'vscode';
import type { Report } from '../protocol/report.ts';
import type { WebviewAction } from '../protocol/webview.ts';
import type { Question } from './analysisJob.ts';
import type { HostClient } from './hostClient.ts';
import { ReportView, type ReportMethod } from './reportView.ts';

export const REPORT_VIEW = 'quotient.report';

/** The command that asks each kind of question about files. */
const commandOf: Readonly<Record<ReportMethod, string>> = {
  inspect: 'quotient.inspect',
  canonicalize: 'quotient.canonicalize',
  rank: 'quotient.rank',
  posterior: 'quotient.posterior',
  example: 'quotient.openExample',
};

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
  question: Question<ReportMethod> | undefined;
}

export class ReportPanels implements vscode.WebviewPanelSerializer {
  readonly #extensionUri: vscode.Uri;
  readonly #host: HostClient;
  readonly #log: vscode.LogOutputChannel;
  readonly #open = new Map<string, Open>();

  constructor(extensionUri: vscode.Uri, host: HostClient, log: vscode.LogOutputChannel) {
    this.#extensionUri = extensionUri;
    this.#host = host;
    this.#log = log;
  }

  /**
   * Runs the question in its panel, which it opens or brings to the front.
   * @param files tell one question from another of its kind
   */
  async ask(question: Question<ReportMethod>, files: readonly string[]): Promise<Report | undefined> {
    const about: About = { method: question.method, files };
    const key = keyOf(about);
    let open = this.#open.get(key);
    if (open === undefined) {
      const panel = vscode.window.createWebviewPanel(REPORT_VIEW, question.title, vscode.ViewColumn.Active, { retainContextWhenHidden: true, enableFindWidget: true });
      open = this.#adopt(key, panel, about);
    } else {
      open.panel.reveal();
    }
    open.question = question;
    return open.view.ask(question, { notification: true });
  }

  /** Files of the report in front, if there is one. */
  get inFront(): readonly string[] {
    for (const { panel, about } of this.#open.values()) {
      if (panel.active) return about?.files ?? [];
    }
    return [];
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const report = reportIn(state);
    const about = report === undefined ? undefined : { method: report.analysis, files: report.sources };
    // Two panels cannot have asked the same, unless an older version kept them so.
    const wanted = about === undefined ? 'empty' : keyOf(about);
    let key = wanted;
    for (let copy = 2; this.#open.has(key); copy++) key = `${wanted}\n${copy}`;
    this.#adopt(key, panel, about, report);
    return Promise.resolve();
  }

  #adopt(key: string, panel: vscode.WebviewPanel, about: About | undefined, restored?: Report): Open {
    const icon = (theme: string): vscode.Uri => vscode.Uri.joinPath(this.#extensionUri, 'media', `report-${theme}.svg`);
    panel.iconPath = { light: icon('light'), dark: icon('dark') };
    const view: ReportView = new ReportView({
      webview: panel.webview,
      extensionUri: this.#extensionUri,
      host: this.#host,
      log: this.#log,
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

  async #act(action: Exclude<WebviewAction, 'cancel'>, { view, about, question }: Open): Promise<void> {
    if (about === undefined) return;
    switch (action) {
      case 'refresh': {
        // What writes files asks again where to.
        const again = question !== undefined && question.method !== 'canonicalize' && question.method !== 'example';
        if (again) await view.ask(question, { notification: true });
        else await runCommand(commandOf[about.method], about.files);
        return;
      }
      case 'statistics':
        await view.ask(
          { method: 'inspect', title: view.report?.title ?? 'Statistics', request: { files: about.files, ...question?.request, statistics: true } },
          { notification: true },
        );
        return;
      case 'rank':
      case 'canonicalize':
      case 'posterior':
        await runCommand(commandOf[action], about.files);
    }
  }
}

export async function runCommand(command: string, files: readonly string[]): Promise<void> {
  const uris = files.map((file) => vscode.Uri.file(file));
  await vscode.commands.executeCommand(command, uris[0], uris);
}

const keyOf = ({ method, files }: About): string => [method, ...files].join('\n');

/** The page's state is its own business; all that matters here is the report in it, which the page checks again. */
function reportIn(state: unknown): Report | undefined {
  if (typeof state !== 'object' || state === null || !('report' in state)) return undefined;
  const { report } = state;
  if (typeof report !== 'object' || report === null) return undefined;
  const usable = 'analysis' in report && typeof report.analysis === 'string' && Object.hasOwn(commandOf, report.analysis)
    && 'sources' in report && Array.isArray(report.sources) && report.sources.every((source) => typeof source === 'string')
    && 'sections' in report && Array.isArray(report.sections);
  return usable ? report as Report : undefined;
}
