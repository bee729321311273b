/**
 * One analysis as the user sees it: a notification with progress and a cancel button, the same progress wherever else it is
 * shown, and one signal that stops it however it is cancelled.
 */
import * as vscode from 'vscode';
import type { Method, Progress, ResultOf } from '../protocol/rpc.ts';
import { t } from '../protocol/words.ts';
import { AnalysisError } from './analysisError.ts';
import type { HostClient } from './hostClient.ts';
import type { Question } from './reportQuestion.ts';

export interface JobOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** False for what is quick and shows its progress in its own view. */
  readonly notification: boolean;
}

/** @throws AnalysisError */
export async function runJob<M extends Method>(host: HostClient, question: Question<M>, options: JobOptions): Promise<ResultOf<M>> {
  const { method, request, title } = question;
  if (!options.notification) {
    return host.call(method, request, {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
  }
  const where = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(where, async (notification, token) => {
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => {
      abort.abort();
    });
    let shown = 0;
    try {
      return await host.call(method, request, {
        signal: options.signal === undefined ? abort.signal : AbortSignal.any([abort.signal, options.signal]),
        onProgress(progress) {
          options.onProgress?.(progress);
          // The notification wants steps of a hundred, the host says how far it is.
          const percent = 100 * (progress.fraction ?? 0);
          notification.report({ message: progress.message, ...(percent > shown ? { increment: percent - shown } : {}) });
          shown = Math.max(shown, percent);
        },
      });
    } finally {
      cancelled.dispose();
    }
  });
}

/** Paths on this machine's disk. @throws AnalysisError for anything else, in one sentence. */
export function diskPath(uri: vscode.Uri): string {
  if (uri.scheme === 'file') return uri.fsPath;
  throw new AnalysisError({ kind: 'input', message: t('Quotient reads files from the disk of the machine that it runs on; {0} is not on it.', uri.toString(true)) });
}
