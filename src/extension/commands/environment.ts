/** Show Environment: what the host runs on, for a question about speed and for a report of trouble. */
import * as vscode from 'vscode';
import { formatBytes } from '../../protocol/format.ts';
import { runJob } from '../analysisJob.ts';
import type { Command } from './command.ts';

export const environment: Command = async ({ host, log }) => {
  const found = await runJob(host, { method: 'environment', title: 'Environment', request: {} }, { notification: false });
  const tensorflow = found.tensorflow.available ? found.tensorflow.version : `none (${found.tensorflow.reason})`;
  const lines = [
    `Quotient ${found.version}, VS Code ${vscode.version}${vscode.env.remoteName === undefined ? '' : ` (${vscode.env.remoteName})`}`,
    `Analysis host: process ${found.processId}, Node ${found.node}, ${process.platform} ${process.arch}`,
    `Cores: ${found.cores}`,
    `Memory a job may use: ${formatBytes(found.memoryLimitBytes)}`,
    `Native TensorFlow: ${tensorflow}`,
  ];
  for (const line of lines) log.info(line);
  void vscode.window.showInformationMessage(lines.join(' · '), 'Copy', 'Show Log').then(async (answer) => {
    if (answer === 'Copy') await vscode.env.clipboard.writeText(lines.join('\n'));
    else if (answer === 'Show Log') log.show();
  });
  return found;
};
