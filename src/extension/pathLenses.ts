/**
 * Lenses above paths of weight files in programs and configurations, which lead to the viewer and to the analyses. They wait for nothing:
 * what a file holds is said once it is known.
 */
import path from 'node:path';
import * as vscode from 'vscode';
import { t } from '../protocol/words.ts';
import type { DocumentPaths } from './documentPaths.ts';
import { hasCodeLens } from './settings.ts';
import type { SummaryCache } from './summaryCache.ts';
import { sizeOf } from './summaryText.ts';

export const lensDocuments: vscode.DocumentSelector = [
  ...['python', 'json', 'jsonc', 'yaml'].flatMap((language) => [{ language, scheme: 'file' }, { language, scheme: 'vscode-notebook-cell' }]),
  // A language that VS Code itself does not know.
  { pattern: '**/*.toml', scheme: 'file' },
];

export class PathLenses implements vscode.CodeLensProvider {
  readonly #paths: DocumentPaths;
  readonly #summaries: SummaryCache;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.#changed.event;
  readonly #subscriptions: readonly vscode.Disposable[];

  constructor(paths: DocumentPaths, summaries: SummaryCache) {
    this.#paths = paths;
    this.#summaries = summaries;
    const again = (): void => { this.#changed.fire(); };
    this.#subscriptions = [
      summaries.onDidChange(again),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('quotient.codeLens')) again();
      }),
    ];
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    if (!hasCodeLens(document)) return [];
    const lines = new Set<number>();
    const first = (await this.#paths.of(document)).filter(({ range }) => {
      const isFirst = !lines.has(range.start.line);
      lines.add(range.start.line);
      return isFirst;
    });
    return first.flatMap(({ range, file }) => this.#commands(file).map((command) => new vscode.CodeLens(range, command)));
  }

  dispose(): void {
    this.#changed.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #commands(file: string): vscode.Command[] {
    const known = this.#summaries.known(file);
    const uri = vscode.Uri.file(file);
    const look: vscode.Command = {
      title: known === undefined ? t('Show {0}', path.basename(file)) : sizeOf(known),
      command: 'quotient.view', arguments: [file], tooltip: t('Tensors, shapes and statistics'),
    };
    if (known?.network.kind === 'unrecognised') return [look];
    return [
      look,
      { title: t('Rank and kernel'), command: 'quotient.rank', arguments: [uri, [uri]], tooltip: t('Rank of the GGN and what its kernel consists of') },
      { title: t('Posterior'), command: 'quotient.posterior', arguments: [uri, [uri]], tooltip: t('These weights as draws, before and after symmetry removal') },
    ];
  }
}
