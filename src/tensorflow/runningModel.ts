/**
 * A model that runs on TensorFlow.js: its forward pass on rows of numbers, at the weights of its file or at another draw's. Numbers go in and come
 * out as float32. Outputs are logits where the model ends in a softmax or sigmoid that could be taken off.
 */
import type { DataSet } from '../network/data.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { WeightFileError } from '../weights/weightFileError.ts';
import type { ModelFacts, OutputHead, TensorflowBackend } from './messages.ts';
import { modelKind, modelOfFile, type ModelFile } from './modelFile.ts';
import { drawsIn, graphWeights, layersWeights, readWeights, requireRoom, type ModelWeight } from './modelWeights.ts';
import { openSavedModel } from './savedModel.ts';
import { examplesAtOnce, TensorflowSession } from './session.ts';

export interface ModelOutputs {
  /** N × width, row-major. */
  readonly values: Float64Array;
  readonly width: number;
}

/** Draws of a model's weights in a file. */
export interface DrawsOfModel {
  /** Whether the file is a model of its own, with weights at the same places. */
  readonly isModel: boolean;
  readonly weights: readonly ModelWeight[];
  readonly draws: number;
}

export class RunningModel {
  readonly path: string;
  readonly format: string;
  readonly facts: ModelFacts;
  /** Empty for a SavedModel, which keeps its own. */
  readonly weights: readonly ModelWeight[];
  readonly #head: OutputHead;
  readonly #session: TensorflowSession;
  readonly #context: JobContext;
  #examplesAtOnce: number | undefined;

  private constructor(model: ModelFile, facts: ModelFacts, weights: readonly ModelWeight[], session: TensorflowSession, context: JobContext) {
    this.path = model.path;
    this.format = model.format;
    this.facts = facts;
    this.weights = weights;
    this.#head = model.head === 'none' ? facts.head : model.head;
    this.#session = session;
    this.#context = context;
  }

  /**
   * @param path of a weight file that says its model, or of a SavedModel's folder
   * @param wanted `wasm` for the WebAssembly backend even where the native one is there
   * @throws WeightFileError that says why the model cannot be run
   */
  static async open(path: string, context: JobContext, wanted: 'any' | 'wasm' = 'any'): Promise<RunningModel> {
    const saved = await openSavedModel(path);
    if (saved !== undefined) return RunningModel.#start(saved, undefined, context, wanted);
    const file = await openWeightFile(path);
    try {
      const kind = modelKind(file);
      if (kind === undefined) throw new WeightFileError(path, '', 'does not say its model in a form that TensorFlow.js runs');
      return await RunningModel.#start(await modelOfFile(file, kind), file, context, wanted);
    } finally {
      await file.close();
    }
  }

  static async #start(model: ModelFile, file: WeightFile | undefined, context: JobContext, wanted: 'any' | 'wasm'): Promise<RunningModel> {
    const constants = file !== undefined && model.source.kind === 'graph' ? graphWeights(file) : [];
    requireRoom(constants, context.memoryLimitBytes);
    context.progress({ message: 'Starting TensorFlow' });
    const session = await TensorflowSession.start(context, wanted);
    try {
      if (model.source.kind === 'saved-model' && session.backend.kind === 'wasm') {
        throw new WeightFileError(model.path, '', `is a SavedModel, which only native TensorFlow runs, and that is ${session.backend.withoutNative}; install it with "Quotient: Install Native TensorFlow", or convert the model with tensorflowjs_converter`);
      }
      context.progress({ message: 'Loading the model' });
      const facts = await session.load(model.path, model.source, file === undefined ? [] : await readWeights(file, constants));
      if (file === undefined || model.source.kind !== 'layers') return new RunningModel(model, facts, constants, session, context);
      const weights = layersWeights(file, facts);
      requireRoom(weights, context.memoryLimitBytes);
      await session.assign(model.path, await readWeights(file, weights));
      return new RunningModel(model, facts, weights, session, context);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  get backend(): TensorflowBackend {
    return this.#session.backend;
  }

  get head(): OutputHead {
    return this.#head;
  }

  /** Number of numbers among the weights. */
  get parameters(): number {
    return this.weights.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);
  }

