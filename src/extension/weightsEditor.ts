/**
 * The read-only editor for weight files: what is in the file, from its header at once, statistics of every weight when asked. It
 * follows the file on disk, as training overwrites checkpoints.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { diskPath } from './analysisJob.ts';
import { reportFailure } from './failureMessage.ts';
import { runCommand } from './reportPanels.ts';
import type { Question } from './reportQuestion.ts';
import { ReportView } from './reportView.ts';
import type { Surroundings } from './surroundings.ts';
import { isShardIndex, isWeightFile } from '../protocol/weightFileNames.ts';

/** The second view type offers itself for extensions that other programs use as well. */
export const weightsEditors = ['quotient.weights', 'quotient.weights.optional'] as const;

const byDefault = ['.safetensors', '.npz', '.npy', '.keras'];

/** The view type that is for files of this name. */
export const viewTypeOf = (file: string): (typeof weightsEditors)[number] => (byDefault.includes(path.extname(file).toLowerCase()) ? 'quotient.weights' : 'quotient.weights.optional');

/** A file is written in many steps; it is read again once they have stopped for so long. */
const SETTLED_MS = 400;

export class WeightsEditor implements vscode.CustomReadonlyEditorProvider {
  readonly #extensionUri: vscode.Uri;
  readonly #surroundings: Surroundings;

  constructor(extensionUri: vscode.Uri, surroundings: Surroundings) {
    this.#extensionUri = extensionUri;
    this.#surroundings = surroundings;
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  async resolveCustomEditor(document: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const file = diskPath(document.uri);
    const { host, log, choices, summaries } = this.#surroundings;
    let statistics = false;
    const inspect = async (quiet: boolean): Promise<boolean> => {
      const options = await choices.known([file]);
      const question: Question<'inspect'> = { method: 'inspect', title: path.basename(file), request: { files: [file], statistics, brief: true, ...options } };
      // The header is read before anybody could press a button; every weight may take a while.
      return (await view.ask(question, { notification: statistics && !quiet, quiet })).kind === 'done';
    };
    const view = new ReportView({
      webview: panel.webview,
      extensionUri: this.#extensionUri,
      host,
      log,
      onReport: (report) => summaries.learn(report),
      onAction: async (action) => {
        switch (action) {
          case 'statistics':
          case 'refresh':
            statistics ||= action === 'statistics';
            await inspect(false);
            return;
          case 'diff':
          case 'compare':
          case 'rank':
          case 'canonicalize':
          case 'align':
          case 'posterior':
          case 'predict':
            await runCommand(`quotient.${action}`, [file]);
            return;
          case 'parameters':
            // A button of posterior reports only.
        }
      },
    });
    const changed = async (): Promise<void> => {
      const name = path.basename(file);
      if (!(await exists(file))) view.say(`${name} was deleted or moved at ${clock()}. This is what it held before.`, true);
      else if (await inspect(true)) view.say(`${name} changed on disk and was read again at ${clock()}.`, false);
    };
    const watcher = watch(file, () => {
      changed().catch((error: unknown) => {
        reportFailure(error, log);
      });
    });
    panel.onDidDispose(() => {
      watcher.dispose();
      view.dispose();
    });
    await inspect(false);
  }
}

const clock = (): string => new Date().toLocaleTimeString();

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
