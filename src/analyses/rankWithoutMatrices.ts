/** The report of the rank analysis where the GGN is too large to be factorised: leading eigenvalues, and estimates with error bars. */
import type { ConstrainedDirection } from '../curvature/directions.ts';
import { effectiveDimension, type MatrixFreeSpectrum } from '../curvature/matrixFree.ts';
import { symmetryWarnings, type KnownSymmetry, type RemainderParts } from '../curvature/kernel.ts';
import type { RankEstimate } from '../curvature/rank.ts';
import type { RankGrowth } from '../curvature/rankGrowth.ts';
import type { Estimate } from '../linalg/stochasticQuadrature.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, Report, Section } from '../protocol/report.ts';
import { directionSection } from './directionPictures.ts';
import { growthSection } from './rankCurves.ts';
import { planeResult, planeSection, type PlaneOfReport } from './rankPlane.ts';
import { askedFigures, commonWarnings, evidenceFigures, growthResult, KERNEL_SENTENCE, memoryFigure, symmetryResult, unitTable, unsplit, waterfall, type RankQuestion } from './rankReport.ts';

export interface MatrixFreeQuestion extends RankQuestion {
  readonly spectrum: MatrixFreeSpectrum;
  /** Of `estimatedRank`. */
  readonly estimate: RankEstimate;
  readonly symmetry: KnownSymmetry;
  /** Of the log marginal likelihood, through its determinant. */
  readonly evidenceError: number;
  /** The most constrained, as far as they have converged. */
  readonly directions: readonly ConstrainedDirection[];
  readonly growth: RankGrowth;
  readonly plane: PlaneOfReport;
}

/** The estimate as a whole number, so that it and the parts of the kernel add up to D; in singular values, like the rank of a factorisation. */
export function estimatedRank({ rankBracket, rankSeen, rankBound, parameters, tolerance }: MatrixFreeSpectrum, symmetry: number): RankEstimate {
  const bound = Math.min(rankBound, parameters - symmetry);
  const high = Math.max(rankSeen, Math.min(rankBracket[1], bound));
  const low = Math.min(rankBracket[0], high);
  return { rank: Math.round((low + high) / 2), bracket: [low, high], bound, tolerance: Math.sqrt(tolerance), gap: [0, 0] };
}

export function matrixFreeReport(question: MatrixFreeQuestion): Pick<Report, 'summary' | 'sections' | 'warnings' | 'result'> {
  const { spectrum: { parameters }, estimate: { bound }, inputs, data, directions, plane } = question;
  const noun = data === undefined ? 'generic inputs' : 'data points';
  return {
    summary: `The GGN has rank ${rankText(question)}, estimated, of ${formatCount(parameters)} parameters on ${formatCount(inputs)} ${noun}; at least ${formatCount(parameters - bound)} dimensions of weight space are kernel.`,
    sections: [
      overview(question), kernelParts(question), leading(question), density(question), ...growthSection(question.growth, remainderOf(question), noun), effectiveDimensions(question), ...planeSection(plane),
      ...directionSection(directions, 'What the data constrain most: eigenvectors of the largest eigenvalues of the GGN.'), unitTable(question),
    ],
    warnings: warnings(question),
    result: result(question),
  };
}

function warnings(question: MatrixFreeQuestion): string[] {
  const { plane } = question;
  return [
    'This network and data are too large, or the memory limit too small, for the spectrum to be computed whole: rank, trace and density are estimates from random probes, with standard errors. The bracket of the rank also holds what so few Lanczos steps cannot tell from zero. Shares of layers, and what the data constrain least, take a factorisation: fewer data points, a smaller network, or more memory (--memory; in the settings quotient.host.memoryLimit) would allow it.',
    ...symmetryWarnings(question.symmetry),
    ...unsplit(question.request),
    ...commonWarnings(question),
    ...(plane.kind === 'omitted' ? [`The loss over a plane through ŵ is left out: ${plane.why}.`] : []),
  ];
}

function remainderOf({ spectrum: { parameters }, estimate, symmetry }: MatrixFreeQuestion): RemainderParts {
  return { kind: 'together', dimension: parameters - estimate.rank - symmetry.dimension };
}

function kernelParts(question: MatrixFreeQuestion): Section {
  const { network, data, request, estimate, symmetry } = question;
  const [low, high] = estimate.bracket;
  return waterfall({ network, data, request, rank: estimate.rank, symmetry: symmetry.dimension, remainder: remainderOf(question), rankMeaning: `directions that the data constrain${low === high ? '' : `, estimated: between ${formatCount(low)} and ${formatCount(high)}, the parts above accordingly`}` });
}

