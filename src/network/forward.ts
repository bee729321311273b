/**
 * The function f_w of a network in float64 for a batch of inputs, node by node. Dropout is the identity, batch normalisation uses
 * its running statistics; the head that a file's graph applies after f (softmax, sigmoid) is not part of f.
 */
import { type Engine, startedEngine } from '../linalg/engine/engine.ts';
import { complete, type Interruptible } from '../linalg/interruptible.ts';
import { productsPerInput, valuesPerInput } from './cost.ts';
import { evaluate } from './evaluate.ts';
import { type Batch, forwardBetweenOn, forwardOn, pointBetween } from './forwardOnEngine.ts';
import type { Network } from './network.ts';
import { mayBeHeld } from './packedWeights.ts';
import type { KeptSlopes } from './slopes.ts';

export interface Trace {
  /** N */
  readonly rows: number;
  /** By node: N values of the node's shape. Nodes that change nothing share their input's array. */
  readonly values: readonly Float64Array[];
  /** Where derivatives are taken again and again: what they share. */
  readonly slopes?: KeptSlopes;
}

/**
 * @param state w = [θ; buffers], of `network.stateSize`; it may be longer (a row of a set of draws may not)
 * @param x inputs, N × d row-major, each in the order that the input node says
 * @returns outputs, N × O row-major, channel first where the output has positions
 */
export function forward(network: Network, state: Float64Array, x: Float64Array): Float64Array {
  return complete(forwardInSteps(network, state, x));
}

/** As `forward`, for work that may be interrupted between layers. */
function* forwardInSteps(network: Network, state: Float64Array, x: Float64Array): Interruptible<Float64Array> {
  return (yield* forwardBatches(state, [{ network, x }]))[0]!;
}

/**
 * The same function at inputs of several sizes, whose weights are brought to the engine once.
 * @param batches of networks that differ in the size of their inputs alone (`withSmallerInputs`)
 * @returns by batch: outputs, N × O
 */
export function* forwardBatches(state: Float64Array, batches: readonly Batch[]): Interruptible<Float64Array[]> {
  const engine = engineFor(batches.map((batch) => ({ ...batch, rows: batchSize(batch.network, state, batch.x) })));
  if (engine !== undefined) return yield* forwardOn(engine, state, batches);
  const results: Float64Array[] = [];
  for (const { network, x } of batches) results.push(yield* plainForward(network, state, x));
  return results;
}

/**
 * The functions of the networks on the straight line w(t) = a + t (b − a).
 * @param shares each t; a is what 0 gives and b what 1 gives, to the last bit
 * @param visit called with each t's position in `shares` and the outputs there, N × O
 */
export function* forwardBetween(network: Network, a: Float64Array, b: Float64Array, shares: Float64Array, x: Float64Array, visit: (k: number, outputs: Float64Array) => void): Interruptible<void> {
  const rows = batchSize(network, a, x);
  const engine = mayBeHeld(network, 2) ? engineFor([{ network, rows }]) : undefined;
  if (engine !== undefined) {
    yield* forwardBetweenOn(engine, { network, x }, a, b, shares, visit);
    return;
  }
  const between = new Float64Array(a.length);
  for (const [k, t] of shares.entries()) {
    pointBetween(between, a, b, t);
    visit(k, yield* forwardInSteps(network, between, x));
    yield;
  }
}

/** The engine, when it has started and is worth the way to it. */
function engineFor(batches: readonly { readonly network: Network; readonly rows: number }[]): Engine | undefined {
  const products = batches.reduce((sum, { network, rows }) => sum + rows * productsPerInput(network), 0);
  return products >= ENGINE_PRODUCTS && batches[0]!.network.nodes.some(({ op }) => op === 'conv') ? startedEngine() : undefined;
}

function* plainForward(network: Network, state: Float64Array, x: Float64Array): Interruptible<Float64Array> {
  const rows = x.length / network.inputs;
  const step = rowsPerChunk(network);
  if (rows <= step) return run(network, state, x, true)[network.output]!;
  const outputs = new Float64Array(rows * network.outputs);
  for (let first = 0; first < rows; first += step) {
    const part = x.subarray(first * network.inputs, (first + step) * network.inputs);
    outputs.set(run(network, state, part, true)[network.output]!, first * network.outputs);
    yield;
  }
  return outputs;
}

/** Multiplications from which convolutional networks are worth bringing to the engine as a whole. */
const ENGINE_PRODUCTS = 2 ** 18;

/** Factors of a node's value, one for each entry of a single input's value: a mask of Monte-Carlo dropout, the same for all inputs. */
export type NodeFactors = ReadonlyMap<number, Float64Array>;

/** As `forward`, with the values of some nodes multiplied by factors. */
export function forwardWithFactors(network: Network, state: Float64Array, x: Float64Array, factors: NodeFactors): Float64Array {
  const rows = batchSize(network, state, x);
  const step = rowsPerChunk(network);
  const outputs = new Float64Array(rows * network.outputs);
  for (let first = 0; first < rows; first += step) {
    const part = x.subarray(first * network.inputs, (first + step) * network.inputs);
    outputs.set(run(network, state, part, true, factors)[network.output]!, first * network.outputs);
  }
  return outputs;
}

/** As `forward`, keeping every node's values: N × the sum of their sizes, so that a caller with many inputs passes them in chunks. */
export function trace(network: Network, state: Float64Array, x: Float64Array): Trace {
  return { rows: batchSize(network, state, x), values: run(network, state, x, false) };
}

/** Inputs that are evaluated together: what keeps all their values within 32 MB. */
function rowsPerChunk(network: Network): number {
  return Math.max(1, Math.floor(2 ** 22 / valuesPerInput(network)));
}

function batchSize(network: Network, state: Float64Array, x: Float64Array): number {
  if (state.length !== network.stateSize) throw new RangeError(`the state has ${state.length} entries, the network ${network.stateSize}`);
  const rows = x.length / network.inputs;
  if (!Number.isInteger(rows)) throw new RangeError(`${x.length} input values do not divide into rows of ${network.inputs}`);
  return rows;
}

function run(network: Network, state: Float64Array, x: Float64Array, forget: boolean, factors?: NodeFactors): Float64Array[] {
  const values: Float64Array[] = [];
  const lastUse = new Int32Array(network.nodes.length);
  for (const node of network.nodes) for (const input of node.inputs) lastUse[input] = node.index;
  for (const node of network.nodes) {
    const value = evaluate(network, node, state, x, values);
    const factor = factors?.get(node.index);
    values[node.index] = factor === undefined ? value : value.map((entry, k) => entry * factor[k % factor.length]!);
    if (forget) for (const input of node.inputs) if (lastUse[input] === node.index) values[input] = new Float64Array(0);
  }
  return values;
}
