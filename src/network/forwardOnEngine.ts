/**
 * The forward pass of a convolutional network with all values in the engine's memory: they are brought there once and only the outputs are
 * taken back. Its results are those of `evaluate`, up to the order in which a convolution adds up.
 */
import { COEFFICIENTS, convolve, type Finish, finishing, pool, unfinished, type WindowedShape } from '../linalg/engine/convolution.ts';
import type { Engine, Scope } from '../linalg/engine/engine.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { bringTable } from './convolutionOnEngine.ts';
import { liveValuesPerInput } from './cost.ts';
import { evaluate } from './evaluate.ts';
import { forwardSteps, type Following, type Step } from './forwardSteps.ts';
import { type Block, blockValues, type Network, type NetworkNode, type NodeOf, positions, valueSize } from './network.ts';
import { batchnormFactors } from './normalisation.ts';
import { heldWeights, mayBeHeld, mixedWeights, type PackedWeights, passingWeights } from './packedWeights.ts';
import { windowShares } from './pooling.ts';
import { windowTable } from './windows.ts';

/** Numbers of the inputs that are evaluated together. */
const TOGETHER = 2 ** 24;
/** Under so many entries a second thread costs more than it saves. */
const THREADED_ENTRIES = 2 ** 15;

/** A stretch of the engine's memory that holds one value, or none at the moment. */
interface Buffer {
  readonly address: number;
  readonly capacity: number;
  /** Readers that are still to come. */
  readers: number;
}

/** Inputs of one size, N × d, and the network for them. */
export interface Batch {
  readonly network: Network;
  readonly x: Float64Array;
}

/**
 * @param batches of networks that differ in the size of their inputs alone
 * @returns by batch: outputs, N × O
 */
export function* forwardOn(engine: Engine, state: Float64Array, batches: readonly Batch[]): Interruptible<Float64Array[]> {
  return yield* engine.within('The forward pass of a network', function* (scope) {
    const plans = batches.map((batch) => ({ ...batch, step: rowsTogether(batch) }));
    const chunks = plans.reduce((sum, { network, x, step }) => sum + Math.ceil(x.length / network.inputs / step), 0);
    const weights = chunks > 1 && mayBeHeld(plans[0]!.network, 1) ? heldWeights(scope, state) : passingWeights(scope, state);
    const outputs: Float64Array[] = [];
    for (const { network, x, step } of plans) outputs.push(yield* new Pass(scope, network, state, weights).outputs(x, step));
    return outputs;
  });
}

/**
 * The functions at w(t) = a + t (b − a) for each t, without ever forming w(t) as a whole: the packed weights of both ends are mixed layer by layer.
 * @param visit called with each t's position in `shares` and its outputs, N × O
 */
export function* forwardBetweenOn(engine: Engine, { network, x }: Batch, a: Float64Array, b: Float64Array, shares: Float64Array, visit: (k: number, outputs: Float64Array) => void): Interruptible<void> {
  yield* engine.within('The line between two networks', function* (scope) {
    const [first, last] = [heldWeights(scope, a), heldWeights(scope, b)];
    const between = a.slice();
    let share = 0;
    const mixed = mixedWeights(scope, first, last, () => share);
    const others = blocksBesideConvolutions(network);
    const pass = new Pass(scope, network, between, (node, shape) => (share === 0 ? first : share === 1 ? last : mixed)(node, shape));
    const step = rowsTogether({ network, x });
    for (const [k, t] of shares.entries()) {
      share = t;
      for (const { offset, length } of others) pointBetween(between.subarray(offset, offset + length), a.subarray(offset, offset + length), b.subarray(offset, offset + length), t);
      pass.forgetState();
      visit(k, yield* pass.outputs(x, step));
    }
  });
}

/** into ← a + t (b − a), to the last bit where t is 0 or 1. */
export function pointBetween(into: Float64Array, a: Float64Array, b: Float64Array, t: number): void {
  if (t === 0 || t === 1) into.set(t === 0 ? a : b);
  else for (let i = 0; i < into.length; i++) into[i] = a[i]! + t * (b[i]! - a[i]!);
}

/** Inputs that are evaluated together. */
function rowsTogether({ network, x }: Batch): number {
  return Math.max(1, Math.min(x.length / network.inputs, Math.floor(TOGETHER / liveValuesPerInput(network))));
}

/** What a pass reads from the state itself. */
function blocksBesideConvolutions({ nodes, blocks }: Network): readonly Block[] {
  const packed = new Set(nodes.flatMap((node) => (node.op === 'conv' ? [node.weight] : [])));
  for (const node of nodes) if (node.op === 'dense') packed.delete(node.weight);
  return blocks.filter((block) => !packed.has(block));
}