function rankText({ estimate: { rank, bracket: [low, high] } }: MatrixFreeQuestion): string {
  return low === high ? formatCount(rank) : `${formatCount(rank)} (between ${formatCount(low)} and ${formatCount(high)})`;
}

function withError({ value, standardError }: Estimate): string {
  return standardError === 0 ? formatNumber(value, 6) : `${formatNumber(value, 6)} ± ${formatNumber(standardError, 2)}`;
}

function kernelText({ spectrum: { parameters }, estimate: { rank, bracket: [low, high] } }: MatrixFreeQuestion): string {
  return low === high ? formatCount(parameters - rank) : `${formatCount(parameters - rank)} (between ${formatCount(parameters - high)} and ${formatCount(parameters - low)})`;
}

function overview(question: MatrixFreeQuestion): Section {
  const { request, spectrum, symmetry } = question;
  return {
    kind: 'figures',
    id: 'overview',
    title: 'Rank',
    meaning: KERNEL_SENTENCE,
    figures: [
      { label: 'Rank', value: rankText(question), detail: `${formatCount(spectrum.rankSeen)} seen one by one, at most ${formatCount(question.estimate.bound)} possible here` },
      { label: 'Kernel dimension', value: kernelText(question), detail: `${formatCount(symmetry.dimension)} of them symmetries${symmetry.counted ? ', counted by the group' : ''}` },
      { label: 'Trace', value: withError(spectrum.trace) },
      { label: 'Effective dimension', value: withError(effectiveDimension(spectrum.measure, request.priorPrecision)), detail: `Σ λ/(λ + α) at prior precision ${formatNumber(request.priorPrecision)}` },
      ...askedFigures(question),
      { label: 'Method', value: 'Lanczos and stochastic quadrature', detail: `float64, ${formatCount(spectrum.products)} products with vectors of length ${formatCount(Math.min(spectrum.rows, spectrum.parameters))}` },
      { label: 'Random probes', value: formatCount(spectrum.probes), detail: `up to ${formatCount(spectrum.steps)} Lanczos steps each, seed ${request.seed}; ± is one standard error over the probes` },
      memoryFigure(spectrum.plan.bytes, question.network),
      ...evidenceFigures(question, question.evidenceError),
    ],
  };
}

function leading({ spectrum, estimate }: MatrixFreeQuestion): Section {
  const { leading: { values, errors }, parameters, tolerance } = spectrum;
  const worst = errors.reduce((most, error) => Math.max(most, error), 0);
  return {
    kind: 'spectrum',
    id: 'spectrum',
    title: 'Largest eigenvalues of the GGN',
    meaning: `The ${formatCount(values.length)} largest of ${formatCount(parameters)}, each within ${formatNumber(worst, 2)}.`,
    valueLabel: 'eigenvalue of the GGN',
    values: [...values],
    index: Array.from(values, (_, k) => k + 1),
    dimension: parameters,
    rank: estimate.rank,
    rankBracket: estimate.bracket,
    tolerance,
    resolution: tolerance,
  };
}

function density({ spectrum: { density: { from, to, counts }, probes } }: MatrixFreeQuestion): Section {
  return {
    kind: 'histogram',
    id: 'density',
    title: 'Density of the spectrum',
    meaning: `How many eigenvalues there are of each size, estimated; what is below the tolerance, on the left, is kernel. Eigenvalues that lie close together stand at one place, small ones and zeros above where they are.${probes === 0 ? '' : ` The whiskers are two standard errors over ${formatCount(probes)} probes.`}`,
    xLabel: 'log₁₀ of the eigenvalue',
    axis: { min: from, max: to, bins: counts.length },
    series: [{ label: 'eigenvalues', counts: counts.map(({ value }) => value), ...(probes === 0 ? {} : { errors: counts.map(({ standardError }) => standardError) }) }],
  };
}

/** At prior precisions over the decades of the spectrum, ascending, and at the present one. */
function effectiveDimensionEstimates({ spectrum: { measure, leading: { values }, tolerance }, request: { priorPrecision } }: MatrixFreeQuestion): { readonly priorPrecision: number[]; readonly estimates: Estimate[] } {
  const points = 61;
  const from = Math.min(Math.log10(Math.max(tolerance, Number.MIN_VALUE)), Math.log10(priorPrecision) - 1);
  const to = Math.max(Math.log10(Math.max(values[0] ?? 1, Number.MIN_VALUE)) + 2, Math.log10(priorPrecision) + 1);
  const grid = Array.from({ length: points }, (_, k) => 10 ** (from + ((to - from) * k) / (points - 1)));
  const alphas = [...new Set([...grid, priorPrecision])].sort((a, b) => a - b);
  return { priorPrecision: alphas, estimates: alphas.map((alpha) => effectiveDimension(measure, alpha)) };
}

