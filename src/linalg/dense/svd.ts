/**
 * Singular values, and vectors, to high relative accuracy (Drmač & Veselić 2008): QR with column pivoting, a second QR of the
 * triangle's transpose, then one-sided Jacobi rotations. Small singular values of graded matrices come out with as many digits as
 * large ones, down to 1e-140 of them, where squares vanish; in general what is resolved is max(m, n) · eps · σ_max.
 */
import { reflectorBlockDoubles } from '../engine/blockReflector.ts';
import { sharedEngine, type Engine, type Scope, type Work } from '../engine/engine.ts';
import { packingDoubles, rowDistance } from '../engine/product.ts';
import { applyQ, blockedQr, pivotedQrOnEngine, upperRow, type Factored } from '../engine/qr.ts';
import { complete, type Interruptible } from '../interruptible.ts';
import { norm2, powerOfTwoScale, requireFiniteMatrix, transposed } from '../matrixInput.ts';
import { completeOrthonormal, singularValueDecomposition, singularValues as plainSingularValues, type SingularValueDecomposition } from '../singularValues.ts';
import { loadColumns } from './thinQr.ts';

const PLAIN_ORDER = 24;
/** Beyond this ratio of rows to columns a first QR makes the matrix square. */
const TALL = 1.3;
const MAXIMUM_SWEEPS = 40;
/** The first sweeps leave smaller cosines alone: later rotations would change these pairs again anyway (Wilkinson's threshold). */
const FIRST_THRESHOLDS = [0.1, 0.05, 0.02, 0.01] as const;
/** Two blocks of rows of this many bytes stay in the second-level cache. */
const BLOCK_BYTES = 2 ** 17;
/** At least so many blocks, half as many pairs of which threads share. */
const BLOCKS = 32;
const THREADED_ORDER = 128;

/**
 * Singular values, descending, min(m, n) of them.
 * @param a m × n row-major
 * @throws RangeError for NaN or infinite entries or a wrong length; MemoryLimitError beforehand; the signal's reason once aborted
 */
export async function singularValues(a: Float64Array, m: number, n: number, work: Work = {}, engine?: Engine): Promise<Float64Array> {
  requireFiniteMatrix(a, m, n);
  if (Math.min(m, n) <= PLAIN_ORDER) return complete(plainSingularValues(a, m, n));
  return (await decompose(a, m, n, false, work, engine)).values;
}

/** As `singularValues`, with both sets of singular vectors, one a row. */
export async function svd(a: Float64Array, m: number, n: number, work: Work = {}, engine?: Engine): Promise<SingularValueDecomposition> {
  requireFiniteMatrix(a, m, n);
  if (Math.min(m, n) <= PLAIN_ORDER) return complete(singularValueDecomposition(a, m, n));
  return decompose(a, m, n, true, work, engine);
}

async function decompose(a: Float64Array, m: number, n: number, wantVectors: boolean, work: Work, engine?: Engine): Promise<SingularValueDecomposition> {
  if (m < n) {
    const { values, left, right } = await decompose(transposed(a, m, n), n, m, wantVectors, work, engine);
    return { values, left: right, right: left };
  }
  const team = engine ?? await sharedEngine();
  const tall = rowDistance(m);
  const ld = rowDistance(n);
  const vectors = wantVectors ? 3 * n * ld + n * tall + reflectorBlockDoubles(tall, n, m, team.threads) + packingDoubles({ n, k: n }, team.threads) : 0;
  const bytes = 8 * (n * tall + 3 * n * ld + 2 * reflectorBlockDoubles(tall, n, m, team.threads) + 4 * n + vectors);
  return team.run(`The singular values of a ${m} × ${n} matrix`, bytes, work, (scope) => onEngine(scope, a, m, n, wantVectors));
}

