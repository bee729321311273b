/**
 * The eigenvalues of the generalised Gauss–Newton matrix JᵀHJ = (H^{1/2}J)ᵀ(H^{1/2}J), as squares of the singular values of
 * H^{1/2}J, by one of two routes:
 *   svd   Householder QR of H^{1/2}J (or of its transpose), then a Jacobi SVD of the triangle. Resolves
 *         σ/σ_max to max(n, D) ε.
 *   gram  eigenvalues of the smaller of (H^{1/2}J)ᵀ(H^{1/2}J) and its transpose. Squaring costs half the digits: it resolves
 *         σ/σ_max to √(max(n, D) ε) only, but takes less time, and for n < D no Jacobian (structuredGram.ts).
 * n = N·S rows, S of them an input: O, or O − 1 under a softmax. What neither route can hold is left to matrix-free methods.
 */
import { setImmediate } from 'node:timers/promises';
import { gramOfRows } from '../linalg/dense/gram.ts';
import { singularValues, svd } from '../linalg/dense/svd.ts';
import { symmetricEigen, symmetricEigenvalues } from '../linalg/dense/symmetricEigen.ts';
import { thinQr } from '../linalg/dense/thinQr.ts';
import { BLOCK } from '../linalg/engine/blockReflector.ts';
import { ADDRESSABLE, sharedEngine } from '../linalg/engine/engine.ts';
import { PANEL } from '../linalg/engine/qr.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import { transposed } from '../linalg/matrixInput.ts';
import { productsPerInput } from '../network/cost.ts';
import { formatBytes, formatCount } from '../protocol/format.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { MemoryLimitError } from '../protocol/userError.ts';
import { inputCount, requireFiniteProblem, rowCount, rowsPerInput, type CurvatureProblem } from './problem.ts';
import { planGram, structuredGram } from './structuredGram.ts';
import { eachChunk, inputsPerChunk, weightedRows } from './weightedJacobian.ts';

export type SpectrumMethod = 'svd' | 'gram';

export interface SpectrumPlan {
  readonly method: SpectrumMethod;
  /** Bytes that it will need at its peak. */
  readonly bytes: number;
  /** Of these, bytes of the engine's memory, whose addresses end earlier. */
  readonly engineBytes: number;
  /** Multiplications, roughly, those of the network included. */
  readonly operations: number;
}

/**
 * Orthonormal eigenvectors, descending like the values, one a row: of the GGN itself (`parameters`, each of length D), or of the Gram
 * matrix of its rows (`rows`, each of length n = N·S: v = H^{1/2}J u / σ).
 */
export interface EigenVectors {
  readonly side: 'parameters' | 'rows';
  readonly vectors: Float64Array;
}

export interface GgnSpectrum {
  /** Singular values of H^{1/2}J, descending, min(n, D) of them. */
  readonly singularValues: Float64Array;
  /** Their squares: the eigenvalues of the GGN, but for the D − min(n, D) that are zero by shape. */
  readonly eigenvalues: Float64Array;
  /** n = N·S. */
  readonly rows: number;
  /** D. */
  readonly parameters: number;
  readonly method: SpectrumMethod;
  /** Relative to the largest singular value: below it the method cannot tell a singular value from zero. */
  readonly resolution: number;
  /** Relative to the largest singular value: the size that exact zeros come out with. */
  readonly floor: number;
  readonly plan: SpectrumPlan;
  /** When they were asked for. */
  readonly vectors: EigenVectors | undefined;
}

export interface SpectrumOptions {
  /** By default the most accurate that fits. */
  readonly method?: SpectrumMethod;
  readonly vectors?: boolean;
  /** The Gram matrix, where it saves most of the work and all its singular values keep so many digits that an SVD would tell no more. */
  readonly economical?: boolean;
}

/** Beyond this many operations (half a minute or so) the SVD gives way to the Gram matrix. */
const SVD_OPERATIONS = 3e11;
/** From so many operations of an SVD on, and so many times those of the Gram matrix, the latter is tried first. */
const ECONOMY = { operations: 2e9, times: 4 } as const;
/** σ_min/σ_max from which squares keep all that is asked: λ_min to 1e6 n ε of itself, some ten digits. */
const WELL_RESOLVED = 1e-3;

