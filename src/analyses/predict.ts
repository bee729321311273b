/**
 * What does the posterior predict, by which method, and why do they differ? Every method of the slides side by side on one network at its mode:
 * predictive bands, scores on training and test data with their Monte-Carlo errors, the two questions, and the sweep over the rank.
 */
import { likelihoodModel, type LikelihoodModel } from '../curvature/likelihood.ts';
import { gramSpectrum, type GgnSpectrum } from '../curvature/spectrum.ts';
import { seededRandom } from '../linalg/random.ts';
import { productsPerInput } from '../network/cost.ts';
import { readData, requireInputs } from '../network/data.ts';
import { forwardDraws } from '../network/forwardDraws.ts';
import type { Network } from '../network/network.ts';
import { continuedTraining } from '../posterior/continuedTraining.ts';
import { curvatureEvidence, underNoise, type ChosenHyperparameters } from '../posterior/curvatureEvidence.ts';
import { walkSeconds } from '../posterior/diffusionWalks.ts';
import { curvatureOf } from '../posterior/drawMethods.ts';
import { openDraws, type DrawSource } from '../posterior/draws.ts';
import { dropoutGaussian, type WeightGaussian } from '../posterior/gaussianDraws.ts';
import { laplace, type Laplace } from '../posterior/laplace.ts';
import type { PosteriorProblem } from '../posterior/logPosterior.ts';
import { methodPredictive, type MethodSetting } from '../posterior/methodPredictive.ts';
import { modeCheck } from '../posterior/modeCheck.ts';
import { sampledPredictive } from '../posterior/predictive.ts';
import { drawKeeper, projections, type DrawKeeper, type MethodDraws } from '../posterior/projections.ts';
import { rankSweep, twoQuestions } from '../posterior/twoQuestions.ts';
import { formatSeconds } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PredictionMethod, PredictRequest } from '../protocol/service.ts';
import { filesTogether } from '../protocol/shownPaths.ts';
import { UserError } from '../protocol/userError.ts';
import { WeightFileError } from '../weights/weightFileError.ts';
import { groupedFiles } from './drawFiles.ts';
import { methodNames } from './methodNames.ts';
import { methodResult, predictionInputs, type MethodResult } from './methodResults.ts';
import { plottedPair } from './plottedPair.ts';
import { chainKeeper, methodChains, type MethodChains } from './predictChains.ts';
import { needsTensorflow, predictOnTensorflow } from './predictOnTensorflow.ts';
import { predictReport, type Prediction } from './predictReport.ts';
import { startProvenance } from './provenance.ts';
import { curvatureAt, removable } from './projectedCurvature.ts';
import { likelihoodFor, targetsFor } from './targets.ts';

/** Draws for the two questions. */
const QUESTION_DRAWS = 64;
const SWEEP_POINTS = 8;
/** Draws for each point of the sweep: as many as make so many multiplications in all, within bounds. */
const SWEEP_PRODUCTS = 2e9;
const [FEWEST_SWEEP_DRAWS, MOST_SWEEP_DRAWS] = [48, 400];
/** Beyond this many operations for one spectrum the sweep would take minutes. */
const SWEEP_ROWS = 1000;
/** What nobody asked for by name may take so long. */
const DIFFUSION_SECONDS = 60;
/** Beyond this many inputs times parameters the products of the Hessian would take longer than what they tell is worth. */
const MODE_CHECK_SIZE = 2e8;
/** Fewer draws show nothing in a plane. */
const FEWEST_PROJECTED = 3;

/** Methods that take the curvature of the whole network at ŵ. */
const curved: ReadonlySet<PredictionMethod> = new Set(['sampled', 'linearized', 'linearized-sampled', 'projected', 'diffusion', 'diffusion-image', 'diffusion-kernel']);

export async function predict(request: PredictRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  const title = `Posterior predictive of ${filesTogether(request.files)}`;
  if (await needsTensorflow(request)) return { ...await predictOnTensorflow(request, context), title, provenance: provenance() };
  const source = await openDraws(await groupedFiles(request.files), { ...request, least: 1 }, context);
  try {
    const prediction = await predictionFrom(source, request, context);
    return { ...predictReport(prediction), title, provenance: provenance() };
  } finally {
    await source.close();
  }
}

