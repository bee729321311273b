/** Rows made orthonormal, also those that nearly depend on others and those of extreme size. */
import { describe, expect, it } from 'vitest';
import { orthonormaliseRows } from '../../../src/linalg/orthonormalRows.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { gaussian, timesTransposed } from './matrices.ts';

const random = seededRandom(2);

function expectOrthonormal(q: Float64Array, m: number, n: number, zeros = new Set<number>()): void {
  const gram = timesTransposed(q, q, m, m, n);
  for (let i = 0; i < m; i++) for (let j = 0; j < m; j++) expect(Math.abs(gram[i * m + j]! - (i === j && !zeros.has(i) ? 1 : 0))).toBeLessThan(1e-13);
}

describe('orthonormal rows', () => {
  it.each([[1, 1], [3, 3], [20, 31], [70, 200]])('%i × %i: orthonormal, and the first k span what the first k spanned', async (m, n) => {
    const a = gaussian(random, m, n);
    const q = a.slice();
    expect(await orthonormaliseRows(q, m, n)).toBe(m);
    expectOrthonormal(q, m, n);
    const coefficients = timesTransposed(a, q, m, m, n);
    for (let i = 0; i < m; i++) {
      for (let j = i + 1; j < m; j++) expect(Math.abs(coefficients[i * m + j]!)).toBeLessThan(1e-12 * Math.sqrt(n));
      expect(coefficients[i * m + i]!).toBeGreaterThan(0);
    }
  });

  it('rows that are nearly those before them, of sizes from 1 to 1e-100', async () => {
    const [m, n] = [80, 150];
    const base = gaussian(random, m, n);
    const a = Float64Array.from({ length: m * n }, (_, k) => {
      const i = Math.floor(k / n);
      // Each row is the one before it and a millionth of something new.
      return 10 ** (-1.25 * i) * (base[k % n]! + 1e-6 * base[k]!);
    });
    expect(await orthonormaliseRows(a, m, n)).toBe(m);
    expectOrthonormal(a, m, n);
  });

  it('leaves nothing of a row that is a combination of others', async () => {
    const [m, n] = [40, 60];
    const a = gaussian(random, m, n);
    for (let k = 0; k < n; k++) a[37 * n + k] = 2 * a[k]! - 3 * a[5 * n + k]!;
    expect(await orthonormaliseRows(a, m, n)).toBe(m - 1);
    expectOrthonormal(a, m, n, new Set([37]));
  });
});