/** Whether there is memory for it: within the limit, and within what the engine can address. */
export function fits({ bytes, engineBytes }: SpectrumPlan, memoryLimitBytes: number): boolean {
  return bytes <= memoryLimitBytes && engineBytes <= ADDRESSABLE;
}

/** Chooses the method by operations and memory. */
export function planSpectrum(problem: CurvatureProblem, memoryLimitBytes: number, { method, vectors = false }: SpectrumOptions = {}): SpectrumPlan {
  const { parameters } = problem.network;
  const rows = rowCount(problem);
  const small = Math.min(rows, parameters);
  const large = Math.max(rows, parameters);
  const wide = rows < parameters;
  const chunk = 2 * inputsPerChunk(problem) * rowsPerInput(problem) * parameters;
  const evaluation = inputCount(problem) * productsPerInput(problem.network) * (1 + 2 * rowsPerInput(problem));
  // What is factorised at once, and its reflectors.
  const stack = wide ? Math.min(parameters, rows + sliceHeight(rows)) * rows : (parameters + stackedRows(parameters)) * parameters + chunk / 2;
  const reflectors = small > PANEL ? BLOCK * (stack / small) : 0;
  const turned = (vectors ? 15 : 13) * small ** 2;
  const svd: SpectrumPlan = {
    method: 'svd',
    operations: evaluation + (wide ? 2 : 3) * large * small ** 2 + (vectors ? 24 : 16) * small ** 3,
    // Rows where they are few, the stack, the engine's copy, and what the singular values of the triangle take.
    bytes: 8 * ((vectors ? 2 : 1) * small ** 2 + (wide ? rows * parameters : chunk / 2) + stack + Math.max(stack + reflectors, turned)),
    engineBytes: 8 * Math.max(stack + reflectors, turned),
  };
  const structured = planGram(problem.network, inputCount(problem), rowsPerInput(problem));
  const gram: SpectrumPlan = {
    method: 'gram',
    operations: evaluation + (wide ? structured.products : large * small ** 2) + (vectors ? 9 : 4 / 3) * small ** 3,
    // The matrix, the engine's copy, and what its eigenproblem takes.
    bytes: 8 * ((vectors ? 5 : 3) * small ** 2 + (wide ? structured.numbers : chunk)),
    engineBytes: 8 * ((vectors ? 4 : 1) * small ** 2 + (wide ? 0 : chunk)),
  };
  if (method !== undefined) return method === 'svd' ? svd : gram;
  return svd.operations - evaluation <= SVD_OPERATIONS && fits(svd, memoryLimitBytes) ? svd : gram;
}

/**
 * @throws MemoryLimitError before anything is allocated, when neither method fits
 * @throws UserError for NaN or infinite weights, inputs or outputs
 */