function* onEngine(scope: Scope, a: Float64Array, m: number, n: number, wantVectors: boolean): Interruptible<SingularValueDecomposition> {
  const scale = powerOfTwoScale(a);
  const tall = rowDistance(m);
  const ld = rowDistance(n);
  const columns = scope.allocate(n * tall);
  loadColumns(scope, a, m, n, scale, columns, tall);
  yield;
  // A = Q₀ R₀ if tall, R₀ P = Q₁ R₁, R₁ᵀ = Q₂ R₂.
  let first: Factored | undefined;
  let square = { address: columns, ld: tall, m };
  if (m > TALL * n) {
    first = yield* blockedQr(scope, columns, tall, m, n, (done) => { scope.progress(0.15 * done); });
    const r = scope.allocate(n * ld);
    for (let j = 0; j < n; j++) {
      // Row j is column j of R₀.
      const row = scope.view(r + 8 * j * ld, n);
      row.set(scope.view(columns + 8 * j * tall, j));
      row[j] = first.diagonal[j]!;
      row.fill(0, j + 1);
    }
    square = { address: r, ld, m: n };
  }
  const { factored: second, permutation } = yield* pivotedQrOnEngine(scope, square.address, square.ld, square.m, n, (done) => { scope.progress(0.15 + 0.1 * done); });
  // Columns of R₁ᵀ are rows of R₁.
  const lower = scope.allocate(n * ld);
  for (let i = 0; i < n; i++) {
    const row = scope.view(lower + 8 * i * ld, n);
    row.fill(0, 0, i);
    upperRow(scope, second, i, row);
  }
  const third = yield* blockedQr(scope, lower, ld, n, n, (done) => { scope.progress(0.25 + 0.1 * done); });
  const x = scope.allocate(n * ld);
  for (let i = 0; i < n; i++) {
    const row = scope.view(x + 8 * i * ld, n);
    row.fill(0, 0, i);
    upperRow(scope, third, i, row);
  }
  // G R₂ has orthogonal rows.
  let g = 0;
  if (wantVectors) {
    g = scope.allocate(n * ld);
    for (let i = 0; i < n; i++) {
      const row = scope.view(g + 8 * i * ld, n);
      row.fill(0);
      row[i] = 1;
    }
  }
  yield* orthogonaliseRows(scope, x, ld, n, g, (done) => { scope.progress(0.35 + (wantVectors ? 0.5 : 0.65) * done); });
  const norms = Float64Array.from({ length: n }, (_, i) => norm2(scope.view(x + 8 * i * ld, n), 0, n));
  const order = Array.from(norms.keys()).sort((i, j) => norms[j]! - norms[i]!);
  const values = Float64Array.from(order, (i) => norms[i]! / scale);
  if (!wantVectors) return { values, left: new Float64Array(0), right: new Float64Array(0) };
  // R₂ = Gᵀ Σ Wᵀ, so R₁ = R₂ᵀ Q₂ᵀ = W Σ (Q₂ Gᵀ)ᵀ: left vectors Q₀ Q₁ W, right ones P Q₂ Gᵀ.
  for (let i = 0; i < n; i++) {
    // Thousands of rotations let the length of a row drift (not its direction).
    const row = scope.view(g + 8 * i * ld, n);
    const size = norm2(row, 0, n);
    for (let j = 0; j < n; j++) row[j]! /= size;
  }
  yield* applyQ(scope, third, g, ld, n);
  const right = new Float64Array(n * n);
  const left = new Float64Array(n * m);
  const u = scope.allocate(n * tall);
  const w = new Float64Array(n * n);
  order.forEach((from, k) => {
    const source = scope.view(g + 8 * from * ld, n);
    for (let j = 0; j < n; j++) right[k * n + permutation[j]!] = source[j]!;
    const vector = scope.view(x + 8 * from * ld, n);
    const norm = norms[from]!;
    for (let j = 0; j < n; j++) w[k * n + j] = norm === 0 ? 0 : vector[j]! / norm;
    if (norm === 0) completeOrthonormal(w, k, n);
  });
  yield;
  for (let k = 0; k < n; k++) {
    const row = scope.view(u + 8 * k * tall, m);
    row.set(w.subarray(k * n, (k + 1) * n));
    row.fill(0, n);
  }
  yield* applyQ(scope, second, u, tall, n);
  if (first !== undefined) yield* applyQ(scope, first, u, tall, n);
  for (let k = 0; k < n; k++) left.set(scope.view(u + 8 * k * tall, m), k * m);
  return { values, left, right };
}

/** Sweeps of rotations on the rows of x, and of g (if not 0), until none is needed. */
function* orthogonaliseRows(scope: Scope, x: number, ld: number, n: number, g: number, progress: (done: number) => void): Interruptible<void> {
  const squares = scope.allocate(n);
  const rotations = scope.allocate(1);
  const counter = scope.integers(rotations, 1);
  // Independent of the threads at hand, so that the result is too.
  const blockRows = Math.max(4, Math.min(Math.floor(BLOCK_BYTES / 8 / ld), Math.ceil(n / BLOCKS)));
  const threads = n < THREADED_ORDER ? 1 : scope.threads;
  const blocks = 2 * Math.ceil(n / blockRows / 2);
  const tolerance = Math.sqrt(n) * Number.EPSILON;
  for (let sweep = 0; sweep < MAXIMUM_SWEEPS; sweep++) {
    scope.kernels.rowSquares(x, ld, n, n, squares);
    counter[0] = 0;
    const threshold = FIRST_THRESHOLDS[sweep] ?? tolerance;
    for (let round = 0; round < blocks - 1; round++) {
      scope.kernels.jacobiRound(threads, x, ld, n, n, g, ld, n, squares, blocks, blockRows, round, threshold, rotations);
      // About ten sweeps are usual.
      progress(1 - 0.8 ** (sweep + round / blocks));
      yield;
    }
    if (counter[0] === 0 && threshold === tolerance) return;
  }
  throw new Error(`Jacobi rotations did not converge in ${MAXIMUM_SWEEPS} sweeps`);
}
