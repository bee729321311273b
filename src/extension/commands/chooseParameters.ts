/** Choose Plotted Parameters: any two parameters in the density of the posterior report in front, or in the draws of the predictive one. */
import * as vscode from 'vscode';
import { t } from '../../protocol/words.ts';
import type { Command } from './command.ts';

export const chooseParameters: Command = async ({ panels }) => {
  const report = await panels.chooseParameters();
  if (report === 'none') void vscode.window.showInformationMessage(t('Open a posterior or predictive report first: its picture of draws is what two parameters are chosen for.'));
  return report;
};
