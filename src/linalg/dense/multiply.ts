/** General matrix product C ← α op(A) op(B) + β C of row-major float64 matrices. */
import { sharedEngine, type Engine, type Work } from '../engine/engine.ts';
import { packingDoubles, packingSpace, product } from '../engine/product.ts';
import { requireLength } from '../matrixInput.ts';

export interface Product {
  /** op(A) is m × k. */
  readonly a: Float64Array;
  /** op(B) is k × n. */
  readonly b: Float64Array;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** `a` holds Aᵀ, k × m. */
  readonly transposeA?: boolean;
  /** `b` holds Bᵀ, n × k. */
  readonly transposeB?: boolean;
  /** Default 1. */
  readonly alpha?: number;
  /** Default 0: what c holds does not matter then, NaN included. */
  readonly beta?: number;
  /** m × n, overwritten; a new one when absent. */
  readonly c?: Float64Array;
}

/** Up to so many multiplications the copies to the engine cost more than they save. */
const PLAIN_PRODUCTS = 32 ** 3;
/** Products that need more of the engine's memory at once are cut. */
const PIECE_BYTES = 2 ** 30;

/**
 * @returns c
 * @throws RangeError when a length does not fit its shape
 */
export async function multiply(question: Product, work: Work = {}, engine?: Engine): Promise<Float64Array> {
  const { a, b, m, k, n, transposeA = false, transposeB = false, alpha = 1, beta = 0 } = question;
  requireLength(a, m, k);
  requireLength(b, k, n);
  const c = question.c ?? new Float64Array(m * n);
  requireLength(c, m, n);
  if (beta !== 0 && beta !== 1) for (let i = 0; i < c.length; i++) c[i]! *= beta;
  if (k === 0) return beta === 0 ? c.fill(0) : c;
  const first: Block = { values: a, offset: 0, distance: transposeA ? m : k, transposed: transposeA };
  const second: Block = { values: b, offset: 0, distance: transposeB ? k : n, transposed: transposeB };
  const pieces = cut({ m, k, n, a: first, b: second, c: 0, add: beta !== 0 }, n, Math.min(PIECE_BYTES, (work.memoryLimitBytes ?? Infinity) / 2));
  const team = m * k * n <= PLAIN_PRODUCTS ? undefined : engine ?? await sharedEngine();
  for (const [done, piece] of pieces.entries()) {
    if (team === undefined) plainPiece(piece, c, n, alpha);
    else await enginePiece(team, piece, c, n, alpha, { ...work, progress: (fraction) => work.progress?.((done + fraction) / pieces.length) });
  }
  return c;
}

/** Rows and columns of a row-major array; entry (i, j) at offset + i distance + j, or with i and j exchanged. */
interface Block {
  readonly values: Float64Array;
  readonly offset: number;
  readonly distance: number;
  readonly transposed: boolean;
}

interface Piece {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly a: Block;
  readonly b: Block;
  /** Where its corner lies in C. */
  readonly c: number;
  /** Whether it adds to what is there. */
  readonly add: boolean;
}

function from(block: Block, row: number, column: number): Block {
  return { ...block, offset: block.offset + (block.transposed ? column * block.distance + row : row * block.distance + column) };
}

/** Halves the longest side until every piece fits; the pieces that add to one block of C follow each other. */
function cut(piece: Piece, ldc: number, bytes: number): Piece[] {
  const { m, k, n, a, b, c } = piece;
  const longest = Math.max(m, k, n);
  if (8 * (m * k + k * n + m * n) <= bytes || longest <= 64) return [piece];
  const half = Math.ceil(longest / 2);
  const parts: readonly Piece[] = m === longest ? [{ ...piece, m: half }, { ...piece, m: m - half, a: from(a, half, 0), c: c + half * ldc }]
    : n === longest ? [{ ...piece, n: half }, { ...piece, n: n - half, b: from(b, 0, half), c: c + half }]
      : [{ ...piece, k: half }, { ...piece, k: k - half, a: from(a, 0, half), b: from(b, half, 0), add: true }];
  return parts.flatMap((part) => cut(part, ldc, bytes));
}

async function enginePiece(engine: Engine, { m, k, n, a, b, c: corner, add }: Piece, c: Float64Array, ldc: number, alpha: number, work: Work): Promise<void> {
  const bytes = 8 * (m * k + k * n + m * n + packingDoubles({ n, k }, engine.threads));
  await engine.run(`A product of ${m} × ${k} and ${k} × ${n}`, bytes, work, function* (scope) {
    const load = (block: Block, rows: number, columns: number): number => {
      const address = scope.allocate(rows * columns);
      const [height, width] = block.transposed ? [columns, rows] : [rows, columns];
      const target = scope.view(address, rows * columns);
      if (width === block.distance) target.set(block.values.subarray(block.offset, block.offset + height * width));
      else for (let i = 0; i < height; i++) target.set(block.values.subarray(block.offset + i * block.distance, block.offset + i * block.distance + width), i * width);
      return address;
    };
    const steps = (transposed: boolean, rows: number, columns: number): { rowStep: number; columnStep: number } => (transposed ? { rowStep: 1, columnStep: rows } : { rowStep: columns, columnStep: 1 });
    const left = { address: load(a, m, k), ...steps(a.transposed, m, k) };
    const right = { address: load(b, k, n), ...steps(b.transposed, k, n) };
    yield;
    const result = scope.allocate(m * n);
    const values = scope.view(result, m * n);
    if (add) for (let i = 0; i < m; i++) values.set(c.subarray(corner + i * ldc, corner + i * ldc + n), i * n);
    yield* product(scope, packingSpace(scope, { n, k }), { m, n, k }, left, right, result, n, { alpha, add });
    if (n === ldc) c.set(values, corner);
    else for (let i = 0; i < m; i++) c.set(values.subarray(i * n, (i + 1) * n), corner + i * ldc);
  });
}

function plainPiece({ m, k, n, a, b, c: corner, add }: Piece, c: Float64Array, ldc: number, alpha: number): void {
  for (let i = 0; i < m; i++) {
    const to = corner + i * ldc;
    if (!add) c.fill(0, to, to + n);
    for (let p = 0; p < k; p++) {
      const factor = alpha * a.values[a.transposed ? p * a.distance + i : i * a.distance + p]!;
      const row = b.transposed ? p : p * b.distance;
      const step = b.transposed ? b.distance : 1;
      for (let j = 0; j < n; j++) c[to + j]! += factor * b.values[row + j * step]!;
    }
  }
}
