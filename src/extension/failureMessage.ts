/** One way for a failure to reach the user: one notification and, with its stack, the log. */
import * as vscode from 'vscode';
import { fromOpenFolder } from '../protocol/shownPaths.ts';
import { t } from '../protocol/words.ts';
import { AnalysisError, isCancellation } from './analysisError.ts';
import { openFolders } from './openFolders.ts';

/** The sentence for this error: as the host wrote it for the user, or plainly a defect. */
export function failureSentence(error: unknown): string {
  if (error instanceof AnalysisError && error.kind !== 'internal') return error.message;
  const message = error instanceof Error ? error.message : String(error);
  return t('Something went wrong inside Quotient: {0} The log has the details.', message);
}

/** Says nothing about what the user cancelled himself. Does not wait for the notification to be closed. */
export function reportFailure(error: unknown, log: vscode.LogOutputChannel): void {
  if (isCancellation(error)) return;
  const sentence = failureSentence(error);
  const stack = error instanceof AnalysisError ? error.hostStack : error instanceof Error ? error.stack : undefined;
  log.error(stack === undefined ? sentence : `${sentence}\n${stack}`);
  // A notification has one line until it is opened: not for the way to the folder that is open.
  void vscode.window.showErrorMessage(fromOpenFolder(openFolders())(sentence), t('Show Log')).then((answer) => {
    if (answer !== undefined) log.show();
  });
}
