/**
 * Draws brought through a series of canonical forms, each on top of the one before. In memory, stage follows stage; streamed, every
 * block of draws is read once, goes through all stages, and leaves its sketches, its chosen parameters and its moments.
 * Both give the same to rounding wherever the sketch is not involved.
 */
import { sharedEngine } from '../linalg/engine/engine.ts';
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { forward } from '../network/forward.ts';
import type { Network } from '../network/network.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { canonicaliseMany } from '../symmetry/canonicalDraws.ts';
import type { CanonicalOptions } from '../symmetry/canonicalForm.ts';
import { genericInputs } from '../symmetry/functionDistance.ts';
import { drawAligner } from './alignedDraws.ts';
import type { DrawPlan } from './drawPlan.ts';
import { drawsInBlock, readAllDraws, type DrawSource } from './draws.ts';
import { RunningMoments } from './runningMoments.ts';
import { countSketch } from './sketch.ts';

export interface DrawStage {
  /** M × k row-major: the draws' parameters, or their sketches. In memory they are overwritten by the next stage. */
  readonly features: Float64Array;
  readonly coordinates: number;
  /** The chosen parameters of all draws, one array each. */
  readonly columns: readonly Float64Array[];
  readonly moments: RunningMoments;
}

/** A canonical form, or the order of units that is closest to the first draw's, `signed` up to sign. */
export type StageStep = CanonicalOptions | { readonly aligned: true; readonly signed: boolean } | undefined;

export interface StageOptions {
  /** What each stage does to the draws; undefined for the draws as they are. */
  readonly steps: readonly StageStep[];
  /** Parameters (positions in θ) that are kept as they are. */
  readonly kept: Int32Array;
  /** Inputs at which the draws predict, N × d row-major. */
  readonly inputs: Float64Array;
  readonly plan: DrawPlan;
  /** For the sketch. */
  readonly random: Random;
}

export interface DrawFunctions {
  /** M × (N · O), of the draws as they are. */
  readonly predictions: Float64Array;
  /** Largest difference of an output before and after, at generic inputs, relative to the largest output. */
  readonly functionError: number;
}

/** Inputs at which the functions before and after are compared. */
export const COMPARED_INPUTS = 12;

/** @param visit called once a stage, in order; what it returns is waited for */
export async function throughStages(source: DrawSource, options: StageOptions, context: JobContext, visit: (stage: DrawStage, index: number) => Promise<void>): Promise<DrawFunctions> {
  // Matrix products of forward passes and of what follows find it started.
  await sharedEngine();
  return options.plan.mode === 'memory' ? inMemory(source, options, context, visit) : streamed(source, options, context, visit);
}

async function inMemory(source: DrawSource, { steps, kept, inputs }: StageOptions, context: JobContext, visit: (stage: DrawStage, index: number) => Promise<void>): Promise<DrawFunctions> {
  const { network, count } = source;
  const states = await readAllDraws(source, context);
  const compared = genericInputs(network.inputs, COMPARED_INPUTS, 0);
  const predictions = await interruptibly(outputs(source, states, inputs), context.signal);
  const before = await interruptibly(outputs(source, states, compared), context.signal);
  const transforms = steps.map((step) => transformOf(network, step));
  for (const s of steps.keys()) {
    await transforms[s]!(states, context);
    const moments = new RunningMoments(network.parameters);
    await interruptibly(addAll(moments, states, network), context.signal);
    await visit({ features: parametersOf(states, network), coordinates: network.parameters, columns: Array.from(kept, (k) => column(states, network.stateSize, k, count)), moments }, s);
  }
  const difference = new Difference();
  difference.add(before, await interruptibly(outputs(source, states, compared), context.signal));
  return { predictions, functionError: difference.relative };
}

