/** Products that cannot wait: the same before and after the engine has started, added to what C holds, only as far as the shapes reach. */
import { afterAll, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { sharedEngine, startedEngine } from '../../../src/linalg/engine/engine.ts';
import { addProduct, type ProductForm } from '../../../src/linalg/product.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { distance, gaussian, timesTransposed, transpose } from './matrices.ts';

const shape = fc.record({ m: fc.integer({ min: 1, max: 70 }), n: fc.integer({ min: 1, max: 70 }), k: fc.integer({ min: 1, max: 70 }), seed: fc.nat() });

function holds(form: ProductForm): void {
  fc.assert(fc.property(shape, ({ m, n, k, seed }) => {
    const random = seededRandom(seed);
    const [a, b, c] = [gaussian(random, m, k), gaussian(random, n, k), gaussian(random, m, n + 1)];
    const exact = timesTransposed(a, b, m, n, k).map((value, at) => value + c[at]!);
    const sum = c.slice();
    addProduct(sum, form === 'tn' ? transpose(a, m, k) : a, form === 'nt' ? b : transpose(b, n, k), m, n, k, form);
    expect(distance(sum.slice(0, m * n), exact)).toBeLessThan(1e-13 * Math.hypot(...exact));
    expect(sum.slice(m * n)).toEqual(c.slice(m * n));
  }), { seed: 5, numRuns: 60 });
}

afterAll(async () => { await (await sharedEngine()).stop(); });

describe('products that cannot wait', () => {
  test.each<ProductForm>(['nn', 'nt', 'tn'])('%s by plain loops', (form) => {
    expect(startedEngine()).toBeUndefined();
    holds(form);
  });

  test.each<ProductForm>(['nn', 'nt', 'tn'])('%s on the engine', async (form) => {
    await sharedEngine();
    expect(startedEngine()).toBeDefined();
    holds(form);
  });

  test('refuse arrays that are too short', () => {
    expect(() => { addProduct(new Float64Array(4), new Float64Array(3), new Float64Array(4), 2, 2, 2, 'nn'); }).toThrow('too short for a product of 2 × 2 and 2 × 2');
  });
});
