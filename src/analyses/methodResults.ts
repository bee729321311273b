/** What each method predicts and how well, whatever runs the network: for the pictures, the table and the JSON of a posterior predictive. */
import type { LikelihoodModel } from '../curvature/likelihood.ts';
import type { DataSet } from '../network/data.ts';
import { commonAxis } from '../posterior/density.ts';
import type { Predictive } from '../posterior/predictive.ts';
import { scores, type Scores } from '../posterior/scores.ts';
import type { BinAxis, JsonValue } from '../protocol/report.ts';
import type { PredictionMethod } from '../protocol/service.ts';
import { targetsFor } from './targets.ts';

export interface MethodResult {
  readonly method: PredictionMethod | 'map';
  /** One for each set of inputs. */
  readonly predictives: readonly Predictive[];
  readonly how: string;
  readonly warnings: readonly string[];
  readonly train: Scores | undefined;
  readonly test: Scores | undefined;
}

export interface PredictionInputs {
  /** Training inputs, test inputs, a grid and a plane, where there are any. */
  readonly sets: readonly Float64Array[];
  readonly grid: Float64Array | undefined;
  readonly gridIndex: number | undefined;
  readonly testIndex: number | undefined;
  /** Of a classification of two inputs: the plane, and its place among the sets. */
  readonly surface: { readonly x: BinAxis; readonly y: BinAxis; readonly index: number } | undefined;
  readonly trainTargets: Float64Array | undefined;
  readonly testTargets: Float64Array | undefined;
  /** How often each of them counts; undefined for once. */
  readonly trainWeights: Float64Array | undefined;
  readonly testWeights: Float64Array | undefined;
}

export interface Predicted {
  readonly methods: readonly MethodResult[];
  /** The network itself, at ŵ. */
  readonly map: MethodResult;
  readonly inputs: PredictionInputs;
  readonly problem: { readonly likelihood: LikelihoodModel; readonly network: { readonly outputs: number } };
}

/** Inputs at which one-dimensional networks are drawn. */
const GRID = 161;
/** Along either side, of the plane in which networks of two inputs are drawn. */
const SURFACE = 41;
/** Rows of the JSON result; more would make a report of many megabytes. */
const LISTED_PREDICTIONS = 20_000;

/**
 * Training inputs, test inputs where there are any, and for a network of one input a grid, of two a plane, that reach beyond the data.
 * @throws WeightFileError when targets do not fit the likelihood or the outputs
 */
export function predictionInputs(data: DataSet, test: DataSet | undefined, likelihood: LikelihoodModel, outputs: number): PredictionInputs {
  const grid = data.inputs === 1 ? gridOver(test === undefined ? data.x : Float64Array.of(...data.x, ...test.x)) : undefined;
  const surface = data.inputs === 2 && likelihood.kind !== 'gaussian' ? surfaceOver(data.x) : undefined;
  const sets = [data.x, ...(test === undefined ? [] : [test.x]), ...(grid === undefined ? [] : [grid]), ...(surface === undefined ? [] : [surface.points])];
  return {
    sets, grid,
    gridIndex: grid === undefined ? undefined : sets.length - 1,
    testIndex: test === undefined ? undefined : 1,
    surface: surface === undefined ? undefined : { x: surface.x, y: surface.y, index: sets.length - 1 },
    trainTargets: targetsFor(data, likelihood, outputs),
    testTargets: test === undefined ? undefined : targetsFor(test, likelihood, outputs),
    trainWeights: data.sampleWeights,
    testWeights: test?.sampleWeights,
  };
}

function gridOver(x: Float64Array): Float64Array {
  const low = x.reduce((a, b) => Math.min(a, b));
  const high = x.reduce((a, b) => Math.max(a, b));
  const margin = 0.25 * (high - low || 1);
  return Float64Array.from({ length: GRID }, (_, k) => low - margin + ((high - low + 2 * margin) * k) / (GRID - 1));
}

/** The middles of bins around the data, y-major. */
function surfaceOver(data: Float64Array): { readonly x: BinAxis; readonly y: BinAxis; readonly points: Float64Array } {
  const [x, y] = [0, 1].map((axis) => commonAxis([data.filter((_, k) => k % 2 === axis)], SURFACE, 1, 0.15)) as [BinAxis, BinAxis];
  const centre = ({ min, max, bins }: BinAxis, k: number): number => min + ((k + 0.5) * (max - min)) / bins;
  return { x, y, points: Float64Array.from({ length: 2 * SURFACE * SURFACE }, (_, k) => (k % 2 === 0 ? centre(x, (k / 2) % SURFACE) : centre(y, Math.floor(k / 2 / SURFACE)))) };
}

/** With its scores on training and test data. */
export function methodResult(method: MethodResult['method'], { predictives, how, warnings }: Pick<MethodResult, 'predictives' | 'how' | 'warnings'>, { inputs: { trainTargets, testTargets, trainWeights, testWeights }, problem: { likelihood, network } }: Pick<Predicted, 'inputs' | 'problem'>): MethodResult {
  const scored = (index: number, targets: Float64Array | undefined, weights: Float64Array | undefined): Scores | undefined => (targets === undefined ? undefined : scores(likelihood, predictives[index]!, targets, network.outputs, weights));
  return { method, predictives, how, warnings, train: scored(0, trainTargets, trainWeights), test: scored(1, testTargets, testWeights) };
}

const nllOf = ({ train }: MethodResult): number => train?.nll.value ?? Number.NaN;

/** Nats a training point that averaging over the posterior costs, compared with ŵ. */
export const underfit = (method: MethodResult, map: MethodResult): number => nllOf(method) - nllOf(map);

/** The set of inputs whose predictions the JSON lists: test inputs, otherwise the grid, otherwise the training inputs. */
export function predictedAt({ testIndex, gridIndex }: PredictionInputs): number {
  return testIndex ?? gridIndex ?? 0;
}

/** The key `methods` of the JSON. */
export function methodEntries({ methods, map, inputs, problem: { network } }: Predicted): JsonValue {
  const at = predictedAt(inputs);
  const fields = (scored: Scores | undefined): Readonly<Record<string, JsonValue>> => {
    if (scored === undefined) return {};
    const common = { nll: scored.nll.value, nllStandardError: finite(scored.nll.standardError), nllMonteCarloError: finite(scored.nll.monteCarloError) };
    return scored.kind === 'regression' ? { ...common, rmse: scored.rmse.value, coverage95: scored.coverage95.value } : { ...common, accuracy: scored.accuracy.value, ece: scored.ece.value, brier: scored.brier.value };
  };
  const score = (scored: Scores | undefined): JsonValue => (scored === undefined ? null : fields(scored));
  const listed = (values: Float64Array): JsonValue => {
    const rows = values.length / network.outputs;
    return values.length > LISTED_PREDICTIONS ? null : Array.from({ length: rows }, (_, n) => [...values.subarray(n * network.outputs, (n + 1) * network.outputs)]);
  };
  const entry = (method: MethodResult): JsonValue => {
    const { mean, deviation, draws } = method.predictives[at]!;
    return {
      mean: listed(mean), std: listed(deviation), ...fields(method.test ?? method.train), underfit: finite(underfit(method, map)), train: score(method.train), test: score(method.test),
      ...(method.method === 'linearized' && draws.kind === 'gaussian' ? { functionVariance: listed(draws.variance) } : {}), how: method.how,
    };
  };
  return Object.fromEntries([map, ...methods].map((method) => [method.method, entry(method)]));
}

/** JSON has no infinities. */
export const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
