/**
 * Draws brought through a series of canonical forms, each on top of the one before. Every draw is read and transformed once. The draws
 * that are compared with each other go through the stages together, out of a store (`drawStore.ts`); the others follow one block after
 * another and leave their chosen parameters, their predictions, their share of every tensor's spread and their place on the principal
 * components. So memory grows with the number of draws, and with the number of parameters, and not with their product; and how much there
 * is of it does not change a bit of the result.
 */
import { sharedEngine } from '../linalg/engine/engine.ts';
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { forward } from '../network/forward.ts';
import type { Network } from '../network/network.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { drawCanonicaliser } from '../symmetry/canonicalDraws.ts';
import type { CanonicalOptions } from '../symmetry/canonicalForm.ts';
import { genericInputs } from '../symmetry/comparedInputs.ts';
import { drawAligner } from './alignedDraws.ts';
import { drawBlocks } from './drawBlocks.ts';
import type { DrawRows } from './drawRows.ts';
import type { DrawSource } from './draws.ts';
import type { DrawStore } from './drawStore.ts';
import type { ComponentAxes } from './principalComponents.ts';

/** A canonical form, or the order of units that is closest to the first draw's, `signed` up to sign. */
export type StageStep = CanonicalOptions | { readonly aligned: true; readonly signed: boolean } | undefined;

export interface StageOptions {
  /** What each stage does to the draws; undefined for the draws as they are. */
  readonly steps: readonly StageStep[];
  /** Parameters (positions in θ) that are kept of all draws. */
  readonly columns: Int32Array;
  /** Stretches [begin, end) of θ whose spread is wanted. */
  readonly stretches: readonly (readonly [number, number])[];
  /** Inputs at which the draws predict, N × d row-major. */
  readonly inputs: Float64Array;
  /** The draws that are compared, ascending: row k of the store is draw stored[k]. */
  readonly stored: Int32Array;
  readonly store: DrawStore;
}

/** All draws at one stage. */
export interface DrawStage {
  /** The chosen parameters, one array each. */
  readonly columns: readonly Float64Array[];
  /** On the principal components of the stored draws. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Root of the mean variance (divisor M − 1) of each stretch's entries. */
  readonly spreads: readonly number[];
}

export interface StagedDraws {
  readonly stages: readonly DrawStage[];
  /** M × (N · O), of the draws as they are. */
  readonly predictions: Float64Array;
  /** Largest difference of an output before and after, at generic inputs, relative to the largest output. */
  readonly functionError: number;
}

/** Inputs at which the functions before and after are compared; fewer where each has very many outputs. */
export const comparedInputCount = (outputs: number): number => Math.max(1, Math.min(12, Math.floor(4096 / outputs)));

/** @param visit called once a stage, in order, with θ of the stored draws; returns their principal components */
export async function throughStages(source: DrawSource, options: StageOptions, context: JobContext, visit: (rows: DrawRows, stage: number) => Promise<ComponentAxes>): Promise<StagedDraws> {
  const { network, count } = source;
  const { signal, progress } = context;
  const { steps, stored, store } = options;
  // Matrix products of forward passes and of what follows find it started.
  await sharedEngine();
  const transforms = steps.map((step) => transformOf(network, step));
  const functions = new Functions(network, count, options);
  const stages = steps.map(() => new StageSums(network.parameters, count, options));
  const pace = new Pace(count * steps.length, progress);
  const last = stages.length - 1;

  // The first draw is the one that others are aligned to, whether or not it is stored.
  const first = steps.some((step) => step !== undefined && 'aligned' in step) ? await source.read(0, 1) : undefined;
  let row = 0;
  for await (const { states, draws } of drawBlocks(source, stored)) {
    await interruptibly(each(states, network.stateSize, function* (draw, k) {
      functions.before(draw, draws[k]!, row);
      stages[0]!.keep(draw, draws[k]!);
      store.save(row++, draw);
      yield;
    }), signal);
    pace.advance(draws.length, () => `Read ${row} of ${stored.length} draws`);
  }
  const state = new Float64Array(network.stateSize);
  for (const [s, transform] of transforms.entries()) {
    if (transform !== undefined) {
      if (first !== undefined) await interruptibly(transform(first), signal);
      await interruptibly(each(stored, 1, function* (draws, k) {
        store.load(k, state);
        yield* transform(state);
        store.save(k, state);
        stages[s]!.keep(state, draws[0]!);
        if (s === last) functions.after(state, k);
        pace.advance(1, () => `Stage ${s + 1} of ${steps.length}: draw ${k + 1} of ${stored.length}`);
        yield;
      }), signal);
    }
    stages[s]!.spread(stored, await visit(store.view(network.parameters), s));
  }

  for await (const { states, draws } of drawBlocks(source, remaining(count, stored))) {
    await interruptibly(each(states, network.stateSize, function* (draw, k) {
      functions.before(draw, draws[k]!, stored.length);
      for (const [s, transform] of transforms.entries()) {
        if (transform !== undefined) yield* transform(draw);
        stages[s]!.keep(draw, draws[k]!);
        stages[s]!.place(draw, draws[k]!);
        yield;
      }
      if (transforms[last] !== undefined) functions.after(draw, stored.length);
    }), signal);
    pace.advance(draws.length * steps.length, () => `Draw ${draws[draws.length - 1]! + 1} of ${count}`);
  }
  return { stages: stages.map((stage) => stage.finish()), predictions: functions.predictions, functionError: functions.error };
}

