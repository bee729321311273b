/** Rank and Kernel of the GGN: on generic inputs, or on data that the user points at. */
import path from 'node:path';
import { formatCount } from '../../protocol/format.ts';
import type { Report } from '../../protocol/report.ts';
import type { RankRequest } from '../../protocol/service.ts';
import { t } from '../../protocol/words.ts';
import { askDataFile, askLikelihood } from '../askData.ts';
import { chosenFiles } from '../chosenFiles.ts';
import { rankSettings, seed } from '../settings.ts';
import type { SummaryCache } from '../summaryCache.ts';
import type { Command } from './command.ts';

export const rank: Command = async ({ panels, choices, summaries }, selection) => {
  const files = await chosenFiles({ title: t('Weights whose GGN to analyse'), folders: false, inFront: panels.inFront }, selection);
  const [first] = files ?? [];
  if (files === undefined || first === undefined) return undefined;
  const options = await choices.settled(files);
  if (options === undefined) return undefined;
  const data = await askRankData(first, summaries);
  if (data === undefined) return undefined;
  const reports: Report[] = [];
  for (const file of files) {
    const request: RankRequest = { file, ...rankSettings(), seed: seed(), ...data, ...options };
    const report = await panels.ask({ method: 'rank', title: t('Rank and kernel of {0}', path.basename(file)), request }, [file]);
    // Failed or cancelled: the rest of the files waits for the user, not he for them.
    if (report === undefined) break;
    reports.push(report);
  }
  return files.length === 1 ? reports[0] : reports;
};

/** Inputs and likelihood; undefined when the user did not want to answer. */
export async function askRankData(weights: string, summaries: SummaryCache): Promise<Pick<RankRequest, 'data' | 'likelihood'> | undefined> {
  const data = await askDataFile({
    summaries,
    title: t('Inputs at which to take the GGN of {0}', path.basename(weights)),
    weights: [weights],
    without: { label: t('Generic inputs'), detail: t('{0} random inputs: what the network can express at these weights', formatCount(rankSettings().inputs)) },
  });
  if (data === undefined) return undefined;
  if (data === 'without') return {};
  const likelihood = await askLikelihood(data, summaries);
  return likelihood === undefined ? undefined : { data, likelihood };
}