export async function gramSpectrum(problem: CurvatureProblem, context: JobContext, options: SpectrumOptions = {}): Promise<GgnSpectrum> {
  requireFiniteProblem(problem);
  const rows = rowCount(problem);
  const { parameters } = problem.network;
  const plan = planSpectrum(problem, context.memoryLimitBytes, options);
  if (options.economical === true && plan.method === 'svd') {
    const cheaper = planSpectrum(problem, context.memoryLimitBytes, { ...options, method: 'gram' });
    if (plan.operations > Math.max(ECONOMY.operations, ECONOMY.times * cheaper.operations) && fits(cheaper, context.memoryLimitBytes)) {
      const found = await gramSpectrum(problem, context, { ...options, method: 'gram' });
      if (found.singularValues[found.singularValues.length - 1]! > WELL_RESOLVED * found.singularValues[0]!) return found;
    }
  }
  if (!fits(plan, context.memoryLimitBytes)) throw memoryError(plan, rows, parameters, Math.min(context.memoryLimitBytes, plan.bytes > context.memoryLimitBytes ? Infinity : ADDRESSABLE));
  const relative = Math.max(rows, parameters) * Number.EPSILON;
  const side = rows < parameters ? 'rows' : 'parameters';
  const wanted = options.vectors === true;
  await sharedEngine();
  const told: JobContext = { ...context, progress: ({ message, ...rest }) => { context.progress({ message: `${message}; ${planned(plan)}`, ...rest }); } };
  if (plan.method === 'svd') {
    const { values, vectors } = await svdRoute(problem, told, wanted);
    return { singularValues: values, eigenvalues: values.map((s) => s * s), rows, parameters, method: 'svd', resolution: relative, floor: Number.EPSILON, plan, vectors: vectors && { side, vectors } };
  }
  const { values, vectors } = await gramRoute(problem, told, wanted);
  // The Gram matrix is positive semi-definite; what comes out negative is rounding around zero.
  const eigenvalues = values.map((value) => Math.max(0, value));
  return { singularValues: eigenvalues.map(Math.sqrt), eigenvalues, rows, parameters, method: 'gram', resolution: Math.sqrt(relative), floor: Math.sqrt(Number.EPSILON), plan, vectors: vectors && { side, vectors } };
}

/** "Gram matrix, about 99.3 MiB": what is shown while it runs. */
export function planned({ method, bytes }: SpectrumPlan): string {
  return `${method === 'svd' ? 'SVD of H½J' : 'Gram matrix'}, about ${formatBytes(bytes)}`;
}

function memoryError(plan: SpectrumPlan, rows: number, parameters: number, limit: number): MemoryLimitError {
  const fitting = Math.floor(Math.sqrt(limit / 24));
  return new MemoryLimitError(
    `The GGN spectrum of ${formatCount(parameters)} parameters and ${formatCount(rows)} rows (data × outputs) would need about ${formatBytes(plan.bytes)}, more than the limit of ${formatBytes(limit)}. ` +
      `It fits when data × outputs, or the number of parameters, is at most about ${formatCount(fitting)}: take fewer data points, a smaller network, or raise the memory limit.`,
  );
}

interface Values {
  readonly values: Float64Array;
  /** One a row. */
  readonly vectors: Float64Array | undefined;
}

async function svdRoute(problem: CurvatureProblem, context: JobContext, wantVectors: boolean): Promise<Values> {
  const { parameters } = problem.network;
  const rows = rowCount(problem);
  const order = Math.min(rows, parameters);
  if (order === 0) return { values: new Float64Array(0), vectors: wantVectors ? new Float64Array(0) : undefined };
  const triangle = rows < parameters ? await triangleOfFew(problem, context) : await triangleOfMany(problem, context);
  const work = { signal: context.signal, progress: (share: number) => { context.progress({ message: 'Singular values of the Jacobian', fraction: 0.6 + 0.4 * share }); } };
  // Of A = Q R, or Aᵀ = Q R, the right singular vectors of R are those of A, or of its rows.
  if (!wantVectors) return { values: await singularValues(triangle, order, order, work), vectors: undefined };
  const { values, right } = await svd(triangle, order, order, work);
  return { values, vectors: right };
}

/** R of (H^{1/2}J)ᵀ = Q R, n × n, from slices of the parameters: each is stacked under the R found so far, as in `triangleOfMany`. */
async function triangleOfFew(problem: CurvatureProblem, context: JobContext): Promise<Float64Array> {
  const { parameters } = problem.network;
  const rows = rowCount(problem);
  const seeds = rowsPerInput(problem);
  const all = new Float64Array(rows * parameters);
  await interruptibly(eachChunk(problem, inputsPerChunk(problem), context, [0, 0.3], function* (first, count) {
    weightedRows(problem, first, count, all.subarray(first * seeds * parameters, (first + count) * seeds * parameters));
    yield;
  }), context.signal);
  const height = sliceHeight(rows);
  const stack = new Float64Array(Math.min(parameters, rows + height) * rows);
  let triangle: Float64Array = new Float64Array(0);
  for (let first = 0; first < parameters;) {
    const above = triangle.length / Math.max(1, rows);
    const count = Math.min(stack.length / rows - above, parameters - first);
    context.progress({ message: `QR factorisation of the Jacobian, parameter ${first + 1} of ${parameters}`, fraction: 0.3 + (0.3 * first) / parameters });
    stack.set(triangle);
    transposed(all, rows, count, stack.subarray(above * rows, (above + count) * rows), { offset: first, distance: parameters });
    ({ r: triangle } = await thinQr(stack.subarray(0, (above + count) * rows), above + count, rows, { pivoting: false, wantQ: false }, { signal: context.signal }));
    first += count;
  }
  return triangle;
}

