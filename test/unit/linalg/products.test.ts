/** Products on the engine: against a plain triple loop and ml-matrix, on every shape of edge, both builds, one and two threads. */
import { afterAll, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Matrix } from 'ml-matrix';
import { gram, gramOfRows, rankK } from '../../../src/linalg/dense/gram.ts';
import { multiply } from '../../../src/linalg/dense/multiply.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { engines, stopEngines } from './engines.ts';
import { distance, gaussian, timesTransposed, transpose } from './matrices.ts';

afterAll(stopEngines);

const shape = fc.record({ m: fc.integer({ min: 1, max: 90 }), k: fc.integer({ min: 1, max: 300 }), n: fc.integer({ min: 1, max: 90 }) });

describe.each(engines)('$name', ({ engine }) => {
  test('C = α op(A) op(B) + β C for any shape and transposition', async () => {
    const team = await engine;
    await fc.assert(fc.asyncProperty(shape, fc.integer(), fc.boolean(), fc.boolean(), fc.constantFrom(0, 1, -0.5), async ({ m, k, n }, seed, transposeA, transposeB, beta) => {
      const random = seededRandom(seed);
      const a = gaussian(random, m, k);
      const b = gaussian(random, k, n);
      const c = gaussian(random, m, n);
      const product = timesTransposed(a, transpose(b, k, n), m, n, k);
      const expected = product.map((entry, at) => 1.5 * entry + beta * c[at]!);
      const inPlace = c.slice();
      const result = await multiply({ a: transposeA ? transpose(a, m, k) : a, b: transposeB ? transpose(b, k, n) : b, m, k, n, transposeA, transposeB, alpha: 1.5, beta, c: inPlace }, {}, team);
      expect(result).toBe(inPlace);
      expect(distance(result, expected)).toBeLessThan(1e-14 * k + 1e-13);
    }), { seed: 3, numRuns: 60 });
  });

  test('a product of several slabs agrees with ml-matrix', async () => {
    const random = seededRandom(4);
    const [m, k, n] = [133, 530, 2070];
    const a = gaussian(random, m, k);
    const b = gaussian(random, k, n);
    const rows = (x: Float64Array, width: number): number[][] => Array.from({ length: x.length / width }, (_, i) => Array.from(x.subarray(i * width, (i + 1) * width)));
    const expected = new Matrix(rows(a, k)).mmul(new Matrix(rows(b, n))).to1DArray();
    expect(distance(await multiply({ a, b, m, k, n }, {}, await engine), Float64Array.from(expected))).toBeLessThan(1e-12);
  });

  test('A Aᵀ is the symmetric product of A with itself, from rows or columns of A, added or not', async () => {
    const team = await engine;
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 300 }), fc.integer(), async (n, k, seed) => {
      const random = seededRandom(seed);
      const a = gaussian(random, n, k);
      const exact = timesTransposed(a, a, n, n, k);
      const bound = 1e-14 * k + 1e-13;
      expect(distance(await gram(a, n, k, {}, team), exact)).toBeLessThan(bound);
      expect(distance(await rankK({ a: transpose(a, n, k), n, k, transposed: true }, {}, team), exact)).toBeLessThan(bound);
      const c = await gram(gaussian(random, n, 2), n, 2, {}, team);
      const sum = exact.map((entry, at) => c[at]! - 2 * entry);
      expect(distance(await rankK({ a, n, k, alpha: -2, beta: 1, c }, {}, team), sum)).toBeLessThan(2 * bound);
    }), { seed: 5, numRuns: 30 });
  });

  test('what C held is no matter when β is 0', async () => {
    const a = gaussian(seededRandom(6), 70, 70);
    const c = new Float64Array(70 * 70).fill(Number.NaN);
    expect(await multiply({ a, b: a, m: 70, k: 70, n: 70, c }, {}, await engine)).not.toContain(Number.NaN);
    expect(await rankK({ a, n: 70, k: 70, c: c.fill(Number.NaN) }, {}, await engine)).not.toContain(Number.NaN);
  });

  test('rows that come in chunks add up to AᵀA', async () => {
    const a = gaussian(seededRandom(7), 333, 80);
    let first = 0;
    const sum = await gramOfRows({
      columns: 80, chunkRows: 50,
      *next(rows) {
        const count = Math.min(50, 333 - first);
        rows.set(a.subarray(first * 80, (first + count) * 80));
        first += count;
        yield;
        return count;
      },
    }, {}, await engine);
    expect(distance(sum, await rankK({ a, n: 80, k: 333, transposed: true }, {}, await engine))).toBeLessThan(1e-12);
  });

  test('a product that is cut for want of memory is the same', async () => {
    const random = seededRandom(8);
    const [m, k, n] = [150, 400, 170];
    const a = gaussian(random, k, m);
    const b = gaussian(random, k, n);
    const whole = await multiply({ a, b, m, k, n, transposeA: true }, {}, await engine);
    expect(distance(await multiply({ a, b, m, k, n, transposeA: true }, { memoryLimitBytes: 3e6 }, await engine), whole)).toBeLessThan(1e-12);
    const square = await rankK({ a, n: m, k, transposed: true }, {}, await engine);
    expect(distance(await rankK({ a, n: m, k, transposed: true }, { memoryLimitBytes: 3e6 }, await engine), square)).toBeLessThan(1e-12);
  });
});

test('the number of threads does not change a bit of a product', async () => {
  const a = gaussian(seededRandom(9), 300, 700);
  const results = await Promise.all(engines.filter(({ build }) => build === 'plain').map(async ({ engine }) => gram(a, 300, 700, {}, await engine)));
  expect(results[0]).toEqual(results[1]);
});

test('an empty sum is zero, or what was there', async () => {
  const empty = new Float64Array(0);
  const c = Float64Array.of(1, 2, 3, 4);
  expect(await multiply({ a: empty, b: empty, m: 2, k: 0, n: 2, beta: 1, c })).toEqual(Float64Array.of(1, 2, 3, 4));
  expect(await multiply({ a: empty, b: empty, m: 2, k: 0, n: 2, c })).toEqual(new Float64Array(4));
  expect(await gram(empty, 2, 0)).toEqual(new Float64Array(4));
  expect(await multiply({ a: empty, b: empty, m: 0, k: 3, n: 0 })).toHaveLength(0);
});

test('a length that does not fit its shape is refused', async () => {
  await expect(multiply({ a: new Float64Array(5), b: new Float64Array(4), m: 2, k: 2, n: 2 })).rejects.toThrow('5 entries do not make a 2 × 2 matrix');
  await expect(gram(new Float64Array(5), 2, 2)).rejects.toThrow('5 entries do not make a 2 × 2 matrix');
});
