/**
 * What does the posterior predict, by which method, and why do they differ? Every method of the slides side by side on one network at its mode:
 * predictive bands, scores on training and test data with their Monte-Carlo errors, the two questions, and the sweep over the rank.
 */
import path from 'node:path';
import { curvatureEvidence } from '../posterior/curvatureEvidence.ts';
import { likelihoodModel, type LikelihoodModel } from '../curvature/likelihood.ts';
import { seededRandom } from '../linalg/random.ts';
import { readData, requireInputs, type DataSet } from '../network/data.ts';
import { forward } from '../network/forward.ts';
import { sameLayout, type Network } from '../network/network.ts';
import { readState } from '../network/parameters.ts';
import { requireNetwork } from '../network/readNetwork.ts';
import { curvatureOf } from '../posterior/drawMethods.ts';
import { laplace, type Laplace } from '../posterior/laplace.ts';
import type { PosteriorProblem } from '../posterior/logPosterior.ts';
import { methodPredictive, type MethodSetting } from '../posterior/methodPredictive.ts';
import { sampledPredictive, type Predictive } from '../posterior/predictive.ts';
import { scores, type Scores } from '../posterior/scores.ts';
import { drawKeeper, projections, type MethodDraws } from '../posterior/projections.ts';
import { rankSweep, twoQuestions } from '../posterior/twoQuestions.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PredictionMethod, PredictRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { stackedStateDicts } from '../weights/stackedStateDicts.ts';
import { WeightFileError } from '../weights/weightFileError.ts';
import { plottedPair } from './plottedPair.ts';
import { predictReport, type MethodResult, type Prediction, type PredictionInputs } from './predictReport.ts';
import { startProvenance } from './provenance.ts';
import { curvatureAt, removable } from './projectedCurvature.ts';
import { targetsFor } from './targets.ts';

/** Draws for the two questions, and for each point of the sweep. */
const QUESTION_DRAWS = 64;
const SWEEP_DRAWS = 48;
const SWEEP_POINTS = 8;
/** Inputs at which one-dimensional networks are drawn. */
const GRID = 161;
/** Beyond this many operations for one spectrum the sweep would take minutes. */
const SWEEP_ROWS = 1000;
/** Fewer draws show nothing in a plane. */
const FEWEST_PROJECTED = 3;

export async function predict(request: PredictRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  const { network, states, source } = await readNetworks(request);
  const state = states[0]!;
  const data = await readData(request.data);
  requireInputs(data, network);
  const test = request.test === undefined ? undefined : await readData(request.test);
  if (test !== undefined) requireInputs(test, network);

  const asked = likelihoodModel(request.likelihood, request.noise, network.outputs);
  const trainTargets = targetsFor(data, asked, network.outputs);
  if (trainTargets === undefined) throw new WeightFileError(request.data, '', 'has no targets y; a posterior needs the data that the network was trained on');
  const chosen = await curvatureEvidence({ network, state, x: data.x, likelihood: asked, weighting: 'likelihood' }, trainTargets, request.priorPrecision, context);
  const { likelihood, priorPrecision } = chosen;
  const problem: PosteriorProblem = { network, x: data.x, targets: trainTargets, likelihood, priorPrecision };

  let approximation: Promise<Laplace> | undefined;
  const setting = (index: number): MethodSetting => ({
    problem, state, draws: request.draws, context, random: seededRandom(request.seed + 7919 * (index + 1)),
    laplace: () => (approximation ??= laplace(curvatureOf({ problem, state }), priorPrecision, context)),
    diffusionSteps: request.diffusionSteps, dropoutRate: request.dropoutRate,
    swag: { epochs: 60, learningRate: 1e-2 * stepScale(problem), batch: Math.max(1, Math.min(data.rows, Math.ceil(data.rows / 4))), rank: 20 },
    variational: { steps: 1500, learningRate: 0.01 }, hmcWarmup: Math.max(100, Math.ceil(request.draws / 2)), ensemble: states.length > 1 ? states : undefined,
  });

  const pair = plottedPair(network, request.parameters);
  const inputs = inputsOf(network, data, test, likelihood);
  const methods: MethodResult[] = [];
  const kept: MethodDraws[] = [];
  for (const [index, method] of request.methods.entries()) {
    context.progress({ message: `Predictive: ${method}`, fraction: index / request.methods.length });
    const keeper = drawKeeper(network.stateSize);
    methods.push(await resultOf(method, { ...setting(index), onDraw: keeper.add }, inputs));
    if (keeper.count() >= FEWEST_PROJECTED) kept.push({ method, states: keeper.states() });
  }
  const map: MethodResult = resultFrom('map', inputs.sets.map((x) => sampledPredictive(likelihood, forward(network, state, x), 1, network.outputs)), 'the mode ŵ alone', [], inputs, setting(0));
  const laplaceUsed = approximation === undefined ? undefined : await approximation;
  const questions = laplaceUsed === undefined ? undefined : await twoQuestions(laplaceUsed, QUESTION_DRAWS, request.seed, context);
  const sweep = laplaceUsed === undefined || laplaceUsed.spectrum.rows > SWEEP_ROWS ? undefined : await rankSweep(problem, state, sweepSizes(data.rows), SWEEP_DRAWS, request.seed, context);
  const curvature = curvatureAt({ problem, state, priorPrecision }, approximation, context);
  const shown = kept.length === 0 ? undefined : await projections({ problem, mode: state, methods: kept, parameters: pair.positions, curvature, canonical: removable(network), seed: request.seed }, context);
  const made = provenance();
  const prediction: Prediction = { request, network, source, data, test, problem, chosen, inputs, map, methods, laplace: laplaceUsed, questions, sweep, projections: shown, pair };
  return { ...predictReport(prediction), title: `Posterior predictive: ${path.basename(request.files[0] ?? '')}`, provenance: made };
}

