/** The editor for saved results (`*.quotient.json`): draws the report as its panel did; to ask again opens a panel and leaves the file as it is. */
import * as vscode from 'vscode';
import { diskPath } from './analysisJob.ts';
import { ReportEditor } from './reportEditor.ts';
import { aboutQuestion, runAction } from './reportPanels.ts';
import { readResult } from './resultFile.ts';

export const RESULT_EDITOR = 'quotient.result';

export class ResultEditor extends ReportEditor {
  /** @throws Error in one sentence, which the editor then shows. */
  override async resolveCustomEditor(document: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const { panels } = this.surroundings;
    const { question, report } = readResult(Buffer.from(await vscode.workspace.fs.readFile(document.uri)).toString('utf8'), diskPath(document.uri));
    const { files } = aboutQuestion(question);
    this.viewIn(panel, {
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
            await runAction(action, files);
        }
      },
    });
  }
}
