/** The report of the rank analysis where the GGN could be factorised. */
import path from 'node:path';
import type { ConstrainedDirection } from '../curvature/directions.ts';
import type { Evidence } from '../curvature/evidence.ts';
import { GENERIC_INPUTS_SENTENCE } from '../curvature/genericInputs.ts';
import type { BlockShare } from '../curvature/image.ts';
import type { KernelAccounting, RemainderParts } from '../curvature/kernel.ts';
import type { RankGrowth } from '../curvature/rankGrowth.ts';
import { likelihoodModel, outputRank } from '../curvature/likelihood.ts';
import type { UnitReport } from '../curvature/units.ts';
import type { DataSet } from '../network/data.ts';
import type { Network } from '../network/network.ts';
import { formatBytes, formatCount, formatCountOf, formatNumber } from '../protocol/format.ts';
import type { Figure, JsonValue, Report, Section } from '../protocol/report.ts';
import type { Decided, RankRequest } from '../protocol/service.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import { showName } from '../weights/weightFileError.ts';
import { describeNetwork } from './describeNetwork.ts';
import { directionSection } from './directionPictures.ts';
import { effectiveDimension, effectiveDimensionCurve, effectiveDimensionSection, growthSection } from './rankCurves.ts';
import { directionResult, directionSections, directionSentence, type DirectionOfReport } from './rankDirection.ts';
import { planeResult, planeSection, type PlaneOfReport } from './rankPlane.ts';

/** Eigenvalues listed in full; of longer spectra this many order statistics, evenly spaced. */
const LISTED_EIGENVALUES = 4096;

export interface RankQuestion {
  readonly request: Decided<RankRequest>;
  readonly network: Network;
  readonly data: DataSet | undefined;
  /** N */
  readonly inputs: number;
  /** Sentences: what the file did not tell about the network. */
  readonly assumptions: readonly string[];
  /** Of every hidden unit. */
  readonly units: readonly UnitReport[];
  readonly evidence: Evidence | undefined;
  readonly seconds: number;
}

export interface FactorisedQuestion extends RankQuestion {
  readonly accounting: KernelAccounting;
  /** How the image and the kernel are spread over the layers, and directions of both; undefined where the vectors would take too long. */
  readonly layers: { readonly shares: readonly BlockShare[]; readonly directions: readonly ConstrainedDirection[] } | undefined;
  /** Towards another network or along a step, when it was asked for and the vectors are there. */
  readonly direction: DirectionOfReport | undefined;
  readonly growth: RankGrowth;
  readonly plane: PlaneOfReport;
}

export function factorisedReport(question: FactorisedQuestion): Pick<Report, 'summary' | 'sections' | 'warnings' | 'result'> {
  return {
    summary: `${question.direction === undefined ? '' : `${directionSentence(question.direction)} `}${summarySentence(question)}`,
    // What was asked for comes first.
    sections: [...(question.direction === undefined ? [] : directionSections(question.direction, `${formatCount(question.inputs)} ${question.data === undefined ? 'generic inputs' : 'data points'}`)), overview(question), kernelParts(question), spectrum(question), ...curves(question), ...planeSection(question.plane), ...layerSections(question), unitTable(question)],
    warnings: warnings(question),
    result: result(question),
  };
}

function rankText({ accounting: { rank: { rank: value, bracket } } }: FactorisedQuestion): string {
  return bracket[0] === bracket[1] ? formatCount(value) : `${formatCount(value)} (between ${formatCount(bracket[0])} and ${formatCount(bracket[1])})`;
}

function summarySentence(question: FactorisedQuestion): string {
  const { network, data, accounting } = question;
  const { symmetry, remainder } = accounting;
  const share = formatNumber((100 * accounting.dimension) / network.parameters, accounting.dimension < network.parameters && accounting.dimension > 0.9995 * network.parameters ? 6 : 3);
  const on = `${formatCount(question.inputs)} ${data === undefined ? 'generic inputs' : 'data points'}`;
  const rest: readonly (readonly [number, string])[] = remainder.kind === 'separated' ? [[remainder.hidden, 'hidden structure'], [remainder.dataLimited, 'too little data']] : [[remainder.dimension, 'hidden structure or too little data']];
  const parts = [[symmetry, 'symmetry'] as const, ...rest];
  const because = parts.filter(([count]) => count !== 0).map(([count, what]) => `${formatCount(count)} from ${what}`).join(', ');
  return `The GGN has rank ${rankText(question)} of ${formatCount(network.parameters)} parameters on ${on}; ${share} % of weight space is kernel${because === '' ? '' : ` (${because})`}.`;
}

