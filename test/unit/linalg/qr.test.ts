/** Laws of QR (QᵀQ = I, QR = A P, RᵀR = AᵀA, R triangular) and of the symmetric rank-k update, odd block sizes included. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { addGram } from '../../../src/linalg/gram.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { pivotedQr } from '../../../src/linalg/pivotedQr.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { RowBlockedQr } from '../../../src/linalg/rowBlockedQr.ts';
import { singularValuesOf } from '../../../src/linalg/singularValues.ts';
import { distance, gaussian, identity, timesTransposed, transpose, withSingularValues } from './matrices.ts';

function gramOfColumns(a: Float64Array, m: number, n: number): Float64Array {
  const columns = transpose(a, m, n);
  return timesTransposed(columns, columns, n, n, m);
}

function expectUpperTriangular(r: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) expect(r[i * n + j]).toBe(0);
}

describe('pivoted QR', () => {
  test.each([[0, 0], [1, 1], [5, 1], [2, 2], [6, 5], [33, 33], [70, 19]])('Q R = A P, QᵀQ = I, and the diagonal descends, %i × %i', (m, n) => {
    const a = gaussian(seededRandom(m + 31 * n), m, n);
    const { r, qTransposed, permutation } = complete(pivotedQr(a, m, n, true));
    expectUpperTriangular(r, n);
    const permuted = Float64Array.from({ length: m * n }, (_, k) => a[Math.floor(k / n) * n + permutation[k % n]!]!);
    expect(distance(timesTransposed(transpose(qTransposed, n, m), transpose(r, n, n), m, n, n), permuted)).toBeLessThan(1e-13);
    expect(distance(timesTransposed(qTransposed, qTransposed, n, n, m), identity(n))).toBeLessThan(1e-13);
    for (let k = 1; k < n; k++) expect(Math.abs(r[k * n + k]!)).toBeLessThanOrEqual(Math.abs(r[(k - 1) * n + k - 1]!) * (1 + 1e-12));
    expect(Array.from(permutation).sort((x, y) => x - y)).toEqual(Array.from({ length: n }, (_, k) => k));
  });

  test('Kahan-like cancellation: the pivots of a rank-3 matrix drop to rounding after three', () => {
    const a = withSingularValues(seededRandom(1), 20, [4, 2, 1, 0, 0, 0, 0]);
    const { r } = complete(pivotedQr(a, 20, 7, false));
    expect(Math.abs(r[2 * 7 + 2]!)).toBeGreaterThan(0.1);
    expect(Math.abs(r[3 * 7 + 3]!)).toBeLessThan(1e-14);
  });

  test('refuses a wide matrix', () => {
    expect(() => complete(pivotedQr(new Float64Array(6), 2, 3, false))).toThrow('at least as many rows as columns');
  });
});

describe('row-blocked QR', () => {
  test('RᵀR = AᵀA for any height, width, block size and split into calls', () => {
    const shape = fc.record({ m: fc.integer({ min: 1, max: 90 }), n: fc.integer({ min: 1, max: 23 }), block: fc.integer({ min: 1, max: 20 }), seed: fc.integer() });
    fc.assert(fc.property(shape, fc.double({ min: 0, max: 1, noNaN: true }), ({ m, n, block, seed }, where) => {
      const a = gaussian(seededRandom(seed), m, n);
      const qr = new RowBlockedQr(n, block);
      const cut = Math.floor(where * m);
      complete(qr.absorbRows(a.subarray(0, cut * n), cut));
      complete(qr.absorbRows(a.subarray(cut * n), m - cut));
      expectUpperTriangular(qr.r, n);
      const exact = gramOfColumns(a, m, n);
      expect(distance(gramOfColumns(qr.r, n, n), exact)).toBeLessThanOrEqual(1e-13 * Math.max(1, ...exact));
    }), { seed: 21, numRuns: 120 });
  });

  test('absorbing the columns of A is absorbing the rows of Aᵀ', () => {
    const a = gaussian(seededRandom(7), 13, 300);
    const byColumns = new RowBlockedQr(13, 32);
    complete(byColumns.absorbColumns(a, 300));
    const byRows = new RowBlockedQr(13, 32);
    complete(byRows.absorbRows(transpose(a, 13, 300), 300));
    expect(Array.from(byColumns.r)).toEqual(Array.from(byRows.r));
  });

  test('R keeps singular values that AᵀA loses: 1 … 1e-14 of a 500 × 8 matrix', () => {
    const values = Array.from({ length: 8 }, (_, k) => 10 ** (-2 * k));
    const a = withSingularValues(seededRandom(9), 500, values);
    const qr = new RowBlockedQr(8, 64);
    complete(qr.absorbRows(a, 500));
    expect(distance(singularValuesOf(qr.r, 8, 8), Float64Array.from(values))).toBeLessThan(1e-15 * 8);
  });

  test('entries of 1e-200 neither vanish nor overflow', () => {
    const a = gaussian(seededRandom(10), 40, 6);
    const plain = new RowBlockedQr(6, 16);
    complete(plain.absorbRows(a, 40));
    const tiny = new RowBlockedQr(6, 16);
    complete(tiny.absorbRows(a.map((x) => x * 2 ** -700), 40));
    expect(distance(tiny.r.map((x) => x * 2 ** 700), plain.r)).toBeLessThan(1e-13);
  });

  test('refuses NaN with its place', () => {
    const a = new Float64Array(8);
    a[5] = Number.NaN;
    expect(() => { complete(new RowBlockedQr(2).absorbRows(a, 4)); }).toThrow('the matrix has NaN in row 2, column 1');
    expect(() => { complete(new RowBlockedQr(2).absorbColumns(a, 4)); }).toThrow('the matrix has NaN in row 1, column 1');
  });
});

describe('symmetric rank-k update', () => {
  test.each([[1, 1], [2, 5], [3, 7], [4, 9], [5, 1], [6, 30], [17, 13], [32, 64]])('C + A Aᵀ for %i rows of %i, both triangles', (n, k) => {
    const random = seededRandom(n * 100 + k);
    const a = gaussian(random, n, k);
    const start = identity(n).map((x) => 3 * x);
    const c = start.slice();
    complete(addGram(c, a, n, k));
    expect(distance(c, timesTransposed(a, a, n, n, k).map((x, i) => x + start[i]!))).toBeLessThan(1e-13 * k);
  });
});
