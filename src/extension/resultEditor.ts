/** The editor for saved results (`*.quotient.json`): draws the report as its panel did; to ask again opens a panel and leaves the file as it is. */
import * as vscode from 'vscode';
import { diskPath } from './analysisJob.ts';
import { aboutQuestion, runCommand } from './reportPanels.ts';
import { ReportView } from './reportView.ts';
import { readResult } from './resultFile.ts';
import type { Surroundings } from './surroundings.ts';

export const RESULT_EDITOR = 'quotient.result';

export class ResultEditor implements vscode.CustomReadonlyEditorProvider {
  readonly #extensionUri: vscode.Uri;
  readonly #surroundings: Surroundings;

  constructor(extensionUri: vscode.Uri, surroundings: Surroundings) {
    this.#extensionUri = extensionUri;
    this.#surroundings = surroundings;
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  /** @throws Error in one sentence, which the editor then shows. */
  async resolveCustomEditor(document: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const { host, log, panels } = this.#surroundings;
    const { question, report } = readResult(Buffer.from(await vscode.workspace.fs.readFile(document.uri)).toString('utf8'), diskPath(document.uri));
    const { files } = aboutQuestion(question);
    const view = new ReportView({
      webview: panel.webview,
      extensionUri: this.#extensionUri,
      host,
      log,
      restored: { report, onPage: false },
      onReport: () => Promise.resolve(),
      onAction: async (action) => {
        switch (action) {
          // The last two change a report, which only one in a panel may.
          case 'refresh':
          case 'statistics':
          case 'parameters':
            await panels.again(question, files);
            return;
          default:
            await runCommand(`quotient.${action}`, files);
        }
      },
    });
    panel.onDidDispose(() => { view.dispose(); });
  }
}
