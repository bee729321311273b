/**
 * A mark on weight files in the Explorer. By name alone, so that scrolling through a folder of a thousand checkpoints opens none
 * of them; of a file that has been summarised for some other reason the tooltip says more, and data lose the mark.
 */
import * as vscode from 'vscode';
import { dataIn, isDataAlone } from './dataFile.ts';
import type { SummaryCache } from './summaryCache.ts';
import { summaryTooltip } from './summaryText.ts';
import { isNamedAsData, isWeightFile } from '../protocol/weightFileNames.ts';
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
    if (summary === undefined) return isNamedAsData(uri.path) ? undefined : new vscode.FileDecoration('W', kindByName(uri.path));
    return isDataAlone(summary) ? new vscode.FileDecoration(undefined, dataIn(summary)) : new vscode.FileDecoration('W', summaryTooltip(summary));
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changed.dispose();
  }
}
