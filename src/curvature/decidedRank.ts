/**
 * The rank of a Jacobian A with many more rows than columns, where it can be decided beyond doubt without its SVD. Three bounds meet:
 *   below  Rows are mixed, B = S A with S Sᵀ = I, to twice as many as there are columns: no singular value of B exceeds A's of the same
 *          number. Eigenvectors of BᵀB give the large ones. Squares of the small ones drown in rounding; they are taken from B V₂ itself,
 *          V₂ the eigenvectors left over, made to leave B V₂ orthogonal to what the others span (Rayleigh & Ritz): as an SVD resolves them.
 *   above  σ_{r+1}(A) ≤ ‖A N‖ for any orthonormal N of D − r vectors (Courant & Fischer): for those that B does not see.
 *   law    D less the known symmetries, where the first has reached that already.
 * It takes one product AᵀA of the mixed rows and an eigenproblem in place of a QR factorisation of all rows and an SVD.
 */
import { rankK } from '../linalg/dense/gram.ts';
import { multiply } from '../linalg/dense/multiply.ts';
import { svd } from '../linalg/dense/svd.ts';
import { symmetricEigen } from '../linalg/dense/symmetricEigen.ts';
import { ADDRESSABLE } from '../linalg/engine/engine.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import { norm2 } from '../linalg/matrixInput.ts';
import { orthonormaliseRows } from '../linalg/orthonormalRows.ts';
import type { Random } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { rowCount, rowsPerInput, type CurvatureProblem } from './problem.ts';
import { CLEAR_GAP, SAFETY } from './rank.ts';
import { eachChunk, inputsPerChunk, weightedRows } from './weightedJacobian.ts';

/** Rows that are kept, by columns; fewer are not worth mixing than these. */
const MIXED = 2;
const WORTH_MIXING = 3;
/** σ/σ_max below which squares are not trusted: their eigenvalues would keep fewer than five digits. */
const SMALL = 1e-5;
/** Beyond this share of small ones (narrow tanh networks have it) the SVD costs little more. */
const MOST_SMALL = 1 / 2;
/** Times that V₂ is turned: each leaves of its coupling to the others a share SMALL at most. */
const TURNS = 2;

/**
 * @param problem of many rows, whose weights of inputs are 1
 * @param bound the largest rank that is possible
 * @returns the rank, when its bracket is this number alone; undefined when it takes an SVD to tell
 */
export async function decidedRank(problem: CurvatureProblem, bound: number, random: Random, context: JobContext): Promise<number | undefined> {
  const { parameters } = problem.network;
  const rows = rowCount(problem);
  if (rows < MIXED * parameters || !fitsDecided(parameters, context.memoryLimitBytes)) return undefined;
  const { mixed, count, size } = await mixedRows(problem, random, context);
  if (size === 0) return undefined;
  const spectrum = await smallSingularValues(mixed, count, parameters, context);
  if (spectrum === undefined) return undefined;
  // σ_max of A lies between that of B and the root of all squares.
  const epsilon = Math.max(rows, parameters) * Number.EPSILON;
  const { large, largest, values, vectors, certain } = spectrum;
  const counted = values.filter((value) => certain(value) > SAFETY * epsilon * size).length;
  const rank = large + counted;
  if (rank >= bound) return rank === bound ? rank : undefined;
  const left = parameters - rank;
  const unseen = await remainder(problem, vectors.subarray(counted * parameters), left, context);
  const least = certain(counted === 0 ? Number.POSITIVE_INFINITY : values[counted - 1]!);
  return unseen <= epsilon * largest && least >= CLEAR_GAP * Math.max(unseen, Number.EPSILON * size) ? rank : undefined;
}

/** Mixed rows and their copy in the engine, their Gram matrix, and what its eigenproblem takes. */
export function decidedRankBytes(parameters: number): number {
  return 8 * 12 * parameters ** 2;
}

function fitsDecided(parameters: number, memoryLimitBytes: number): boolean {
  return decidedRankBytes(parameters) <= memoryLimitBytes && decidedRankBytes(parameters) / 2 <= ADDRESSABLE;
}

interface Mixed {
  /** count × D */
  readonly mixed: Float64Array;
  readonly count: number;
  /** ‖A‖, by the root of all squares. */
  readonly size: number;
}

/** Every row goes into one of the mixed rows, with a factor of its own; factors of one mixed row have norm 1. */
async function mixedRows(problem: CurvatureProblem, random: Random, context: JobContext): Promise<Mixed> {
  const { parameters } = problem.network;
  const rows = rowCount(problem);
  const seeds = rowsPerInput(problem);
  const count = rows < WORTH_MIXING * parameters ? rows : MIXED * parameters;
  const factors = Float64Array.from({ length: rows }, () => (count === rows ? 1 : (0.5 + 0.5 * random.uniform()) * (random.uniform() < 0.5 ? -1 : 1)));
  const norms = new Float64Array(count);
  factors.forEach((factor, i) => { norms[i % count]! += factor * factor; });
  const mixed = new Float64Array(count * parameters);
  const step = inputsPerChunk(problem);
  const chunk = new Float64Array(step * seeds * parameters);
  let square = 0;
  await interruptibly(eachChunk(problem, step, context, [0, 0.4], function* (first, inputs) {
    weightedRows(problem, first, inputs, chunk);
    for (let r = 0; r < inputs * seeds; r++) {
      const i = first * seeds + r;
      const to = (i % count) * parameters;
      const from = r * parameters;
      const factor = factors[i]! / Math.sqrt(norms[i % count]!);
      for (let k = 0; k < parameters; k++) {
        const entry = chunk[from + k]!;
        mixed[to + k]! += factor * entry;
        square += entry * entry;
      }
    }
    yield;
  }), context.signal);
  return { mixed, count, size: Math.sqrt(square) };
}

