/**
 * Have the chains mixed, as one sees it: traces of the quantities that mix worst, and rank plots, the distribution of each chain's ranks among all
 * draws, flat when chains say the same (Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, section 5; ties share their mean rank).
 */
import type { ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { chainRanks } from '../posterior/chainRanks.ts';
import { evenly } from '../posterior/selection.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { LinePanel, LineSeries, LinesSection } from '../protocol/report.ts';

/** One quantity along the chains. */
export interface ChainQuantity {
  /** "weights as drawn: 0.weight[3,1]" */
  readonly title: string;
  /** chains × draws, row-major. */
  readonly values: Float64Array;
  readonly diagnostics: ChainDiagnostics;
}

const SHOWN_DRAWS = 400;
const SHOWN_CHAINS = 6;
const FEWEST_DRAWS = 20;

/** Position of the quantity that mixes worst: the largest R̂, or where that is not defined the least effective size. */
export function worstMixing(diagnostics: readonly ChainDiagnostics[]): number {
  const badness = ({ rhat, essBulk }: ChainDiagnostics): number => (Number.isNaN(rhat) ? (Number.isNaN(essBulk) ? Number.NEGATIVE_INFINITY : -essBulk) : rhat);
  return diagnostics.reduce((worst, figures, k) => (badness(figures) > badness(diagnostics[worst]!) ? k : worst), 0);
}

/** Traces and rank plots; none of chains too short to show anything. One chain is compared with itself: its first half with its second. */
export function chainSections(quantities: readonly ChainQuantity[], chains: number, draws: number): LinesSection[] {
  if (draws < FEWEST_DRAWS || quantities.length === 0) return [];
  const names = Array.from({ length: Math.min(chains, SHOWN_CHAINS) }, (_, c) => (chains === 1 ? 'the chain' : `chain ${c + 1}`));
  const shown = chains > SHOWN_CHAINS ? ` The first ${SHOWN_CHAINS} of ${formatCount(chains)} chains.` : '';
  const halves = chains === 1;
  const parts = halves ? 2 : chains;
  return [{
    kind: 'lines', id: 'traces', title: 'Traces of what mixes worst', xLabel: 'draw', yLabel: 'standardised value', xScale: 'linear', yScale: 'linear',
    meaning: `Of the weights and of the predictions the quantity that mixes worst, draw after draw, in standard deviations from its mean. A chain that sits in copies of its own stays apart as weights and not as predictions.${shown}`,
    panels: quantities.map((quantity) => tracePanel(quantity, names, draws)),
  }, {
    kind: 'lines', id: 'ranks', title: 'Rank plots', xLabel: 'rank among all draws, as a share', yLabel: 'frequency, 1 when alike', xScale: 'linear', yScale: 'linear',
    meaning: `Where the draws of ${halves ? 'the first and the second half of the chain' : 'each chain'} stand among all.${shown}`,
    drawing: 'Flat is alike; a slope is a shifted location, a bow a different spread.',
    panels: quantities.map(({ title, values }): LinePanel => ({ title, meaning: '', series: rankSeries(values, parts, (chains * draws) / parts, halves ? ['first half', 'second half'] : names) })),
  }];
}

/** R̂ where it is defined: "R̂ 1.8, bulk ESS 5, tail ESS 9, MCSE of the mean 0.4 standard deviations". */
function diagnosticsWords({ rhat, essBulk, essTail, mcseMean, mcse05, mcseMedian, mcse95, sd }: ChainDiagnostics): string {
  const number = (value: number): string => (Number.isNaN(value) ? 'not defined' : formatNumber(value, 3));
  return `${Number.isNaN(rhat) ? '' : `R̂ ${number(rhat)}, `}bulk ESS ${number(essBulk)}, tail ESS ${number(essTail)}; Monte-Carlo error of the mean ${number(mcseMean / sd)}, of quantiles up to ${number(Math.max(mcse05, mcseMedian, mcse95) / sd)} standard deviations.`;
}

function tracePanel({ title, values, diagnostics }: ChainQuantity, names: readonly string[], draws: number): LinePanel {
  const mean = values.reduce((sum, value) => sum + value / values.length, 0);
  const sd = diagnostics.sd > 0 ? diagnostics.sd : 1;
  const places = evenly(draws, SHOWN_DRAWS);
  return {
    title, meaning: diagnosticsWords(diagnostics),
    series: names.map((label, c): LineSeries => ({ label, x: Array.from(places, (m) => m + 1), y: Array.from(places, (m) => (values[c * draws + m]! - mean) / sd) })),
  };
}

function rankSeries(values: Float64Array, parts: number, each: number, names: readonly string[]): LineSeries[] {
  const bins = Math.max(4, Math.min(20, Math.floor(each / 10)));
  const frequencies = chainRanks(values, parts, bins);
  const centres = Array.from({ length: bins }, (_, b) => (b + 0.5) / bins);
  // Binomial counts of independent draws.
  const wide = 1.96 * Math.sqrt((bins - 1) / each);
  return [
    ...names.map((label, c): LineSeries => ({ label, x: centres, y: [...frequencies.subarray(c * bins, (c + 1) * bins)] })),
    { label: 'alike', reference: true, x: [0, 1], y: [1, 1], band: { label: '95 % of independent draws that are alike', lower: [Math.max(0, 1 - wide), Math.max(0, 1 - wide)], upper: [1 + wide, 1 + wide] } },
  ];
}
