/**
 * The GGN and the Gram matrix of its rows as operators: products by one forward-mode and one reverse-mode pass over the data, so
 * that nothing larger than a vector in weight space is ever held. With G = H^{1/2}J (n × D, n = N·S):
 *   rows        u ↦ G Gᵀ u, vectors of length n;
 *   parameters  v ↦ Gᵀ G v, vectors of length D.
 * Both have the same eigenvalues but for zeros; Krylov bases are kept on the shorter side.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { SymmetricOperator } from '../linalg/lanczos.ts';
import { productsPerInput, valuesPerInput } from '../network/cost.ts';
import { trace, type Trace } from '../network/forward.ts';
import { addVectorJacobianProduct } from '../network/parameterGradients.ts';
import { slopesPerInput } from '../network/slopes.ts';
import { pushForward } from '../network/tangent.ts';
import { inputCount, rowCount, rowsPerInput, weightedSeeds, type CurvatureProblem } from './problem.ts';

/** Multiplications of one chunk, and numbers that its values may take. */
const CHUNK = { products: 2e9, numbers: 2 ** 22 } as const;

interface Part {
  readonly first: number;
  readonly count: number;
  readonly values: Trace;
  readonly seeds: Float64Array;
}

export class GgnOperators {
  readonly problem: CurvatureProblem;
  readonly #step: number;
  /** The parts of all chunks, when they fit. */
  readonly #kept: Part[] | undefined;

  /** @param keepBytes values of the network may be kept between products when they take no more */
  constructor(problem: CurvatureProblem, keepBytes: number) {
    const { network } = problem;
    this.problem = problem;
    this.#step = Math.max(1, Math.floor(Math.min(CHUNK.products / productsPerInput(network), CHUNK.numbers / (valuesPerInput(network) + slopesPerInput(network)))));
    this.#kept = keptBytes(problem) <= keepBytes ? [] : undefined;
  }

  /** On the side with the shorter vectors. */
  get operator(): SymmetricOperator & { readonly side: 'rows' | 'parameters' } {
    const { parameters } = this.problem.network;
    const rows = rowCount(this.problem);
    return rows <= parameters
      ? { side: 'rows', size: rows, apply: (u) => this.#throughParameters(u) }
      : { side: 'parameters', size: parameters, apply: (v) => this.#throughRows(v) };
  }

  /** Gᵀ u, length D. */
  *pullRows(u: Float64Array): Interruptible<Float64Array> {
    const { network, state } = this.problem;
    const direction = new Float64Array(network.parameters);
    for (let first = 0; first < inputCount(this.problem); first += this.#step) {
      const { values, seeds, count } = this.#part(first);
      addVectorJacobianProduct(network, state, values, this.#unweight(seeds, u, first, count), direction);
      yield;
    }
    return direction;
  }

  /** G v, length n. */
  *pushDirection(v: Float64Array): Interruptible<Float64Array> {
    const { network, state } = this.problem;
    const rows = new Float64Array(rowCount(this.problem));
    for (let first = 0; first < inputCount(this.problem); first += this.#step) {
      const { values, seeds } = this.#part(first);
      this.#weight(seeds, pushForward(network, state, values, v), first, rows);
      yield;
    }
    return rows;
  }

  *#throughParameters(u: Float64Array): Interruptible<Float64Array> {
    return yield* this.pushDirection(yield* this.pullRows(u));
  }

  /** Chunk by chunk, so that each is evaluated once. */
  *#throughRows(v: Float64Array): Interruptible<Float64Array> {
    const { network, state } = this.problem;
    const product = new Float64Array(network.parameters);
    const rows = new Float64Array(rowCount(this.problem));
    for (let first = 0; first < inputCount(this.problem); first += this.#step) {
      const { values, seeds, count } = this.#part(first);
      this.#weight(seeds, pushForward(network, state, values, v), first, rows);
      addVectorJacobianProduct(network, state, values, this.#unweight(seeds, rows, first, count), product);
      yield;
    }
    return product;
  }

  #part(first: number): Part {
    const present = this.#kept?.[first / this.#step];
    if (present !== undefined) return present;
    const { network, state, x } = this.problem;
    const count = Math.min(this.#step, inputCount(this.problem) - first);
    const values: Trace = { ...trace(network, state, x.subarray(first * network.inputs, (first + count) * network.inputs)), slopes: new Map() };
    const part = { first, count, values, seeds: weightedSeeds(this.problem, values.values[network.output]!, first) };
    if (this.#kept !== undefined) this.#kept[first / this.#step] = part;
    return part;
  }

  /** Rows of the chunk: √c H^{1/2} y. */
  #weight(seeds: Float64Array, y: Float64Array, first: number, into: Float64Array): void {
    const { outputs } = this.problem.network;
    const perInput = rowsPerInput(this.problem);
    for (let r = 0; r < seeds.length / outputs; r++) {
      const input = Math.floor(r / perInput) * outputs;
      let sum = 0;
      for (let o = 0; o < outputs; o++) sum += seeds[r * outputs + o]! * y[input + o]!;
      into[first * perInput + r] = sum;
    }
  }

  /** Cotangents of the chunk's outputs: the transpose. */
  #unweight(seeds: Float64Array, u: Float64Array, first: number, count: number): Float64Array {
    const { outputs } = this.problem.network;
    const perInput = rowsPerInput(this.problem);
    const cotangents = new Float64Array(count * outputs);
    for (let r = 0; r < seeds.length / outputs; r++) {
      const input = Math.floor(r / perInput) * outputs;
      const weight = u[first * perInput + r]!;
      for (let o = 0; o < outputs; o++) cotangents[input + o]! += weight * seeds[r * outputs + o]!;
    }
    return cotangents;
  }
}

/** Bytes of all values and slopes of the network on all inputs, and of the seeds. */
export function keptBytes(problem: CurvatureProblem): number {
  return 8 * inputCount(problem) * (valuesPerInput(problem.network) + slopesPerInput(problem.network) + rowsPerInput(problem) * problem.network.outputs);
}

/** Multiplications of one product. */
export function productsOfOperator(problem: CurvatureProblem): number {
  return 6 * inputCount(problem) * productsPerInput(problem.network);
}
