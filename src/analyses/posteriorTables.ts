/** Tables of a set of draws, a row a stage and one for the functions: modes, discrepancy, chain diagnostics, spread. */
import type { ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import type { Modes } from '../posterior/modes.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { TableColumn, TableSection } from '../protocol/report.ts';
import type { PosteriorFindings } from './posteriorReport.ts';

const left = (label: string): TableColumn => ({ label, align: 'left' });
const right = (label: string): TableColumn => ({ label, align: 'right' });
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** "2", or "1 to 3" when it is not clear. */
export function modesWords({ count, leastCount }: Modes): string {
  return count === leastCount ? formatCount(count) : `${formatCount(leastCount)} to ${formatCount(count)}`;
}

export function modesSection({ views, functions }: PosteriorFindings): TableSection[] {
  const named = [...views.map(({ step, modes }) => ({ label: `weights: ${step.title}`, modes })), { label: 'functions', modes: functions.modes }];
  const known = named.flatMap(({ label, modes }) => (modes === undefined ? [] : [{ label, modes }]));
  const [first] = known;
  if (first === undefined) return [];
  const draws = first.modes.labels.length;
  return [{
    kind: 'table',
    id: 'modes',
    title: 'Modes',
    meaning: `${modesMeaning(known)} A mode is a peak of the nearest-neighbour density of ${formatCount(draws)} draws that one leaves only through draws farther apart than in any of 39 sets of Gaussian draws of the same spread; its gap is how much farther. Modes of ${formatCount(first.modes.neighbours)} draws or fewer of these are not seen, and a thin curved ridge can look like several.`,
    columns: [left('Draws as'), right('Modes'), right('Gap of the weakest'), right('Next candidate'), right('Needed'), right('Silhouette'), left('Draws in each, largest first')],
    rows: known.map(({ label, modes }) => [
      label, modesWords(modes), gapCell(modes.weakest), gapCell(modes.refused), modes.threshold, finite(modes.silhouette),
      modes.sizes.slice(0, 6).map(formatCount).join(', ') + (modes.sizes.length > 6 ? ', …' : ''),
    ]),
  }];
}

const gapCell = (ratio: number): number | string | null => (ratio === Number.POSITIVE_INFINITY ? '∞' : finite(ratio));

interface NamedModes {
  readonly label: string;
  readonly modes: Modes;
}

function modesMeaning(known: readonly NamedModes[]): string {
  if (known.every(({ modes }) => modes.count === 1)) return 'No clear clustering at any stage: the draws spread as those of one mode would.';
  const words = ({ modes }: NamedModes): string => `${modesWords(modes)} ${modes.count === 1 ? 'mode' : 'modes'}`;
  const [original, after, functions] = [known[0]!, known[known.length - 2]!, known[known.length - 1]!];
  const middle = after === original ? '' : `, ${words(after)} without the symmetries`;
  const more = after.modes.leastCount > functions.modes.count ? ' Weights have more than functions where units nearly tie, so that noise decides their order (aligning them to the first draw would tell), or where different weights make one function.' : '';
  const unclear = known.some(({ modes }) => modes.count !== modes.leastCount) ? ' Where two numbers stand, it is not clear.' : '';
  return `The draws have ${words(original)} in weight space${middle}, and ${words(functions)} as functions.${more}${unclear}`;
}

/** In each set. Of fewer draws more than one deal in twenty is as they are, or with the sets exchanged: 2 in 20 of three and three. */
const FEWEST_DRAWS = 4;

export function discrepancySection({ views, functions, sets, source }: PosteriorFindings): TableSection[] {
  const named = [...views.map(({ step, discrepancy }) => ({ label: `weights: ${step.title}`, discrepancy })), { label: 'functions', discrepancy: functions.discrepancy }];
  const known = named.flatMap(({ label, discrepancy }) => (discrepancy === undefined ? [] : [{ label, discrepancy }]));
  const [first] = known;
  if (first === undefined) return [];
  const { size, permutations } = first.discrepancy;
  const halves = sets.natural ? `the draws before and after number ${formatCount(sets.border)}, where one ${source.chains > 1 ? 'chain' : 'group of files'} ends` : 'the first and the second half of the draws';
  const p = (label: string): number => known.find((row) => row.label === label)?.discrepancy.pValue ?? Number.NaN;
  const [weights, predicted] = [known[0]!.discrepancy.pValue, p('functions')];
  const verdict = size < FEWEST_DRAWS ? `${formatCount(2 * size)} draws are too few for a difference to be seen.`
    : predicted > 0.05 && weights <= 0.05 ? 'As weights the two sets differ, as functions no difference is seen: they sit in different copies of the same functions.'
    : predicted <= 0.05 ? 'The two sets differ as functions, so not by copies alone.' : 'No difference between the two sets is seen.';
  return [{
    kind: 'table',
    id: 'discrepancy',
    title: 'Discrepancy of two sets of draws',
    meaning: `${verdict} Maximum mean discrepancy (Gretton et al. 2012) of ${halves}, ${formatCount(size)} each; unbiased, so around zero when they agree. The p-value is the share of ${formatCount(permutations)} random deals at least as far apart, never below ${formatNumber(1 / (permutations + 1), 2)}, for draws that do not depend on each other. Gaussian kernel with the median distance as bandwidth, the same at all stages of one unit of length; it may as well rise when symmetries are removed.`,
    columns: [left('Draws as'), right('MMD²'), right('In deviations of deals'), right('p-value'), right('Bandwidth')],
    rows: known.map(({ label, discrepancy: { mmd2, nullDeviation, pValue, bandwidth } }) => [label, mmd2, nullDeviation > 0 ? mmd2 / nullDeviation : null, pValue, bandwidth]),
  }];
}

/** Nothing where draws are too few for any of the numbers. */
export function diagnosticsSection({ views, functions, source: { chains, network } }: PosteriorFindings): TableSection[] {
  if ([...views.map(({ diagnostics }) => diagnostics), functions.diagnostics].every((diagnostics) => worstDiagnostics(diagnostics).bulk === null)) return [];
  const diagnosed = views[0]?.diagnostics.length ?? 0;
  const which = diagnosed < network.parameters ? `${formatCount(diagnosed)} evenly spaced parameters` : 'the parameters';
  const rows = [...views.map(({ step, diagnostics }) => ({ label: `weights: ${step.title}`, diagnostics })), { label: 'predictions', diagnostics: functions.diagnostics }];
  return [diagnosticsTable(rows, views.map(({ diagnostics }) => diagnostics), functions.diagnostics, chains, which)];
}

interface DiagnosedRow {
  readonly label: string;
  readonly diagnostics: readonly ChainDiagnostics[];
}

/** @param weights at every stage @param which parameters were diagnosed, in words */
export function diagnosticsTable(rows: readonly DiagnosedRow[], weights: readonly (readonly ChainDiagnostics[])[], predictions: readonly ChainDiagnostics[], chains: number, which: string): TableSection {
  const errors = 'The largest Monte-Carlo standard errors of mean, standard deviation and 5, 50 and 95 % quantiles are in standard deviations of the draws.';
  return {
    kind: 'table',
    id: 'diagnostics',
    title: 'Chain diagnostics',
    meaning:
      chains > 1
        ? `${mixingVerdict(weights, predictions)} Rank-normalised split-R̂ and effective sample sizes (Vehtari et al. 2021), the worst over ${which} and over predictions. ${errors}`
        : `${worthSentence(weights, predictions)}Rank-normalised effective sample sizes (Vehtari et al. 2021), the worst over ${which} and over predictions, of the draws in their order, taken as one chain, so that R̂ is not defined. Of independent draws the effective size is about their number, with or without copies. ${errors}`,
    columns: [left('Quantity'), right('R̂, largest'), right('Bulk ESS, least'), right('Tail ESS, least'), right('MCSE of mean'), right('MCSE of deviation'), right('MCSE of quantiles')],
    rows: rows.map(({ label, diagnostics }) => {
      const { rhat, bulk, tail, mean, sd, quantiles } = worstDiagnostics(diagnostics);
      return [label, rhat, bulk, tail, mean, sd, quantiles];
    }),
  };
}

/** What the draws of one chain are worth, where weights and predictions differ in that. */
function worthSentence(stages: readonly (readonly ChainDiagnostics[])[], predictions: readonly ChainDiagnostics[]): string {
  const [drawn, predicted] = [worstDiagnostics(stages[0] ?? []).bulk, worstDiagnostics(predictions).bulk];
  const removed = stages.length > 1 ? worstDiagnostics(stages.at(-1) ?? []).bulk : null;
  if (drawn === null || predicted === null || predicted < 2 * drawn) return '';
  return `The draws are worth ${formatNumber(drawn, 3)} independent ones for the weight that mixes worst${removed === null ? '' : `, ${formatNumber(removed, 3)} without the symmetries`}, and ${formatNumber(predicted, 3)} for the prediction that does: most of what moves slowly changes no function. `;
}

/** Chains whose R̂ is at most this are taken to agree; for final results Vehtari et al. ask for 1.01. */
const MIXED = 1.05;

/** What R̂ of the weights and of the predictions say together. */
function mixingVerdict(stages: readonly (readonly ChainDiagnostics[])[], predictions: readonly ChainDiagnostics[]): string {
  const [drawn, predicted] = [worstDiagnostics(stages[0] ?? []).rhat, worstDiagnostics(predictions).rhat];
  const removed = stages.length > 1 ? worstDiagnostics(stages.at(-1) ?? []).rhat : null;
  if (drawn === null || predicted === null) return 'R̂ is not defined for these chains.';
  const without = removed === null ? '' : `, ${formatNumber(removed, 3)} without the symmetries`;
  if (predicted > MIXED) return `The chains do not agree on the predictions (R̂ up to ${formatNumber(predicted, 3)}), so not as weights either (${formatNumber(drawn, 3)}${without}).`;
  if (drawn <= MIXED) return `The chains agree, as weights (R̂ up to ${formatNumber(drawn, 3)}${without}) and as predictions (${formatNumber(predicted, 3)}).`;
  return `The weights do not mix (R̂ up to ${formatNumber(drawn, 3)}${without}) while the predictions do (${formatNumber(predicted, 3)}): the chains sit in different copies, or in different weights, of the same functions.`;
}

/** Over several quantities; standard errors relative to each quantity's own standard deviation. Null where nothing is defined. */
export interface WorstDiagnostics {
  readonly rhat: number | null;
  readonly bulk: number | null;
  readonly tail: number | null;
  readonly mean: number | null;
  readonly sd: number | null;
  readonly quantiles: number | null;
}

export function worstDiagnostics(values: readonly ChainDiagnostics[]): WorstDiagnostics {
  const extreme = (pick: (value: ChainDiagnostics) => number, choose: (a: number, b: number) => number): number | null => {
    const numbers = values.map(pick).filter(Number.isFinite);
    return numbers.length === 0 ? null : numbers.reduce(choose);
  };
  const most = (a: number, b: number): number => Math.max(a, b);
  const least = (a: number, b: number): number => Math.min(a, b);
  return {
    rhat: extreme(({ rhat }) => rhat, most),
    bulk: extreme(({ essBulk }) => essBulk, least),
    tail: extreme(({ essTail }) => essTail, least),
    mean: extreme(({ mcseMean, sd }) => mcseMean / sd, most),
    sd: extreme(({ mcseSd, sd }) => mcseSd / sd, most),
    quantiles: extreme(({ mcse05, mcseMedian, mcse95, sd }) => Math.max(mcse05, mcseMedian, mcse95) / sd, most),
  };
}

/** Tensors beyond this many are in the JSON only. */
const LISTED_TENSORS = 200;

export function spreadSection({ views, tensors }: PosteriorFindings): TableSection {
  return {
    kind: 'table',
    id: 'spread',
    title: 'Spread of each tensor',
    meaning: `Standard deviation over all draws, root mean square over the tensor’s elements. What falls when permutations are removed was spread between copies.${views.some(({ step }) => step.id === 'scaling') ? ' Removing the scaling gathers what was spread over two layers in the outgoing weights, where draws of large weights then stand far out.' : ''}${tensors.length > LISTED_TENSORS ? ` The first ${formatCount(LISTED_TENSORS)} tensors.` : ''}`,
    columns: [left('Tensor'), right('Elements'), ...views.map(({ step }) => right(step.title))],
    rows: tensors.slice(0, LISTED_TENSORS).map(({ name, begin, end }, t) => [name, end - begin, ...views.map(({ spreads }) => finite(spreads[t]!))]),
  };
}
