/**
 * The posterior report: what the draws look like at every stage, in words, pictures and JSON.
 */
import path from 'node:path';
import type { ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { quantile } from '../posterior/density.ts';
import type { DrawPlan } from '../posterior/drawPlan.ts';
import type { DrawOrigin, DrawSource } from '../posterior/draws.ts';
import type { NearTies } from '../posterior/nearTies.ts';
import type { TwoSets } from '../posterior/selection.ts';
import { formatBytes, formatCount, formatCountOf, formatNumber, formatPowerOfTen } from '../protocol/format.ts';
import type { FiguresSection, Provenance, Report, Section } from '../protocol/report.ts';
import type { PosteriorRequest } from '../protocol/service.ts';
import { filesTogether } from '../protocol/shownPaths.ts';
import type { SymmetryGroup } from '../symmetry/group.ts';
import { showName } from '../weights/weightFileError.ts';
import { chainSections, type ChainQuantity } from './chainPictures.ts';
import { describeNetwork } from './describeNetwork.ts';
import type { DrawComparison } from './drawComparison.ts';
import type { PlottedPair } from './plottedPair.ts';
import type { PosteriorProjections } from './posteriorProjections.ts';
import { projectionsSection } from './projectionPictures.ts';
import { componentsSection, densitySection, distanceSection, functionsSection } from './posteriorPictures.ts';
import { posteriorResult } from './posteriorResult.ts';
import { diagnosticsSection, discrepancySection, modesSection, modesWords, spreadSection } from './posteriorTables.ts';
import type { SymmetryStep } from './symmetrySteps.ts';

/** The draws at one stage. */
export interface PosteriorView extends DrawComparison {
  readonly step: SymmetryStep;
  /** The two parameters that are plotted, one entry a draw, and their own diagnostics. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly plotted: readonly [ChainDiagnostics, ChainDiagnostics];
  /** Of the parameters, or of an even selection of them. */
  readonly diagnostics: readonly ChainDiagnostics[];
  /** The one of these that mixes worst. */
  readonly worst: ChainQuantity;
  /** Root mean variance of each tensor's entries. */
  readonly spreads: readonly number[];
}

/** The draws as functions, which no stage changes. */
export interface FunctionView extends DrawComparison {
  readonly diagnostics: readonly ChainDiagnostics[];
  readonly worst: ChainQuantity;
  /** For people: "24 standard normal inputs". */
  readonly inputs: string;
}

/** A tensor's entries [begin, end) in θ. */
export interface TensorPlace {
  readonly name: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Draws come this much closer, or nearer, when they are aligned: then sorting had torn them apart. */
const TORN = 0.75;

export interface PosteriorFindings {
  readonly request: PosteriorRequest;
  readonly source: DrawSource;
  readonly group: SymmetryGroup;
  /** What was read: folders of the request by their draws. */
  readonly files: readonly string[];
  readonly plan: DrawPlan;
  readonly views: readonly PosteriorView[];
  readonly functions: FunctionView;
  /** Largest relative difference of any prediction before and after. */
  readonly functionError: number;
  /** Of a few draws, where they are sorted and not aligned. */
  readonly ties: NearTies | undefined;
  readonly pair: PlottedPair;
  readonly tensors: readonly TensorPlace[];
  /** Undefined where the data, their targets or the likelihood are not known. */
  readonly overLoss: PosteriorProjections | undefined;
  /** Draws shown as single points. */
  readonly shown: Int32Array;
  readonly sets: TwoSets;
  /** Draws whose inner products were formed. */
  readonly selected: number;
  readonly provenance: Provenance;
}

export function posteriorReport(findings: PosteriorFindings): Report {
  const { request, source, group, views, functions, pair, shown, provenance } = findings;
  return {
    analysis: 'posterior',
    title: `Posterior over the weights of ${filesTogether(request.files)}`,
    summary: `${formatCount(source.count)} draws of ${describeNetwork(source.network)}. ${symmetrySentence(group)}${distanceSentence(views)}${modesSentence(findings)}`,
    sources: [...request.files, ...(request.data === undefined ? [] : [request.data])],
    sections: [
      densitySection(views, pair, shown),
      ...overLoss(findings),
      distanceSection(views),
      ...componentsSection(views, shown),
      ...functionsSection(functions, shown),
      ...chains(findings),
      ...modesSection(findings),
      ...discrepancySection(findings),
      ...diagnosticsSection(findings),
      spreadSection(findings),
      drawsSection(findings),
    ],
    warnings: [...warnings(findings), ...source.origin.assumptions],
    result: posteriorResult(findings),
    provenance,
  };
}

function overLoss({ overLoss: known, pair, source: { network } }: PosteriorFindings): Section[] {
  if (known === undefined) return [];
  return projectionsSection(known.found, { name: () => 'draws', pair, parameters: network.parameters, data: known.data, withLinearised: false, first: 'components', mode: 'ŵ is the draw of the highest posterior density.' });
}

/** Of several chains: at first, with everything removed, and as predictions. */
function chains({ views, functions, source }: PosteriorFindings): Section[] {
  const [first, last] = [views[0], views.length > 1 ? views.at(-1) : undefined];
  if (source.chains < 2 || first === undefined) return [];
  return chainSections([first.worst, ...(last === undefined ? [] : [last.worst]), functions.worst], source.chains, source.drawsPerChain);
}

function symmetrySentence(group: SymmetryGroup): string {
  const continuous = group.dimensions > 0 ? ` and ${formatCountOf(group.dimensions, 'continuous direction')}` : '';
  return `Each function has ${formatPowerOfTen(group.log10Copies)} discrete copies${continuous} in weight space.`;
}

/** Of the last step alone: removing the scaling changes the unit of length, so distances before and after it cannot be compared. */
function distanceSentence(views: readonly PosteriorView[]): string {
  const [before, after] = views.slice(-2).map(({ distances }) => quantile(distances.sorted, 0.5));
  if (before === undefined || after === undefined) return '';
  return ` ${views.at(-1)?.step.title ?? ''}, the median distance between two draws is ${formatNumber(after, 3)}; ${views.length === 2 ? 'as drawn' : `with ${(views.at(-2)?.step.title ?? '').toLowerCase()}`} it is ${formatNumber(before, 3)}.`;
}

function modesSentence({ views, functions }: PosteriorFindings): string {
  const [first, last] = [views[0]?.modes, views.at(-1)?.modes];
  if (first === undefined || last === undefined || functions.modes === undefined) return '';
  const after = views.length > 1 ? `, ${modesWords(last)} without the symmetries` : '';
  return ` Modes: ${modesWords(first)} in weight space${after}, ${modesWords(functions.modes)} as functions.`;
}

const origins: Readonly<Record<DrawOrigin['kind'], string>> = {
  networks: 'taken as one chain, in order', swag: 'of the Gaussian that SWAG’s moments define', 'mean-field': 'of a Gaussian of independent weights', dropout: 'of dropout masks, as weights',
};

/** Which of the files in a folder were taken. */
function fromTo(files: readonly string[]): string {
  const named = (file: string | undefined): string => showName(path.basename(file ?? ''));
  return files.length === 1 ? named(files[0]) : `${named(files[0])} to ${named(files.at(-1))}, ${formatCount(files.length)} files`;
}

function drawsSection({ request, files, source: { network, chains, drawsPerChain, count, origin }, group, functionError, plan, selected, views }: PosteriorFindings): FiguresSection {
  const relativeErrors = views.map(({ distances: { mean, standardError } }) => (mean > 0 ? standardError / mean : 0));
  return {
    kind: 'figures',
    id: 'draws',
    title: 'Draws',
    meaning: 'The function error is the largest difference of any prediction before and after, relative to the largest prediction: what was removed were copies, not functions.',
    figures: [
      { label: 'Draws', value: formatCount(count), detail: `${chains > 1 ? `${chains} chains of ${formatCount(drawsPerChain)}` : origins[origin.kind]}${files.some((file) => !request.files.includes(file)) ? `: ${fromTo(files)}` : ''}` },
      { label: 'Network', value: describeNetwork(network), detail: `${formatCount(network.parameters)} parameters` },
      { label: 'Discrete copies', value: formatPowerOfTen(group.log10Copies) },
      { label: 'Continuous dimensions', value: formatCount(group.dimensions) },
      { label: 'Function error', value: formatNumber(functionError, 2) },
      { label: 'Memory planned', value: formatBytes(plan.bytes), ...(plan.mode === 'memory' ? {} : { detail: `and ${formatBytes(plan.fileBytes)} of temporary files` }) },
      ...(selected < count ? [{ label: 'Draws compared', value: formatCount(selected), detail: `each with every other, evenly spaced; error of a mean distance up to ${formatNumber(100 * Math.max(...relativeErrors), 2)} %` }] : []),
    ],
  };
}

function warnings({ functionError, ties, views, sets, source, functions }: PosteriorFindings): string[] {
  const sizes = functions.diagnostics.map(({ essBulk }) => essBulk).filter(Number.isFinite).sort((a, b) => a - b);
  const typical = sizes[Math.floor(sizes.length / 2)] ?? Number.NaN;
  return [
    ...(functionError > 1e-8 ? [`Predictions moved by ${formatNumber(functionError, 2)} relative when symmetries were removed; some draws have weights of very different size.`] : []),
    ...(views.length === 1 ? ['This network has no symmetry that can be removed, so there is nothing to compare.'] : []),
    ...(ties !== undefined && ties.aligned < TORN * ties.sorted
      ? [`Sorting leaves copies apart: units nearly tie, and noise exchanges them. ${formatCount(ties.draws)} draws whose units are aligned to the first draw’s instead are ${formatNumber(ties.aligned)} from it in the median, rather than ${formatNumber(ties.sorted)}. Add that stage (--permutation aligned; in the settings quotient.posterior.align).`] : []),
    // A p-value by permutation takes draws as exchangeable.
    ...(sets.each >= 2 && typical < 0.5 * Math.min(source.count, 2 * sets.each)
      ? [`The draws follow each other closely (${formatNumber(typical, 3)} effective of ${formatCount(source.count)}), so the p-values of the discrepancy are smaller than they should be.`] : []),
  ];
}
