/**
 * A webview that draws a report: in a panel or in the weight-file editor. It answers the page's messages, runs the question that
 * the report answers, shows its progress and failures, and has everything ready for when the page loads again.
 */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { Report } from '../protocol/report.ts';
import type { Progress } from '../protocol/rpc.ts';
import type { TensorDetailRequest } from '../protocol/service.ts';
import { wireTensorDetail, type FromWebview, type ToWebview, type WebviewAction } from '../protocol/webview.ts';
import { webviewHtml } from '../protocol/webviewHtml.ts';
import { t } from '../protocol/words.ts';
import { isCancellation, isRefusal } from './analysisError.ts';
import { runJob } from './analysisJob.ts';
import { failureSentence, reportFailure } from './failureMessage.ts';
import type { HostClient } from './hostClient.ts';
import { copyText, saveContent, saveStandalone } from './reportExport.ts';
import { openFolders } from './openFolders.ts';
import type { ReportQuestion } from './reportQuestion.ts';

export interface ReportViewOptions {
  readonly webview: vscode.Webview;
  readonly extensionUri: vscode.Uri;
  readonly host: HostClient;
  readonly log: vscode.LogOutputChannel;
  /** Whether the page is in sight. */
  readonly inSight: () => boolean;
  /** What was shown before a reload of the window, and whether the page has kept it as well. */
  readonly restored?: { readonly report: Report; readonly onPage: boolean };
  /** Told what the host has answered. */
  readonly onReport: (report: Report) => Promise<void>;
  /** Every button but cancel. */
  readonly onAction: (action: Exclude<WebviewAction, 'cancel'>) => Promise<unknown>;
}

/** How a question ended; `cancelled` also where another one took its place. */
export type Answer = { readonly kind: 'done'; readonly report: Report } | { readonly kind: 'failed'; readonly message: string } | { readonly kind: 'cancelled' };

export interface AskOptions {
  /** Whether VS Code shows the progress, and a failure, in a notification. */
  readonly notification: boolean;
  /** Whether the report on show stays uncovered as long as the answer does not take long. */
  readonly quiet?: boolean;
  readonly onProgress?: (progress: Progress) => void;
}

/** How long an uncovered report may be out of date before its successor's progress is shown. */
const QUIET_MS = 1000;

type Notice = Extract<ToWebview, { type: 'progress' | 'error' | 'notice' }>;

export class ReportView {
  readonly #options: ReportViewOptions;
  readonly #messages: vscode.Disposable;
  #report: Report | undefined;
  /** What stands over the report, or in its place: progress of a running job, or why there is nothing newer. */
  #notice: Notice | undefined;
  #running: AbortController | undefined;
  /** Of the tensor that is being looked at closely. */
  #detail: AbortController | undefined;
  #ready = false;
  /** A page that comes back after a reload has drawn its own copy of the report by the time it says that it is ready. */
  #pageHasReport: boolean;
  #disposed = false;

