/** What the editors of this extension share: each shows a file of its kind, read-only, as a report. */
import type * as vscode from 'vscode';
import { ReportView, type ReportViewOptions } from './reportView.ts';
import type { Surroundings } from './surroundings.ts';

export abstract class ReportEditor implements vscode.CustomReadonlyEditorProvider {
  protected readonly surroundings: Surroundings;
  readonly #extensionUri: vscode.Uri;

  constructor(extensionUri: vscode.Uri, surroundings: Surroundings) {
    this.#extensionUri = extensionUri;
    this.surroundings = surroundings;
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  abstract resolveCustomEditor(document: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void>;

  /** Draws in the panel until that is closed. */
  protected viewIn(panel: vscode.WebviewPanel, options: Omit<ReportViewOptions, 'webview' | 'extensionUri' | 'host' | 'log' | 'inSight'>): ReportView {
    const { host, log } = this.surroundings;
    const view = new ReportView({ webview: panel.webview, extensionUri: this.#extensionUri, host, log, inSight: () => panel.visible, ...options });
    panel.onDidDispose(() => { view.dispose(); });
    return view;
  }
}
