/**
 * Orthonormal eigenvectors U of the GGN with positive eigenvalues, as two products that take many vectors at once: Uᵀ-coefficients of vectors
 * in weight space, and combinations of U. The Gram side gives them without any D × D matrix: with H^{1/2}J = V Λ^{1/2} U,
 *   U = Λ^{-1/2} Vᵀ H^{1/2} J.
 * Where r × D numbers are few they are formed once and the products are matrix products; otherwise the factors of dense layers do
 * (factoredBasis.ts), or every product runs through the network, forward mode for H^{1/2}J ε and reverse mode for JᵀH^{1/2} c.
 */
import { rankK } from '../linalg/dense/gram.ts';
import { multiply } from '../linalg/dense/multiply.ts';
import { orthonormaliseRows } from '../linalg/orthonormalRows.ts';
import { trace } from '../network/forward.ts';
import { addVectorJacobianProduct } from '../network/parameterGradients.ts';
import { pushForward } from '../network/tangent.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { inputCount, rowsPerInput, weightedSeeds, type CurvatureProblem } from '../curvature/problem.ts';
import type { GgnSpectrum } from '../curvature/spectrum.ts';
import { inputsPerChunk, inputsPerPass, weightedRows } from '../curvature/weightedJacobian.ts';
import { factoredBasis, hasDenseFactors } from './factoredBasis.ts';

export interface ImageBasis {
  /** r: how many eigenvectors. */
  readonly rank: number;
  /** D */
  readonly parameters: number;
  readonly bytes: number;
  /** E Uᵀ of count vectors, count × D → count × r. */
  coefficients(vectors: Float64Array, count: number): Promise<Float64Array>;
  /** C U of count combinations, count × r → count × D. */
  combinations(coefficients: Float64Array, count: number): Promise<Float64Array>;
  /**
   * A function of the GGN applied to count vectors, V (Uᵀ diag(factors) U + rest (I − Uᵀ U)), as V Uᵀ diag(factors − rest) U + rest V.
   * @param vectors count × D; overwritten
   * @param factors one an eigenvector; `rest` for the kernel
   */
  applied(vectors: Float64Array, count: number, factors: Float64Array, rest: number): Promise<Float64Array>;
}

/** Eigenvectors of more numbers than this (64 MB) are better not formed where the layers' factors do. */
const FORMED_NUMBERS = 2 ** 23;
/** Smallest σ/σ_max that the matrix-free products take for image: their vectors are orthogonal to about ε over it. */
const MATRIX_FREE_RESOLUTION = 1e-6;

/**
 * @param spectrum with vectors
 * @param rank how many of them belong to the image
 */
export async function imageBasis(problem: CurvatureProblem, spectrum: GgnSpectrum, rank: number, context: JobContext): Promise<ImageBasis> {
  const { vectors } = spectrum;
  if (vectors === undefined) throw new RangeError('the spectrum was taken without vectors');
  const { parameters } = problem.network;
  const bytes = 8 * rank * parameters;
  if (vectors.side === 'parameters') return dense(vectors.vectors.subarray(0, rank * parameters), rank, parameters, context);
  const rows = spectrum.rows;
  // Row i: v_i / σ_i.
  const weights = Float64Array.from({ length: rank * rows }, (_, k) => vectors.vectors[k]! / spectrum.singularValues[Math.floor(k / rows)]!);
  const factored = hasDenseFactors(problem.network) && rank * parameters > FORMED_NUMBERS;
  const resolved = spectrum.singularValues.subarray(0, rank).findLastIndex((value) => value > MATRIX_FREE_RESOLUTION * spectrum.singularValues[0]!) + 1;
  // Not orthonormal where σ is small: where the eigenvectors cannot be formed, those directions are left to the kernel, whose prior gives them much the same variance.
  if (2 * bytes > context.memoryLimitBytes) {
    const kept = weights.subarray(0, resolved * rows);
    return factored ? factoredBasis(problem, kept, resolved, context) : matrixFree(problem, kept, resolved, rows, context);
  }
  if (factored && resolved === rank) return factoredBasis(problem, weights, rank, context);
  const basis = new Float64Array(rank * parameters);
  const step = Math.min(inputCount(problem), inputsPerChunk(problem));
  const seeds = rowsPerInput(problem);
  const chunk = new Float64Array(step * seeds * parameters);
  for (let first = 0; first < inputCount(problem); first += step) {
    const count = Math.min(step, inputCount(problem) - first);
    weightedRows(problem, first, count, chunk);
    const width = count * seeds;
    const part = columnsOf(weights, rank, rows, first * seeds, width);
    await multiply({ a: part, b: chunk.subarray(0, width * parameters), m: rank, k: width, n: parameters, beta: 1, c: basis }, { signal: context.signal });
    context.progress({ message: 'Eigenvectors of the GGN', fraction: (first + count) / inputCount(problem) });
  }
  // A σ far below the largest leaves u = (H^{1/2}J)ᵀ v / σ little but rounding: orthogonal to the others again, it still spans the image with them.
  if (!(await polished(basis, rank, parameters, context.signal))) await orthonormaliseRows(basis, rank, parameters, context.signal);
  return dense(basis, rank, parameters, context);
}

