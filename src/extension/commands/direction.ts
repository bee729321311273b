/**
 * Direction in Image and Kernel: how much of the way from one network to another (a checkpoint to a later one, a step of an optimiser, the mode
 * to a draw) the data see.
 */
import type { RankRequest } from '../../protocol/service.ts';
import { namesApart } from '../../protocol/shownPaths.ts';
import { t } from '../../protocol/words.ts';
import { chosenPair } from '../chosenFiles.ts';
import { rankSettings, seed } from '../settings.ts';
import type { Command } from './command.ts';
import { askRankData } from './rank.ts';

export const direction: Command = async ({ panels, choices, summaries }, selection) => {
  const files = await chosenPair({ title: t('Where the direction begins'), inFront: panels.inFront, second: (first) => t('Direction from {0} to', first) }, selection);
  if (files === undefined) return undefined;
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  const [file, toward] = files;
  const data = await askRankData(file, summaries);
  if (data === undefined) return undefined;
  const [from = '', to = ''] = namesApart(files);
  const request: RankRequest = { file, toward, ...rankSettings(), seed: seed(), ...data, ...options };
  return panels.ask({ method: 'rank', title: t('From {0} to {1}, in image and kernel', from, to), request }, files);
};
