/**
 * Every engine on what is easily forgotten: the tridiagonal form by itself, graded and clustered matrices under QR and Cholesky, orders
 * one and two, NaN, and ml-matrix beside each factorisation.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { CholeskyDecomposition, EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';
import { cholesky } from '../../../src/linalg/dense/cholesky.ts';
import { gram, rankK } from '../../../src/linalg/dense/gram.ts';
import { multiply } from '../../../src/linalg/dense/multiply.ts';
import { thinQr } from '../../../src/linalg/dense/thinQr.ts';
import type { Engine } from '../../../src/linalg/engine/engine.ts';
import { rowDistance } from '../../../src/linalg/engine/product.ts';
import { eigenOnEngine } from '../../../src/linalg/engine/symmetricEigen.ts';
import { backTransform, tridiagonalise } from '../../../src/linalg/engine/tridiagonalise.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { symmetricEigenvalues } from '../../../src/linalg/symmetricEigen.ts';
import { engines, stopEngines } from './engines.ts';
import { distance, gaussian, identity, orthonormalRows, symmetrised, timesTransposed, transpose, wilkinson, withSingularValues } from './matrices.ts';

afterAll(stopEngines);

const rowsOf = (a: Float64Array, m: number, n: number): number[][] => Array.from({ length: m }, (_, i) => Array.from(a.subarray(i * n, (i + 1) * n)));
const flat = (matrix: Matrix): Float64Array => Float64Array.from(matrix.to1DArray());

/** T by its diagonals, and H with A = Hᵀ T H. */
async function tridiagonal(engine: Engine, a: Float64Array, n: number): Promise<{ t: Float64Array; h: Float64Array }> {
  const ld = rowDistance(n);
  return engine.run('The tridiagonal form', 1e8, {}, function* (scope) {
    const matrix = scope.allocate(n * ld);
    for (let i = 0; i < n; i++) scope.view(matrix + 8 * i * ld, i + 1).set(a.subarray(i * n, i * n + i + 1));
    const { diagonal, off, tau } = yield* tridiagonalise(scope, matrix, ld, n, () => undefined);
    const z = scope.allocate(n * ld);
    for (let i = 0; i < n; i++) scope.view(z + 8 * i * ld, n).set(identity(n).subarray(i * n, (i + 1) * n));
    yield* backTransform(scope, matrix, ld, n, tau, z, ld, n, () => undefined);
    const t = new Float64Array(n * n);
    const h = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      t[i * n + i] = scope.view(diagonal, n)[i]!;
      if (i > 0) t[i * n + i - 1] = t[(i - 1) * n + i] = scope.view(off, n)[i]!;
      h.set(scope.view(z + 8 * i * ld, n), i * n);
    }
    return { t, h };
  });
}

async function expectTridiagonal(engine: Engine, a: Float64Array, n: number): Promise<void> {
  const { t, h } = await tridiagonal(engine, a, n);
  const columns = transpose(h, n, n);
  const scale = a.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
  const back = timesTransposed(timesTransposed(columns, t, n, n, n), columns, n, n, n);
  expect(distance(back, a)).toBeLessThanOrEqual(1e-14 * Math.max(10, n) * scale);
  expect(distance(timesTransposed(h, h, n, n, n), identity(n))).toBeLessThanOrEqual(1e-15 * Math.max(10, n));
  // The plain reference has the same eigenvalues of either.
  const values = symmetricEigenvalues(a, n);
  expect(distance(symmetricEigenvalues(t, n), values)).toBeLessThanOrEqual(1e-14 * Math.max(10, n) * Math.max(...values.map(Math.abs), 0));
}

