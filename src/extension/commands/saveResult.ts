/** Save Result as File: the report in front with its question, in a file that opens as the panel did and can be committed. */
import * as vscode from 'vscode';
import { t } from '../../protocol/words.ts';
import { saveResult as save } from '../analysesView.ts';
import type { Command } from './command.ts';

export const saveResult: Command = async ({ panels }) => {
  const result = panels.resultInFront;
  if (result !== undefined) return save(result);
  void vscode.window.showInformationMessage(t('Open a report first: run an analysis, or choose one in the view “Analyses” of Quotient.'));
  return undefined;
};
