/** Symmetric rank-k updates: C ← α A Aᵀ + β C, and AᵀA of a matrix whose rows come in chunks. */
import { sharedEngine, type Engine, type Scope, type Work } from '../engine/engine.ts';
import { packingDoubles, packingSpace, product } from '../engine/product.ts';
import { addGram } from '../gram.ts';
import { complete, type Interruptible } from '../interruptible.ts';
import { requireLength, transposed as transpose } from '../matrixInput.ts';
import { multiply } from './multiply.ts';

export interface RankK {
  /** A: n × k, or, `transposed`, Aᵀ: k × n. */
  readonly a: Float64Array;
  readonly n: number;
  readonly k: number;
  readonly transposed?: boolean;
  /** Default 1. */
  readonly alpha?: number;
  /** Default 0. */
  readonly beta?: number;
  /** n × n, symmetric, overwritten; a new one when absent. Its lower triangle is what counts. */
  readonly c?: Float64Array;
}

const PLAIN_PRODUCTS = 32 ** 3;
/** Of the result, when most of it stays outside the engine: 256 MB. */
const STRIP_NUMBERS = 2 ** 25;
/** Updates that need more of the engine's memory at once are cut. */
const PIECE_BYTES = 2 ** 30;

/**
 * @returns c, both triangles filled
 * @throws RangeError when a length does not fit its shape
 */
export async function rankK(question: RankK, work: Work = {}, engine?: Engine): Promise<Float64Array> {
  const { a, n, k, transposed = false, alpha = 1, beta = 0 } = question;
  requireLength(a, n, k);
  const c = question.c ?? new Float64Array(n * n);
  requireLength(c, n, n);
  if (n * n * k <= PLAIN_PRODUCTS) {
    plainRankK(c, transposed ? transpose(a, k, n) : a, n, k, alpha, beta);
    return c;
  }
  const bytes = Math.min(PIECE_BYTES, (work.memoryLimitBytes ?? Infinity) / 2);
  if (8 * n * (n + Math.min(k, n)) > bytes) return multiply({ a, b: a, m: n, k, n, transposeA: transposed, transposeB: !transposed, alpha, beta, c }, work, engine);
  const team = engine ?? await sharedEngine();
  const depth = Math.min(k, Math.max(1, Math.floor(bytes / 8 / n) - n));
  const needed = 8 * (n * n + n * depth + packingDoubles({ n, k: depth }, team.threads));
  await team.run(`A rank-${k} update of order ${n}`, needed, work, function* (scope) {
    const result = scope.allocate(n * n);
    const values = scope.view(result, n * n);
    if (beta !== 0) for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) values[i * n + j] = beta * c[i * n + j]!;
    const part = scope.allocate(n * depth);
    const packing = packingSpace(scope, { n, k: depth });
    for (let first = 0; first < k; first += depth) {
      const width = Math.min(depth, k - first);
      const target = scope.view(part, n * width);
      if (transposed) target.set(a.subarray(first * n, (first + width) * n));
      else for (let i = 0; i < n; i++) target.set(a.subarray(i * k + first, i * k + first + width), i * width);
      yield;
      const [along, across] = transposed ? [1, n] : [width, 1];
      yield* product(
        scope, packing, { m: n, n, k: width },
        { address: part, rowStep: along, columnStep: across }, { address: part, rowStep: across, columnStep: along },
        result, n, { alpha, add: beta !== 0 || first > 0, triangle: true },
      );
      scope.progress((first + width) / k);
    }
    mirror(values, n, c);
  });
  return c;
}

/** Doubles of the engine's memory that `gramAdder` takes beside A. */
export function addGramDoubles(n: number, k: number, threads: number): number {
  return n * stripHeight(n) + packingDoubles({ n, k }, threads);
}

function stripHeight(n: number): number {
  return Math.min(n, Math.max(1, Math.floor(STRIP_NUMBERS / n)));
}

/**
 * C ← C + A Aᵀ on and below the diagonal, again and again, for A (n × k, row-major) in the engine's memory and C outside, of which
 * strips of rows are brought there.
 * @param most k at most
 */