export const KERNEL_SENTENCE = 'A direction in the kernel does not change the outputs on these inputs to first order; a Laplace approximation gives it the prior’s variance.';

/** What the rank was asked of. */
export function askedFigures({ request, network, data, inputs }: RankQuestion): readonly Figure[] {
  return [
    { label: 'Network', value: describeNetwork(network), detail: `${formatCount(network.parameters)} parameters, ${formatCountOf(network.outputs, 'output')}` },
    { label: 'Inputs', value: formatCount(inputs), detail: data === undefined ? GENERIC_INPUTS_SENTENCE : `${showName(path.basename(data.source))}${data.sampleWeights === undefined ? '' : ', weighted'}` },
    { label: 'Likelihood', value: request.likelihood, ...(request.likelihood === 'gaussian' ? { detail: `noise ${formatNumber(request.noise)}` } : {}) },
  ];
}

function overview(question: FactorisedQuestion): Section {
  const { request, accounting } = question;
  const { spectrum: { method, resolution }, rank: { gap, tolerance } } = accounting;
  return {
    kind: 'figures',
    id: 'overview',
    title: 'Rank',
    meaning: KERNEL_SENTENCE,
    figures: [
      { label: 'Rank', value: rankText(question), detail: `at most ${formatCount(accounting.rank.bound)} possible here` },
      { label: 'Kernel dimension', value: formatCount(accounting.dimension) },
      ...askedFigures(question),
      { label: 'Method', value: method === 'svd' ? 'SVD of H½J' : 'Gram matrix', detail: `float64, resolves ${formatNumber(resolution, 2)} of the largest` },
      { label: 'Gap at the rank', value: `${formatNumber(gap[0], 3)} | ${formatNumber(gap[1], 3)}`, detail: `singular values; tolerance ${formatNumber(tolerance, 3)}` },
      memoryFigure(accounting.bytes, question.network),
      { label: 'Effective dimension', value: formatNumber(effectiveDimension(imageEigenvalues(question), request.priorPrecision)), detail: `Σ λ/(λ + α) at prior precision ${formatNumber(request.priorPrecision)}` },
      ...evidenceFigures(question),
    ],
  };
}

/** What Node, the bundled programs and the engine's threads take, with what waits to be collected. */
const PROGRAM_BYTES = 150 * 2 ** 20;

/** With what is there besides: what a process may be seen to take is at most all of it together. */
export function memoryFigure(planned: number, { stateSize }: Network): Figure {
  return { label: 'Memory planned', value: formatBytes(planned), detail: `beside the program itself and the network, about ${formatBytes(PROGRAM_BYTES + 8 * stateSize)}` };
}

/** Eigenvalues that the rank counts. */
function imageEigenvalues({ accounting: { spectrum: { eigenvalues }, rank: { rank: value } } }: FactorisedQuestion): Float64Array {
  return eigenvalues.subarray(0, value);
}

function curves(question: FactorisedQuestion): Section[] {
  const { request: { priorPrecision }, data, accounting: { rank: estimate, remainder }, growth } = question;
  const eigenvalues = imageEigenvalues(question);
  return [
    ...growthSection(growth, remainder, data === undefined ? 'generic inputs' : 'data points'),
    ...effectiveDimensionSection(effectiveDimensionCurve(eigenvalues, priorPrecision), eigenvalues, estimate, priorPrecision),
  ];
}

