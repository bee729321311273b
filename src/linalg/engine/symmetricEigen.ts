/** The symmetric eigenproblem on the engine: tridiagonalisation, then QL without square roots for values alone or divide and conquer for vectors too. */
import type { Interruptible } from '../interruptible.ts';
import { powerOfTwoFor } from '../matrixInput.ts';
import type { SymmetricEigen } from '../symmetricEigen.ts';
import { tridiagonalValues } from '../tridiagonalValues.ts';
import { reflectorBlockDoubles } from './blockReflector.ts';
import { divideAndConquer, divideAndConquerDoubles } from './divideAndConquer.ts';
import type { Engine, Scope, Work } from './engine.ts';
import { rowDistance } from './product.ts';
import { backTransform, tridiagonalise, tridiagonaliseDoubles } from './tridiagonalise.ts';

/** Bytes that the engine needs beside the arguments and results. */
function eigenBytes(n: number, wantVectors: boolean, threads: number): number {
  const ld = rowDistance(n);
  return 8 * (n * ld + (wantVectors ? eigenRowsDoubles(n, ld, threads) : tridiagonaliseDoubles(n, threads)));
}

export function eigenRowsDoubles(n: number, ld: number, threads: number): number {
  return n * ld + tridiagonaliseDoubles(n, threads) + divideAndConquerDoubles(n, ld, threads) + reflectorBlockDoubles(ld, n, n, threads);
}

/** As `symmetricEigen` of the plain implementation; entries are finite. */
export async function eigenOnEngine(engine: Engine, a: Float64Array, n: number, wantVectors: boolean, work: Work = {}): Promise<SymmetricEigen> {
  const what = `The eigenvalues${wantVectors ? ' and vectors' : ''} of a matrix of order ${n}`;
  return engine.run(what, eigenBytes(n, wantVectors, engine.threads), work, (scope) => eigen(scope, a, n, wantVectors));
}

/** The largest magnitude of the lower triangle; the upper one is no part of the matrix, not even of its scale. */
function largestBelow(a: Float64Array, n: number): number {
  let largest = 0;
  for (let i = 0; i < n; i++) {
    for (let k = i * n; k <= i * n + i; k++) {
      const magnitude = Math.abs(a[k]!);
      if (magnitude > largest) largest = magnitude;
    }
  }
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
  if (!wantVectors) {
    const { diagonal, off } = yield* tridiagonalise(scope, matrix, ld, n, (done) => { scope.progress(0.95 * done); });
    const d = scope.view(diagonal, n).slice();
    yield* tridiagonalValues(d, scope.view(off, n), n);
    return { values: d.sort().reverse().map((value) => value / scale), vectors: new Float64Array(0) };
  }
  const { address, order, diagonal } = yield* eigenRows(scope, matrix, ld, n, scope.progress);
  const d = scope.view(diagonal, n);
  const values = new Float64Array(n);
  const vectors = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const from = order[n - 1 - k]!;
    values[k] = d[from]! / scale;
    vectors.set(scope.view(address + 8 * from * ld, n), k * n);
  }
  return { values, vectors };
}

export interface EigenRows {
  /** n rows as far apart as those of the matrix: orthonormal eigenvectors. */
  readonly address: number;
  /** Rows by ascending eigenvalue. */
  readonly order: Int32Array;
  /** Address of the eigenvalues, in the order of the rows. */
  readonly diagonal: number;
}

/** @param matrix rows `ld` apart, the lower triangle of entries of magnitude about 1 at most; overwritten */
export function* eigenRows(scope: Scope, matrix: number, ld: number, n: number, progress: (done: number) => void): Interruptible<EigenRows> {
  // Shares of the work: 4/3 n³ of the reduction, of 4/3 + 4/3 + 2 n³ in all, the products of which run faster.
  const { diagonal, off, tau } = yield* tridiagonalise(scope, matrix, ld, n, (done) => { progress(0.45 * done); });
  const address = scope.allocate(n * ld);
  const order = yield* divideAndConquer(scope, diagonal, off + 8, n, address, ld, (done) => { progress(0.45 + 0.25 * done); });
  yield* backTransform(scope, matrix, ld, n, tau, address, ld, n, (done) => { progress(0.7 + 0.3 * done); });
  return { address, order, diagonal };
}
