/** The report of the rank analysis where the GGN is too large to be factorised: leading eigenvalues, and estimates with error bars. */
import { effectiveDimension, type MatrixFreeSpectrum } from '../curvature/matrixFree.ts';
import type { Estimate } from '../linalg/stochasticQuadrature.ts';
import { formatBytes, formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, Report, Section } from '../protocol/report.ts';
import { askedFigures, commonWarnings, KERNEL_SENTENCE, unitTable, unsplit, type RankQuestion } from './rankReport.ts';

export interface MatrixFreeQuestion extends RankQuestion {
  readonly spectrum: MatrixFreeSpectrum;
  /** Dimensions of the symmetry group, counted. */
  readonly symmetry: number;
}

export function matrixFreeReport(question: MatrixFreeQuestion): Pick<Report, 'summary' | 'sections' | 'warnings' | 'result'> {
  const { spectrum: { rank, parameters, rankBound }, inputs, data } = question;
  return {
    summary: `The GGN has rank ${withError(rank)} (estimated) of ${formatCount(parameters)} parameters on ${formatCount(inputs)} ${data === undefined ? 'generic inputs' : 'data points'}, and at most ${formatCount(rankBound)}; at least ${formatCount(parameters - rankBound)} dimensions of weight space are kernel.`,
    sections: [overview(question), leading(question), density(question), effectiveDimensions(question), unitTable(question)],
    warnings: [
      'This network and data are too large for the spectrum to be computed whole: rank, trace and density are estimates from random probes, with standard errors. Eigenvalues close to the tolerance may be counted on either side of it. Rank against the number of data, the shares of layers and the loss over a plane are left out: fewer data points, or a smaller network, would allow them.',
      ...unsplit(question.request),
      ...commonWarnings(question),
    ],
    result: result(question),
  };
}

function withError({ value, standardError }: Estimate): string {
  return standardError === 0 ? formatNumber(value, 6) : `${formatNumber(value, 6)} ± ${formatNumber(standardError, 2)}`;
}

function overview(question: MatrixFreeQuestion): Section {
  const { request, spectrum, symmetry } = question;
  return {
    kind: 'figures',
    id: 'overview',
    title: 'Rank',
    meaning: KERNEL_SENTENCE,
    figures: [
      { label: 'Rank', value: withError(spectrum.rank), detail: `${formatCount(spectrum.rankSeen)} seen one by one, at most ${formatCount(spectrum.rankBound)} possible here` },
      { label: 'Kernel dimension', value: withError(spectrum.kernelDimension), detail: `${formatCount(symmetry)} of them symmetries, counted by the group` },
      { label: 'Trace', value: withError(spectrum.trace) },
      { label: 'Effective dimension', value: withError(effectiveDimension(spectrum.measure, request.priorPrecision)), detail: `Σ λ/(λ + α) at prior precision ${formatNumber(request.priorPrecision)}` },
      ...askedFigures(question),
      { label: 'Method', value: 'Lanczos and stochastic quadrature', detail: `float64, ${formatCount(spectrum.products)} products with vectors of length ${formatCount(Math.min(spectrum.rows, spectrum.parameters))}` },
      { label: 'Memory planned', value: formatBytes(spectrum.plan.bytes) },
    ],
  };
}

function leading({ spectrum }: MatrixFreeQuestion): Section {
  const { leading: { values, errors }, parameters, tolerance, rankSeen, rankBound } = spectrum;
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
    rank: Math.round(spectrum.rank.value),
    rankBracket: [rankSeen, rankBound],
    tolerance,
    resolution: tolerance,
  };
}

function density({ spectrum: { density: { from, to, counts } } }: MatrixFreeQuestion): Section {
  return {
    kind: 'histogram',
    id: 'density',
    title: 'Density of the spectrum',
    meaning: 'How many eigenvalues there are of each size, estimated; what is below the tolerance, on the left, is kernel.',
    xLabel: 'log₁₀ of the eigenvalue',
    axis: { min: from, max: to, bins: counts.length },
    series: [{ label: 'eigenvalues', counts: counts.map(({ value }) => value) }],
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

function effectiveDimensions(question: MatrixFreeQuestion): Section {
  const { spectrum, request: { priorPrecision: present } } = question;
  const { priorPrecision: x, estimates } = effectiveDimensionEstimates(question);
  const here = effectiveDimension(spectrum.measure, present);
  const margin = (sign: 1 | -1): number[] => estimates.map(({ value, standardError }) => Math.max(0, value + sign * 2 * standardError));
  return {
    kind: 'lines', id: 'effective-dimension', title: 'Effective dimension and the prior', xLabel: 'prior precision α', yLabel: 'Σ λ/(λ + α)', xScale: 'log', yScale: 'linear',
    meaning: `At α = ${formatNumber(present)} the data determine about ${withError(here)} directions against the prior; the rank is ${withError(spectrum.rank)}.`,
    panels: [{
      title: '', meaning: '',
      series: [
        { label: 'effective dimension', x, y: estimates.map(({ value }) => value), band: { label: '± two standard errors', lower: margin(-1), upper: margin(1) } },
        { label: 'rank', x: [x[0]!, x[x.length - 1]!], y: [spectrum.rank.value, spectrum.rank.value] },
      ],
      points: { label: `the present α, ${formatNumber(present)}`, x: [present], y: [here.value] },
    }],
  };
}

function result(question: MatrixFreeQuestion): JsonValue {
  const { request, network, spectrum, inputs, symmetry, units, seconds } = question;
  const estimate = ({ value, standardError }: Estimate): JsonValue => ({ value, standardError });
  const curve = ({ priorPrecision, estimates }: ReturnType<typeof effectiveDimensionEstimates>): JsonValue => ({ priorPrecision, value: estimates.map(({ value }) => value), standardError: estimates.map(({ standardError }) => standardError) });
  return {
    parameters: network.parameters,
    outputs: network.outputs,
    data: inputs,
    likelihood: request.likelihood,
    rank: Math.round(spectrum.rank.value),
    rankStandardError: spectrum.rank.standardError,
    rankBracket: [spectrum.rankSeen, spectrum.rankBound],
    rankBound: spectrum.rankBound,
    kernelDimension: network.parameters - Math.round(spectrum.rank.value),
    // Hidden and data-limited directions cannot be told apart without a factorisation.
    kernel: { symmetry, hidden: null, dataLimited: null },
    trace: estimate(spectrum.trace),
    effectiveDimension: estimate(effectiveDimension(spectrum.measure, request.priorPrecision)),
    effectiveDimensions: curve(effectiveDimensionEstimates(question)),
    units: units.filter(({ status }) => status !== 'mixed').map((unit) => ({ ...unit })),
    spectrum: [...spectrum.leading.values],
    spectrumErrors: [...spectrum.leading.errors],
    density: { log10From: spectrum.density.from, log10To: spectrum.density.to, counts: spectrum.density.counts.map(estimate) },
    tolerance: Math.sqrt(spectrum.tolerance),
    method: spectrum.method,
    precision: 'float64',
    seconds,
    peakBytes: spectrum.plan.bytes,
    warnings: [...unsplit(question.request), ...commonWarnings(question)],
  };
}