async function predictionFrom(source: DrawSource, request: PredictRequest, context: JobContext): Promise<Prediction> {
  const { network } = source;
  const data = await readData(request.data);
  requireInputs(data, network);
  const test = request.test === undefined ? undefined : await readData(request.test);
  if (test !== undefined) requireInputs(test, network);
  const asked = likelihoodModel(likelihoodFor(request.likelihood, data, network.outputs), request.noise, network.outputs);
  const trainTargets = targetsFor(data, asked, network.outputs);
  if (trainTargets === undefined) throw new WeightFileError(request.data, '', 'has no targets y; a posterior needs the data that the network was trained on');

  const named = request.methods !== undefined && request.methods.length > 0 ? request.methods : undefined;
  const diffusion = diffusionSeconds(network, data.x, asked, request);
  const methodList = named ?? usualMethods(source).filter((method) => method !== 'diffusion' || diffusion <= DIFFUSION_SECONDS);
  const leftOut = named === undefined && !methodList.includes('diffusion') && usualMethods(source).includes('diffusion')
    ? [`Laplace diffusion is left out: it takes a factorisation a step, about ${formatSeconds(diffusion)} for ${request.draws} draws of ${request.diffusionSteps} steps. Name it (--method diffusion) to have it all the same, with fewer draws or steps.`] : [];

  const place = await posteriorPlace(source, { x: data.x, targets: trainTargets, sampleWeights: data.sampleWeights, asked, usesLaplace: methodList.some((method) => curved.has(method)) }, request, context);
  const { state, problem, chosen, spectrum } = place;
  const { likelihood, priorPrecision } = problem;

  let approximation: Promise<Laplace> | undefined;
  const setting = (index: number): MethodSetting => ({
    problem, state, draws: request.draws, context, random: seededRandom(request.seed + 7919 * (index + 1)),
    laplace: () => (approximation ??= laplace(curvatureOf({ problem, state }), priorPrecision, context, spectrum)),
    diffusionSteps: request.diffusionSteps, dropoutRate: request.dropoutRate,
    swag: { epochs: 60, momentum: 0.9, batch: Math.ceil(data.rows / 4), rank: 20 },
    variational: { steps: 1500, learningRate: 0.01 }, hmcWarmup: Math.max(100, Math.ceil(request.draws / 2)), source,
  });

  const pair = plottedPair(network, request.parameters);
  const inputs = predictionInputs(data, test, likelihood, network.outputs);
  const methods: MethodResult[] = [];
  const kept: MethodDraws[] = [];
  const chains: MethodChains[] = [];
  for (const [index, method] of methodList.entries()) {
    context.progress({ message: `Predictive: ${methodNames[method]}`, fraction: index / methodList.length });
    const keeper = drawKeeper(network.stateSize);
    const inChains = method === 'hmc' || (method === 'ensemble' && source.chains > 1);
    const chain = chainKeeper(network.stateSize);
    const found = methodResult(method, await methodPredictive(method, {
      ...setting(index),
      onDraw(drawn, draw, of) {
        keeper.add(drawn, draw, of);
        if (inChains) chain.add(drawn, draw, of);
      },
    }, inputs.sets), { inputs, problem });
    methods.push(found);
    if (method === 'dropout') keepDropped(keeper, setting(index));
    const whole = chain.states();
    const diagnosed = whole === undefined ? undefined : await methodChains(method, network, whole, found.predictives[0]!, context);
    if (diagnosed !== undefined) chains.push(diagnosed);
    if (keeper.count() >= FEWEST_PROJECTED) kept.push({ method, states: keeper.states() });
  }
  const map = methodResult('map', { predictives: (await Promise.all(inputs.sets.map((x) => forwardDraws(network, state, x, context.signal)))).map((f) => sampledPredictive(likelihood, f, 1, network.outputs)), how: 'the weights alone', warnings: [] }, { inputs, problem });
  const laplaceUsed = approximation === undefined ? undefined : await approximation;
  const mode = laplaceUsed === undefined || data.rows * network.parameters > MODE_CHECK_SIZE ? undefined : await modeCheck(problem, state, laplaceUsed, context);
  const questions = laplaceUsed === undefined ? undefined : await twoQuestions(laplaceUsed, QUESTION_DRAWS, request.seed, context);
  const sweep = laplaceUsed === undefined || laplaceUsed.spectrum.rows > SWEEP_ROWS ? undefined : await rankSweep(problem, state, sweepSizes(data.rows), sweepDraws(laplaceUsed, data.rows), request.seed, context);
  const curvature = curvatureAt({ problem, state, priorPrecision }, approximation, context);
  const shown = kept.length === 0 ? undefined : await projections({ problem, mode: state, methods: kept, parameters: pair.positions, curvature, canonical: removable(network), seed: request.seed }, context);
  return { request, network, source, data, test, problem, chosen, trained: place.trained, inputs, map, methods, leftOut, laplace: laplaceUsed, mode, questions, sweep, projections: shown, projectionsOmitted: shown === undefined && kept.length > 0, chains, pair };
}