  /** @throws WeightFileError when the file's tensors are not weights of this model */
  drawsOf(file: WeightFile): DrawsOfModel {
    const kind = modelKind(file);
    if (kind === undefined) return { isModel: false, weights: this.weights, draws: drawsIn(file, this.weights) };
    const weights = kind === 'graph' ? graphWeights(file) : layersWeights(file, this.facts);
    const shapes = (own: readonly ModelWeight[]): string => own.map(({ name, shape }) => `${name} ${shape.join(' ')}`).join('\n');
    if (shapes(weights) !== shapes(this.weights)) throw new WeightFileError(file.path, '', `is another model than ${this.path}: its weights have other names or shapes`);
    return { isModel: true, weights, draws: 1 };
  }

  /** The weights of one draw from a file, from here on. @throws WeightFileError */
  async assign(file: WeightFile, weights: readonly ModelWeight[], draw: number): Promise<void> {
    await this.#session.assign(file.path, await readWeights(file, weights, draw));
  }

  /**
   * @param data `x` (N × d), with the axes of an example where there are several
   * @param dropoutSeed of one draw of MC dropout
   * @throws WeightFileError when the model does not take such inputs
   */
  async forward(data: Pick<DataSet, 'source' | 'x' | 'inputs' | 'shape'>, dropoutSeed: number | null = null): Promise<ModelOutputs> {
    const axes = this.exampleAxes(data);
    const rows = data.x.length / data.inputs;
    let values: Float64Array | undefined;
    let width = 0;
    for (let from = 0; from < rows;) {
      const count = Math.min(rows - from, this.#examplesAtOnce ?? 1);
      const x = Float32Array.from(data.x.subarray(from * data.inputs, (from + count) * data.inputs));
      const output = await this.#session.run(this.path, x, [count, ...axes], { dropoutSeed, measure: this.#examplesAtOnce === undefined });
      if (output.shape[0] !== count) throw new WeightFileError(this.path, '', `gives an output of shape [${output.shape.join(', ')}] for ${count} examples; the first axis should count them`);
      width = output.values.length / count;
      values ??= new Float64Array(rows * width);
      values.set(output.values, from * width);
      from += count;
      // Of what is not seen from outside, such as a SavedModel's inner values, as much again as a layer of its weights' size.
      this.#examplesAtOnce ??= examplesAtOnce(Math.max(output.peakBytes ?? 0, 16 * (data.inputs + width)), this.#context.memoryLimitBytes);
    }
    return { values: values ?? new Float64Array(), width };
  }

  /** Lengths of the axes of one example. @throws WeightFileError that gives both shapes when they differ */
  exampleAxes({ source, inputs, shape }: Pick<DataSet, 'source' | 'inputs' | 'shape'>): readonly number[] {
    const taken = this.facts.input.slice(1);
    const given = shape ?? [inputs];
    if (this.facts.input.length === 0) return given;
    if (given.length === taken.length && taken.every((length, axis) => length === null || length === given[axis])) return given;
    // As they lie: an image of one channel, a vector for an image, a length left open that the rest decides.
    const open = taken.filter((length) => length === null).length;
    const known = taken.reduce<number>((product, length) => product * (length ?? 1), 1);
    const plain = (lengths: readonly (number | null)[]): string => lengths.filter((length) => length !== 1).join();
    const isLaid = open === 0 ? known === inputs && (shape === undefined || plain(shape) === plain(taken)) : open === 1 && shape === undefined && inputs % known === 0;
    if (isLaid) return taken.map((length) => length ?? inputs / known);
    throw new WeightFileError(source, 'x', `has inputs of shape [${given.join(', ')}], the model takes [${taken.map((length) => length ?? 'any').join(', ')}]`);
  }

  close(): void {
    this.#session.close();
  }
}