/** Errors of U Uᵀ that a few steps of Newton's iteration remove, and what rounding leaves. */
const NEARLY_ORTHONORMAL = 0.05;
const ORTHONORMAL = 1e-14;
/** Numbers of U that are multiplied at a time. */
const PANEL_NUMBERS = 2 ** 22;

/**
 * Rows that are orthonormal but for a small error E = U Uᵀ − I are made so by U ← (I − ½E) U (the iteration of Newton and Schulz for the polar
 * factor, whose error is squared each time): all of it products of matrices.
 * @returns false when the error is not small; the rows are as they were then
 */
async function polished(basis: Float64Array, rank: number, parameters: number, signal: AbortSignal): Promise<boolean> {
  for (let iteration = 0; iteration < 4; iteration++) {
    const error = await rankK({ a: basis, n: rank, k: parameters }, { signal });
    let largest = 0;
    for (let i = 0; i < rank; i++) {
      for (let j = 0; j <= i; j++) {
        const e = error[i * rank + j]! - (i === j ? 1 : 0);
        largest = Math.max(largest, Math.abs(e));
        error[i * rank + j] = error[j * rank + i] = e;
      }
    }
    if (largest <= ORTHONORMAL * Math.sqrt(parameters)) return true;
    if (largest * rank > NEARLY_ORTHONORMAL * rank ** 0.5 || Number.isNaN(largest)) return false;
    const step = Math.max(1, Math.floor(PANEL_NUMBERS / rank));
    for (let first = 0; first < parameters; first += step) {
      const width = Math.min(step, parameters - first);
      const panel = columnsOf(basis, rank, parameters, first, width);
      const moved = await multiply({ a: error, b: panel, m: rank, k: rank, n: width }, { signal });
      for (let i = 0; i < rank; i++) for (let k = 0; k < width; k++) basis[i * parameters + first + k]! -= 0.5 * moved[i * width + k]!;
    }
  }
  return true;
}

/** @param basis r × D, orthonormal rows */
function dense(basis: Float64Array, rank: number, parameters: number, { signal }: JobContext): ImageBasis {
  return withApplied({
    rank,
    parameters,
    bytes: 8 * rank * parameters,
    coefficients: (vectors, count) => multiply({ a: vectors, b: basis, m: count, k: parameters, n: rank, transposeB: true }, { signal }),
    combinations: (coefficients, count) => multiply({ a: coefficients, b: basis, m: count, k: rank, n: parameters }, { signal }),
  });
}