/** In place. */
type Transform = (draw: Float64Array) => Interruptible<void>;

/** Undefined for a stage that leaves draws as they are. */
export function transformOf(network: Network, step: StageStep): Transform | undefined {
  if (step === undefined) return undefined;
  if ('aligned' in step) return drawAligner(network, step.signed);
  const canonical = drawCanonicaliser(network, step);
  return function* (draw) {
    canonical(draw);
    yield;
  };
}

function* each<A extends Float64Array | Int32Array>(rows: A, size: number, visit: (row: A, m: number) => Interruptible<void>): Interruptible<void> {
  for (let m = 0; m * size < rows.length; m++) yield* visit(rows.subarray(m * size, (m + 1) * size) as A, m);
}

/** Draws that are not among the stored ones. */
function remaining(count: number, stored: Int32Array): Int32Array {
  const others = new Int32Array(count - stored.length);
  for (let m = 0, k = 0, at = 0; m < count; m++) {
    if (stored[k] === m) k++;
    else others[at++] = m;
  }
  return others;
}

/** What all draws leave at one stage. */
class StageSums {
  readonly #count: number;
  readonly #positions: Int32Array;
  readonly #stretches: StageOptions['stretches'];
  readonly #columns: readonly Float64Array[];
  readonly #x: Float64Array;
  readonly #y: Float64Array;
  /** Of each stretch: Σ of squared deviations from the stored draws' mean. */
  readonly #squares: Float64Array;
  #components: ComponentAxes | undefined;
  /** Of the draws that are not stored: Σ of deviations from the stored draws' mean, one entry a parameter. */
  #sums = new Float64Array(0);
  readonly #parameters: number;

  constructor(parameters: number, count: number, { columns, stretches }: StageOptions) {
    this.#parameters = parameters;
    this.#count = count;
    this.#positions = columns;
    this.#stretches = stretches;
    this.#columns = Array.from(columns, () => new Float64Array(count));
    this.#x = new Float64Array(count);
    this.#y = new Float64Array(count);
    this.#squares = new Float64Array(stretches.length);
  }

