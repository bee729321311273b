/** Pictures, tables and whole reports on their way out of a panel: always to a place that the user picks. */
import path from 'node:path';
import * as vscode from 'vscode';
import type { JsonValue, Report } from '../protocol/report.ts';
import { fromOpenFolder } from '../protocol/shownPaths.ts';
import { PAGE_SCRIPTS, standaloneHtml } from '../protocol/standaloneHtml.ts';
import { stemOf } from '../protocol/weightFileNames.ts';
import { openFolders } from './openFolders.ts';
import { renamed } from './resultFile.ts';
import { t } from '../protocol/words.ts';

export async function copyText(text: string): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  vscode.window.setStatusBarMessage(t('Quotient: copied'), 3000);
}

/** @param suggestedName comes from the page; only its last part is used. */
export async function saveContent(suggestedName: string, content: { readonly text: string } | { readonly base64: string }, report: Report | undefined): Promise<void> {
  await saveBytes(path.basename(suggestedName), 'text' in content ? Buffer.from(content.text, 'utf8') : Buffer.from(content.base64, 'base64'), report);
}

/** The report and the program that draws it as one file, which opens in any browser. */
export async function saveStandalone(report: Report, extensionUri: vscode.Uri): Promise<void> {
  const scripts = await Promise.all(PAGE_SCRIPTS.map((file) => vscode.workspace.fs.readFile(vscode.Uri.joinPath(extensionUri, 'dist', file))));
  const shown = fromOpenFolder(openFolders());
  // Made here, and opened on other machines.
  const portable: Report = { ...report, summary: shown(report.summary), sources: report.sources.map(shown), result: renamed(report.result, shown) as JsonValue };
  const html = standaloneHtml(portable, scripts.map((script) => Buffer.from(script).toString('utf8')).join('\n'));
  const stem = report.sources[0] === undefined ? 'quotient' : stemOf(report.sources[0]);
  await saveBytes(`${stem}.${report.analysis}.html`, Buffer.from(html, 'utf8'), report);
}

async function saveBytes(name: string, bytes: Uint8Array, report: Report | undefined): Promise<void> {
  const extension = path.extname(name).slice(1);
  const target = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(path.join(folderFor(report), name)),
    ...(extension === '' ? {} : { filters: { [extension.toUpperCase()]: [extension] } }),
  });
  if (target === undefined) return;
  await vscode.workspace.fs.writeFile(target, bytes);
  vscode.window.setStatusBarMessage(t('Quotient: saved {0}', path.basename(target.path)), 5000);
}

/** Beside what was analysed, else in the workspace. */
function folderFor(report: Report | undefined): string {
  const source = report?.sources[0];
  if (source !== undefined && path.isAbsolute(source)) return path.dirname(source);
  return vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '.';
}
