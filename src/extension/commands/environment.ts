/** Show Environment: what the host runs on, for a question about speed and for a report of trouble. A list, of which each line can be copied. */
import * as vscode from 'vscode';
import { formatBytes } from '../../protocol/format.ts';
import { t } from '../../protocol/words.ts';
import { runJob } from '../analysisJob.ts';
import { copyText } from '../reportExport.ts';
import type { Command } from './command.ts';

type Item = vscode.QuickPickItem & { readonly copies: string };

export const environment: Command = async ({ host, log }) => {
  const found = await runJob(host, { method: 'environment', title: t('Environment'), request: {} }, { notification: false });
  const facts: readonly (readonly [label: string, value: string])[] = [
    ['Quotient', found.version],
    ['VS Code', `${vscode.version}${vscode.env.remoteName === undefined ? '' : ` (${vscode.env.remoteName})`}`],
    [t('Analysis host'), t('process {0}, Node {1}, {2} {3}', found.processId, found.node, process.platform, process.arch)],
    [t('Cores'), String(found.cores)],
    [t('Memory a job may use'), formatBytes(found.memoryLimitBytes)],
    [t('Native TensorFlow'), found.tensorflow.available ? `${found.tensorflow.library} (tfjs-node ${found.tensorflow.version})` : t('none: {0}', found.tensorflow.reason)],
  ];
  const lines = facts.map(([label, value]) => `${label}: ${value}`);
  for (const line of lines) log.info(line);
  const items: Item[] = [
    ...facts.map(([label, value], i): Item => ({ label, description: value, copies: lines[i] ?? '' })),
    { label: '', kind: vscode.QuickPickItemKind.Separator, copies: '' },
    { label: `$(copy) ${t('Copy all')}`, copies: lines.join('\n') },
  ];
  const picked = vscode.window.showQuickPick(items, { title: t('What Quotient runs on'), placeHolder: t('Choose a line to copy it'), matchOnDescription: true });
  void picked.then(async (item) => {
    if (item !== undefined) await copyText(item.copies);
  });
  return found;
};
