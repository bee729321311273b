/** The report of `predict`: what the methods say beside each other, and why they differ, in the user's own numbers. */
import type { ChosenHyperparameters } from '../posterior/curvatureEvidence.ts';
import type { Laplace } from '../posterior/laplace.ts';
import type { DrawSource } from '../posterior/draws.ts';
import type { PosteriorProblem } from '../posterior/logPosterior.ts';
import type { ModeCheck } from '../posterior/modeCheck.ts';
import type { Projections } from '../posterior/projections.ts';
import type { Sweep, TwoQuestions } from '../posterior/twoQuestions.ts';
import type { DataSet } from '../network/data.ts';
import type { Network } from '../network/network.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { JsonValue, Report, Section } from '../protocol/report.ts';
import type { PredictionMethod, PredictRequest } from '../protocol/service.ts';
import { probabilitiesSection, reliabilitySection, surfaceSection } from './classPictures.ts';
import { describeNetwork } from './describeNetwork.ts';
import { methodNames } from './methodNames.ts';
import { finite, methodEntries, predictedAt, underfit, type MethodResult, type Predicted } from './methodResults.ts';
import type { PlottedPair } from './plottedPair.ts';
import { methodChainSections, methodChainsResult, type MethodChains } from './predictChains.ts';
import { overview, warnings } from './predictOverview.ts';
import { bandsSection, scoreTable } from './predictivePictures.ts';
import { projectionsResult, projectionsSection } from './projectionPictures.ts';

export interface Prediction extends Predicted {
  readonly request: PredictRequest;
  readonly network: Network;
  readonly source: DrawSource;
  readonly data: DataSet;
  readonly test: DataSet | undefined;
  readonly problem: PosteriorProblem;
  /** Undefined where no method needs the curvature of the whole network. */
  readonly chosen: ChosenHyperparameters | undefined;
  /** What training on did; the losses are mean negative log posteriors of an input. */
  readonly trained: { readonly epochs: number; readonly optimizer: string; readonly before: number; readonly after: number; readonly gradientNorm: number } | undefined;
  /** Sentences: which of the usual methods are not there, and why. */
  readonly leftOut: readonly string[];
  readonly laplace: Laplace | undefined;
  /** Undefined without Laplace, or where it would take too long. */
  readonly mode: ModeCheck | undefined;
  readonly questions: TwoQuestions | undefined;
  readonly sweep: Sweep | undefined;
  /** Undefined when no method has draws of the weights. */
  readonly projections: Projections | undefined;
  /** Whether they are left out because they would take too long. */
  readonly projectionsOmitted: boolean;
  /** Of the methods whose draws come in chains. */
  readonly chains: readonly MethodChains[];
  readonly pair: PlottedPair;
}

export function predictReport(prediction: Prediction): Omit<Report, 'title' | 'provenance'> {
  const { request, methods } = prediction;
  const name = (method: MethodResult['method']): string => nameOf(prediction, method);
  return {
    analysis: 'predict',
    summary: summary(prediction),
    sources: [...request.files, request.data, ...(request.test === undefined ? [] : [request.test])],
    // Pictures first.
    sections: [
      ...bandsSection(prediction, prediction.data, name), ...surfaceSection(prediction, prediction.data, name), ...reliabilitySection(prediction, name), ...probabilitiesSection(prediction, name), ...questions(prediction), ...projected(prediction), ...sweepSection(prediction), ...methodChainSections(prediction.chains), scoreTable(prediction, name), overview(prediction),
    ],
    warnings: [...warnings(prediction), ...methods.flatMap(({ warnings: own }) => own)],
    result: result(prediction),
  };
}

/** The row of a single network: a mode, or what stands for one. */
function nameOf({ source: { origin, count, chains } }: Prediction, method: MethodResult['method']): string {
  if (method === 'ensemble' && chains > 1) return 'chains in the files';
  if (method !== 'map' || (origin.kind === 'networks' && count === 1)) return methodNames[method];
  return { networks: 'ŵ, the first network', swag: 'ŵ, the mean', 'mean-field': 'ŵ, the mean', dropout: 'ŵ, without dropout' }[origin.kind];
}