/** Parameters whose columns of the Jacobian are eliminated together: enough that the R above them costs little, and a slice of 128 MB at least. */
function sliceHeight(rows: number): number {
  return Math.max(4 * rows, Math.floor(2 ** 24 / rows));
}

/**
 * R of H^{1/2}J = Q R, D × D, from chunks of rows: each is stacked under the R found so far (sequential TSQR: Demmel, Grigori, Hoemmen &
 * Langou 2012).
 */
async function triangleOfMany(problem: CurvatureProblem, context: JobContext): Promise<Float64Array> {
  const { parameters } = problem.network;
  const inputs = inputCount(problem);
  const seeds = rowsPerInput(problem);
  const step = inputsPerChunk(problem);
  const height = stackedRows(parameters);
  const stack = new Float64Array((parameters + height + step * seeds) * parameters);
  let filled = 0;
  for (let first = 0; first < inputs; first += step) {
    const count = Math.min(step, inputs - first);
    context.progress({ message: `Jacobian at input ${first + 1} of ${inputs}`, fraction: (0.6 * first) / inputs });
    weightedRows(problem, first, count, stack.subarray(filled * parameters, (filled + count * seeds) * parameters));
    filled += count * seeds;
    const last = first + count >= inputs;
    if (filled < parameters + height && !last) {
      await setImmediate();
      context.signal.throwIfAborted();
      continue;
    }
    const { r } = await thinQr(stack.subarray(0, filled * parameters), filled, parameters, { pivoting: false, wantQ: false }, { signal: context.signal });
    stack.set(r);
    filled = parameters;
  }
  return stack.slice(0, parameters * parameters);
}

/** Rows that are eliminated together: enough that the R above them costs little. */
function stackedRows(parameters: number): number {
  return Math.max(512, 2 * parameters);
}

async function gramRoute(problem: CurvatureProblem, context: JobContext, wantVectors: boolean): Promise<Values> {
  const { parameters } = problem.network;
  const rows = rowCount(problem);
  const order = Math.min(rows, parameters);
  let gram: Float64Array;
  if (rows < parameters) {
    gram = new Float64Array(order * order);
    await structuredGram(problem, planGram(problem.network, inputCount(problem), rowsPerInput(problem)), gram, context, [0, 0.6]);
  } else {
    gram = await normalMatrix(problem, context);
  }
  const work = { signal: context.signal, progress: (share: number) => { context.progress({ message: 'Eigenvalues of the Gram matrix', fraction: 0.6 + 0.4 * share }); } };
  return wantVectors ? symmetricEigen(gram, order, work) : { values: await symmetricEigenvalues(gram, order, work), vectors: undefined };
}

/** JᵀHJ, D × D, from chunks of rows. */
function normalMatrix(problem: CurvatureProblem, context: JobContext): Promise<Float64Array> {
  const seeds = rowsPerInput(problem);
  const inputs = inputCount(problem);
  const step = inputsPerChunk(problem);
  let first = 0;
  return gramOfRows({
    columns: problem.network.parameters,
    chunkRows: step * seeds,
    *next(rows) {
      const count = Math.min(step, inputs - first);
      if (count === 0) return 0;
      context.progress({ message: `Jacobian at input ${first + 1} of ${inputs}`, fraction: (0.6 * first) / inputs });
      weightedRows(problem, first, count, rows);
      first += count;
      yield;
      return count * seeds;
    },
  }, { signal: context.signal });
}