/** Masks predict without becoming weights; where they are weights (of dense layers), draws of the same distribution are shown. */
function keepDropped({ add }: DrawKeeper, { problem: { network }, state, draws, dropoutRate, random }: MethodSetting): void {
  let dropped: WeightGaussian;
  try {
    dropped = dropoutGaussian(network, state, dropoutRate);
  } catch (error) {
    if (error instanceof UserError) return;
    throw error;
  }
  const drawn = state.slice();
  for (let m = 0; m < draws; m++) {
    dropped.draw(drawn, random);
    add(drawn, m, draws);
  }
}

/** One network: the four that the slides compare. Otherwise what the files are. */
function usualMethods({ origin, count }: DrawSource): readonly PredictionMethod[] {
  switch (origin.kind) {
    case 'networks': return count > 1 ? ['ensemble'] : ['sampled', 'linearized', 'projected', 'diffusion'];
    case 'swag': return ['swag'];
    case 'mean-field': return ['vi'];
    case 'dropout': return ['dropout'];
  }
}

function diffusionSeconds(network: Network, x: Float64Array, likelihood: LikelihoodModel, { draws, diffusionSteps }: PredictRequest): number {
  return walkSeconds({ network, state: new Float64Array(0), x, likelihood, weighting: 'likelihood' }, 'whole', diffusionSteps) * draws;
}

interface PosteriorPlace {
  readonly state: Float64Array;
  readonly problem: PosteriorProblem;
  /** Undefined where no method needs the curvature of the whole network. */
  readonly chosen: ChosenHyperparameters | undefined;
  readonly spectrum: GgnSpectrum | undefined;
  readonly trained: Prediction['trained'];
}

interface PlaceQuestion {
  readonly x: Float64Array;
  readonly targets: Float64Array;
  readonly sampleWeights: Float64Array | undefined;
  readonly asked: LikelihoodModel;
  readonly usesLaplace: boolean;
}

/** ŵ, trained on where that is asked for, and the prior and noise around it. By the evidence they are chosen before training and once more after it. */
async function posteriorPlace(source: DrawSource, { x, targets, sampleWeights, asked, usesLaplace }: PlaceQuestion, request: PredictRequest, context: JobContext): Promise<PosteriorPlace> {
  const { network } = source;
  let state = source.centre ?? await source.read(0, 1);
  const needed = usesLaplace || request.priorPrecision === 'evidence';
  const choose = async (): Promise<{ readonly chosen: ChosenHyperparameters; readonly spectrum: GgnSpectrum | undefined }> => {
    const problem = curvatureOf({ problem: { ...problemOf(undefined), likelihood: asked }, state });
    const spectrum = await gramSpectrum(problem, context, { vectors: usesLaplace, economical: true });
    const chosen = curvatureEvidence(problem, targets, request.priorPrecision, spectrum);
    return { chosen, spectrum: usesLaplace ? underNoise(spectrum, asked, chosen.likelihood) : undefined };
  };
  const problemOf = (chosen: ChosenHyperparameters | undefined): PosteriorProblem => ({
    network, x, targets, sampleWeights, likelihood: chosen?.likelihood ?? asked, priorPrecision: chosen?.priorPrecision ?? (request.priorPrecision === 'evidence' ? 1 : request.priorPrecision),
  });
  let trained: Prediction['trained'];
  if (request.train !== undefined) {
    const before = problemOf(request.priorPrecision === 'evidence' ? (await choose()).chosen : undefined);
    const { state: reached, loss, gradientNorm } = await continuedTraining(before, state, request.train, seededRandom(request.seed), context);
    trained = { epochs: request.train.epochs, optimizer: request.train.optimizer, before: loss[0] ?? Number.NaN, after: loss.at(-1) ?? Number.NaN, gradientNorm };
    state = reached;
  }
  const { chosen, spectrum } = needed ? await choose() : { chosen: undefined, spectrum: undefined };
  return { state, problem: problemOf(chosen), chosen, spectrum, trained };
}

function sweepDraws({ problem: { network }, rank: { rank } }: Laplace, rows: number): number {
  const each = 2 * SWEEP_POINTS * (rows * productsPerInput(network) + 2 * rank * network.parameters);
  return Math.min(MOST_SWEEP_DRAWS, Math.max(FEWEST_SWEEP_DRAWS, Math.floor(SWEEP_PRODUCTS / each)));
}

/** 2 … N, evenly on a logarithmic scale. */
function sweepSizes(rows: number): number[] {
  const sizes = Array.from({ length: SWEEP_POINTS }, (_, k) => Math.round(2 * (rows / 2) ** (k / (SWEEP_POINTS - 1))));
  return [...new Set(sizes)].filter((size) => size >= 1 && size <= rows);
}
