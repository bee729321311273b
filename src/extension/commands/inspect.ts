/** Inspect Weights: what is in these files. */
import { t } from '../../protocol/words.ts';
import { chosenFiles } from '../chosenFiles.ts';
import { namesOf, type Command } from './command.ts';

export const inspect: Command = async ({ panels, choices }, selection) => {
  const files = await chosenFiles({ title: t('Weights to inspect'), folders: false, inFront: panels.inFront }, selection);
  if (files === undefined) return undefined;
  const options = await choices.known(files);
  return panels.ask({ method: 'inspect', title: t('Weights of {0}', namesOf(files)), request: { files, statistics: false, brief: true, ...options } }, files);
};