/** Networks in their files, all of one architecture: the first is ŵ. */
async function readNetworks({ files, ...options }: PredictRequest): Promise<{ readonly network: Network; readonly states: readonly Float64Array[]; readonly source: string }> {
  const states: Float64Array[] = [];
  let first: Network | undefined;
  let source = '';
  for (const file of files) {
    const opened = await openWeightFile(file);
    try {
      const stacked = stackedStateDicts(opened);
      const { network, leading, source: from } = await requireNetwork(stacked, options);
      if (first !== undefined && !sameLayout(first, network)) {
        throw new WeightFileError(file, '', `does not hold the same network as ${files[0] ?? ''}; an ensemble shares its architecture`);
      }
      first ??= network;
      source = from;
      const draws = leading.reduce((product, length) => product * length, 1);
      const all = await readState(stacked, network, 0, draws);
      for (let m = 0; m < draws; m++) states.push(all.slice(m * network.stateSize, (m + 1) * network.stateSize));
    } finally {
      await opened.close();
    }
  }
  if (first === undefined) throw new UserError('predict needs a weight file');
  return { network: first, states, source };
}

/** Training inputs, test inputs where there are any, and for a network of one input a grid that reaches beyond the data. */
function inputsOf(network: Network, data: DataSet, test: DataSet | undefined, likelihood: LikelihoodModel): PredictionInputs {
  const grid = network.inputs === 1 ? gridOver(test === undefined ? data.x : Float64Array.of(...data.x, ...test.x)) : undefined;
  const sets = [data.x, ...(test === undefined ? [] : [test.x]), ...(grid === undefined ? [] : [grid])];
  return {
    sets, grid,
    gridIndex: grid === undefined ? undefined : sets.length - 1,
    trainTargets: targetsFor(data, likelihood, network.outputs),
    testTargets: test === undefined ? undefined : targetsFor(test, likelihood, network.outputs),
  };
}

function gridOver(x: Float64Array): Float64Array {
  const low = x.reduce((a, b) => Math.min(a, b));
  const high = x.reduce((a, b) => Math.max(a, b));
  const margin = 0.25 * (high - low || 1);
  return Float64Array.from({ length: GRID }, (_, k) => low - margin + ((high - low + 2 * margin) * k) / (GRID - 1));
}

async function resultOf(method: PredictionMethod, setting: MethodSetting, inputs: PredictionInputs): Promise<MethodResult> {
  const { predictives, how, warnings } = await methodPredictive(method, setting, inputs.sets);
  return resultFrom(method, predictives, how, warnings, inputs, setting);
}

function resultFrom(method: MethodResult['method'], predictives: readonly Predictive[], how: string, warnings: readonly string[], { trainTargets, testTargets }: PredictionInputs, { problem: { likelihood, network } }: MethodSetting): MethodResult {
  const scored = (index: number, targets: Float64Array | undefined): Scores | undefined => (targets === undefined ? undefined : scores(likelihood, predictives[index]!, targets, network.outputs));
  return { method, predictives, how, warnings, train: scored(0, trainTargets), test: scored(1, testTargets) };
}

/** 2 … N, evenly on a logarithmic scale. */
function sweepSizes(rows: number): number[] {
  const sizes = Array.from({ length: SWEEP_POINTS }, (_, k) => Math.round(2 * (rows / 2) ** (k / (SWEEP_POINTS - 1))));
  return [...new Set(sizes)].filter((size) => size >= 1 && size <= rows);
}

/** Learning rates are for a loss of the size of one nat a point; a Gaussian likelihood of small noise is steeper by 1/σ². */
const stepScale = ({ likelihood }: PosteriorProblem): number => (likelihood.kind === 'gaussian' ? Math.min(1, likelihood.noise ** 2) : 1);
