/**
 * The eigenvalues of the generalised Gauss–Newton matrix JᵀHJ = (H^{1/2}J)ᵀ(H^{1/2}J), as squares of the singular values of
 * H^{1/2}J, by one of two routes:
 *   svd   Householder QR of H^{1/2}J (or of its transpose), row block by row block, then a Jacobi SVD of the triangle. Resolves
 *         σ/σ_max to max(NO, D) ε.
 *   gram  eigenvalues of the smaller of (H^{1/2}J)ᵀ(H^{1/2}J) and its transpose. Squaring costs half the digits: it resolves
 *         σ/σ_max to √(max(NO, D) ε) only, but takes less time, and for NO < D no Jacobian: each layer adds
 *         (A Aᵀ + 1_bias) ∘ (B Bᵀ) to the Gram matrix (Novak et al. 2022), A its inputs and B its weighted cotangents.
 */
import { addGram } from '../linalg/gram.ts';
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { transposed } from '../linalg/matrixInput.ts';
import { RowBlockedQr } from '../linalg/rowBlockedQr.ts';
import { singularValues } from '../linalg/singularValues.ts';
import { symmetricEigen } from '../linalg/symmetricEigen.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { MemoryLimitError } from '../protocol/userError.ts';
import { inputCount, inputsPerChunk, layerFactors, requireFiniteProblem, weightedRows, type CurvatureProblem } from './weightedJacobian.ts';

export type SpectrumMethod = 'svd' | 'gram';

export interface SpectrumPlan {
  readonly method: SpectrumMethod;
  /** Bytes that it will need at its peak. */
  readonly bytes: number;
  /** Floating-point operations, roughly. */
  readonly operations: number;
}

export interface GgnSpectrum {
  /** Singular values of H^{1/2}J, descending, min(NO, D) of them. */
  readonly singularValues: Float64Array;
  /** Their squares: the eigenvalues of the GGN, but for the D − min(NO, D) that are zero by shape. */
  readonly eigenvalues: Float64Array;
  /** NO. */
  readonly rows: number;
  /** D. */
  readonly parameters: number;
  readonly method: SpectrumMethod;
  /** Relative to the largest singular value: below it the method cannot tell a singular value from zero. */
  readonly resolution: number;
  /** Relative to the largest singular value: the size that exact zeros come out with. */
  readonly floor: number;
  readonly plan: SpectrumPlan;
}

/** Beyond this many operations (half a minute or so of plain TypeScript) the SVD gives way to the Gram matrix. */
const SVD_OPERATIONS = 1.2e11;

/**
 * Chooses the method by operations and memory.
 * @param rows NO
 * @param parameters D
 */
export function planSpectrum(rows: number, parameters: number, chunkRows: number, memoryLimitBytes: number, forced?: SpectrumMethod): SpectrumPlan {
  const small = Math.min(rows, parameters);
  const large = Math.max(rows, parameters);
  const wide = rows < parameters;
  const chunk = 2 * chunkRows * parameters;
  const svd: SpectrumPlan = {
    method: 'svd',
    operations: 2 * large * small ** 2 + 24 * small ** 3,
    bytes: 8 * (4 * small ** 2 + 128 * small + (wide ? rows * parameters : 0) + chunk),
  };
  const gram: SpectrumPlan = {
    method: 'gram',
    // The wide Gram is built from layer factors; their share is counted as that of one Gram of the largest factor.
    operations: (wide ? 3 * small ** 2 * Math.sqrt(large) : large * small ** 2) + (4 / 3) * small ** 3,
    bytes: 8 * (2 * small ** 2 + (wide ? small ** 2 + 4 * rows * Math.ceil(Math.sqrt(parameters)) : chunk)),
  };
  if (forced !== undefined) return forced === 'svd' ? svd : gram;
  return svd.operations <= SVD_OPERATIONS && svd.bytes <= memoryLimitBytes ? svd : gram;
}

/**
 * @param method by default the most accurate that fits
 * @throws MemoryLimitError before anything is allocated, when neither method fits
 * @throws UserError for NaN or infinite weights, inputs or outputs
 */
export async function gramSpectrum(problem: CurvatureProblem, context: JobContext, method?: SpectrumMethod): Promise<GgnSpectrum> {
  requireFiniteProblem(problem);
  const rows = inputCount(problem) * problem.chain.outputs;
  const parameters = problem.chain.parameters;
  const plan = planSpectrum(rows, parameters, inputsPerChunk(problem.chain) * problem.chain.outputs, context.memoryLimitBytes, method);
  if (plan.bytes > context.memoryLimitBytes) throw memoryError(plan, rows, parameters, context.memoryLimitBytes);
  const relative = Math.max(rows, parameters) * Number.EPSILON;
  if (plan.method === 'svd') {
    const values = await interruptibly(svdRoute(problem, rows, context), context.signal);
    return { singularValues: values, eigenvalues: values.map((s) => s * s), rows, parameters, method: 'svd', resolution: relative, floor: Number.EPSILON, plan };
  }
  const raw = await interruptibly(gramRoute(problem, rows, context), context.signal);
  // The Gram matrix is positive semi-definite; what comes out negative is rounding around zero.
  const eigenvalues = raw.map((value) => Math.max(0, value));
  return { singularValues: eigenvalues.map(Math.sqrt), eigenvalues, rows, parameters, method: 'gram', resolution: Math.sqrt(relative), floor: Math.sqrt(Number.EPSILON), plan };
}

