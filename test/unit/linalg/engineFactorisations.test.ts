/** Laws of QR, SVD, Cholesky and triangular solves on the engine: identities, the plain implementations, and exact cases. */
import { afterAll, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { cholesky, NotPositiveDefiniteError, solveTriangular } from '../../../src/linalg/dense/cholesky.ts';
import { singularValues, svd } from '../../../src/linalg/dense/svd.ts';
import { thinQr } from '../../../src/linalg/dense/thinQr.ts';
import type { Engine } from '../../../src/linalg/engine/engine.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { singularValuesOf } from '../../../src/linalg/singularValues.ts';
import { engines, stopEngines } from './engines.ts';
import { distance, gaussian, identity, timesTransposed, transpose, withSingularValues } from './matrices.ts';

afterAll(stopEngines);

const sizes = [[1, 1], [2, 1], [2, 2], [7, 3], [40, 33], [65, 65], [130, 97], [300, 40], [257, 128]] as const;

function largest(a: Float64Array): number {
  return Math.max(0, ...a.map(Math.abs));
}

async function expectQr(engine: Engine, a: Float64Array, m: number, n: number, pivoting: boolean): Promise<Float64Array> {
  const { r, qTransposed, permutation } = await thinQr(a, m, n, { pivoting, wantQ: true }, {}, engine);
  const product = timesTransposed(transpose(qTransposed, n, m), transpose(r, n, n), m, n, n);
  const permuted = a.map((_, at) => a[at - (at % n) + permutation[at % n]!]!);
  expect(distance(product, permuted)).toBeLessThanOrEqual(1e-14 * Math.sqrt(m) * largest(a));
  expect(distance(timesTransposed(qTransposed, qTransposed, n, n, m), identity(n))).toBeLessThan(5e-15 * Math.sqrt(m));
  expect(r.every((entry, at) => at % n >= Math.floor(at / n) || entry === 0)).toBe(true);
  expect((await thinQr(a, m, n, { pivoting, wantQ: false }, {}, engine)).r).toEqual(r);
  return r;
}

async function expectSvd(engine: Engine, a: Float64Array, m: number, n: number): Promise<Float64Array> {
  const { values, left, right } = await svd(a, m, n, {}, engine);
  const k = Math.min(m, n);
  expect(values).toHaveLength(k);
  expect(Array.from(values)).toEqual(Array.from(values).sort((x, y) => y - x));
  const weighted = transpose(left, k, m).map((entry, at) => entry * values[at % k]!);
  expect(distance(timesTransposed(weighted, transpose(right, k, n), m, n, k), a)).toBeLessThanOrEqual(2e-14 * Math.sqrt(k) * (values[0] ?? 0));
  expect(distance(timesTransposed(left, left, k, k, m), identity(k))).toBeLessThan(2e-14);
  expect(distance(timesTransposed(right, right, k, k, n), identity(k))).toBeLessThan(2e-14);
  const alone = await singularValues(a, m, n, {}, engine);
  expect(distance(alone, values)).toBeLessThanOrEqual(1e-14 * (values[0] ?? 0));
  return values;
}

describe.each(engines)('$name', ({ engine }) => {
  test.each(sizes)('Q R = A P, QᵀQ = I, with and without pivoting, %i × %i', async (m, n) => {
    const a = gaussian(seededRandom(m + n), m, n);
    await expectQr(await engine, a, m, n, false);
    const r = await expectQr(await engine, a, m, n, true);
    for (let k = 1; k < n; k++) expect(Math.abs(r[k * n + k]!)).toBeLessThanOrEqual(Math.abs(r[(k - 1) * n + k - 1]!) * (1 + 1e-12));
  });

  test('QR of a zero, a rank-deficient and a tiny matrix', async () => {
    const team = await engine;
    const low = timesTransposed(gaussian(seededRandom(1), 90, 3), gaussian(seededRandom(2), 50, 3), 90, 50, 3);
    const r = await expectQr(team, low, 90, 50, true);
    expect(Math.abs(r[3 * 50 + 3]!)).toBeLessThan(1e-14 * Math.abs(r[0]!));
    await expectQr(team, low, 90, 50, false);
    await expectQr(team, low.map((entry) => entry * 1e-160), 90, 50, true);
    await expectQr(team, new Float64Array(60 * 40), 60, 40, true);
    await expectQr(team, new Float64Array(60 * 40), 60, 40, false);
  });

  test.each([...sizes, [33, 70], [60, 300]] as const)('U Σ Vᵀ = A with orthonormal U and V, %i × %i', async (m, n) => {
    const a = gaussian(seededRandom(m * n), m, n);
    const values = await expectSvd(await engine, a, m, n);
    expect(distance(values, singularValuesOf(a, m, n))).toBeLessThan(1e-14 * values[0]!);
  });

  test('known singular values come back: clustered, low rank, zero, tiny', async () => {
    const team = await engine;
    for (const values of [Array.from({ length: 60 }, (_, k) => (k < 40 ? 1 : 0.5)), Array.from({ length: 50 }, (_, k) => (k < 4 ? 4 - k : 0)), Array.from({ length: 30 }, () => 0)]) {
      const a = withSingularValues(seededRandom(3), 70, values);
      expect(distance(await expectSvd(team, a, 70, values.length), Float64Array.from(values))).toBeLessThan(3e-14);
    }
    const tiny = gaussian(seededRandom(4), 50, 40).map((entry) => entry * 1e-160);
    expect((await expectSvd(team, tiny, 50, 40))[0]).toBeCloseTo(singularValuesOf(tiny, 50, 40)[0]!, 170);
  });

  test('small singular values of a graded matrix are as accurate as large ones', async () => {
    // A = B D with B well conditioned: relative errors are of order κ(B) ε, though σ runs over 130 powers of ten.
    const n = 60;
    const b = withSingularValues(seededRandom(5), n, Array.from({ length: n }, (_, k) => 1 + k / n));
    const graded = b.map((entry, at) => entry * 10 ** (-(130 / n) * (at % n)));
    const values = await singularValues(graded, n, n, {}, await engine);
    const transposedValues = await singularValues(transpose(graded, n, n), n, n, {}, await engine);
    const plain = singularValuesOf(graded, n, n);
    values.forEach((value, k) => {
      expect(Math.abs(value / transposedValues[k]! - 1)).toBeLessThan(1e-13);
      expect(Math.abs(value / plain[k]! - 1)).toBeLessThan(1e-13);
    });
  });

  test.each([
    [1, 0], [2, 300], [25, 3], [61, 10], [61, 130], [121, 2], [121, 16], [200, 3], [200, 8],
  ])('singular values of %i scaled rows or columns, %i powers of ten in any order, are relatively accurate', async (n, decades) => {
    // Row and column scalings of a well conditioned matrix, and transposes, of which all values have a relative condition of about 1.
    const random = seededRandom(n + decades);
    const b = withSingularValues(random, n, Array.from({ length: n }, (_, k) => 1 + k / n));
    const scales = Array.from({ length: n }, () => 10 ** (-decades * random.uniform()));
    const team = await engine;
    const byColumn = b.map((entry, at) => entry * scales[at % n]!);
    const values = await singularValues(byColumn, n, n, {}, team);
    const others = [
      singularValuesOf(byColumn, n, n), (await svd(byColumn, n, n, {}, team)).values, await singularValues(transpose(byColumn, n, n), n, n, {}, team),
    ];
    for (const other of others) other.forEach((value, k) => { expect(Math.abs(value / values[k]! - 1)).toBeLessThan(2e-14); });
    const largestScale = Math.max(...scales);
    expect(values[0]! / largestScale).toBeLessThanOrEqual(Math.sqrt(n) * 2);
    expect(values[n - 1]!).toBeGreaterThan(0.99 * Math.min(...scales));
    // The product of singular values is |det A| = Π scales · Π (1 + k/n), of which logarithms are summed.
    const logDeterminant = scales.reduce((sum, scale, k) => sum + Math.log(scale) + Math.log(1 + k / n), 0);
    expect(Math.abs(values.reduce((sum, value) => sum + Math.log(value), 0) - logDeterminant)).toBeLessThan(1e-12 * n);
  });

  test('a large, an ill conditioned and a deficient group of rows beside each other keep U Σ Vᵀ = A', async () => {
    const team = await engine;
    const random = seededRandom(9);
    const values = Array.from({ length: 130 }, (_, k) => (k < 60 ? 1 + k / 60 : k < 100 ? 10 ** (-6 - (k - 60) / 20) : 0));
    const a = withSingularValues(random, 151, values);
    const found = await expectSvd(team, a, 151, 130);
    expect(distance(found, Float64Array.from(values).sort().reverse())).toBeLessThan(130 * Number.EPSILON * 2);
    expect(found.filter((value) => value > 151 * Number.EPSILON * found[0]!)).toHaveLength(100);
  });

  test('L Lᵀ = A, and L and Lᵀ are solved for any number of right-hand sides', async () => {
    const team = await engine;
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 70 }), fc.integer(), async (n, columns, seed) => {
      const random = seededRandom(seed);
      const g = gaussian(random, n, n + 5);
      const a = timesTransposed(g, g, n, n, n + 5).map((entry, at) => entry + (at % (n + 1) === 0 ? 1 : 0));
      const lower = a.map((entry, at) => (at % n > Math.floor(at / n) ? Number.MAX_VALUE : entry));
      const l = await cholesky(lower, n, {}, team);
      expect(distance(timesTransposed(l, l, n, n, n), a)).toBeLessThan(1e-14 * n * largest(a));
      const b = gaussian(random, n, columns);
      const y = await solveTriangular({ l, n, b, columns }, {}, team);
      expect(distance(timesTransposed(l, transpose(y, n, columns), n, columns, n), b)).toBeLessThan(1e-13 * Math.max(1, largest(y)) * largest(l));
      const x = await solveTriangular({ l, n, b: y, columns, transposed: true }, {}, team);
      expect(distance(timesTransposed(transpose(l, n, n), transpose(x, n, columns), n, columns, n), y)).toBeLessThan(1e-13 * Math.max(1, largest(x)) * largest(l));
    }), { seed: 6, numRuns: 25 });
  });
});