interface SmallSingularValues {
  /** How many are not small. */
  readonly large: number;
  readonly largest: number;
  /** The small ones, descending, and their right singular vectors, one a row. */
  readonly values: Float64Array;
  readonly vectors: Float64Array;
  /** What the singular value that came out as this one of the small ones, or as the least of the others, is at least. */
  readonly certain: (value: number) => number;
}

/** @param b count × D @returns undefined when there are too many of them */
async function smallSingularValues(b: Float64Array, count: number, parameters: number, { signal, progress }: JobContext): Promise<SmallSingularValues | undefined> {
  const gram = await rankK({ a: b, n: parameters, k: count, transposed: true }, { signal });
  const { values: eigenvalues, vectors: all } = await symmetricEigen(gram, parameters, { signal, progress: (share) => { progress({ message: 'Eigenvectors of the Gram matrix', fraction: 0.4 + 0.4 * share }); } });
  const largest = Math.sqrt(Math.max(0, eigenvalues[0]!));
  const large = eigenvalues.filter((value) => value > (SMALL * largest) ** 2).length;
  const small = parameters - large;
  if (!(small <= MOST_SMALL * parameters)) return undefined;
  const others = all.subarray(0, large * parameters);
  const vectors = all.slice(large * parameters);
  if (small === 0) return { large, largest, values: new Float64Array(0), vectors, certain: () => Math.sqrt(0.5 * eigenvalues[large - 1]!) };
  for (let turn = 0; turn < TURNS; turn++) {
    const { coupling } = await seen();
    for (let k = 0; k < coupling.length; k++) coupling[k]! /= -eigenvalues[k % large]!;
    await multiply({ a: coupling, b: others, m: small, k: large, n: parameters, beta: 1, c: vectors }, { signal });
    await orthonormaliseRows(vectors, small, parameters, signal);
  }
  const { images, coupling } = await seen();
  // V₂ Bᵀ = P Σ Wᵀ: rows of Pᵀ turn V₂ into right singular vectors of B.
  const { values, left } = await svd(images, small, count, { signal });
  for (let k = 0; k < coupling.length; k++) coupling[k]! /= Math.sqrt(eigenvalues[k % large]!);
  const lost = 2 * norm2(coupling, 0, coupling.length) ** 2;
  return {
    large, largest, values,
    vectors: await multiply({ a: left, b: vectors, m: small, k: small, n: parameters }, { signal }),
    // By the Schur complement of BᵀB in the basis of both: E Λ⁻¹ Eᵀ is what the coupling E can take from squares.
    certain: (value) => Math.sqrt(Math.max(0, Math.min(value * value, 0.5 * eigenvalues[large - 1]!) - lost)),
  };

  /** V₂ Bᵀ, small × count, and V₂ BᵀB V₁ᵀ, small × large: each product errs relative to what B leaves of V₂. */
  async function seen(): Promise<{ readonly images: Float64Array; readonly coupling: Float64Array }> {
    const images = await multiply({ a: vectors, b, m: small, k: parameters, n: count, transposeB: true }, { signal });
    const back = await multiply({ a: images, b, m: small, k: count, n: parameters }, { signal });
    return { images, coupling: await multiply({ a: back, b: others, m: small, k: parameters, n: large, transposeB: true }, { signal }) };
  }
}

/** ‖A Nᵀ‖, by the root of all squares. @param vectors N, count × D */
async function remainder(problem: CurvatureProblem, vectors: Float64Array, count: number, context: JobContext): Promise<number> {
  const { parameters } = problem.network;
  const seeds = rowsPerInput(problem);
  const step = inputsPerChunk(problem);
  const inputs = rowCount(problem) / seeds;
  const chunk = new Float64Array(step * seeds * parameters);
  let square = 0;
  for (let first = 0; first < inputs; first += step) {
    const rows = seeds * Math.min(step, inputs - first);
    weightedRows(problem, first, rows / seeds, chunk);
    const images = await multiply({ a: chunk.subarray(0, rows * parameters), b: vectors, m: rows, k: parameters, n: count, transposeB: true }, { signal: context.signal });
    square += norm2(images, 0, images.length) ** 2;
    context.progress({ message: `Kernel at input ${first + 1} of ${inputs}`, fraction: 0.8 + (0.2 * first) / inputs });
  }
  return Math.sqrt(square);
}