/** @param error standard error of the marginal likelihood, where it is an estimate */
export function evidenceFigures({ evidence, request }: RankQuestion, error = 0): Figure[] {
  if (evidence === undefined) return [];
  return [
    { label: 'Log likelihood', value: formatNumber(evidence.logLikelihood, 6) },
    { label: 'Log marginal likelihood', value: `${formatNumber(evidence.logMarginalLikelihood, 6)}${error === 0 ? '' : ` ± ${formatNumber(error, 2)}`}`, detail: `Laplace, prior precision ${formatNumber(request.priorPrecision)}` },
    { label: 'Gradient of the log posterior', value: formatNumber(evidence.gradientNorm), detail: '0 at a mode' },
  ];
}

function kernelParts({ network, data, request, accounting: { rank: { rank: value }, symmetry, remainder } }: FactorisedQuestion): Section {
  return waterfall({ network, data, request, rank: value, symmetry, remainder, rankMeaning: 'directions that the data constrain' });
}

interface KernelParts extends Pick<RankQuestion, 'network' | 'data' | 'request'> {
  readonly rank: number;
  readonly symmetry: number;
  readonly remainder: RemainderParts;
  readonly rankMeaning: string;
}

export function waterfall({ network, data, request, rank, symmetry, remainder, rankMeaning }: KernelParts): Section {
  return {
    kind: 'waterfall',
    valueLabel: 'dimensions',
    id: 'kernel',
    title: 'Where the kernel comes from',
    meaning: data === undefined ? 'Inputs drawn at several scales stand in for data here. A direction that none of them shows counts as hidden; your own data tell what they constrain.' : 'More data can win back the data-limited part; the rest belongs to the parameterisation.',
    total: { label: 'parameters', value: network.parameters, meaning: 'dimensions of weight space' },
    steps: [
      ...(remainder.kind === 'separated'
        ? [
            { label: 'data-limited', value: remainder.dataLimited, meaning: 'directions that more data would constrain' },
            { label: 'hidden', value: remainder.hidden, meaning: 'directions that none of the generic inputs sees, beyond the known symmetries' },
          ]
        : [{ label: 'data-limited or hidden', value: remainder.dimension, meaning: 'directions that more data would constrain, or that no input sees; telling which would take too much time or memory' }]),
      { label: 'symmetry', value: symmetry, meaning: `directions along the continuous symmetries${ofLogits(network, request, symmetry)}` },
    ],
    remainder: { label: 'rank', value: rank, meaning: rankMeaning },
  };
}

/** The likelihood has symmetries of its own, which come on top of those that the network has by itself. */
function ofLogits(network: RankQuestion['network'], { likelihood }: RankQuestion['request'], symmetry: number): string {
  const { factors, dimensions } = symmetryGroup(network, { likelihood, outputRowShift: true });
  const shifts = factors.filter(({ kind, contained }) => !contained && (kind === 'output-shift' || kind === 'output-row-shift')).reduce((sum, factor) => sum + factor.dimensions, 0);
  // Where some could not be verified, nothing tells which of them these are.
  return shifts > 0 && dimensions === symmetry ? `, ${dimensions > shifts ? `${formatCount(dimensions - shifts)} of the network and ` : ''}${formatCount(shifts)} of the softmax, which does not see what all logits have in common` : '';
}

function spectrum(question: FactorisedQuestion): Section {
  const { network, accounting } = question;
  const { spectrum: { eigenvalues, singularValues, resolution }, rank: { rank: value, bracket, tolerance } } = accounting;
  const { values, index } = listed(eigenvalues);
  return {
    kind: 'spectrum',
    id: 'spectrum',
    title: 'Spectrum of the GGN',
    meaning: `${formatCount(value)} eigenvalues stand above the tolerance: the image. The ${formatCount(accounting.dimension)} others are the kernel${bracket[0] === bracket[1] ? ', with a clear gap between them' : '; they run into it without a clear gap, hence the bracket'}.`,
    valueLabel: 'eigenvalue of the GGN',
    values,
    index,
    dimension: network.parameters,
    rank: value,
    rankBracket: bracket,
    tolerance: tolerance ** 2,
    resolution: (resolution * (singularValues[0] ?? 0)) ** 2,
  };
}