class Pass {
  readonly #scope: Scope;
  readonly #network: Network;
  readonly #state: Float64Array;
  readonly #weights: PackedWeights;
  readonly #tables = new Map<number, number>();
  readonly #finishes = new Map<number, Finish>();
  readonly #coefficients = new Map<number, number>();
  readonly #free: Buffer[] = [];
  readonly #values = new Map<number, Buffer>();
  readonly #readers: Int32Array;
  #rows = 0;

  constructor(scope: Scope, network: Network, state: Float64Array, weights: PackedWeights) {
    this.#scope = scope;
    this.#network = network;
    this.#state = state;
    this.#weights = weights;
    this.#readers = new Int32Array(network.nodes.length);
    for (const { inputs, following: { other } } of forwardSteps(network)) {
      for (const input of inputs) this.#readers[input]!++;
      if (other !== undefined) this.#readers[other]!++;
    }
    this.#readers[network.output]!++;
  }

  /** To be called when the state has changed. */
  forgetState(): void {
    this.#finishes.clear();
  }

  /** @param step inputs that are evaluated together */
  *outputs(x: Float64Array, step: number): Interruptible<Float64Array> {
    const { inputs, outputs } = this.#network;
    const rows = x.length / inputs;
    const result = new Float64Array(rows * outputs);
    for (let first = 0; first < rows; first += step) result.set(yield* this.#together(x.subarray(first * inputs, (first + step) * inputs)), first * outputs);
    return result;
  }

  *#together(x: Float64Array): Interruptible<Float64Array> {
    const network = this.#network;
    this.#rows = x.length / network.inputs;
    for (const step of forwardSteps(network)) {
      this.#values.set(step.result, this.#run(step, x));
      for (const read of step.following.other === undefined ? step.inputs : [...step.inputs, step.following.other]) this.#release(this.#value(read));
      yield;
    }
    const output = this.#value(network.output);
    const result = this.#view(output, network.nodes[network.output]!).slice();
    this.#release(output);
    return result;
  }

