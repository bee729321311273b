/**
 * SVD laws: U Σ Vᵀ = A, UᵀU = VᵀV = I, values known by construction; on graded, clustered, rank-deficient and scaled matrices.
 */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { singularValueDecomposition, singularValuesOf } from '../../../src/linalg/singularValues.ts';
import { distance, frobenius, gaussian, identity, timesTransposed, transpose, wilkinson, withSingularValues } from './matrices.ts';

function expectDecomposition(a: Float64Array, m: number, n: number): Float64Array {
  const { values, left, right } = complete(singularValueDecomposition(a, m, n));
  const k = Math.min(m, n);
  const bound = 1e-14 * Math.max(m, n, 10);
  const weighted = left.map((entry, i) => entry * values[Math.floor(i / m)]!);
  const product = timesTransposed(transpose(weighted, k, m), transpose(right, k, n), m, n, k);
  const scale = values[0] ?? 0;
  expect(distance(product, a)).toBeLessThanOrEqual(bound * scale);
  expect(distance(timesTransposed(left, left, k, k, m), identity(k))).toBeLessThanOrEqual(bound);
  expect(distance(timesTransposed(right, right, k, k, n), identity(k))).toBeLessThanOrEqual(bound);
  expect(Array.from(values)).toEqual(Array.from(values).sort((x, y) => y - x));
  expect(distance(values, singularValuesOf(a, m, n))).toBeLessThanOrEqual(bound * scale);
  return values;
}

describe('singular value decomposition', () => {
  test.each([[0, 0], [1, 1], [1, 5], [5, 1], [2, 2], [3, 2], [7, 7], [31, 17], [17, 31], [90, 33], [200, 41]])('U Σ Vᵀ = A for a random %i × %i matrix', (m, n) => {
    expectDecomposition(gaussian(seededRandom(m * 1000 + n), m, n), m, n);
  });

  test('the sum of squares is the squared Frobenius norm, whatever the shape', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), fc.integer(), (m, n, seed) => {
      const a = gaussian(seededRandom(seed), m, n);
      expect(frobenius(singularValuesOf(a, m, n))).toBeCloseTo(frobenius(a), 11);
    }), { seed: 5, numRuns: 60 });
  });

  test('recovers values known by construction: clustered, repeated, and spread over 12 decades', () => {
    for (const values of [[3, 1 + 1e-12, 1, 1, 1 - 1e-13, 0.5], Array.from({ length: 13 }, (_, k) => 10 ** -k), Array.from({ length: 20 }, () => 2)]) {
      const a = withSingularValues(seededRandom(11), 40, values);
      expect(distance(expectDecomposition(a, 40, values.length), Float64Array.from(values))).toBeLessThanOrEqual(40 * Number.EPSILON * values[0]!);
    }
  });

  test('a rank-deficient matrix has exactly as many values above max(m, n) ε σ_max as its rank', () => {
    const random = seededRandom(2);
    const a = timesTransposed(gaussian(random, 50, 7), gaussian(random, 30, 7), 50, 30, 7);
    const values = expectDecomposition(a, 50, 30);
    expect(values.filter((value) => value > 50 * Number.EPSILON * values[0]!)).toHaveLength(7);
  });

  test('zero matrices and zero columns have zero singular values and complete orthonormal vectors', () => {
    expectDecomposition(new Float64Array(12), 4, 3);
    const a = gaussian(seededRandom(3), 6, 4);
    for (let i = 0; i < 6; i++) a[i * 4 + 2] = 0;
    expect(expectDecomposition(a, 6, 4)[3]).toBeLessThan(1e-15);
  });

  test('columns graded over 120 decades keep relative accuracy (Demmel & Veselić 1992)', () => {
    const n = 7;
    const base = gaussian(seededRandom(4), 12, n);
    const graded = (power: number): Float64Array => singularValuesOf(base.map((entry, k) => entry * 2 ** (-power * (k % n))), 12, n);
    // Far apart, values tend to the norms of the columns orthogonalised in turn: doubling the grading scales each by its own power.
    const once = graded(60);
    const again = graded(64);
    for (let k = 0; k < n; k++) expect(again[k]! * 2 ** (4 * k) / once[k]!).toBeCloseTo(1, 12);
  });

  test('scaling by 2^±500 scales the values and nothing else', () => {
    const a = gaussian(seededRandom(6), 9, 5);
    const values = singularValuesOf(a, 9, 5);
    for (const scale of [2 ** 500, 2 ** -500]) {
      expect(Array.from(singularValuesOf(a.map((x) => x * scale), 9, 5))).toEqual(Array.from(values, (x) => x * scale));
    }
  });

  test('Wilkinson W⁺(21): the largest two values agree to 13 digits (Wilkinson 1965, p. 308: 10.746194182903…)', () => {
    const values = expectDecomposition(wilkinson(21), 21, 21);
    expect(values[0]).toBeCloseTo(10.746194182903393, 12);
    expect(values[1]).toBeCloseTo(10.746194182903322, 12);
  });

  test('refuses NaN, infinity and a wrong length, naming the place', () => {
    const a = new Float64Array(6);
    a[4] = Number.NaN;
    expect(() => singularValuesOf(a, 2, 3)).toThrow('the matrix has NaN in row 1, column 1');
    a[4] = Number.NEGATIVE_INFINITY;
    expect(() => singularValuesOf(a, 2, 3)).toThrow('the matrix has -Infinity in row 1, column 1');
    expect(() => singularValuesOf(a, 4, 2)).toThrow('6 entries do not make a 4 × 2 matrix');
  });
});