/** At most 4,096 of descending values, with their positions from 1. */
function listed(eigenvalues: Float64Array): { values: number[]; index: number[] } {
  const count = Math.min(eigenvalues.length, LISTED_EIGENVALUES);
  const index = Array.from({ length: count }, (_, k) => (count === eigenvalues.length ? k : Math.round((k * (eigenvalues.length - 1)) / (count - 1))));
  return { values: index.map((k) => eigenvalues[k]!), index: index.map((k) => k + 1) };
}

function sizeOf(blocks: BlockShare['blocks']): number {
  return blocks.reduce((sum, { length }) => sum + length, 0);
}

function layerSections({ layers }: FactorisedQuestion): Section[] {
  if (layers === undefined) return [];
  const { shares, directions } = layers;
  return [
    {
      kind: 'table',
      id: 'layers',
      title: 'Image and kernel by layer',
      meaning: 'How many of each layer’s dimensions the data constrain: the trace of the projector on the image over its parameters. The columns add up to rank and kernel.',
      columns: [{ label: 'Tensors', align: 'left' }, { label: 'Parameters', align: 'right' }, { label: 'Image', align: 'right' }, { label: 'Kernel', align: 'right' }, { label: 'Kernel, %', align: 'right' }],
      rows: shares.slice(0, 500).map(({ blocks, image, kernel: rest }) => [blocks.map(({ tensor }) => tensor).join(', '), sizeOf(blocks), Number(image.toFixed(3)), Number(rest.toFixed(3)), Number(((100 * rest) / sizeOf(blocks)).toFixed(1))]),
    },
    ...directionSection(directions, 'The data constrain the first most and, of what they constrain, the others least; moving along a direction of the kernel changes no output on these inputs to first order.'),
  ];
}

const statusMeaning: Readonly<Record<UnitReport['status'], string>> = {
  constant: 'no incoming weight: the same output for every input',
  dead: 'never active on these inputs: nothing before it is seen through it',
  'always-on': 'active on every input: acts linearly',
  rare: 'on, or off, for so few inputs that its directions cannot be told apart: more inputs would count them',
  saturated: 'derivative below 1e-6 on every input',
  duplicate: 'computes the same feature as another unit',
  mixed: '',
};

export function unitTable({ units: all }: RankQuestion): Section {
  const shown = 500;
  const units = all.filter(({ status }) => status !== 'mixed');
  const total = all.length;
  return {
    kind: 'table',
    id: 'units',
    title: 'Units that enlarge the kernel',
    meaning: units.length === 0 ? `None: all ${formatCount(total)} hidden units respond to these inputs in their own way.` : `${formatCount(units.length)} of ${formatCount(total)} hidden units${units.length > shown ? `, the first ${shown} of them` : ''}.`,
    columns: [{ label: 'Layer', align: 'left' }, { label: 'Unit', align: 'right' }, { label: 'Status', align: 'left' }, { label: 'What that means', align: 'left' }],
    rows: units.slice(0, shown).map(({ layer, unit, status, duplicateOf }) => [layer, unit, status, duplicateOf === undefined ? statusMeaning[status] : `computes the same feature as unit ${duplicateOf}`]),
  };
}

function warnings(question: FactorisedQuestion): string[] {
  const { accounting, plane } = question;
  return [
    ...(question.direction === undefined ? unsplit(question.request) : []),
    ...accounting.warnings,
    ...commonWarnings(question),
    ...(plane.kind === 'omitted' ? [`The loss over a plane through ŵ is left out: ${plane.why}.`] : []),
  ];
}

/** Where a direction was asked for and its parts are not there. */
export function unsplit({ toward, step }: RankRequest): string[] {
  const what = toward === undefined ? step === undefined ? undefined : 'The step' : `The way towards ${showName(toward)}`;
  return what === undefined ? [] : [`${what} was not split: the eigenvectors of the GGN would take too long or too much memory here; take fewer data points.`];
}

/** Nats that a Newton step may promise at what still counts as a mode, as in `predict`. */
const MODE_GAIN = 1;

