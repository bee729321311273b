/** H^{1/2}J over a data set in chunks of inputs, each of bounded memory and time. */
import type { Interruptible } from '../linalg/interruptible.ts';
import { productsPerInput, valuesPerInput } from '../network/cost.ts';
import { trace, type Trace } from '../network/forward.ts';
import { jacobianRows } from '../network/parameterGradients.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { inputCount, rowsPerInput, weightedSeeds, type CurvatureProblem } from './problem.ts';

/** Multiplications of one chunk: some tenths of a second. */
const CHUNK_PRODUCTS = 5e8;
/** Numbers that a chunk's values and cotangents, or its rows, may take: 16 MB. */
const CHUNK_NUMBERS = 2 ** 21;

/** Inputs whose factors (values and cotangents) are evaluated together: about 256 rows of J, fewer when they would take much memory or time. */
export function inputsPerPass(problem: CurvatureProblem): number {
  const seeds = rowsPerInput(problem);
  const numbers = CHUNK_NUMBERS / (valuesPerInput(problem.network) * (1 + seeds));
  const products = CHUNK_PRODUCTS / (productsPerInput(problem.network) * (1 + 2 * seeds));
  return Math.max(1, Math.floor(Math.min(256 / seeds, numbers, products)));
}

/** Inputs whose rows of J are formed together. */
export function inputsPerChunk(problem: CurvatureProblem): number {
  return Math.max(1, Math.min(inputsPerPass(problem), Math.floor(CHUNK_NUMBERS / problem.network.parameters / rowsPerInput(problem))));
}

/** One chunk: the trace of inputs first … first + count − 1 and the seeds of their rows. */
export interface Chunk {
  readonly first: number;
  readonly count: number;
  readonly values: Trace;
  /** count·S × O */
  readonly seeds: Float64Array;
}

export function chunkAt(problem: CurvatureProblem, first: number, count: number): Chunk {
  const { network, state, x } = problem;
  const values = trace(network, state, x.subarray(first * network.inputs, (first + count) * network.inputs));
  return { first, count, values, seeds: weightedSeeds(problem, values.values[network.output]!, first) };
}

/** Writes the rows of H^{1/2}J for inputs first … first + count − 1 (count·S × D, row-major). */
export function weightedRows(problem: CurvatureProblem, first: number, count: number, into: Float64Array): void {
  const { values, seeds } = chunkAt(problem, first, count);
  jacobianRows(problem.network, problem.state, values, seeds, rowsPerInput(problem), into);
}

/**
 * Visits all inputs in chunks of `step`.
 * @param share of the whole task that this is, as [begin, end] between 0 and 1
 */
export function* eachChunk(problem: CurvatureProblem, step: number, context: JobContext, [begin, end]: readonly [number, number], visit: (first: number, count: number) => Interruptible<void>): Interruptible<void> {
  const inputs = inputCount(problem);
  for (let first = 0; first < inputs; first += step) {
    context.progress({ message: `Jacobian at input ${first + 1} of ${inputs}`, fraction: begin + ((end - begin) * first) / inputs });
    yield* visit(first, Math.min(step, inputs - first));
    yield;
  }
}
