/**
 * The eigenvectors U = W H^{1/2}J of the GGN of a network of dense layers, by its factors: a row of J is b ⊗ a in every layer, a the layer's input and
 * b its cotangent (as in structuredGram.ts), so that for a direction ε with weights E in that layer
 *   (H^{1/2}J ε)_{ns} = Σ_layers b_{ns}ᵀ E a_n,   Jᵀ H^{1/2} c = Σ_n (Σ_s c_{ns} b_{ns}) a_nᵀ.
 * For many directions at once both are products of A (N × in) with N-wide matrices: 2 N D operations a direction each, however many outputs
 * there are, where the eigenvectors themselves take r D numbers and 2 r D operations, r up to N·S.
 */
import { multiply } from '../linalg/dense/multiply.ts';
import { sharedEngine, type Scope } from '../linalg/engine/engine.ts';
import { packingDoubles, packingSpace, product, type PackingSpace } from '../linalg/engine/product.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { blocksOf, type Block, type Network, type NodeOf } from '../network/network.ts';
import { pullBack } from '../network/reverse.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { inputCount, rowsPerInput, type CurvatureProblem } from '../curvature/problem.ts';
import { chunkAt, inputsPerPass } from '../curvature/weightedJacobian.ts';
import type { ImageBasis } from './imageBasis.ts';

interface LayerFactors {
  readonly weight: Block;
  readonly bias: Block | undefined;
  /** N × in. */
  readonly inputs: Float64Array;
  /** S × out × N: b_{ns} of output o at (s, o, n). */
  readonly cotangents: Float64Array;
}

/** Whether every parameter is one of a dense layer with weights of its own. */
export function hasDenseFactors({ nodes, blocks }: Network): boolean {
  const dense = nodes.filter((node) => node.op === 'dense').flatMap((node) => [...blocksOf(node)]);
  return new Set(dense).size === dense.length && blocks.every((block) => !block.trainable || dense.includes(block));
}

/** Numbers that are kept: (in + S out) N of every layer. */
function factoredNumbers(problem: CurvatureProblem): number {
  return inputCount(problem) * problem.network.nodes.reduce((sum, node) => sum + (node.op === 'dense' ? node.weight.shape[1]! + rowsPerInput(problem) * node.weight.shape[0]! : 0), 0);
}

/** @param weights W, r × N·S */
export async function factoredBasis(problem: CurvatureProblem, weights: Float64Array, rank: number, context: JobContext): Promise<ImageBasis> {
  const { network: { parameters } } = problem;
  const { signal } = context;
  const layers = await factorsOf(problem, context);
  const [rows, seeds] = [inputCount(problem), rowsPerInput(problem)];
  const size = rows * seeds;
  // As the kernels have them: the inputs of one seed side by side.
  const ordered = new Float64Array(weights.length);
  for (let i = 0; i < rank; i++) for (let n = 0; n < rows; n++) for (let s = 0; s < seeds; s++) ordered[i * size + s * rows + n] = weights[i * size + n * seeds + s]!;
  const places = { layers, rows, seeds, parameters };
  const coefficientsOf = (pushed: Float64Array, count: number): Promise<Float64Array> => multiply({ a: pushed, b: ordered, m: count, k: size, n: rank, transposeB: true }, { signal });
  const rowsOf = (coefficients: Float64Array, count: number): Promise<Float64Array> => multiply({ a: coefficients, b: ordered, m: count, k: rank, n: size }, { signal });
  const onEngine = async (count: number, algorithm: (layers: LayersOnEngine) => Interruptible<void>): Promise<void> => {
    const engine = await sharedEngine();
    await engine.run(`${count} directions through the layers’ factors`, engineBytes(places, count, engine.threads), { signal }, (scope) => algorithm(new LayersOnEngine(scope, places, count)));
  };
  return {
    rank,
    parameters,
    bytes: 8 * (factoredNumbers(problem) + rank * size),
    async coefficients(vectors, count) {
      const pushed = new Float64Array(count * size);
      await onEngine(count, function* (there) {
        there.vectors.set(vectors.length === count * parameters ? vectors : vectors.subarray(0, count * parameters));
        yield* there.push(pushed);
      });
      return coefficientsOf(pushed, count);
    },
    async combinations(coefficients, count) {
      const pulled = await rowsOf(coefficients, count);
      const result = new Float64Array(count * parameters);
      await onEngine(count, function* (there) {
        yield* there.pull(pulled, false);
        result.set(there.vectors);
      });
      return result;
    },
    async applied(vectors, count, factors, rest) {
      const pushed = new Float64Array(count * size);
      await onEngine(count, function* (there) {
        there.vectors.set(vectors);
        yield* there.push(pushed);
      });
      const coefficients = await coefficientsOf(pushed, count);
      for (let k = 0; k < coefficients.length; k++) coefficients[k]! *= factors[k % rank]! - rest;
      const pulled = await rowsOf(coefficients, count);
      await onEngine(count, function* (there) {
        if (rest !== 0) for (let k = 0; k < vectors.length; k++) there.vectors[k] = rest * vectors[k]!;
        yield* there.pull(pulled, rest !== 0);
        vectors.set(there.vectors);
      });
      return vectors;
    },
  };
}

interface Places {
  readonly layers: readonly LayerFactors[];
  /** N */
  readonly rows: number;
  /** S */
  readonly seeds: number;
  /** D */
  readonly parameters: number;
}

const widest = ({ layers }: Places): { readonly outputs: number; readonly inputs: number } => ({
  outputs: Math.max(...layers.map(({ weight }) => weight.shape[0]!)), inputs: Math.max(...layers.map(({ weight }) => weight.shape[1]!)),
});