export function commonWarnings({ evidence, request, assumptions }: RankQuestion): string[] {
  // ½ gᵀ (GGN + αI)⁻¹ g ≤ ‖g‖² / 2α
  const promised = evidence === undefined ? 0 : evidence.gradientNorm ** 2 / (2 * request.priorPrecision);
  return [
    ...assumptions,
    ...(evidence !== undefined && promised > MODE_GAIN ? [`The weights may be far from a mode, which the marginal likelihood of a Laplace approximation presumes: the gradient of the log posterior has norm ${formatNumber(evidence.gradientNorm)}, so that a Newton step may gain up to ${formatNumber(promised, 2)} nats. ${request.likelihood === 'gaussian' ? 'Give the noise and the prior precision that the network was trained with (--noise, --prior-precision; in the settings quotient.rank.noise and quotient.rank.priorPrecision)' : 'Give the prior precision that the network was trained with (--prior-precision; in the settings quotient.rank.priorPrecision)'}: weight decay λ on a mean loss of N inputs is α = λN${request.likelihood === 'gaussian' ? ' for a loss in nats' : ''}.`] : []),
  ];
}

export function symmetryResult({ network, request }: RankQuestion): JsonValue {
  const group = symmetryGroup(network, { likelihood: request.likelihood });
  const count = (kind: string): number => group.factors.filter((factor) => factor.kind === kind).reduce((sum, { size }) => sum + size, 0);
  const log10 = (kind: string): number => group.factors.filter((factor) => factor.kind === kind).reduce((sum, { log10Copies }) => sum + log10Copies, 0);
  return { scaling: count('scaling'), permutationLog10: log10('permutation'), signFlips: count('sign') };
}

export function growthResult({ points }: RankGrowth): JsonValue {
  return points.map(({ data, rank, bracket, bound }) => ({ data, rank, bracket: [...bracket], bound }));
}

function result(question: FactorisedQuestion): JsonValue {
  const { request, network, accounting, units, layers, growth, evidence, seconds } = question;
  const { spectrum: { eigenvalues, method, resolution }, rank: estimate, symmetry, remainder, dimension } = accounting;
  // The GGN has D eigenvalues; those beyond min(NO, D) are zero by its shape.
  const all = new Float64Array(network.parameters);
  all.set(eigenvalues.subarray(0, network.parameters));
  const { values, index } = listed(all);
  return {
    parameters: network.parameters,
    outputs: network.outputs,
    data: question.inputs,
    likelihood: request.likelihood,
    rank: estimate.rank,
    effectiveDimension: effectiveDimension(imageEigenvalues(question), request.priorPrecision),
    // At some prior precisions, ascending: falls from the rank to 0.
    effectiveDimensions: { ...effectiveDimensionCurve(imageEigenvalues(question), request.priorPrecision) },
    // On nested parts of the data, in an order from the seed; the last is the whole.
    rankByData: growthResult(growth),
    rankBracket: [...estimate.bracket],
    rankBound: Math.min(network.parameters, question.inputs * outputRank(likelihoodModel(request.likelihood, request.noise, network.outputs), network.outputs)),
    kernelDimension: dimension,
    // Null where the two could not be told apart; together they are kernelDimension − symmetry.
    kernel: { symmetry, hidden: remainder.kind === 'separated' ? remainder.hidden : null, dataLimited: remainder.kind === 'separated' ? remainder.dataLimited : null },
    symmetry: symmetryResult(question),
    units: units.filter(({ status }) => status !== 'mixed').map((unit) => ({ ...unit })),
    direction: question.direction === undefined ? null : directionResult(question.direction),
    layers: layers === undefined ? null : layers.shares.map(({ blocks, image, kernel }) => ({ tensors: blocks.map(({ tensor }) => tensor), parameters: sizeOf(blocks), image, kernel })),
    // Null where it was left out.
    plane: planeResult(question.plane),
    spectrum: values,
    ...(values.length === network.parameters ? {} : { spectrumIndex: index }),
    tolerance: estimate.tolerance,
    gap: [...estimate.gap],
    method,
    precision: 'float64',
    resolution,
    logMarginalLikelihood: evidence?.logMarginalLikelihood ?? null,
    gradientNorm: evidence?.gradientNorm ?? null,
    seconds,
    peakBytes: accounting.bytes,
    warnings: warnings(question),
  };
}
