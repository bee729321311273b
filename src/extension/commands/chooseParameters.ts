/** Choose Plotted Parameters: any two parameters in the density of the posterior report in front. */
import * as vscode from 'vscode';
import type { Command } from './command.ts';

export const chooseParameters: Command = async ({ panels }) => {
  const report = await panels.chooseParameters();
  if (report === 'none') void vscode.window.showInformationMessage('Open a posterior report first: its density is what two parameters are chosen for.');
  return report;
};