function engineBytes(places: Places, count: number, threads: number): number {
  const { layers, rows, seeds, parameters } = places;
  const { outputs, inputs } = widest(places);
  const factors = layers.reduce((sum, layer) => sum + layer.inputs.length + layer.cotangents.length, 0);
  return 8 * (count * (parameters + rows * seeds) + factors + outputs * rows + packingDoubles({ n: Math.max(rows, inputs), k: Math.max(rows, inputs) }, threads));
}

/** Some directions and the layers' factors in the engine's memory. */
class LayersOnEngine {
  /** count × D */
  readonly vectors: Float64Array;
  readonly #scope: Scope;
  readonly #places: Places;
  readonly #count: number;
  readonly #vectors: number;
  readonly #rows: number;
  /** out × N of one layer and one direction. */
  readonly #values: number;
  readonly #packing: PackingSpace;
  readonly #factors: readonly { readonly inputs: number; readonly cotangents: number }[];

  constructor(scope: Scope, places: Places, count: number) {
    const { layers, rows, seeds, parameters } = places;
    const { outputs, inputs } = widest(places);
    const bring = (values: Float64Array): number => {
      const address = scope.allocate(values.length);
      scope.view(address, values.length).set(values);
      return address;
    };
    this.#scope = scope;
    this.#places = places;
    this.#count = count;
    this.#vectors = scope.allocate(count * parameters);
    this.vectors = scope.view(this.#vectors, count * parameters);
    this.#rows = scope.allocate(count * rows * seeds);
    this.#values = scope.allocate(outputs * rows);
    this.#packing = packingSpace(scope, { n: Math.max(rows, inputs), k: Math.max(rows, inputs) });
    this.#factors = layers.map((layer) => ({ inputs: bring(layer.inputs), cotangents: bring(layer.cotangents) }));
  }

  /** H^{1/2}J of the directions, count × S × N. */
  *push(into: Float64Array): Interruptible<void> {
    const { layers, rows, seeds, parameters } = this.#places;
    const { kernels, threads, view } = this.#scope;
    view(this.#rows, into.length).fill(0);
    for (let m = 0; m < this.#count; m++) {
      const direction = this.#vectors + 8 * m * parameters;
      for (const [l, { weight, bias }] of layers.entries()) {
        const [outputs, width] = weight.shape as [number, number];
        const { inputs, cotangents } = this.#factors[l]!;
        yield* product(
          this.#scope, this.#packing, { m: outputs, n: rows, k: width },
          { address: direction + 8 * weight.offset, rowStep: width, columnStep: 1 }, { address: inputs, rowStep: 1, columnStep: width }, this.#values, rows,
        );
        kernels.contractCotangents(threads, this.#values, outputs, rows, cotangents, seeds, bias === undefined ? 0 : direction + 8 * bias.offset, this.#rows + 8 * m * rows * seeds);
      }
    }
    into.set(view(this.#rows, into.length));
  }

  /** JᵀH^{1/2} of count × S × N numbers, as the directions or added to them. */
  *pull(from: Float64Array, add: boolean): Interruptible<void> {
    const { layers, rows, seeds, parameters } = this.#places;
    const { kernels, threads, view } = this.#scope;
    view(this.#rows, from.length).set(from);
    if (!add) this.vectors.fill(0);
    for (let m = 0; m < this.#count; m++) {
      const direction = this.#vectors + 8 * m * parameters;
      for (const [l, { weight, bias }] of layers.entries()) {
        const [outputs, width] = weight.shape as [number, number];
        const { inputs, cotangents } = this.#factors[l]!;
        kernels.spreadCotangents(threads, this.#values, outputs, rows, cotangents, seeds, bias === undefined ? 0 : direction + 8 * bias.offset, this.#rows + 8 * m * rows * seeds);
        yield* product(
          this.#scope, this.#packing, { m: outputs, n: width, k: rows },
          { address: this.#values, rowStep: rows, columnStep: 1 }, { address: inputs, rowStep: width, columnStep: 1 }, direction + 8 * weight.offset, width, { add: true },
        );
      }
    }
  }
}

async function factorsOf(problem: CurvatureProblem, { signal, progress }: JobContext): Promise<LayerFactors[]> {
  const { network, state } = problem;
  const rows = inputCount(problem);
  const seeds = rowsPerInput(problem);
  const dense = network.nodes.filter((node): node is NodeOf<'dense'> => node.op === 'dense');
  const factors = new Map(dense.map((node) => [node.index, {
    weight: node.weight, bias: node.bias, inputs: new Float64Array(rows * node.weight.shape[1]!), cotangents: new Float64Array(rows * seeds * node.weight.shape[0]!),
  }]));
  const step = inputsPerPass(problem);
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const { values, seeds: cotangentSeeds } = chunkAt(problem, first, count);
    pullBack(network, state, values, cotangentSeeds, seeds, (node, cotangents) => {
      const factor = factors.get(node.index);
      if (factor === undefined) return;
      const [outputs, width] = factor.weight.shape as [number, number];
      factor.inputs.set(values.values[node.inputs[0]!]!, first * width);
      for (let n = 0; n < count; n++) {
        for (let s = 0; s < seeds; s++) for (let o = 0; o < outputs; o++) factor.cotangents[(s * outputs + o) * rows + first + n] = cotangents[(n * seeds + s) * outputs + o]!;
      }
    });
    progress({ message: 'Eigenvectors of the GGN', fraction: (first + count) / rows });
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    signal.throwIfAborted();
  }
  return [...factors.values()];
}
