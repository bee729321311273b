/**
 * The spectrum of a GGN that is too large to be factorised: its largest eigenvalues by Lanczos with full reorthogonalisation, and by
 * stochastic Lanczos quadrature its density, trace, rank and effective dimension, each with an error bar (linalg/lanczos.ts,
 * linalg/stochasticQuadrature.ts). The bases live on the shorter of rows and parameters.
 */
import { interruptibly } from '../linalg/interruptible.ts';
import { sharedEngine } from '../linalg/engine/engine.ts';
import { leadingEigenpairs } from '../linalg/lanczos.ts';
import type { Random } from '../linalg/random.ts';
import { countAbove, spectralMeasure, traceOf, type Estimate, type SpectralMeasure } from '../linalg/stochasticQuadrature.ts';
import { valuesPerInput } from '../network/cost.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { formatBytes } from '../protocol/format.ts';
import { MemoryLimitError } from '../protocol/userError.ts';
import { GgnOperators, keptBytes, productsOfOperator } from './operators.ts';
import { requireFiniteProblem, rowCount, type CurvatureProblem } from './problem.ts';

export interface MatrixFreeOptions {
  /** Eigenvalues to converge. */
  readonly eigenvalues: number;
  /** Random probes of the rest of the spectrum; the error bars shrink with their square root. */
  readonly probes: number;
  /** Lanczos steps of each probe. */
  readonly steps: number;
  readonly random: Random;
}

export interface MatrixFreePlan {
  /** Bytes at the peak. */
  readonly bytes: number;
  /** Multiplications, at most. */
  readonly operations: number;
  /** Lanczos steps for the leading eigenvalues, at most. */
  readonly steps: number;
}

export interface MatrixFreeSpectrum {
  readonly method: 'lanczos';
  /** Where the Krylov bases were kept. */
  readonly side: 'rows' | 'parameters';
  /** n = N·S. */
  readonly rows: number;
  /** D. */
  readonly parameters: number;
  /** The largest eigenvalues, descending, and how far each is from the truth at most. */
  readonly leading: {
    readonly values: Float64Array;
    readonly errors: Float64Array;
    /** Orthonormal, on the side where the bases were kept. */
    readonly vectors: readonly Float64Array[];
  };
  /** Tr GGN. */
  readonly trace: Estimate;
  /** Eigenvalues at or below it count as zero: what float64 cannot tell from zero in a squared matrix. */
  readonly tolerance: number;
  /** Eigenvalues above the tolerance: the middle of the bracket's bounds without their standard errors, and the larger of these. */
  readonly rank: Estimate;
  /** What finitely many Lanczos steps leave open (`countAbove`), and two standard errors either way. */
  readonly rankBracket: readonly [low: number, high: number];
  /** So many at least were seen one by one. */
  readonly rankSeen: number;
  /** No more are possible: min(n, D). */
  readonly rankBound: number;
  /** D − rank. */
  readonly kernelDimension: Estimate;
  /** Number of eigenvalues by size, in equal bins of log₁₀ λ between tolerance and the largest. */
  readonly density: { readonly from: number; readonly to: number; readonly counts: readonly Estimate[] };
  /** From which traces of other functions follow. */
  readonly measure: SpectralMeasure;
  /** Random probes that the estimates are averages over, and Lanczos steps of each at most. */
  readonly probes: number;
  readonly steps: number;
  readonly products: number;
  readonly plan: MatrixFreePlan;
}

const DENSITY_BINS = 40;
/** Of sums of weights that should be whole. */
const ROUNDING = 1e-6;
/** Of the leading eigenvalues, relative to the largest. */
const CONVERGED = 1e-10;

export function planMatrixFree(problem: CurvatureProblem, { eigenvalues, probes, steps }: Omit<MatrixFreeOptions, 'random'>, memoryLimitBytes: number): MatrixFreePlan {
  const { network } = problem;
  const size = Math.min(rowCount(problem), network.parameters);
  const leadingSteps = Math.min(size, 4 * eigenvalues + 10);
  const vectors = leadingSteps + Math.min(eigenvalues, size) + Math.min(steps, size);
  const values = Math.min(keptBytes(problem), Math.max(memoryLimitBytes / 4, 8 * 4 * 2 ** 22, 16 * valuesPerInput(network)));
  return {
    bytes: 8 * (vectors * size + 4 * network.parameters) + values,
    operations: (leadingSteps + probes * Math.min(steps, size)) * productsOfOperator(problem),
    steps: leadingSteps,
  };
}

