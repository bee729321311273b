/** Compare Tensors: what changed between two weight files, which are both selected, or one and the one that the user then picks. */
import { namesApart } from '../../protocol/shownPaths.ts';
import { t } from '../../protocol/words.ts';
import { chosenPair } from '../chosenFiles.ts';
import type { Command } from './command.ts';

export const diff: Command = async ({ panels }, selection) => {
  const files = await chosenPair({ title: t('Weights to compare'), inFront: panels.inFront, second: (before) => t('Compare {0} with', before) }, selection);
  if (files === undefined) return undefined;
  const [first = '', second = ''] = namesApart(files);
  return panels.ask({ method: 'diff', title: t('{0} compared with {1}', second, first), request: { files, brief: true } }, files);
};
