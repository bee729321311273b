/**
 * A mark on weight files in the Explorer. By name alone, so that scrolling through a folder of a thousand checkpoints opens none
 * of them; the tooltip says more about a file that has been summarised for some other reason.
 */
import * as vscode from 'vscode';
import type { SummaryCache } from './summaryCache.ts';
import { summaryTooltip } from './summaryText.ts';
import { isWeightFile } from '../protocol/weightFileNames.ts';
import { kindByName } from './weightFiles.ts';

export class WeightDecorations implements vscode.FileDecorationProvider {
  readonly #summaries: SummaryCache;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChangeFileDecorations = this.#changed.event;
  readonly #subscription: vscode.Disposable;

  constructor(summaries: SummaryCache) {
    this.#summaries = summaries;
    this.#subscription = summaries.onDidChange((file) => {
      this.#changed.fire(vscode.Uri.file(file));
    });
  }

  provideFileDecoration(uri: vscode.Uri): vscode.FileDecoration | undefined {
    if (uri.scheme !== 'file' || !isWeightFile(uri.path)) return undefined;
    const summary = this.#summaries.known(uri.fsPath);
    return new vscode.FileDecoration('W', summary === undefined ? kindByName(uri.path) : summaryTooltip(summary));
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }
}