/**
 * @throws MemoryLimitError before anything is allocated
 * @throws UserError for NaN or infinite weights, inputs or outputs
 */
export async function matrixFreeSpectrum(problem: CurvatureProblem, options: MatrixFreeOptions, context: JobContext): Promise<MatrixFreeSpectrum> {
  requireFiniteProblem(problem);
  const plan = planMatrixFree(problem, options, context.memoryLimitBytes);
  if (plan.bytes > context.memoryLimitBytes) {
    throw new MemoryLimitError(`The leading eigenvalues of the GGN would need about ${formatBytes(plan.bytes)}, more than the limit of ${formatBytes(context.memoryLimitBytes)}: ask for fewer of them, or take fewer data points.`);
  }
  await sharedEngine();
  const { parameters } = problem.network;
  const rows = rowCount(problem);
  const operators = new GgnOperators(problem, context.memoryLimitBytes / 4);
  const { operator } = operators;
  let products = 0;
  const most = plan.steps + options.probes * options.steps;
  const operatorSeen = {
    size: operator.size,
    apply: (v: Float64Array) => {
      context.progress({ message: `Product ${products + 1} of at most ${most} with the GGN; Lanczos, about ${formatBytes(plan.bytes)}`, fraction: Math.min(1, products / most) });
      products++;
      return operator.apply(v);
    },
  };
  const leading = await interruptibly(leadingEigenpairs(operatorSeen, options.eigenvalues, CONVERGED, { steps: plan.steps, random: options.random }), context.signal);
  const largest = leading.values[0] ?? 0;
  const tolerance = Math.max(rows, parameters) * Number.EPSILON * largest;
  // Zeros, and what has not converged, are left to the probes.
  const certain = leading.values.findIndex((value, k) => !(value > tolerance && leading.errors[k]! <= Math.max(tolerance, 1e-8 * largest)));
  const complete = leading.values.length === operator.size;
  const converged = certain < 0 || complete ? leading.values.length : certain;
  const known = { values: leading.values.slice(0, converged), vectors: leading.vectors.slice(0, converged) };
  const measure = await interruptibly(spectralMeasure(operatorSeen, { probes: complete ? 0 : options.probes, steps: options.steps, random: options.random, known }), context.signal);
  const counted = countAbove(measure, tolerance);
  const rank = { value: (counted.low.value + counted.high.value) / 2, standardError: Math.max(counted.low.standardError, counted.high.standardError) };
  const rankSeen = known.values.reduce((count, value) => count + Number(value > tolerance), 0);
  const rankBound = Math.min(rows, parameters);
  const to = Math.log10(largest);
  const from = Math.log10(tolerance);
  return {
    method: 'lanczos', side: operator.side, rows, parameters,
    leading: { values: leading.values, errors: leading.errors, vectors: leading.vectors },
    probes: measure.probes.length,
    steps: options.steps,
    trace: traceOf(measure, (value) => value),
    tolerance,
    rank,
    rankBracket: [
      Math.max(rankSeen, Math.ceil(counted.low.value - 2 * counted.low.standardError - ROUNDING)),
      Math.min(rankBound, Math.floor(counted.high.value + 2 * counted.high.standardError + ROUNDING)),
    ],
    rankSeen,
    rankBound,
    kernelDimension: { value: parameters - rank.value, standardError: rank.standardError },
    density: {
      from, to,
      counts: largest === 0 ? [] : Array.from({ length: DENSITY_BINS }, (_, k) => traceOf(measure, (value) => Number(value > 0 && binOf(Math.log10(value), from, to) === k))),
    },
    measure,
    products,
    plan,
  };
}

/** −1 below the first bin. */
function binOf(value: number, from: number, to: number): number {
  return value < from ? -1 : Math.min(DENSITY_BINS - 1, Math.floor(((value - from) / (to - from)) * DENSITY_BINS));
}

/** Σ λ/(λ + α): parameters that the data determine against a prior of precision α (MacKay 1992). */
export function effectiveDimension(measure: SpectralMeasure, priorPrecision: number): Estimate {
  return traceOf(measure, (value) => Math.max(0, value) / (Math.max(0, value) + priorPrecision));
}

/** ½ Σ log(1 + λ/α): Occam's term of the Laplace evidence. */
export function halfLogDeterminant(measure: SpectralMeasure, priorPrecision: number): Estimate {
  return traceOf(measure, (value) => 0.5 * Math.log1p(Math.max(0, value) / priorPrecision));
}
