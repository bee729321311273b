/** Paths of weight files as links: they lead to the viewer, also for files that VS Code would open as text. */
import path from 'node:path';
import * as vscode from 'vscode';
import { t } from '../protocol/words.ts';
import type { DocumentPaths } from './documentPaths.ts';

export class PathLinks implements vscode.DocumentLinkProvider {
  readonly #paths: DocumentPaths;

  constructor(paths: DocumentPaths) {
    this.#paths = paths;
  }

  async provideDocumentLinks(document: vscode.TextDocument): Promise<vscode.DocumentLink[]> {
    return (await this.#paths.of(document)).map(({ range, file }) => {
      const link = new vscode.DocumentLink(range, vscode.Uri.parse(`command:quotient.view?${encodeURIComponent(JSON.stringify([file]))}`));
      link.tooltip = t('Show {0}', path.basename(file));
      return link;
    });
  }
}