  constructor(options: ReportViewOptions) {
    const { webview, extensionUri } = options;
    this.#options = options;
    this.#report = options.restored?.report;
    this.#pageHasReport = options.restored?.onPage === true;
    const dist = vscode.Uri.joinPath(extensionUri, 'dist');
    webview.options = { enableScripts: true, localResourceRoots: [dist] };
    this.#messages = webview.onDidReceiveMessage((message: FromWebview) => {
      this.#receive(message).catch((error: unknown) => {
        reportFailure(error, options.log);
      });
    });
    webview.html = webviewHtml({
      nonce: randomBytes(16).toString('base64url'),
      cspSource: webview.cspSource,
      scriptUri: webview.asWebviewUri(vscode.Uri.joinPath(dist, 'page.js')).toString(),
      page: { words: { language: vscode.env.language, bundle: vscode.l10n.bundle ?? {} }, folders: openFolders() },
    });
  }

  get report(): Report | undefined {
    return this.#report;
  }

  /**
   * Asks the host, in place of whatever this view was still asking. Failures end here: on the page, and in a notification where that is
   * not in sight, or the fault is ours; none where the job was quiet.
   */
  async ask(question: ReportQuestion, { notification, quiet = false, onProgress }: AskOptions): Promise<Answer> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    // What is on show is not covered by the progress of what will be there in a moment.
    let silent = quiet && this.#report !== undefined;
    const patience = setTimeout(() => { silent = false; }, QUIET_MS);
    if (!silent) this.#show({ type: 'progress', title: question.title, progress: { message: t('Starting') } });
    try {
      const report = await runJob(this.#options.host, question, {
        signal: running.signal,
        notification,
        onProgress: (progress: Progress) => {
          onProgress?.(progress);
          if (this.#running === running && !silent) this.#show({ type: 'progress', title: question.title, progress });
        },
      });
      if (this.#running !== running) return { kind: 'cancelled' };
      this.#report = report;
      this.#notice = undefined;
      this.#post({ type: 'report', report });
      await this.#options.onReport(report);
      return { kind: 'done', report };
    } catch (error) {
      // Another question has taken over the view: nobody waits for this one.
      if (this.#running !== running || this.#disposed) return { kind: 'cancelled' };
      this.#fail(question.title, error);
      if (notification && !(isRefusal(error) && this.#options.inSight())) reportFailure(error, this.#options.log);
      else this.#options.log.warn(failureSentence(error));
      return isCancellation(error) ? { kind: 'cancelled' } : { kind: 'failed', message: failureSentence(error) };
    } finally {
      clearTimeout(patience);
      if (this.#running === running) this.#running = undefined;
    }
  }

  /** A word about the report on show, until there is another one. */
  say(text: string, lasting: boolean): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#show({ type: 'notice', text, lasting });
  }

  /** Why there is nothing to show, with a button to ask again. */
  explain(title: string, message: string): void {
    this.#show({ type: 'error', title, message });
  }

  cancel(): void {
    this.#running?.abort();
  }

  dispose(): void {
    this.#disposed = true;
    this.#running?.abort();
    this.#detail?.abort();
    this.#messages.dispose();
  }

  #fail(title: string, error: unknown): void {
    if (isCancellation(error) && this.#report !== undefined) {
      // Back to what was there before.
      this.#notice = undefined;
      this.#post({ type: 'report', report: this.#report });
      return;
    }
    this.#show({ type: 'error', title, message: failureSentence(error) });
  }

  #show(notice: Notice): void {
    this.#notice = notice;
    this.#post(notice);
  }

  #post(message: ToWebview): void {
    // Before the page listens a message would be lost; it asks for everything when it does.
    if (this.#ready && !this.#disposed) void this.#options.webview.postMessage(message);
  }

  /** One tensor in detail. A page asks for tensors of the files in its report, and of no others. */
  async #tensor(id: number, request: TensorDetailRequest): Promise<void> {
    this.#detail?.abort();
    if (this.#report?.sources.includes(request.file) !== true) return;
    const running = new AbortController();
    this.#detail = running;
    try {
      const detail = await this.#options.host.call('tensorDetail', request, {
        signal: running.signal,
        onProgress: (progress) => { this.#post({ type: 'tensor-progress', id, progress }); },
      });
      this.#post({ type: 'tensor', id, detail: wireTensorDetail(detail) });
    } catch (error) {
      if (isCancellation(error)) return;
      this.#options.log.warn(failureSentence(error));
      this.#post({ type: 'tensor', id, message: failureSentence(error) });
    }
  }

  async #receive(message: FromWebview): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.#ready = true;
        if (this.#report !== undefined && !this.#pageHasReport) this.#post({ type: 'report', report: this.#report });
        this.#pageHasReport = false;
        if (this.#notice !== undefined) this.#post(this.#notice);
        else if (this.#report === undefined) {
          this.#post({ type: 'error', title: t('Nothing to show'), message: t('This report could not be kept across the reload. Run the command again.') });
        }
        return;
      case 'run':
        if (message.action === 'cancel') this.cancel();
        else await this.#options.onAction(message.action);
        return;
      case 'tensor':
        await this.#tensor(message.id, message.request);
        return;
      case 'tensor-cancel':
        this.#detail?.abort();
        return;
      case 'copy':
        await copyText(message.text);
        return;
      case 'setting':
        // Names in sentences may come from anywhere.
        if (/^[\w.]+$/.test(message.name)) await vscode.commands.executeCommand('workbench.action.openSettings', `@ext:quotient.quotient ${message.name}`);
        return;
      case 'save':
        await saveContent(message.suggestedName, message.content, this.#report);
        return;
      case 'save-html':
        if (this.#report !== undefined) await saveStandalone(this.#report, this.#options.extensionUri);
    }
  }
}