describe.each(engines)('$name', ({ engine }) => {
  test.each([1, 2, 3, 5, 31, 32, 33, 64, 65, 97, 150])('Hᵀ T H = A with T tridiagonal and H Hᵀ = I, order %i', async (n) => {
    await expectTridiagonal(await engine, symmetrised(gaussian(seededRandom(n), n, n), n), n);
  });

  test('the same of zero, graded, clustered and Wilkinson matrices', async () => {
    const n = 70;
    const team = await engine;
    await expectTridiagonal(team, new Float64Array(n * n), n);
    await expectTridiagonal(team, wilkinson(n + 1), n + 1);
    const q = transpose(orthonormalRows(seededRandom(2), n, n), n, n);
    for (const spectrum of [(k: number): number => 10 ** (-k / 5), (k: number): number => (k < 40 ? 1 + k * 1e-15 : -0.5)]) {
      await expectTridiagonal(team, symmetrised(timesTransposed(q.map((entry, at) => entry * spectrum(at % n)), q, n, n, n), n), n);
    }
  });

  test('QR of graded and clustered columns: every column is as accurate as its own length allows', async () => {
    const [m, n] = [90, 60];
    const team = await engine;
    const b = gaussian(seededRandom(3), m, n);
    // Columns over 118 powers of ten, and columns that differ from each other in the last digits only.
    const graded = b.map((entry, at) => entry * 10 ** (-2 * (at % n)));
    const clustered = b.map((_, at) => b[at - (at % n)]! * (1 + (at % n) * 1e-15));
    for (const a of [graded, clustered]) {
      for (const pivoting of [false, true]) {
        const { r, qTransposed, permutation } = await thinQr(a, m, n, { pivoting, wantQ: true }, {}, team);
        const product = timesTransposed(transpose(qTransposed, n, m), transpose(r, n, n), m, n, n);
        for (let j = 0; j < n; j++) {
          const column = Array.from({ length: m }, (_, i) => a[i * n + permutation[j]!]!);
          const error = Math.hypot(...column.map((entry, i) => entry - product[i * n + j]!));
          expect(error).toBeLessThanOrEqual(1e-14 * Math.sqrt(m) * Math.hypot(...column));
        }
        expect(distance(timesTransposed(qTransposed, qTransposed, n, n, m), identity(n))).toBeLessThan(5e-14);
      }
    }
  });

  test('R is ml-matrix’s up to the sign of its rows', async () => {
    for (const [m, n] of [[1, 1], [2, 2], [3, 2], [75, 41], [120, 97]] as const) {
      const a = gaussian(seededRandom(m * n), m, n);
      const theirs = flat(new QrDecomposition(new Matrix(rowsOf(a, m, n))).upperTriangularMatrix);
      const { r } = await thinQr(a, m, n, { pivoting: false, wantQ: false }, {}, await engine);
      const signed = r.map((entry, at) => entry * Math.sign(r[Math.floor(at / n) * (n + 1)]! * theirs[Math.floor(at / n) * (n + 1)]!));
      expect(distance(signed, theirs)).toBeLessThan(1e-13 * Math.sqrt(m * n));
    }
  });

  test('L is ml-matrix’s; graded matrices keep L Lᵀ = A in every entry, clustered ones their singular values', async () => {
    const team = await engine;
    for (const n of [1, 2, 3, 33, 80]) {
      const g = gaussian(seededRandom(n), n, n + 3);
      const a = timesTransposed(g, g, n, n, n + 3);
      const theirs = flat(new CholeskyDecomposition(new Matrix(rowsOf(a, n, n))).lowerTriangularMatrix);
      const ours = await cholesky(a, n, {}, team);
      expect(distance(ours, theirs)).toBeLessThan(1e-10);
      // D A D with D over 2^±200: Cholesky’s error scales with it (Demmel 1989; Higham 2002, §10.1).
      const scaleOf = (i: number): number => 2 ** (Math.round((i * 400) / n) - 200);
      const graded = a.map((entry, at) => entry * scaleOf(Math.floor(at / n)) * scaleOf(at % n));
      const l = await cholesky(graded, n, {}, team);
      const back = timesTransposed(l, l, n, n, n);
      for (let at = 0; at < n * n; at++) {
        const [i, j] = [Math.floor(at / n), at % n];
        expect(Math.abs(back[at]! - graded[at]!)).toBeLessThanOrEqual(1e-14 * n * Math.sqrt(graded[i * (n + 1)]! * graded[j * (n + 1)]!));
      }
    }
    const n = 60;
    const b = withSingularValues(seededRandom(6), n, Array.from({ length: n }, (_, k) => (k < 50 ? 1 : 1e-3)));
    const a = timesTransposed(b, b, n, n, n);
    const l = await cholesky(a, n, {}, team);
    expect(distance(timesTransposed(l, l, n, n, n), a)).toBeLessThan(1e-15 * n);
  });

  test('eigenvectors are ml-matrix’s up to sign, A Aᵀ is its product', async () => {
    for (const n of [1, 2, 3, 50, 77]) {
      const a = symmetrised(gaussian(seededRandom(n + 1), n, n), n);
      const theirs = new EigenvalueDecomposition(new Matrix(rowsOf(a, n, n)), { assumeSymmetric: true });
      const order = theirs.realEigenvalues.map((_, k) => k).sort((i, j) => theirs.realEigenvalues[j]! - theirs.realEigenvalues[i]!);
      const { values, vectors } = await eigenOnEngine(await engine, a, n, true);
      order.forEach((from, k) => {
        expect(Math.abs(values[k]! - theirs.realEigenvalues[from]!)).toBeLessThan(1e-12);
        const along = theirs.eigenvectorMatrix.getColumn(from).reduce((sum, entry, i) => sum + entry * vectors[k * n + i]!, 0);
        expect(Math.abs(along)).toBeCloseTo(1, 10);
      });
      const matrix = new Matrix(rowsOf(a, n, n));
      expect(distance(await gram(a, n, n, {}, await engine), flat(matrix.mmul(matrix.transpose())))).toBeLessThan(1e-13 * Math.max(n, 10));
    }
  });

  test('a NaN in a product stands in its own row and column, as IEEE 754 has it, and nowhere else', async () => {
    // Beyond the size at which the engine takes over, odd in every direction.
    const [m, k, n] = [71, 53, 67];
    const a = gaussian(seededRandom(8), m, k);
    const b = gaussian(seededRandom(9), k, n);
    const clean = await multiply({ a, b, m, k, n }, {}, await engine);
    const [i, j] = [37, 66];
    const badA = a.with(i * k + 11, Number.NaN);
    const badB = b.with(52 * n + j, Number.NaN);
    const product = await multiply({ a: badA, b: badB, m, k, n }, {}, await engine);
    product.forEach((entry, at) => {
      if (Math.floor(at / n) === i || at % n === j) expect(entry).toBeNaN();
      else expect(entry).toBe(clean[at]);
    });
    const whole = await rankK({ a, n: m, k }, {}, await engine);
    (await rankK({ a: badA, n: m, k }, {}, await engine)).forEach((entry, at) => {
      if (Math.floor(at / m) === i || at % m === i) expect(entry).toBeNaN();
      else expect(entry).toBe(whole[at]);
    });
  });
});
