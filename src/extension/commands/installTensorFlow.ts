/** Install Native TensorFlow: asks first, naming what is downloaded and from where, then lets npm install it into the extension's storage. */
import * as vscode from 'vscode';
import { UserError } from '../../protocol/userError.ts';
import { t } from '../../protocol/words.ts';
import { AnalysisError } from '../analysisError.ts';
import { installTfjsNode, LIBTENSORFLOW_VERSION, libtensorflowHost, TFJS_NODE_VERSION } from '../installTfjsNode.ts';
import type { Command } from './command.ts';

export const installTensorFlow: Command = async ({ log, tensorflow }) => {
  const proxy = vscode.workspace.getConfiguration('http').get<string>('proxy', '');
  // tfjs-node's own script reads the proxy from the environment alone.
  const environment = { ...(proxy === '' ? {} : { HTTPS_PROXY: proxy }), ...process.env };
  const install = t('Install');
  const answer = await vscode.window.showWarningMessage(t('Install native TensorFlow for Quotient?'), {
    modal: true,
    detail: t('npm downloads @tensorflow/tfjs-node {0} from its registry, and that package’s script libtensorflow {1} for the CPU from {2}: roughly a hundred megabytes, several hundred on the disk. Both run on this machine with your rights. They go into {3} and are used for models that only TensorFlow runs; without them, those that TensorFlow.js knows run on WebAssembly, SavedModels not at all.', TFJS_NODE_VERSION, LIBTENSORFLOW_VERSION, libtensorflowHost(environment), tensorflow.folder),
  }, install);
  if (answer !== install) return undefined;
  try {
    const library = await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title: t('Installing native TensorFlow'), cancellable: true }, async (progress, token) => {
      const abort = new AbortController();
      const cancelled = token.onCancellationRequested(() => { abort.abort(new AnalysisError({ kind: 'cancelled', message: t('The installation was cancelled.') })); });
      try {
        return await installTfjsNode({
          folder: tensorflow.folder, npm: 'npm', platform: `${process.platform}-${process.arch}`, environment, tensorflowScript: tensorflow.script, signal: abort.signal,
          said(line) {
            log.info(line);
            progress.report({ message: line.slice(0, 80) });
          },
        });
      } finally {
        cancelled.dispose();
      }
    });
    log.info(`Native TensorFlow ${library} is installed in ${tensorflow.folder}.`);
    void vscode.window.showInformationMessage(t('Native TensorFlow {0} is installed and loads.', library));
    return library;
  } catch (error) {
    if (error instanceof UserError) throw new AnalysisError({ kind: 'input', message: error.message });
    throw error;
  }
};