function memoryError(plan: SpectrumPlan, rows: number, parameters: number, limit: number): MemoryLimitError {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(2)} GB`;
  const fitting = Math.floor(Math.sqrt(limit / 24));
  return new MemoryLimitError(
    `The GGN spectrum of ${parameters} parameters and ${rows} rows (data × outputs) would need about ${gigabytes(plan.bytes)}, more than the limit of ${gigabytes(limit)}. ` +
      `It fits when data × outputs, or the number of parameters, is at most about ${fitting}: take fewer data points, a smaller network, or raise the memory limit.`,
  );
}

function* svdRoute(problem: CurvatureProblem, rows: number, context: JobContext): Interruptible<Float64Array> {
  const { chain } = problem;
  const parameters = chain.parameters;
  if (rows === 0) return new Float64Array(0);
  let triangle: Float64Array;
  if (rows < parameters) {
    const all = new Float64Array(rows * parameters);
    yield* eachChunk(problem, context, 0.3, function* (first, count) {
      weightedRows(problem, first, count, all.subarray(first * chain.outputs * parameters, (first + count) * chain.outputs * parameters));
      yield;
    });
    const qr = new RowBlockedQr(rows);
    yield* qr.absorbColumns(all, parameters);
    triangle = qr.r;
  } else {
    const qr = new RowBlockedQr(parameters);
    const buffer = new Float64Array(inputsPerChunk(chain) * chain.outputs * parameters);
    yield* eachChunk(problem, context, 0.6, function* (first, count) {
      weightedRows(problem, first, count, buffer);
      yield* qr.absorbRows(buffer, count * chain.outputs);
    });
    triangle = qr.r;
  }
  context.progress({ message: 'Singular values of the Jacobian', fraction: 0.6 });
  const order = Math.min(rows, parameters);
  return yield* singularValues(triangle, order, order);
}

function* gramRoute(problem: CurvatureProblem, rows: number, context: JobContext): Interruptible<Float64Array> {
  const parameters = problem.chain.parameters;
  const order = Math.min(rows, parameters);
  const gram = new Float64Array(order * order);
  yield* rows < parameters ? structuredGram(problem, rows, gram, context) : normalMatrix(problem, gram, context);
  context.progress({ message: 'Eigenvalues of the Gram matrix', fraction: 0.6 });
  return (yield* symmetricEigen(gram, order, false)).values;
}

/** JᵀHJ, D × D, from chunks of rows. */
function* normalMatrix(problem: CurvatureProblem, gram: Float64Array, context: JobContext): Interruptible<void> {
  const { chain } = problem;
  const buffer = new Float64Array(inputsPerChunk(chain) * chain.outputs * chain.parameters);
  const columns = new Float64Array(buffer.length);
  yield* eachChunk(problem, context, 0.6, function* (first, count) {
    weightedRows(problem, first, count, buffer);
    const height = count * chain.outputs;
    transposed(buffer, height, chain.parameters, columns);
    yield* addGram(gram, columns, chain.parameters, height);
  });
}

/** H^{1/2}JJᵀH^{1/2}, NO × NO: entry (n·O+o, m·O+p) sums over layers (a_n·a_m + [bias]) (b_{no}·b_{mp}). */
function* structuredGram(problem: CurvatureProblem, rows: number, gram: Float64Array, context: JobContext): Interruptible<void> {
  const { chain } = problem;
  const inputs = inputCount(problem);
  const activations = chain.layers.map((layer) => new Float64Array(inputs * layer.inputs));
  const cotangents = chain.layers.map((layer) => new Float64Array(rows * layer.outputs));
  yield* eachChunk(problem, context, 0.2, function* (first, count) {
    const factors = layerFactors(problem, first, count);
    chain.layers.forEach((layer, l) => {
      activations[l]!.set(factors.values.activations[l]!, first * layer.inputs);
      cotangents[l]!.set(factors.cotangents[l]!, first * chain.outputs * layer.outputs);
    });
    yield;
  });
  const byOutputs = new Float64Array(rows * rows);
  const byInputs = new Float64Array(inputs * inputs);
  for (let l = 0; l < chain.layers.length; l++) {
    const layer = chain.layers[l]!;
    context.progress({ message: `Gram matrix, layer ${l + 1} of ${chain.layers.length}`, fraction: 0.2 + (0.4 * l) / chain.layers.length });
    byInputs.fill(layer.bias === undefined ? 0 : 1);
    yield* addGram(byInputs, activations[l]!, inputs, layer.inputs);
    byOutputs.fill(0);
    yield* addGram(byOutputs, cotangents[l]!, rows, layer.outputs);
    for (let r = 0; r < rows; r++) {
      const from = Math.floor(r / chain.outputs) * inputs;
      for (let s = 0; s < rows; s++) gram[r * rows + s]! += byInputs[from + Math.floor(s / chain.outputs)]! * byOutputs[r * rows + s]!;
      yield;
    }
  }
}

function* eachChunk(problem: CurvatureProblem, context: JobContext, share: number, visit: (first: number, count: number) => Interruptible<void>): Interruptible<void> {
  const inputs = inputCount(problem);
  const step = inputsPerChunk(problem.chain);
  for (let first = 0; first < inputs; first += step) {
    context.progress({ message: `Jacobian at input ${first + 1} of ${inputs}`, fraction: (share * first) / inputs });
    yield* visit(first, Math.min(step, inputs - first));
  }
}