/** The two questions first, in a sentence each. */
function summary(prediction: Prediction): string {
  const { methods, map, network, questions: answers } = prediction;
  const find = (name: PredictionMethod): MethodResult | undefined => methods.find(({ method }) => method === name);
  const [sampled, linearised, projected] = [find('sampled'), find('linearized'), find('projected')];
  const kernel = answers === undefined ? '' : ` ${formatNumber(100 * answers.kernelVarianceShare, 3)} % of the posterior’s variance lies in the kernel of the GGN`;
  if (sampled === undefined || linearised === undefined || answers === undefined) {
    return `${describeNetwork(network)}: ${methods.map(({ method }) => methodNames[method]).join(', ')} on ${formatCount(prediction.data.rows)} data points.${bestSentence(prediction)}${kernel === '' ? '' : `${kernel}.`}`;
  }
  const [a, b] = [underfit(sampled, map), underfit(linearised, map)];
  const error = sampled.train?.nll.monteCarloError ?? 0;
  if (a < b - 3 * error) return `Sampled Laplace fits the training data better than linearised Laplace (${besideMode(a)} and ${besideMode(b)} nats a point than ŵ), a sign that ŵ is not a mode.${kernel}.`;
  if (!(a > b + 3 * error)) return `Sampled and linearised Laplace fit the training data alike (${besideMode(a)} and ${besideMode(b)} nats a point than ŵ).${kernel}.`;
  const without = projected === undefined ? '' : `, ${formatNumber(underfit(projected, map), 3)} without their kernel part`;
  const own = b < 0.01 ? 'Linearised Laplace does not underfit' : `Linearised Laplace loses ${formatNumber(b, 3)}, none of it to the kernel`;
  return `Sampled Laplace underfits: its draws fit the training data ${formatNumber(a, 3)} nats a point worse than ŵ${without}.${kernel}, along which the network moves by ${formatNumber(answers.sampledChange, 3)} (${scaleOf(prediction)}). ${own}: along the kernel its outputs do not move (${formatNumber(answers.linearisedRelative, 2)} relative).`;
}

function besideMode(difference: number): string {
  return `${formatNumber(Math.abs(difference), 3)} ${difference < 0 ? 'better' : 'worse'}`;
}

/** Which method predicts best, where that can be told, beside ŵ. */
function bestSentence({ methods, map }: Prediction): string {
  const scored = (method: MethodResult) => method.test ?? method.train;
  const which = map.test === undefined ? 'training' : 'test';
  const worth = (method: MethodResult): number => scored(method)?.nll.value ?? Infinity;
  const [best] = methods.filter((method) => Number.isFinite(worth(method))).toSorted((a, b) => worth(a) - worth(b));
  const [own, plain] = [best === undefined ? undefined : scored(best)?.nll, scored(map)?.nll];
  if (best === undefined || own === undefined || plain === undefined) return '';
  return ` ${methods.length > 1 ? `Best predicts the ${which} data ${methodNames[best.method]}` : `It predicts the ${which} data`} with a mean negative log-likelihood of ${formatNumber(own.value, 3)} nats, ŵ alone with ${formatNumber(plain.value, 3)}.`;
}

/** What the change of the outputs is to be compared with. */
function scaleOf({ problem: { likelihood }, questions: answers }: Prediction): string {
  return likelihood.kind === 'gaussian' ? `the noise is ${formatNumber(likelihood.noise, 3)}` : `the linearised spread is ${formatNumber(answers?.linearisedDeviation ?? Number.NaN, 3)}`;
}

function questions({ questions: answers, problem }: Prediction): Section[] {
  if (answers === undefined) return [];
  const noise = problem.likelihood.kind === 'gaussian' ? problem.likelihood.noise : undefined;
  const compare = noise === undefined ? `the spread that linearised Laplace gives f is ${formatNumber(answers.linearisedDeviation, 3)}` : `the observation noise is ${formatNumber(noise, 3)}`;
  return [{
    kind: 'figures', id: 'questions', title: 'The two questions',
    meaning: `On the training inputs the kernel part of a draw moves the linearised outputs by nothing but rounding, so it cannot make them underfit. The network itself is moved by ${formatNumber(answers.sampledChange, 3)} on average, where ${compare}: that is the underfit of sampled Laplace.`,
    figures: [
      { label: 'Q1: linearised, with and without the kernel part', value: formatNumber(answers.linearisedRelative, 2), detail: 'largest relative difference on the training inputs' },
      { label: 'Q2: the network, with and without the kernel part', value: formatNumber(answers.sampledChange, 3), detail: `root mean square over ${answers.draws} draws` },
      { label: 'Posterior variance in the kernel', value: `${formatNumber(100 * answers.kernelVarianceShare, 4)} %` },
      { label: 'Spread of linearised f', value: formatNumber(answers.linearisedDeviation, 3), detail: 'root mean square on the training inputs' },
    ],
  }];
}

