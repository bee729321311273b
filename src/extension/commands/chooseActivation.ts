/** Choose Activation or Network File: gives another answer to what was asked once about a file. */
import { t } from '../../protocol/words.ts';
import { chosenFiles } from '../chosenFiles.ts';
import type { Command } from './command.ts';

export const chooseActivation: Command = async ({ choices, panels }, selection) => {
  const files = await chosenFiles({ title: t('Weights whose network to say'), folders: false, inFront: panels.inFront }, selection);
  return files === undefined ? undefined : choices.ask(files);
};
