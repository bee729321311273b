/**
 * How much of weight space do the data constrain? Rank, spectrum and kernel of the generalised Gauss–Newton matrix JᵀHJ at the
 * saved weights, and where the kernel comes from (curvature/kernel.ts).
 */
import path from 'node:path';
import { seededRandom } from '../linalg/random.ts';
import { laplaceEvidence, type Evidence } from '../curvature/evidence.ts';
import { kernelAccounting, type KernelAccounting } from '../curvature/kernel.ts';
import { likelihoodModel, outputRank, type LikelihoodModel } from '../curvature/likelihood.ts';
import { unitReports, type UnitReport } from '../curvature/units.ts';
import { readData, requireInputWidth, type DataSet } from '../network/data.ts';
import { chainNetwork, type DenseChain } from '../network/denseChain.ts';
import { readParameters } from '../network/chainParameters.ts';
import { requireChain } from '../network/readNetwork.ts';
import { formatBytes, formatCount, formatNumber } from '../protocol/format.ts';
import type { Figure, JsonValue, Report, Section } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { RankRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { symmetryGroup } from '../symmetry/group.ts';
import { symmetryTangents } from '../symmetry/tangents.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { describeChain } from './describe.ts';
import { startProvenance } from './provenance.ts';

/** Eigenvalues listed in full; of longer spectra this many order statistics, evenly spaced. */
const LISTED_EIGENVALUES = 4096;

export async function rank(request: RankRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  const { chain, theta } = await readNetworkAt(request);
  const data = request.data === undefined ? undefined : await readData(request.data);
  if (data !== undefined) requireInputWidth(data, chain.inputs);
  const likelihood = likelihoodModel(request.likelihood, request.noise, chain.outputs);
  const random = seededRandom(request.seed);
  const network = chainNetwork(chain);
  const blind = { likelihood: likelihood.kind, outputRowShift: true };
  const tangents = { count: symmetryGroup(network, blind).dimensions, vectors: () => symmetryTangents(network, theta, blind) };
  const accounting = await kernelAccounting({ network, state: theta, likelihood, tangents, x: data?.x, genericInputs: request.inputs, random }, context);
  const units = unitReports(network, theta, accounting.x, random).filter(({ status }) => status !== 'mixed');
  const evidence = data?.y === undefined ? undefined : evidenceOf(chain, theta, likelihood, data, data.y, request.priorPrecision, accounting);
  const made = provenance();
  const question: Question = { request, chain, data, accounting, units, evidence, seconds: made.seconds };
  return {
    analysis: 'rank',
    title: `Rank and kernel of the GGN: ${path.basename(request.file)}`,
    summary: summarySentence(question),
    sources: [request.file, ...(request.data === undefined ? [] : [request.data])],
    sections: [overview(question), waterfall(question), spectrum(question), unitTable(question)],
    warnings: warnings(question),
    result: result(question),
    provenance: made,
  };
}

interface Question {
  readonly request: RankRequest;
  readonly chain: DenseChain;
  readonly data: DataSet | undefined;
  readonly accounting: KernelAccounting;
  /** Units that are not `mixed`. */
  readonly units: readonly UnitReport[];
  readonly evidence: Evidence | undefined;
  readonly seconds: number;
}

async function readNetworkAt({ file: path, ...options }: RankRequest): Promise<{ chain: DenseChain; theta: Float64Array }> {
  const file = await openWeightFile(path);
  try {
    const { chain, leading } = await requireChain(file, options);
    if (leading.length > 0) throw new WeightFileError(path, '', `holds ${leading.join(' × ')} draws; rank takes one network, posterior takes sets of draws`);
    return { chain, theta: await readParameters(file, chain) };
  } finally {
    await file.close();
  }
}

function evidenceOf(chain: DenseChain, theta: Float64Array, likelihood: LikelihoodModel, data: DataSet, y: Float64Array, priorPrecision: number, { spectrum: { eigenvalues }, rank: { rank: value } }: KernelAccounting): Evidence {
  try {
    return laplaceEvidence({ network: chainNetwork(chain), state: theta, x: data.x, likelihood, weighting: 'likelihood' }, y, priorPrecision, eigenvalues.subarray(0, value));
  } catch (error) {
    if (error instanceof UserError) throw new WeightFileError(data.source, '', `${error.message}; choose the likelihood that y was made for`);
    throw error;
  }
}

const inputsOf = ({ chain, accounting }: Question): number => accounting.x.length / chain.inputs;

function rankText({ accounting: { rank: { rank: value, bracket } } }: Question): string {
  return bracket[0] === bracket[1] ? formatCount(value) : `${formatCount(value)} (between ${formatCount(bracket[0])} and ${formatCount(bracket[1])})`;
}

function summarySentence(question: Question): string {
  const { chain, data, accounting } = question;
  const { symmetry, remainder } = accounting;
  const share = formatNumber((100 * accounting.dimension) / chain.parameters, 3);
  const on = `${formatCount(inputsOf(question))} ${data === undefined ? 'generic inputs' : 'data points'}`;
  const rest: readonly (readonly [number, string])[] = remainder.kind === 'separated' ? [[remainder.hidden, 'hidden structure'], [remainder.dataLimited, 'too little data']] : [[remainder.dimension, 'hidden structure or too little data']];
  const parts = [[symmetry, 'symmetry'] as const, ...rest];
  const because = parts.filter(([count]) => count !== 0).map(([count, what]) => `${formatCount(count)} from ${what}`).join(', ');
  return `The GGN has rank ${rankText(question)} of ${formatCount(chain.parameters)} parameters on ${on}; ${share} % of weight space is kernel${because === '' ? '' : ` (${because})`}.`;
}

function overview(question: Question): Section {
  const { request, chain, data, accounting, evidence } = question;
  const { spectrum: { method, resolution, plan }, rank: { gap, tolerance } } = accounting;
  const evidenceFigures: Figure[] = evidence === undefined
    ? []
    : [
        { label: 'Log likelihood', value: formatNumber(evidence.logLikelihood, 6) },
        { label: 'Log marginal likelihood', value: formatNumber(evidence.logMarginalLikelihood, 6), detail: `Laplace, prior precision ${formatNumber(request.priorPrecision)}` },
        { label: 'Gradient of the log posterior', value: formatNumber(evidence.gradientNorm), detail: '0 at a mode' },
      ];
  return {
    kind: 'figures',
    id: 'overview',
    title: 'Rank',
    meaning: 'A direction in the kernel does not change the outputs on these inputs to first order; a Laplace approximation gives it the prior’s variance.',
    figures: [
      { label: 'Rank', value: rankText(question), detail: `at most ${formatCount(accounting.rank.bound)} possible here` },
      { label: 'Kernel dimension', value: formatCount(accounting.dimension) },
      { label: 'Network', value: describeChain(chain), detail: `${formatCount(chain.parameters)} parameters, ${formatCount(chain.outputs)} ${chain.outputs === 1 ? 'output' : 'outputs'}` },
      { label: 'Inputs', value: formatCount(inputsOf(question)), detail: data === undefined ? 'standard normal, from the seed' : showName(data.source) },
      { label: 'Likelihood', value: request.likelihood, ...(request.likelihood === 'gaussian' ? { detail: `noise ${formatNumber(request.noise)}` } : {}) },
      { label: 'Method', value: method === 'svd' ? 'SVD of H½J' : 'Gram matrix', detail: `float64, resolves ${formatNumber(resolution, 2)} of the largest` },
      { label: 'Gap at the rank', value: `${formatNumber(gap[0], 3)} | ${formatNumber(gap[1], 3)}`, detail: `singular values; tolerance ${formatNumber(tolerance, 3)}` },
      { label: 'Memory planned', value: formatBytes(plan.bytes) },
      ...evidenceFigures,
    ],
  };
}

function waterfall({ chain, data, accounting }: Question): Section {
  const { rank: { rank: value }, symmetry, remainder } = accounting;
  return {
    kind: 'waterfall',
    id: 'kernel',
    title: 'Where the kernel comes from',
    meaning: data === undefined ? 'On generic inputs nothing is missing for want of data: what is left of the kernel belongs to the parameterisation.' : 'More data can win back the data-limited part; the rest belongs to the parameterisation.',
    total: { label: 'parameters', value: chain.parameters, meaning: 'dimensions of weight space' },
    steps: [
      ...(remainder.kind === 'separated'
        ? [
            { label: 'data-limited', value: remainder.dataLimited, meaning: 'directions that more data would constrain' },
            { label: 'hidden', value: remainder.hidden, meaning: 'directions that no input sees, beyond the known symmetries' },
          ]
        : [{ label: 'data-limited or hidden', value: remainder.dimension, meaning: 'directions that more data would constrain, or that no input sees; too many parameters to tell which' }]),
      { label: 'symmetry', value: symmetry, meaning: 'directions along the continuous symmetries' },
    ],
    remainder: { label: 'rank', value, meaning: 'directions that the data constrain' },
  };
}

function spectrum(question: Question): Section {
  const { chain, accounting } = question;
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
    dimension: chain.parameters,
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

const statusMeaning: Readonly<Record<UnitReport['status'], string>> = {
  constant: 'no incoming weight: the same output for every input',
  dead: 'never active on these inputs: nothing before it is seen through it',
  'always-on': 'active on every input: acts linearly',
  rare: 'on, or off, for so few inputs that its directions cannot be told apart: more inputs would count them',
  saturated: 'derivative below 1e-6 on every input',
  duplicate: 'computes the same feature as another unit',
  mixed: '',
};

function unitTable({ chain, units }: Question): Section {
  const shown = 500;
  const total = chain.layers.slice(0, -1).reduce((sum, { outputs }) => sum + outputs, 0);
  return {
    kind: 'table',
    id: 'units',
    title: 'Units that enlarge the kernel',
    meaning: units.length === 0 ? `None: all ${formatCount(total)} hidden units respond to these inputs in their own way.` : `${formatCount(units.length)} of ${formatCount(total)} hidden units${units.length > shown ? `, the first ${shown} of them` : ''}.`,
    columns: [{ label: 'Layer', align: 'left' }, { label: 'Unit', align: 'right' }, { label: 'Status', align: 'left' }, { label: 'What that means', align: 'left' }],
    rows: units.slice(0, shown).map(({ layer, unit, status, duplicateOf }) => [layer, unit, status, duplicateOf === undefined ? statusMeaning[status] : `computes the same feature as unit ${duplicateOf}`]),
  };
}

function warnings({ evidence, accounting, request }: Question): string[] {
  const steep = evidence !== undefined && evidence.gradientNorm > 1e-2 * Math.max(1, Math.abs(evidence.logLikelihood));
  return [
    ...accounting.warnings,
    ...(steep ? [`The weights are not a mode: the gradient of the log posterior has norm ${formatNumber(evidence.gradientNorm)} at prior precision ${formatNumber(request.priorPrecision)}, so the marginal likelihood of a Laplace approximation here means little.`] : []),
  ];
}

function result(question: Question): JsonValue {
  const { request, chain, accounting, units, evidence, seconds } = question;
  const { spectrum: { eigenvalues, method, resolution, plan }, rank: estimate, symmetry, remainder, dimension } = accounting;
  const group = symmetryGroup(chainNetwork(chain), { likelihood: request.likelihood });
  const count = (kind: string): number => group.factors.filter((factor) => factor.kind === kind).reduce((sum, { size }) => sum + size, 0);
  const log10 = (kind: string): number => group.factors.filter((factor) => factor.kind === kind).reduce((sum, { log10Copies }) => sum + log10Copies, 0);
  // The GGN has D eigenvalues; those beyond min(NO, D) are zero by its shape.
  const all = new Float64Array(chain.parameters);
  all.set(eigenvalues.subarray(0, chain.parameters));
  const { values, index } = listed(all);
  return {
    parameters: chain.parameters,
    outputs: chain.outputs,
    data: inputsOf(question),
    likelihood: request.likelihood,
    rank: estimate.rank,
    rankBracket: [...estimate.bracket],
    rankBound: Math.min(chain.parameters, inputsOf(question) * outputRank(likelihoodModel(request.likelihood, request.noise, chain.outputs), chain.outputs)),
    kernelDimension: dimension,
    // Null where the two could not be told apart; together they are kernelDimension − symmetry.
    kernel: { symmetry, hidden: remainder.kind === 'separated' ? remainder.hidden : null, dataLimited: remainder.kind === 'separated' ? remainder.dataLimited : null },
    symmetry: { scaling: count('scaling'), permutationLog10: log10('permutation'), signFlips: count('sign') },
    units: units.map((unit) => ({ ...unit })),
    spectrum: values,
    ...(values.length === chain.parameters ? {} : { spectrumIndex: index }),
    tolerance: estimate.tolerance,
    gap: [...estimate.gap],
    method,
    precision: 'float64',
    resolution,
    logMarginalLikelihood: evidence?.logMarginalLikelihood ?? null,
    gradientNorm: evidence?.gradientNorm ?? null,
    seconds,
    peakBytes: plan.bytes,
    warnings: warnings(question),
  };
}
