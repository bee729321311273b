/**
 * The read-only editor for weight files: what is in the file, from its header at once, statistics of every weight when asked. It
 * follows the file on disk, as training overwrites checkpoints.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { diskPath } from './analysisJob.ts';
import { timeOfDay } from './clock.ts';
import { reportFailure } from './failureMessage.ts';
import { ReportEditor } from './reportEditor.ts';
import { runAction } from './reportPanels.ts';
import type { Question } from './reportQuestion.ts';
import { isShardIndex, isWeightFile } from '../protocol/weightFileNames.ts';
import { t } from '../protocol/words.ts';

/** A file is written in many steps; it is read again once they have stopped for so long. */
const SETTLED_MS = 400;

export class WeightsEditor extends ReportEditor {
  override async resolveCustomEditor(document: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const file = diskPath(document.uri);
    const { log, choices, summaries } = this.surroundings;
    let statistics = false;
    const inspect = async (quiet: boolean): Promise<boolean> => {
      const options = await choices.known([file]);
      const question: Question<'inspect'> = { method: 'inspect', title: path.basename(file), request: { files: [file], statistics, brief: true, ...options } };
      // The header is read before anybody could press a button; every weight may take a while.
      return (await view.ask(question, { notification: statistics && !quiet, quiet })).kind === 'done';
    };
    const view = this.viewIn(panel, {
      onReport: (report) => summaries.learn(report),
      onAction: async (action) => {
        switch (action) {
          case 'statistics':
          case 'refresh':
            statistics ||= action === 'statistics';
            await inspect(false);
            return;
          case 'parameters':
            // A button of posterior reports only.
            return;
          default:
            await runAction(action, [file]);
        }
      },
    });
    const changed = async (): Promise<void> => {
      const name = path.basename(file);
      if (!(await exists(file))) view.say(t('{0} was deleted or moved at {1}. This is what it held before.', name, timeOfDay()), true);
      else if (await inspect(true)) view.say(t('{0} changed on disk and was read again at {1}.', name, timeOfDay()), false);
    };
    const watcher = watch(file, () => {
      changed().catch((error: unknown) => {
        reportFailure(error, log);
      });
    });
    // Any question may have led to the answer, not only the button here.
    const answers = choices.onDidAnswer((files) => {
      if (files.includes(file)) void inspect(true);
    });
    panel.onDidDispose(() => {
      watcher.dispose();
      answers.dispose();
    });
    await inspect(false);
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(() => true, () => false);
}

/** Calls back when the file, or a shard that it lists, has changed and then kept still. */
function watch(file: string, changed: () => void): vscode.Disposable {
  // By folder, as a file's name may hold characters that mean something in a pattern.
  const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.file(path.dirname(file)), '*'));
  const shards = isShardIndex(file);
  let timer: NodeJS.Timeout | undefined;
  const onEvent = (uri: vscode.Uri): void => {
    if (uri.fsPath !== file && !(shards && isWeightFile(uri.fsPath))) return;
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLED_MS);
  };
  const subscriptions = [watcher, watcher.onDidChange(onEvent), watcher.onDidCreate(onEvent), watcher.onDidDelete(onEvent)];
  return new vscode.Disposable(() => {
    clearTimeout(timer);
    for (const subscription of subscriptions) subscription.dispose();
  });
}