function sweepSection({ sweep, network }: Prediction): Section[] {
  if (sweep === undefined || sweep.points.length < 2) return [];
  const x = sweep.points.map(({ rank }) => rank);
  const series = (['sampled', 'projected'] as const).map((which) => ({
    label: which === 'sampled' ? 'sampled Laplace' : 'projected Laplace', x, y: sweep.points.map((point) => point[which].value),
    band: { label: '± two Monte-Carlo errors', lower: sweep.points.map((point) => point[which].value - 2 * point[which].monteCarloError), upper: sweep.points.map((point) => point[which].value + 2 * point[which].monteCarloError) },
  }));
  const [first, last] = [sweep.points[0]!, sweep.points[sweep.points.length - 1]!];
  const { value: change, monteCarloError: error } = sweep.change;
  const verdict = change < -2 * error ? 'improves' : change > 2 * error ? 'worsens' : 'does not change beyond its Monte-Carlo error';
  return [{
    kind: 'lines', id: 'sweep', title: 'Rank and underfit', xLabel: 'rank of the GGN', yLabel: 'NLL a training point, nats', xScale: 'linear', yScale: sweep.points.every(({ sampled, projected }) => sampled.value > 0 && projected.value > 0) && sweep.fit > 0 ? 'log' : 'linear',
    meaning: `The curvature of ${formatCount(first.data)} to ${formatCount(last.data)} data points at the same ŵ: the rank goes from ${formatCount(first.rank)} to ${formatCount(last.rank)}, the kernel from ${formatCount(first.kernel)} to ${formatCount(last.kernel)} of ${formatCount(network.parameters)} dimensions, and the sampled posterior’s fit to all training data ${verdict}, from ${formatNumber(first.sampled.value, 3)} to ${formatNumber(last.sampled.value, 3)} nats a point (by ${formatNumber(-change, 2)} ± ${formatNumber(error, 2)}). These are ${formatCount(sweep.draws)} draws of its own, the same random numbers at every rank, so that its end agrees with the table to their Monte-Carlo errors only.`,
    panels: [{ title: '', meaning: '', series: [...series, { label: 'mode ŵ', x: [first.rank, last.rank], y: [sweep.fit, sweep.fit] }] }],
  }];
}

function projected({ projections, pair, network, data, request, methods }: Prediction): Section[] {
  return projections === undefined ? [] : projectionsSection(projections, { name: (method) => methodNames[method as PredictionMethod], pair, parameters: network.parameters, data: data.rows, withLinearised: methods.some(({ method }) => method === 'linearized'), first: request.plane });
}

function result(prediction: Prediction): JsonValue {
  const { source, mode, trained, network, problem, chosen, questions: answers, sweep, inputs, laplace, projections, chains } = prediction;
  const at = predictedAt(inputs);
  return {
    parameters: network.parameters, outputs: network.outputs, likelihood: problem.likelihood.kind, noise: problem.likelihood.kind === 'gaussian' ? problem.likelihood.noise : null, priorPrecision: problem.priorPrecision,
    files: { kind: source.origin.kind, networks: source.origin.kind === 'networks' ? source.count : null, chains: source.chains },
    logMarginalLikelihood: chosen === undefined ? null : finite(chosen.evidence.logMarginalLikelihood), gradientNorm: chosen === undefined ? null : finite(chosen.evidence.gradientNorm),
    mode: mode === undefined ? null : { newtonGain: finite(mode.gain), lowestCurvature: finite(mode.lowestCurvature), lowestCurvatureError: finite(mode.lowestCurvatureError), descent: finite(mode.descent) },
    trained: trained === undefined ? null : { ...trained },
    rank: laplace?.rank.rank ?? null, kernelVarianceShare: answers?.kernelVarianceShare ?? null,
    predictedAt: at === 0 ? 'data' : at === inputs.gridIndex ? 'grid' : 'test',
    ...(at === inputs.gridIndex && inputs.grid !== undefined ? { grid: [...inputs.grid] } : {}),
    methods: methodEntries(prediction),
    tensors: network.blocks.filter(({ trainable }) => trainable).map(({ tensor, fileShape }) => ({ name: tensor, shape: fileShape })),
    chains: methodChainsResult(chains),
    projections: projections === undefined ? null : projectionsResult(projections),
    questions: answers === undefined ? null : { ...answers },
    sweep: sweep === undefined ? null : { fit: sweep.fit, change: { value: finite(sweep.change.value), monteCarloError: finite(sweep.change.monteCarloError) }, points: sweep.points.map(({ data, rank, kernel, sampled, projected }) => ({ data, rank, kernel, sampled: { ...sampled }, projected: { ...projected } })) },
  };
}
