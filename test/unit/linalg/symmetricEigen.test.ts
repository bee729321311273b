/** Laws of the symmetric eigenproblem: A V = V Λ, VᵀV = I, and spectra that are known in closed form. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { symmetricEigen, symmetricEigenvalues } from '../../../src/linalg/symmetricEigen.ts';
import { distance, gaussian, identity, orthonormalRows, symmetrised, timesTransposed, transpose, wilkinson } from './matrices.ts';

function expectEigen(a: Float64Array, n: number): Float64Array {
  const { values, vectors } = complete(symmetricEigen(a, n, true));
  const scale = Math.max(...values.map(Math.abs), 0);
  const bound = 1e-14 * Math.max(n, 10);
  const columns = transpose(vectors, n, n);
  const weighted = columns.map((entry, k) => entry * values[k % n]!);
  expect(distance(timesTransposed(weighted, columns, n, n, n), a)).toBeLessThanOrEqual(bound * scale);
  expect(distance(timesTransposed(vectors, vectors, n, n, n), identity(n))).toBeLessThanOrEqual(bound);
  expect(Array.from(values)).toEqual(Array.from(values).sort((x, y) => y - x));
  expect(distance(values, symmetricEigenvalues(a, n))).toBeLessThanOrEqual(bound * scale);
  return values;
}

function fromSpectrum(seed: number, spectrum: readonly number[]): Float64Array {
  const n = spectrum.length;
  const columns = orthonormalRows(seededRandom(seed), n, n);
  return timesTransposed(columns.map((entry, k) => entry * spectrum[k % n]!), columns, n, n, n);
}

describe('symmetric eigendecomposition', () => {
  test.each([0, 1, 2, 3, 4, 5, 17, 32, 63, 100])('V Λ Vᵀ = A and VᵀV = I for a random matrix of order %i', (n) => {
    expectEigen(symmetrised(gaussian(seededRandom(n + 1), n, n), n), n);
  });

  test('trace and Frobenius norm are the sums of eigenvalues and of their squares', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 25 }), fc.integer(), (n, seed) => {
      const a = symmetrised(gaussian(seededRandom(seed), n, n), n);
      const values = symmetricEigenvalues(a, n);
      let trace = 0;
      for (let i = 0; i < n; i++) trace += a[i * n + i]!;
      expect(values.reduce((s, x) => s + x, 0)).toBeCloseTo(trace, 10);
      expect(values.reduce((s, x) => s + x * x, 0)).toBeCloseTo(a.reduce((s, x) => s + x * x, 0), 9);
    }), { seed: 8, numRuns: 60 });
  });

  test('the second-difference matrix has eigenvalues 2 − 2 cos(kπ/(n + 1))', () => {
    const n = 50;
    const a = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      a[i * n + i] = 2;
      if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
    }
    const exact = Float64Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos(((n - k) * Math.PI) / (n + 1)));
    expect(distance(expectEigen(a, n), exact)).toBeLessThan(1e-13);
  });

  test('clustered, graded, rank-deficient and diagonal spectra come back', () => {
    for (const spectrum of [[1, 1, 1, 1 - 1e-13, -1, -1], Array.from({ length: 16 }, (_, k) => 10 ** -k), [5, 3, 0, 0, 0, 0, 0, 0], [0, 0, 0]]) {
      expect(distance(expectEigen(fromSpectrum(9, spectrum), spectrum.length), Float64Array.from(spectrum))).toBeLessThanOrEqual(1e-14 * Math.max(1, spectrum[0]!));
    }
    const diagonal = new Float64Array(25);
    [3, -1, 4, 1, -5].forEach((value, i) => { diagonal[i * 6] = value; });
    expect(Array.from(expectEigen(diagonal, 5))).toEqual([4, 3, 1, -1, -5]);
  });

  test('Wilkinson W⁺(21) (Wilkinson 1965, p. 308): a pair that agrees to 13 digits, and a negative smallest value', () => {
    const values = expectEigen(wilkinson(21), 21);
    expect(values[0]).toBeCloseTo(10.746194182903393, 12);
    expect(values[1]).toBeCloseTo(10.746194182903322, 12);
    expect(values[20]).toBeCloseTo(-1.125441522119984, 12);
  });

  test('scaling by 2^±500 scales the values and nothing else', () => {
    const a = symmetrised(gaussian(seededRandom(12), 8, 8), 8);
    const values = symmetricEigenvalues(a, 8);
    for (const scale of [2 ** 500, 2 ** -500]) {
      expect(Array.from(symmetricEigenvalues(a.map((x) => x * scale), 8))).toEqual(Array.from(values, (x) => x * scale));
    }
  });

  test('the upper triangle is not read', () => {
    const a = symmetrised(gaussian(seededRandom(13), 9, 9), 9);
    const lower = a.map((entry, k) => (k % 9 > Math.floor(k / 9) ? 1e3 : entry));
    expect(Array.from(symmetricEigenvalues(lower, 9))).toEqual(Array.from(symmetricEigenvalues(a, 9)));
  });

  test('refuses NaN and a matrix that is not square', () => {
    expect(() => symmetricEigenvalues(Float64Array.of(1, 2, Number.NaN, 4), 2)).toThrow('the matrix has NaN in row 1, column 0');
    expect(() => symmetricEigenvalues(new Float64Array(6), 2)).toThrow('6 entries do not make a 2 × 2 matrix');
  });
});
