/**
 * Singular values, and vectors, to high relative accuracy (Drmač & Veselić 2008): QR with column pivoting of the rows from large to
 * small, a second QR of the triangle's transpose if it is graded, then rotations that make rows orthogonal (orthogonalRows.ts), of
 * which eigenvectors do most beforehand (rowGroups.ts). Small singular values of matrices with graded rows or columns come out
 * with as many digits as large ones, down to 1e-140 of them, where squares vanish; in general what is resolved is
 * max(m, n) · eps · σ_max.
 */
import { reflectorBlockDoubles } from '../engine/blockReflector.ts';
import { sharedEngine, type Engine, type Scope, type Work } from '../engine/engine.ts';
import { rowDistance } from '../engine/product.ts';
import { applyQ, blockedQr, pivotedQrOnEngine, upperRow, type Factored } from '../engine/qr.ts';
import { complete, type Interruptible } from '../interruptible.ts';
import { norm2, powerOfTwoScale, requireFiniteMatrix, rowsBySize, transposed } from '../matrixInput.ts';
import { completeOrthonormal, singularValueDecomposition, singularValues as plainSingularValues, type SingularValueDecomposition } from '../singularValues.ts';
import { orthogonaliseDoubles, orthogonaliseRows, type RowSet } from './orthogonalRows.ts';
import { rowGroups, turnGroups, turnGroupsDoubles } from './rowGroups.ts';
import { loadColumns } from './thinQr.ts';

const PLAIN_ORDER = 24;
/** Beyond this ratio of rows to columns a first QR makes the matrix square. */
const TALL = 1.3;

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
  const reflectors = reflectorBlockDoubles(tall, n, m, team.threads);
  const vectors = wantVectors ? n * ld + n * tall + 3 * reflectors : 0;
  const bytes = 8 * (n * tall + 3 * n * ld + 2 * reflectors + turnGroupsDoubles(n, ld, team.threads) + orthogonaliseDoubles(n, ld, team.threads) + 4 * n + vectors);
  return team.run(`The singular values of a ${m} × ${n} matrix`, bytes, work, (scope) => onEngine(scope, a, m, n, wantVectors));
}

function* onEngine(scope: Scope, a: Float64Array, m: number, n: number, wantVectors: boolean): Interruptible<SingularValueDecomposition> {
  const scale = powerOfTwoScale(a);
  const tall = rowDistance(m);
  const ld = rowDistance(n);
  const columns = scope.allocate(n * tall);
  const rowOrder = rowsBySize(a, m, n);
  loadColumns(scope, a, m, n, scale, columns, tall, rowOrder);
  yield;
  // A = Q₀ R₀ if tall, R₀ P = Q₁ R₁, and for a graded matrix R₁ᵀ = Q₂ R₂.
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
  const upper = upperRows(scope, second, ld);
  const groups = rowGroups(rowNorms(scope, upper, n));
  // One group needs no second QR; with several it makes rows of different groups nearly orthogonal.
  let third: Factored | undefined;
  let x = upper;
  if (groups.length > 1) {
    // Columns of R₁ᵀ are rows of R₁.
    third = yield* blockedQr(scope, upper.address, ld, n, n, (done) => { scope.progress(0.25 + 0.1 * done); });
    x = upperRows(scope, third, ld);
  }
  const g = wantVectors ? identityRows(scope, n, ld) : undefined;
  const before = rowNorms(scope, x, n);
  yield* turnGroups(scope, x, n, g, before, third === undefined ? groups : rowGroups(before));
  scope.progress(0.5);
  yield* orthogonaliseRows(scope, x, n, g, (done) => { scope.progress(0.5 + (wantVectors ? 0.3 : 0.5) * done); });
  const norms = rowNorms(scope, x, n);
  const order = Array.from(norms.keys()).sort((i, j) => norms[j]! - norms[i]!);
  const values = Float64Array.from(order, (i) => norms[i]! / scale);
  if (g === undefined) return { values, left: new Float64Array(0), right: new Float64Array(0) };
  // G X = Σ Wᵀ. With X = R₁ left vectors are Q₀ Q₁ Gᵀ and right ones P W; with X = R₂, where R₁ = R₂ᵀ Q₂ᵀ = W Σ (Q₂ Gᵀ)ᵀ, they are
  // Q₀ Q₁ W and P Q₂ Gᵀ.
  for (let i = 0; i < n; i++) {
    // Thousands of rotations let the length of a row drift (not its direction).
    const row = scope.view(g.address + 8 * i * ld, n);
    const size = norm2(row, 0, n);
    for (let j = 0; j < n; j++) row[j]! /= size;
  }
  if (third !== undefined) yield* applyQ(scope, third, g.address, ld, n);
  const turned = new Float64Array(n * n);
  const w = new Float64Array(n * n);
  order.forEach((from, k) => {
    turned.set(scope.view(g.address + 8 * from * ld, n), k * n);
    const vector = scope.view(x.address + 8 * from * ld, n);
    const norm = norms[from]!;
    for (let j = 0; j < n; j++) w[k * n + j] = norm === 0 ? 0 : vector[j]! / norm;
    if (norm === 0) completeOrthonormal(w, k, n);
  });
  yield;
  const [inner, outer] = third === undefined ? [turned, w] : [w, turned];
  const right = new Float64Array(n * n);
  for (let k = 0; k < n; k++) for (let j = 0; j < n; j++) right[k * n + permutation[j]!] = outer[k * n + j]!;
  const left = new Float64Array(n * m);
  const u = scope.allocate(n * tall);
  for (let k = 0; k < n; k++) {
    const row = scope.view(u + 8 * k * tall, m);
    row.set(inner.subarray(k * n, (k + 1) * n));
    row.fill(0, n);
  }
  yield* applyQ(scope, second, u, tall, n);
  if (first !== undefined) yield* applyQ(scope, first, u, tall, n);
  for (let k = 0; k < n; k++) scope.view(u + 8 * k * tall, m).forEach((entry, i) => { left[k * m + rowOrder[i]!] = entry; });
  return { values, left, right };
}

/** R of a QR factorisation, with its zeros. */
function upperRows(scope: Scope, factored: Factored, ld: number): RowSet {
  const { n } = factored;
  const address = scope.allocate(n * ld);
  for (let i = 0; i < n; i++) {
    const row = scope.view(address + 8 * i * ld, n);
    row.fill(0, 0, i);
    upperRow(scope, factored, i, row);
  }
  return { address, ld };
}

function identityRows(scope: Scope, n: number, ld: number): RowSet {
  const address = scope.allocate(n * ld);
  for (let i = 0; i < n; i++) {
    const row = scope.view(address + 8 * i * ld, n);
    row.fill(0);
    row[i] = 1;
  }
  return { address, ld };
}

function rowNorms(scope: Scope, { address, ld }: RowSet, n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => norm2(scope.view(address + 8 * i * ld, n), 0, n));
}
