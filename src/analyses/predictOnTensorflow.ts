/**
 * Posterior predictives of models that `network/` does not know and TensorFlow.js runs: of several networks, of draws of one, and of MC dropout.
 * There are forward passes only, in float32, so that no method that takes derivatives is possible.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { likelihoodModel, type LikelihoodModel } from '../curvature/likelihood.ts';
import { readData, type DataSet } from '../network/data.ts';
import { readNetwork } from '../network/readNetwork.ts';
import { sampledPredictive, type Predictive } from '../posterior/predictive.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { FiguresSection, Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { PredictionMethod, PredictRequest } from '../protocol/service.ts';
import { MemoryLimitError, UserError } from '../protocol/userError.ts';
import { modelKind } from '../tensorflow/modelFile.ts';
import { RunningModel, type DrawsOfModel } from '../tensorflow/runningModel.ts';
import { openSavedModel } from '../tensorflow/savedModel.ts';
import { backendName } from '../tensorflow/session.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { probabilitiesSection, reliabilitySection, surfaceSection } from './classPictures.ts';
import { groupedFiles } from './drawFiles.ts';
import { methodNames } from './methodNames.ts';
import { methodEntries, methodResult, predictedAt, predictionInputs, type MethodResult, type Predicted } from './methodResults.ts';
import { bandsSection, scoreTable } from './predictivePictures.ts';
import { likelihoodFor } from './targets.ts';

const possible: ReadonlySet<PredictionMethod> = new Set(['ensemble', 'dropout']);

/** Whether the first file holds a model that only TensorFlow.js runs. What is wrong with a file is for the analysis that reads it to say. */
export async function needsTensorflow({ files, network, activation }: Pick<PredictRequest, 'files' | 'network' | 'activation'>): Promise<boolean> {
  const [first] = files;
  if (first === undefined || network !== undefined || activation !== undefined) return false;
  const info = await stat(first).catch(() => undefined);
  if (info?.isDirectory() === true) return (await openSavedModel(first)) !== undefined;
  try {
    const file = await openWeightFile(first);
    try {
      return modelKind(file) !== undefined && (await readNetwork(file, {})).kind === 'unrecognised';
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

export async function predictOnTensorflow(request: PredictRequest, context: JobContext): Promise<Omit<Report, 'title' | 'provenance'>> {
  const data = await readData(request.data);
  const test = request.test === undefined ? undefined : await readData(request.test);
  const [first, ...others] = request.files;
  if (first === undefined) throw new UserError('predict needs at least one model');
  const model = await RunningModel.open(first, context);
  try {
    const draws = await drawsAmongFiles(model, (await groupedFiles(others)).flat());
    return await predictiveOf({ model, draws, data, test, request, context });
  } finally {
    model.close();
  }
}

/** A draw in its file. */
interface Draw extends DrawsOfModel {
  readonly path: string;
}

/** Other models of the same kind are draws beside the first; containers of tensors with draw axes stand for all draws. */
async function drawsAmongFiles(model: RunningModel, files: readonly string[]): Promise<readonly Draw[]> {
  const found: Draw[] = [];
  for (const file of files) {
    const opened = await openWeightFile(file);
    try {
      found.push({ path: file, ...model.drawsOf(opened) });
    } finally {
      await opened.close();
    }
  }
  return found.every(({ isModel }) => isModel) ? [{ path: model.path, isModel: true, weights: model.weights, draws: 1 }, ...found] : found;
}

interface Question {
  readonly model: RunningModel;
  readonly draws: readonly Draw[];
  readonly data: DataSet;
  readonly test: DataSet | undefined;
  readonly request: PredictRequest;
  readonly context: JobContext;
}

async function predictiveOf({ model, draws, data, test, request, context }: Question): Promise<Omit<Report, 'title' | 'provenance'>> {
  const count = draws.reduce((sum, each) => sum + each.draws, 0);
  const methods = methodsFor(model, count, request.methods);
  const training = await model.forward(data);
  const outputs = training.width;
  const likelihood = likelihoodModel(likelihoodFor(request.likelihood, data, outputs), request.noise, outputs);
  const inputs = predictionInputs(data, test, likelihood, outputs);
  if (inputs.trainTargets === undefined) throw new WeightFileError(request.data, '', 'has no targets y; a posterior needs the data that the network was trained on');
  const problem = { likelihood, network: { outputs } };
  const sets = inputs.sets.map((x, k) => (k === 0 ? data : k === 1 && test !== undefined ? test : { source: data.source, x, inputs: data.inputs }));
  requireMemory(sets, Math.max(request.draws, count), outputs, context.memoryLimitBytes);

  const atMode: Predictive[] = [sampledPredictive(likelihood, training.values, 1, outputs)];
  for (const set of sets.slice(1)) atMode.push(sampledPredictive(likelihood, (await model.forward(set)).values, 1, outputs));
  const results: MethodResult[] = [];
  // Dropout first: it is drawn at the weights of the model's own file.
  for (const method of [...methods].sort((a) => (a === 'dropout' ? -1 : 1))) {
    const drawn = await (method === 'dropout' ? dropoutDraws(model, sets, request, context) : networkDraws(model, draws, count, sets, context));
    results.push(methodResult(method, { predictives: drawn.outputs.map((f) => sampledPredictive(likelihood, f, drawn.count, outputs)), how: drawn.how, warnings: [] }, { inputs, problem }));
  }
  const predicted: Predicted = { methods: methods.map((method) => results.find((each) => each.method === method)).filter((each) => each !== undefined), map: methodResult('map', { predictives: atMode, how: 'the weights alone', warnings: [] }, { inputs, problem }), inputs, problem };
  const name = (method: MethodResult['method']): string => (method === 'map' ? (count > 1 ? 'ŵ, the first network' : 'the network alone') : methodNames[method]);
  const at = predictedAt(inputs);
  return {
    analysis: 'predict',
    summary: `${model.format} run by ${backendName(model.backend)}, in float32: ${methods.length === 0 ? 'the network alone' : methods.map((method) => methodNames[method]).join(', ')} on ${formatCount(data.rows)} data points.`,
    sources: [...request.files, request.data, ...(request.test === undefined ? [] : [request.test])],
    sections: [...bandsSection(predicted, data, name), ...surfaceSection(predicted, data, name), ...reliabilitySection(predicted, name), ...probabilitiesSection(predicted, name), scoreTable(predicted, name), overview(model, draws, data, likelihood, request)],
    warnings: warningsOf(model, likelihood, methods),
    result: {
      parameters: model.parameters, outputs, likelihood: likelihood.kind, noise: likelihood.kind === 'gaussian' ? likelihood.noise : null,
      backend: { ...model.backend }, precision: 'float32', head: model.head,
      predictedAt: at === 0 ? 'data' : at === inputs.gridIndex ? 'grid' : 'test',
      ...(at === inputs.gridIndex && inputs.grid !== undefined ? { grid: [...inputs.grid] } : {}),
      methods: methodEntries(predicted),
    },
  };
}

/** @throws UserError naming a method that there is not for such a model */
function methodsFor(model: RunningModel, count: number, asked: readonly PredictionMethod[] | undefined): readonly PredictionMethod[] {
  const drops = model.facts.dropout.length > 0;
  if (asked === undefined || asked.length === 0) return count > 1 ? ['ensemble'] : drops ? ['dropout'] : [];
  for (const method of asked) {
    if (!possible.has(method)) throw new UserError(`${methodNames[method]} needs derivatives, which there are for the layers that Quotient knows; ${showName(path.basename(model.path))} runs on TensorFlow.js, forwards only: take ensemble, of several networks or draws, or dropout`);
    if (method === 'ensemble' && count < 2) throw new UserError('an ensemble needs at least two networks: name several files of the same model, or after the model a file of draws');
    if (method === 'dropout' && !drops) throw new UserError(`${showName(path.basename(model.path))} has no dropout layer that could be switched on`);
  }
  return asked;
}

type InputSet = Pick<DataSet, 'source' | 'x' | 'inputs' | 'shape'>;

/** f of each draw in each set, S × N × O. */
interface DrawnOutputs {
  readonly outputs: readonly Float64Array[];
  readonly count: number;
  readonly how: string;
}

async function dropoutDraws(model: RunningModel, sets: readonly InputSet[], { draws, seed }: PredictRequest, context: JobContext): Promise<DrawnOutputs> {
  const drawn = collector(sets, draws);
  for (let s = 0; s < draws; s++) {
    context.progress({ message: `MC dropout: draw ${s + 1} of ${draws}`, fraction: s / draws });
    for (const [k, set] of sets.entries()) drawn.set(k, s, (await model.forward(set, (Math.imul(seed + 1, 0x85ebca6b) + s) >>> 0)).values);
  }
  return { outputs: drawn.outputs(), count: draws, how: `${draws} masks of ${model.facts.dropout.length === 1 ? 'one layer' : `${model.facts.dropout.length} layers`}` };
}

async function networkDraws(model: RunningModel, draws: readonly Draw[], count: number, sets: readonly InputSet[], context: JobContext): Promise<DrawnOutputs> {
  const drawn = collector(sets, count);
  let s = 0;
  for (const { path: file, weights, draws: own } of draws) {
    const opened = await openWeightFile(file);
    try {
      for (let draw = 0; draw < own; draw++, s++) {
        context.progress({ message: `Network ${s + 1} of ${count}`, fraction: s / count });
        await model.assign(opened, weights, draw);
        for (const [k, set] of sets.entries()) drawn.set(k, s, (await model.forward(set)).values);
      }
    } finally {
      await opened.close();
    }
  }
  return { outputs: drawn.outputs(), count, how: `${count} networks` };
}

function collector(sets: readonly InputSet[], count: number): { set(k: number, s: number, values: Float64Array): void; outputs(): readonly Float64Array[] } {
  const outputs: (Float64Array | undefined)[] = sets.map(() => undefined);
  return {
    set(k, s, values) {
      const own = (outputs[k] ??= new Float64Array(count * values.length));
      own.set(values, s * values.length);
    },
    outputs: () => outputs.map((values) => values ?? new Float64Array()),
  };
}

function requireMemory(sets: readonly InputSet[], draws: number, outputs: number, limit: number): void {
  const bytes = 16 * draws * outputs * sets.reduce((sum, { x, inputs }) => sum + x.length / inputs, 0);
  if (bytes > limit) throw new MemoryLimitError(`${draws} draws of the predictions need about ${Math.ceil(bytes / 2 ** 20)} MiB, the limit is ${Math.ceil(limit / 2 ** 20)} MiB; take fewer draws or inputs`);
}

function overview(model: RunningModel, draws: readonly Draw[], data: DataSet, likelihood: LikelihoodModel, request: PredictRequest): FiguresSection {
  const count = draws.reduce((sum, each) => sum + each.draws, 0);
  const { backend, facts } = model;
  return {
    kind: 'figures', id: 'overview', title: 'Posterior', meaning: 'TensorFlow.js runs what is not among the layers that Quotient differentiates: predictions, but no curvature.',
    figures: [
      { label: 'Model', value: model.format, detail: `${model.weights.length === 0 ? 'its own weights' : `${formatCount(model.parameters)} numbers`}, from ${showName(path.basename(model.path))}` },
      { label: 'Runs on', value: backendName(backend), detail: backend.kind === 'wasm' ? `float32; native TensorFlow is ${backend.withoutNative}` : 'float32' },
      { label: 'Networks', value: formatCount(count), detail: count > 1 ? 'of the files' : 'ŵ' },
      ...(facts.dropout.length === 0 ? [] : [{ label: 'Dropout layers', value: formatCount(facts.dropout.length), detail: facts.dropout.slice(0, 5).map((each) => showName(each)).join(', ') }]),
      { label: 'Training data', value: formatCount(data.rows), detail: `${showName(path.basename(data.source))}${data.sampleWeights === undefined ? '' : ', weighted'}` },
      { label: 'Likelihood', value: likelihood.kind, ...(likelihood.kind === 'gaussian' ? { detail: `noise ${formatNumber(likelihood.noise, 4)} as set` } : {}) },
      ...(facts.dropout.length === 0 ? [] : [{ label: 'Draws', value: formatCount(request.draws), detail: 'of dropout' }]),
    ],
  };
}

function warningsOf({ head, facts }: RunningModel, { kind }: LikelihoodModel, methods: readonly PredictionMethod[]): string[] {
  const expected = { gaussian: 'none', categorical: 'softmax', bernoulli: 'sigmoid' }[kind];
  return [
    ...(head === 'none' && expected !== 'none' ? [`The model does not end in a ${expected} that could be recognised; its outputs are taken as logits. If they are probabilities, this report is wrong.`] : []),
    ...(head !== 'none' && head !== expected ? [`The model ends in a ${head}, which is left out here: the likelihood ${kind} takes what goes into it. Is it the likelihood that the model was trained with?`] : []),
    ...(methods.includes('dropout') && facts.otherRandom.length > 0 ? [`Layers that are random in training besides dropout are left as at prediction: ${facts.otherRandom.slice(0, 5).map((each) => showName(each)).join(', ')}.`] : []),
  ];
}