test('singular values agree with ml-matrix', async () => {
  const a = gaussian(seededRandom(7), 60, 45);
  const rows = Array.from({ length: 60 }, (_, i) => Array.from(a.subarray(i * 45, (i + 1) * 45)));
  const theirs = Float64Array.from(new SingularValueDecomposition(new Matrix(rows)).diagonal).sort().reverse();
  expect(distance(await singularValues(a, 60, 45), theirs)).toBeLessThan(1e-12);
});

test('one thread and two give the same bits', async () => {
  const a = gaussian(seededRandom(8), 400, 260);
  for (const build of ['relaxed', 'plain']) {
    const kinds = engines.filter((kind) => kind.build === build);
    const [one, two] = await Promise.all(kinds.map(async ({ engine }) => svd(a, 400, 260, {}, await engine)));
    expect(distance(one!.values, two!.values)).toBe(0);
    expect(distance(one!.left, two!.left)).toBe(0);
    const [first, second] = await Promise.all(kinds.map(async ({ engine }) => cholesky(timesTransposed(a, a, 260, 260, 260), 260, {}, await engine)));
    expect(distance(first!, second!)).toBe(0);
  }
});

test('what is not positive definite, singular, not finite or not tall is refused by name', async () => {
  const n = 80;
  const indefinite = identity(n);
  indefinite[70 * n + 70] = -1;
  await expect(cholesky(indefinite, n)).rejects.toThrow(NotPositiveDefiniteError);
  await expect(cholesky(indefinite, n)).rejects.toThrow('the matrix is not positive definite: its leading minor of order 71 (of 80) is not positive');
  await expect(cholesky(new Float64Array(1), 1)).rejects.toThrow(NotPositiveDefiniteError);
  await expect(solveTriangular({ l: Float64Array.of(1, 0, 1, 0), n: 2, b: new Float64Array(2), columns: 1 })).rejects.toThrow('the triangular matrix is singular: its diagonal is zero in row 1');
  const bad = new Float64Array(30 * 30);
  bad[31] = Number.POSITIVE_INFINITY;
  await expect(thinQr(bad, 30, 30, { pivoting: false, wantQ: true })).rejects.toThrow('the matrix has Infinity in row 1, column 1');
  await expect(svd(bad, 30, 30)).rejects.toThrow('the matrix has Infinity in row 1, column 1');
  await expect(cholesky(bad, 30)).rejects.toThrow('the matrix has Infinity in row 1, column 1');
  await expect(thinQr(new Float64Array(6), 2, 3, { pivoting: false, wantQ: false })).rejects.toThrow('thin QR needs at least as many rows as columns, not 2 × 3');
});