async function streamed(source: DrawSource, { steps, kept, inputs, plan, random }: StageOptions, context: JobContext, visit: (stage: DrawStage, index: number) => Promise<void>): Promise<DrawFunctions> {
  const { network, count } = source;
  const size = network.stateSize;
  const { coordinates } = plan;
  const sketch = countSketch(network.parameters, coordinates, random);
  const compared = genericInputs(network.inputs, COMPARED_INPUTS, 0);
  const stages = steps.map(() => ({
    features: new Float64Array(count * coordinates), columns: Array.from(kept, () => new Float64Array(count)), moments: new RunningMoments(network.parameters),
  }));
  const transforms = steps.map((step) => transformOf(network, step));
  const predictions = new Float64Array(count * (inputs.length / network.inputs) * network.outputs);
  const difference = new Difference();
  const quiet = { signal: context.signal, progress: () => undefined };
  const block = drawsInBlock(size);
  const began = performance.now();
  for (let start = 0; start < count; start += block) {
    const end = Math.min(count, start + block);
    const states = await source.read(start, end);
    predictions.set(await interruptibly(outputs(source, states, inputs), context.signal), (start * predictions.length) / count);
    const before = await interruptibly(outputs(source, states, compared), context.signal);
    for (const s of steps.keys()) {
      await transforms[s]!(states, quiet);
      const { features, columns, moments } = stages[s]!;
      await interruptibly(each(states, size, (draw, m) => { sketch.apply(draw.subarray(0, network.parameters), features, (start + m) * coordinates); }), context.signal);
      await interruptibly(addAll(moments, states, network), context.signal);
      kept.forEach((k, c) => { columns[c]!.set(column(states, size, k, end - start), start); });
    }
    difference.add(before, await interruptibly(outputs(source, states, compared), context.signal));
    const left = ((performance.now() - began) / 1000) * (count / end - 1);
    context.progress({ message: `Draw ${end} of ${count}, ${left < 90 ? `${Math.ceil(left)} s` : `${Math.ceil(left / 60)} min`} to go`, fraction: end / count });
  }
  for (const [s, stage] of stages.entries()) await visit({ ...stage, coordinates }, s);
  return { predictions, functionError: difference.relative };
}

type Transform = (states: Float64Array, context: Pick<JobContext, 'signal' | 'progress'>) => Promise<unknown>;

function transformOf(network: Network, step: StageStep): Transform {
  if (step === undefined) return () => Promise.resolve();
  if (!('aligned' in step)) return (states, context) => canonicaliseMany(network, states, step, context);
  const aligner = drawAligner(network, step.signed);
  return (states, context) => aligner.align(states, context);
}

/** Draws × (inputs · O). */
function* outputs({ network }: DrawSource, states: Float64Array, inputs: Float64Array): Interruptible<Float64Array> {
  const width = (inputs.length / network.inputs) * network.outputs;
  const values = new Float64Array((states.length / network.stateSize) * width);
  yield* each(states, network.stateSize, (draw, m) => { values.set(forward(network, draw, inputs), m * width); });
  return values;
}

function* each(states: Float64Array, size: number, visit: (draw: Float64Array, m: number) => void): Interruptible<void> {
  for (let m = 0; m * size < states.length; m++) {
    visit(states.subarray(m * size, (m + 1) * size), m);
    yield;
  }
}

function addAll(moments: RunningMoments, states: Float64Array, { parameters, stateSize }: Network): Interruptible<void> {
  return each(states, stateSize, (draw) => { moments.add(draw.subarray(0, parameters)); });
}

/** θ of every draw, M × D: the states themselves where there are no running statistics. */
function parametersOf(states: Float64Array, { parameters, stateSize }: Network): Float64Array {
  if (parameters === stateSize) return states;
  const draws = states.length / stateSize;
  const theta = new Float64Array(draws * parameters);
  for (let m = 0; m < draws; m++) theta.set(states.subarray(m * stateSize, m * stateSize + parameters), m * parameters);
  return theta;
}

function column(states: Float64Array, width: number, k: number, draws: number): Float64Array {
  const result = new Float64Array(draws);
  for (let m = 0; m < draws; m++) result[m] = states[m * width + k]!;
  return result;
}

class Difference {
  #size = 0;
  #largest = 0;

  add(before: Float64Array, after: Float64Array): void {
    for (let i = 0; i < before.length; i++) {
      this.#size = Math.max(this.#size, Math.abs(before[i]!));
      this.#largest = Math.max(this.#largest, Math.abs(before[i]! - after[i]!));
    }
  }

  get relative(): number {
    return this.#size === 0 ? 0 : this.#largest / this.#size;
  }
}