export function gramAdder(scope: Scope, n: number, most: number): (a: number, k: number, c: Float64Array) => Interruptible<void> {
  const height = stripHeight(n);
  const strip = scope.allocate(n * height);
  const packing = packingSpace(scope, { n, k: most });
  return function* add(a, k, c) {
    for (let first = 0; first < n; first += height) {
      const count = Math.min(height, n - first);
      const values = scope.view(strip, count * n);
      for (let i = 0; i < count; i++) values.set(c.subarray((first + i) * n, (first + i) * n + first + i + 1), i * n);
      const rows = { address: a + 8 * first * k, rowStep: k, columnStep: 1 };
      if (first > 0) yield* product(scope, packing, { m: count, n: first, k }, rows, { address: a, rowStep: 1, columnStep: k }, strip, n, { add: true });
      yield* product(scope, packing, { m: count, n: count, k }, rows, { address: rows.address, rowStep: 1, columnStep: k }, strip + 8 * first, n, { add: true, triangle: true });
      for (let i = 0; i < count; i++) c.set(values.subarray(i * n, i * n + first + i + 1), (first + i) * n);
      yield;
    }
  };
}

/** A Aᵀ, n × n, of A: n × k. */
export function gram(a: Float64Array, n: number, k: number, work: Work = {}, engine?: Engine): Promise<Float64Array> {
  return rankK({ a, n, k }, work, engine);
}

export interface RowChunks {
  readonly columns: number;
  /** The most rows that come at once; a few hundred are enough for full speed. */
  readonly chunkRows: number;
  /** Writes the next rows into `rows` (row-major) and says how many they are; 0 ends the matrix. */
  readonly next: (rows: Float64Array) => Interruptible<number>;
}

/**
 * AᵀA (columns × columns, both triangles) of a matrix of any height, whose rows are written straight into the engine's memory.
 * @throws MemoryLimitError beforehand when columns² numbers do not fit
 */
export async function gramOfRows({ columns: n, chunkRows, next }: RowChunks, work: Work = {}, engine?: Engine): Promise<Float64Array> {
  const team = engine ?? await sharedEngine();
  const bytes = 8 * (n * n + n * chunkRows + packingDoubles({ n, k: chunkRows }, team.threads));
  return team.run(`The Gram matrix of ${n} columns`, bytes, work, function* (scope) {
    const result = scope.allocate(n * n);
    const chunk = scope.allocate(n * chunkRows);
    const packing = packingSpace(scope, { n, k: chunkRows });
    const rows = scope.view(chunk, n * chunkRows);
    let add = false;
    for (;;) {
      const count = yield* next(rows);
      if (count === 0) break;
      yield* product(
        scope, packing, { m: n, n, k: count }, { address: chunk, rowStep: 1, columnStep: n }, { address: chunk, rowStep: n, columnStep: 1 },
        result, n, { add, triangle: true },
      );
      add = true;
    }
    return add ? mirror(scope.view(result, n * n), n, new Float64Array(n * n)) : new Float64Array(n * n);
  });
}

/** The symmetric matrix of a lower triangle. */
function mirror(triangle: Float64Array, n: number, into: Float64Array): Float64Array {
  const tile = 32;
  for (let i0 = 0; i0 < n; i0 += tile) {
    const i1 = Math.min(n, i0 + tile);
    for (let i = i0; i < i1; i++) into.set(triangle.subarray(i * n, i * n + i + 1), i * n);
    for (let j0 = 0; j0 <= i0; j0 += tile) {
      for (let j = j0; j < Math.min(n, j0 + tile); j++) for (let i = Math.max(i0, j + 1); i < i1; i++) into[j * n + i] = triangle[i * n + j]!;
    }
  }
  return into;
}

function plainRankK(c: Float64Array, a: Float64Array, n: number, k: number, alpha: number, beta: number): void {
  const update = new Float64Array(n * n);
  complete(addGram(update, a, n, k));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value = alpha * update[i * n + j]! + (beta === 0 ? 0 : beta * c[i * n + j]!);
      c[i * n + j] = value;
      c[j * n + i] = value;
    }
  }
}