/** Where the smallest node stands for what lies below it, the curve is an upper bound. */
function unresolved({ spectrum: { measure } }: MatrixFreeQuestion, present: number): string {
  const smallest = measure.probes.reduce((least, { nodes, exhausted }) => (exhausted ? least : Math.max(least, nodes.at(-1) ?? 0)), 0);
  return smallest === 0 ? '' : ` Below α = ${formatNumber(smallest, 2)}, what the probes resolve, the curve is an upper bound${present < smallest ? ', and so is the figure given' : ''}.`;
}

function effectiveDimensions(question: MatrixFreeQuestion): Section {
  const { spectrum, estimate, request: { priorPrecision: present } } = question;
  const { priorPrecision: x, estimates } = effectiveDimensionEstimates(question);
  const here = effectiveDimension(spectrum.measure, present);
  const margin = (sign: 1 | -1): number[] => estimates.map(({ value, standardError }) => Math.max(0, value + sign * 2 * standardError));
  return {
    kind: 'lines', id: 'effective-dimension', title: 'Effective dimension and the prior', xLabel: 'prior precision α', yLabel: 'Σ λ/(λ + α)', xScale: 'log', yScale: 'linear',
    meaning: `At α = ${formatNumber(present)} the data determine about ${withError(here)} directions against the prior; the rank is ${rankText(question)}.${unresolved(question, present)}`,
    panels: [{
      title: '', meaning: '',
      series: [
        { label: 'effective dimension', x, y: estimates.map(({ value }) => value), band: { label: '± two standard errors', lower: margin(-1), upper: margin(1) } },
        { label: 'rank', x: [x[0]!, x[x.length - 1]!], y: [estimate.rank, estimate.rank], ...(estimate.bracket[0] === estimate.bracket[1] ? {} : { band: { label: 'bracket of the rank', lower: [estimate.bracket[0], estimate.bracket[0]], upper: [estimate.bracket[1], estimate.bracket[1]] } }) },
      ],
      points: { label: `the present α, ${formatNumber(present)}`, x: [present], y: [here.value] },
    }],
  };
}

function result(question: MatrixFreeQuestion): JsonValue {
  const { request, network, spectrum, estimate: rank, inputs, symmetry, units, evidence, growth, seconds } = question;
  const estimate = ({ value, standardError }: Estimate): JsonValue => ({ value, standardError });
  const curve = ({ priorPrecision, estimates }: ReturnType<typeof effectiveDimensionEstimates>): JsonValue => ({ priorPrecision, value: estimates.map(({ value }) => value), standardError: estimates.map(({ standardError }) => standardError) });
  return {
    parameters: network.parameters,
    outputs: network.outputs,
    data: inputs,
    likelihood: request.likelihood,
    rank: rank.rank,
    rankStandardError: spectrum.rank.standardError,
    rankBracket: [...rank.bracket],
    rankBound: rank.bound,
    rankByData: growthResult(growth),
    kernelDimension: network.parameters - rank.rank,
    // Hidden and data-limited directions cannot be told apart without a factorisation; together they are kernelDimension − symmetry.
    kernel: { symmetry: symmetry.dimension, hidden: null, dataLimited: null },
    symmetry: symmetryResult(question),
    trace: estimate(spectrum.trace),
    effectiveDimension: estimate(effectiveDimension(spectrum.measure, request.priorPrecision)),
    effectiveDimensions: curve(effectiveDimensionEstimates(question)),
    units: units.filter(({ status }) => status !== 'mixed').map((unit) => ({ ...unit })),
    spectrum: [...spectrum.leading.values],
    spectrumErrors: [...spectrum.leading.errors],
    density: { log10From: spectrum.density.from, log10To: spectrum.density.to, counts: spectrum.density.counts.map(estimate) },
    tolerance: rank.tolerance,
    plane: planeResult(question.plane),
    probes: spectrum.probes,
    steps: spectrum.steps,
    seed: request.seed,
    method: spectrum.method,
    precision: 'float64',
    logMarginalLikelihood: evidence?.logMarginalLikelihood ?? null,
    logMarginalLikelihoodStandardError: evidence === undefined ? null : question.evidenceError,
    gradientNorm: evidence?.gradientNorm ?? null,
    seconds,
    peakBytes: spectrum.plan.bytes,
    warnings: warnings(question),
  };
}