  keep(state: Float64Array, draw: number): void {
    for (let c = 0; c < this.#positions.length; c++) this.#columns[c]![draw] = state[this.#positions[c]!]!;
  }

  /** @param components of the stored draws */
  spread(stored: Int32Array, components: ComponentAxes): void {
    if (components.basis !== stored.length) throw new RangeError(`principal components of ${components.basis} draws are not those of the ${stored.length} that are stored`);
    stored.forEach((draw, k) => {
      this.#x[draw] = components.x[k]!;
      this.#y[draw] = components.y[k]!;
    });
    for (const [t, [begin, end]] of this.#stretches.entries()) for (let i = begin; i < end; i++) this.#squares[t]! += components.squares[i]!;
    if (stored.length === this.#count) return;
    this.#components = components;
    this.#sums = new Float64Array(this.#parameters);
  }

  /** Of a draw that is not stored. */
  place(state: Float64Array, draw: number): void {
    if (this.#components === undefined) return;
    const { mean, axes: [first, second] } = this.#components;
    const sums = this.#sums;
    let x = 0;
    let y = 0;
    for (const [t, [begin, end]] of this.#stretches.entries()) {
      // Two sums of each kind, because each addition waits for the one before it.
      let [x0, y0, square0, x1, y1, square1] = [0, 0, 0, 0, 0, 0];
      let i = begin;
      for (; i + 1 < end; i += 2) {
        const u = state[i]! - mean[i]!;
        const v = state[i + 1]! - mean[i + 1]!;
        x0 += u * first[i]!;
        x1 += v * first[i + 1]!;
        y0 += u * second[i]!;
        y1 += v * second[i + 1]!;
        square0 += u * u;
        square1 += v * v;
        sums[i]! += u;
        sums[i + 1]! += v;
      }
      if (i < end) {
        const u = state[i]! - mean[i]!;
        x0 += u * first[i]!;
        y0 += u * second[i]!;
        square0 += u * u;
        sums[i]! += u;
      }
      x += x0 + x1;
      y += y0 + y1;
      this.#squares[t]! += square0 + square1;
    }
    this.#x[draw] = x;
    this.#y[draw] = y;
  }

  finish(): DrawStage {
    const spreads = this.#stretches.map(([begin, end], t) => {
      let shift = 0;
      if (this.#sums.length > 0) for (let i = begin; i < end; i++) shift += this.#sums[i]! ** 2 / this.#count;
      return Math.sqrt(Math.max(0, this.#squares[t]! - shift) / (end - begin) / (this.#count - 1));
    });
    return { columns: this.#columns, x: this.#x, y: this.#y, spreads };
  }
}

/** What the draws compute, and whether it stays the same. */
class Functions {
  readonly predictions: Float64Array;
  readonly #network: Network;
  /** The inputs of the predictions, then those at which before and after are compared. */
  readonly #inputs: Float64Array;
  readonly #compared: Float64Array;
  /** Predictions of one draw, and outputs of one that are compared. */
  readonly #width: number;
  readonly #each: number;
  /** Outputs at the compared inputs before: a row a stored draw, and one for the draw that passes by. */
  readonly #before: Float64Array;
  #size = 0;
  #largest = 0;

  constructor(network: Network, count: number, { inputs, stored }: StageOptions) {
    const compared = comparedInputCount(network.outputs);
    this.#network = network;
    this.#compared = genericInputs(network.inputs, compared, 0);
    this.#inputs = new Float64Array(inputs.length + this.#compared.length);
    this.#inputs.set(inputs);
    this.#inputs.set(this.#compared, inputs.length);
    this.#width = (inputs.length / network.inputs) * network.outputs;
    this.#each = compared * network.outputs;
    this.predictions = new Float64Array(count * this.#width);
    this.#before = new Float64Array((stored.length + 1) * this.#each);
  }

  before(state: Float64Array, draw: number, row: number): void {
    const outputs = forward(this.#network, state, this.#inputs);
    this.predictions.set(outputs.subarray(0, this.#width), draw * this.#width);
    this.#before.set(outputs.subarray(this.#width), row * this.#each);
  }

  after(state: Float64Array, row: number): void {
    const outputs = forward(this.#network, state, this.#compared);
    for (let i = 0; i < outputs.length; i++) {
      const before = this.#before[row * this.#each + i]!;
      this.#size = Math.max(this.#size, Math.abs(before));
      this.#largest = Math.max(this.#largest, Math.abs(before - outputs[i]!));
    }
  }

  get error(): number {
    return this.#size === 0 ? 0 : this.#largest / this.#size;
  }
}

/** Milliseconds between two messages. */
const MESSAGES = 100;

/** How far the work is, and how long it will take at the speed that it has had. */
class Pace {
  readonly #total: number;
  readonly #progress: JobContext['progress'];
  readonly #began = performance.now();
  #done = 0;
  #said = Number.NEGATIVE_INFINITY;

  constructor(total: number, progress: JobContext['progress']) {
    this.#total = total;
    this.#progress = progress;
  }

  advance(units: number, message: () => string): void {
    this.#done += units;
    const now = performance.now();
    if (now - this.#said < MESSAGES) return;
    this.#said = now;
    const left = ((now - this.#began) / 1000) * (this.#total / this.#done - 1);
    this.#progress({ message: `${message()}, ${left < 90 ? `${Math.ceil(left)} s` : `${Math.ceil(left / 60)} min`} to go`, fraction: this.#done / this.#total });
  }
}
