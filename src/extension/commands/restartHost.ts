/** Restart Analysis Host: ends it, with what runs in it; the next command starts a new one. */
import * as vscode from 'vscode';
import { t } from '../../protocol/words.ts';
import type { Command } from './command.ts';

export const restartHost: Command = ({ host }) => {
  const ended = host.processId;
  host.restart();
  void vscode.window.showInformationMessage(ended === undefined
    ? t('The analysis host is not running; the next command starts it.')
    : t('The analysis host was ended; the next command starts a new one.'));
  return Promise.resolve(ended);
};