/** By one product after the other. */
function withApplied(basis: Omit<ImageBasis, 'applied'>): ImageBasis {
  return {
    ...basis,
    async applied(vectors, count, factors, rest) {
      const coefficients = await basis.coefficients(vectors, count);
      for (let k = 0; k < coefficients.length; k++) coefficients[k]! *= factors[k % basis.rank]! - rest;
      const combined = await basis.combinations(coefficients, count);
      if (rest !== 0) for (let k = 0; k < combined.length; k++) combined[k]! += rest * vectors[k]!;
      return combined;
    },
  };
}

/** @param weights r × n: U = weights · H^{1/2}J */
function matrixFree(problem: CurvatureProblem, weights: Float64Array, rank: number, rows: number, { signal }: JobContext): ImageBasis {
  const { network, state, x } = problem;
  const { parameters } = network;
  const seeds = rowsPerInput(problem);
  const step = inputsPerPass(problem);
  const chunks = function* (): Generator<{ readonly first: number; readonly width: number; readonly values: ReturnType<typeof trace>; readonly factor: Float64Array }> {
    for (let first = 0; first < inputCount(problem); first += step) {
      const values = trace(network, state, x.subarray(first * network.inputs, (first + step) * network.inputs));
      yield { first: first * seeds, width: values.rows * seeds, values, factor: weightedSeeds(problem, values.values[network.output]!, first) };
    }
  };
  return withApplied({
    rank,
    parameters,
    bytes: 8 * rank * rows,
    async coefficients(vectors, count) {
      const pushed = new Float64Array(count * rows);
      for (const { first, values, factor } of chunks()) {
        for (let m = 0; m < count; m++) {
          const tangents = pushForward(network, state, values, vectors.subarray(m * parameters, (m + 1) * parameters));
          halfHessianTimes(factor, tangents, network.outputs, seeds, pushed.subarray(m * rows + first));
        }
        await pause(signal);
      }
      return multiply({ a: pushed, b: weights, m: count, k: rows, n: rank, transposeB: true }, { signal });
    },
    async combinations(coefficients, count) {
      const pulled = await multiply({ a: coefficients, b: weights, m: count, k: rank, n: rows }, { signal });
      const result = new Float64Array(count * parameters);
      for (const { first, values, factor } of chunks()) {
        for (let m = 0; m < count; m++) {
          const cotangents = halfHessianTransposedTimes(factor, pulled.subarray(m * rows + first), values.rows, network.outputs, seeds);
          addVectorJacobianProduct(network, state, values, cotangents, result.subarray(m * parameters, (m + 1) * parameters));
        }
        await pause(signal);
      }
      return result;
    },
  });
}

/** Per input: S × O seeds times the O tangents. */
function halfHessianTimes(seeds: Float64Array, tangents: Float64Array, outputs: number, perInput: number, into: Float64Array): void {
  for (let r = 0; r < seeds.length / outputs; r++) {
    const from = Math.floor(r / perInput) * outputs;
    let sum = 0;
    for (let o = 0; o < outputs; o++) sum += seeds[r * outputs + o]! * tangents[from + o]!;
    into[r] = sum;
  }
}

/** Per input: the transpose of its S × O seeds times S coefficients. */
function halfHessianTransposedTimes(seeds: Float64Array, coefficients: Float64Array, inputs: number, outputs: number, perInput: number): Float64Array {
  const cotangents = new Float64Array(inputs * outputs);
  for (let r = 0; r < inputs * perInput; r++) {
    const to = Math.floor(r / perInput) * outputs;
    for (let o = 0; o < outputs; o++) cotangents[to + o]! += seeds[r * outputs + o]! * coefficients[r]!;
  }
  return cotangents;
}

function columnsOf(matrix: Float64Array, rows: number, columns: number, first: number, width: number): Float64Array {
  const part = new Float64Array(rows * width);
  for (let i = 0; i < rows; i++) part.set(matrix.subarray(i * columns + first, i * columns + first + width), i * width);
  return part;
}

async function pause(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => { setImmediate(resolve); });
  signal.throwIfAborted();
}
