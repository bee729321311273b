/** Compare Networks: are two of them the same function, the same up to symmetry, or different, and how far apart. */
import type { CompareRequest } from '../../protocol/service.ts';
import { namesApart } from '../../protocol/shownPaths.ts';
import { t } from '../../protocol/words.ts';
import { askDataFile, askLikelihood } from '../askData.ts';
import { chosenPair } from '../chosenFiles.ts';
import { seed } from '../settings.ts';
import type { SummaryCache } from '../summaryCache.ts';
import type { Command } from './command.ts';

export const compare: Command = async ({ panels, choices, summaries }, selection) => {
  const files = await chosenPair({ title: t('Networks to compare'), inFront: panels.inFront, second: (first) => t('Compare {0} with', first) }, selection);
  if (files === undefined) return undefined;
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  const data = await askData(files, summaries);
  if (data === undefined) return undefined;
  const [a = '', b = ''] = namesApart(files);
  return panels.ask({ method: 'compare', title: t('Functions of {0} and {1}', a, b), request: { files, seed: seed(), ...data, ...options } }, files);
};

async function askData(files: CompareRequest['files'], summaries: SummaryCache): Promise<Pick<CompareRequest, 'data' | 'likelihood'> | undefined> {
  const data = await askDataFile({
    summaries,
    title: t('Inputs on which the two functions are compared'),
    weights: files,
    without: { label: t('Generic inputs'), detail: t('Random inputs: whether the functions are the same everywhere') },
  });
  if (data === undefined) return undefined;
  if (data === 'without') return {};
  const likelihood = await askLikelihood(data, summaries);
  return likelihood === undefined ? undefined : { data, likelihood };
}