  #run(step: Step, x: Float64Array): Buffer {
    const { kind, node, inputs, result } = step;
    const readers = this.#readers[result]!;
    switch (kind) {
      case 'same': {
        const value = this.#value(inputs[0]!);
        value.readers += readers;
        return value;
      }
      case 'convolve':
        return this.#convolve(node as NodeOf<'conv'>, step, readers);
      case 'pool':
        return this.#pool(node as NodeOf<'maxpool' | 'avgpool'>, readers);
      case 'finish': {
        const from = this.#value(inputs[0]!);
        const to = this.#place(step, this.#size(result), readers);
        const { shape } = node;
        const { other, coefficients, flags, ceiling } = this.#finish(step, shape[0]!);
        const planes = this.#rows * shape[0]!;
        this.#scope.kernels.finish(this.#size(result) < THREADED_ENTRIES ? 1 : this.#scope.threads, from.address, to.address, planes, shape[0]!, positions(shape), other, coefficients, flags, ceiling);
        return to;
      }
      case 'concat':
        return this.#concatenate(step, readers);
      case 'plain': {
        const values: Float64Array[] = [];
        for (const input of inputs) values[input] = this.#view(this.#value(input), this.#network.nodes[input]!);
        return this.#bring(evaluate(this.#network, node, this.#state, x, values), readers);
      }
    }
  }

  #convolve(node: NodeOf<'conv'>, step: Step, readers: number): Buffer {
    const input = this.#network.nodes[node.inputs[0]!]!;
    const table = windowTable(node, input.shape.slice(1));
    const shape: WindowedShape = {
      rows: this.#rows, groups: node.groups, channels: input.shape[0]! / node.groups, outputs: node.shape[0]! / node.groups,
      size: table.size, windows: table.windows, area: positions(input.shape),
    };
    const y = this.#take(this.#rows * valueSize(node.shape), readers);
    const bias = node.bias === undefined ? undefined : blockValues(this.#state, node.bias);
    convolve(this.#scope, shape, { x: this.#value(input.index).address, table: this.#table(node, table), packed: this.#weights(node, shape), y: y.address }, this.#finish(step, node.shape[0]!, bias));
    return y;
  }

  #pool(node: NodeOf<'maxpool' | 'avgpool'>, readers: number): Buffer {
    const input = this.#network.nodes[node.inputs[0]!]!;
    const table = windowTable(node, input.shape.slice(1));
    const shape: WindowedShape = { rows: this.#rows, groups: 1, channels: input.shape[0]!, outputs: 1, size: table.size, windows: table.windows, area: positions(input.shape) };
    const y = this.#take(this.#rows * valueSize(node.shape), readers);
    const shares = node.op === 'avgpool' ? this.#bring(windowShares(node, table), 1) : undefined;
    pool(this.#scope, shape, { x: this.#value(input.index).address, table: this.#table(node, table), shares: shares?.address ?? 0, y: y.address });
    if (shares !== undefined) this.#release(shares);
    return y;
  }

  #concatenate({ inputs, result }: Step, readers: number): Buffer {
    const joined = this.#take(this.#size(result), readers);
    const into = this.#view(joined, this.#network.nodes[result]!);
    const width = into.length / this.#rows;
    let offset = 0;
    for (const input of inputs) {
      const part = this.#view(this.#value(input), this.#network.nodes[input]!);
      const size = part.length / this.#rows;
      for (let n = 0; n < this.#rows; n++) into.set(part.subarray(n * size, (n + 1) * size), n * width + offset);
      offset += size;
    }
    return joined;
  }

  #finish({ result, following }: Step, channels: number, bias?: Float64Array): Finish {
    const { other } = following;
    const finish = this.#finishes.get(result) ?? this.#bringFinish(result, following, channels, bias);
    this.#finishes.set(result, finish);
    return other === undefined ? finish : { ...finish, other: this.#value(other).address };
  }

  #bringFinish(result: number, { norm, rectifier }: Following, channels: number, bias: Float64Array | undefined): Finish {
    if (norm === undefined && rectifier === undefined && bias === undefined) return unfinished;
    const coefficients = new Float64Array(COEFFICIENTS * channels);
    const put = (k: number, values: Float64Array): void => { for (let c = 0; c < channels; c++) coefficients[COEFFICIENTS * c + k] = values[values.length === 1 ? 0 : c]!; };
    let flags = 0;
    if (bias !== undefined) {
      flags += finishing.bias;
      put(0, bias);
    }
    if (norm !== undefined) {
      flags += finishing.normalise;
      put(1, blockValues(this.#state, norm.mean));
      put(2, batchnormFactors(norm, this.#state).factor);
      put(3, norm.shift === undefined ? new Float64Array(1) : blockValues(this.#state, norm.shift));
    }
    let ceiling = Number.POSITIVE_INFINITY;
    if (rectifier !== undefined) {
      const name = rectifier.op === 'prelu' ? 'prelu' : rectifier.activation.name;
      if (name === 'relu6') ceiling = 6;
      if (name === 'relu' || name === 'relu6') {
        flags += finishing.rectify;
      } else {
        flags += finishing.leak;
        put(4, rectifier.op === 'prelu' ? blockValues(this.#state, rectifier.slope) : Float64Array.of(-rectifier.activation.value(-1)));
      }
    }
    const address = this.#coefficients.get(result) ?? this.#scope.allocate(coefficients.length);
    this.#coefficients.set(result, address);
    this.#scope.view(address, coefficients.length).set(coefficients);
    return { other: 0, coefficients: address, flags, ceiling };
  }

  /** Where a value goes that is made entry by entry: onto one that is read for the last time. */
  #place({ inputs, following: { other } }: Step, length: number, readers: number): Buffer {
    const from = this.#value(inputs[0]!);
    const last = other === inputs[0] ? 2 : 1;
    if (from.readers === last) {
      from.readers += readers;
      return from;
    }
    const added = other === undefined ? undefined : this.#value(other);
    if (added?.readers === 1) {
      added.readers += readers;
      return added;
    }
    return this.#take(length, readers);
  }

  #table(node: NetworkNode, table: Parameters<typeof bringTable>[1]): number {
    const address = this.#tables.get(node.index) ?? bringTable(this.#scope, table);
    this.#tables.set(node.index, address);
    return address;
  }

  #value(index: number): Buffer {
    const value = this.#values.get(index);
    if (value === undefined) throw new Error(`node ${index} has no value yet`);
    return value;
  }

  #size(index: number): number {
    return this.#rows * valueSize(this.#network.nodes[index]!.shape);
  }

  #view({ address }: Buffer, { index }: NetworkNode): Float64Array {
    return this.#scope.view(address, this.#size(index));
  }

  #bring(values: Float64Array, readers: number): Buffer {
    const buffer = this.#take(values.length, readers);
    this.#scope.view(buffer.address, values.length).set(values);
    return buffer;
  }

  #take(length: number, readers: number): Buffer {
    // The smallest that is large enough, unless it would be wasted.
    let best = -1;
    this.#free.forEach(({ capacity }, k) => {
      if (capacity >= length && capacity <= 4 * length && (best < 0 || capacity < this.#free[best]!.capacity)) best = k;
    });
    const [found] = best < 0 ? [] : this.#free.splice(best, 1);
    return { address: found?.address ?? this.#scope.allocate(length), capacity: found?.capacity ?? length, readers };
  }

  #release(buffer: Buffer): void {
    buffer.readers--;
    if (buffer.readers === 0) this.#free.push(buffer);
  }
}
