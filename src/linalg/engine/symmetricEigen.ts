/** The symmetric eigenproblem on the engine: tridiagonalisation, then QL for values alone or divide and conquer for vectors too. */
import type { Interruptible } from '../interruptible.ts';
import { powerOfTwoFor } from '../matrixInput.ts';
import { implicitQl, type SymmetricEigen } from '../symmetricEigen.ts';
import { reflectorBlockDoubles } from './blockReflector.ts';
import { divideAndConquer, divideAndConquerDoubles } from './divideAndConquer.ts';
import type { Engine, Scope, Work } from './engine.ts';
import { rowDistance } from './product.ts';
import { backTransform, tridiagonalise, tridiagonaliseDoubles } from './tridiagonalise.ts';

/** Bytes that the engine needs beside the arguments and results. */
function eigenBytes(n: number, wantVectors: boolean, threads: number): number {
  const ld = rowDistance(n);
  const values = n * ld + tridiagonaliseDoubles(n, threads);
  return 8 * (wantVectors ? values + n * ld + divideAndConquerDoubles(n, ld, threads) + reflectorBlockDoubles(ld, n, n, threads) : values);
}

/** As `symmetricEigen` of the plain implementation; entries are finite. */
export async function eigenOnEngine(engine: Engine, a: Float64Array, n: number, wantVectors: boolean, work: Work = {}): Promise<SymmetricEigen> {
  const what = `The eigenvalues${wantVectors ? ' and vectors' : ''} of a matrix of order ${n}`;
  return engine.run(what, eigenBytes(n, wantVectors, engine.threads), work, (scope) => eigen(scope, a, n, wantVectors));
}

/** The largest magnitude of the lower triangle; the upper one is no part of the matrix, not even of its scale. */
function largestBelow(a: Float64Array, n: number): number {
  let largest = 0;
  for (let i = 0; i < n; i++) for (let k = i * n; k <= i * n + i; k++) largest = Math.max(largest, Math.abs(a[k]!));
  return largest;
}

function* eigen(scope: Scope, a: Float64Array, n: number, wantVectors: boolean): Interruptible<SymmetricEigen> {
  const ld = rowDistance(n);
  const scale = powerOfTwoFor(largestBelow(a, n));
  const matrix = scope.allocate(n * ld);
  const rows = scope.view(matrix, n * ld);
  for (let i = 0; i < n; i++) {
    const to = i * ld;
    const from = i * n;
    for (let j = 0; j <= i; j++) rows[to + j] = a[from + j]! * scale;
  }
  yield;
  // Shares of the work: 4/3 n³ of the reduction, of 4/3 + 4/3 + 2 n³ with vectors, the products of which run faster.
  const reduction = wantVectors ? 0.45 : 0.95;
  const { diagonal, off, tau } = yield* tridiagonalise(scope, matrix, ld, n, (done) => { scope.progress(reduction * done); });
  if (!wantVectors) {
    const d = scope.view(diagonal, n).slice();
    yield* implicitQl(d, scope.view(off, n).slice(), n, undefined);
    return { values: d.sort().reverse().map((value) => value / scale), vectors: new Float64Array(0) };
  }
  const z = scope.allocate(n * ld);
  const order = yield* divideAndConquer(scope, diagonal, off + 8, n, z, ld, (done) => { scope.progress(0.45 + 0.25 * done); });
  yield* backTransform(scope, matrix, ld, n, tau, z, ld, n, (done) => { scope.progress(0.7 + 0.3 * done); });
  const d = scope.view(diagonal, n);
  const values = new Float64Array(n);
  const vectors = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const from = order[n - 1 - k]!;
    values[k] = d[from]! / scale;
    vectors.set(scope.view(z + 8 * from * ld, n), k * n);
  }
  return { values, vectors };
}
