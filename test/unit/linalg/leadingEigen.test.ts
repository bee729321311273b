/** Leading eigenpairs are those of the whole decomposition. */
import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { leadingEigen } from '../../../src/linalg/leadingEigen.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { symmetricEigenvalues } from '../../../src/linalg/symmetricEigen.ts';
import { distance, gaussian, identity, timesTransposed } from './matrices.ts';

function gramOf(n: number, rank: number, decay: number, seed: number): Float64Array {
  const a = gaussian(seededRandom(seed), n, rank).map((value, k) => value * decay ** (k % rank));
  return timesTransposed(a, a, n, n, rank);
}

describe('leading eigenpairs', () => {
  it.each([
    ['a small matrix', gramOf(20, 30, 1, 1), 20],
    ['a flat spectrum', gramOf(200, 400, 1, 2), 200],
    ['a falling spectrum', gramOf(250, 250, 0.9, 3), 250],
    ['a rank below what is asked for', gramOf(180, 4, 0.5, 4), 180],
    ['zero', new Float64Array(170 * 170), 170],
  ])('of %s', (_, a, n) => {
    const count = 10;
    const { values, vectors } = complete(leadingEigen(a, n, count, seededRandom(9)));
    const whole = symmetricEigenvalues(a, n).slice(0, count);
    const scale = Math.max(whole[0]!, Number.MIN_VALUE);
    expect(distance(values, whole)).toBeLessThanOrEqual(1e-9 * scale);
    expect(distance(timesTransposed(vectors, vectors, count, count, n), identity(count))).toBeLessThanOrEqual(1e-9);
    const product = timesTransposed(vectors, a, count, n, n);
    expect(distance(product, vectors.map((entry, k) => entry * values[Math.floor(k / n)]!))).toBeLessThanOrEqual(1e-8 * scale);
  });

  it('are all of a matrix that has fewer', () => {
    expect([...complete(leadingEigen(Float64Array.of(2, 0, 0, 5), 2, 10, seededRandom(1))).values]).toEqual([5, 2]);
  });
});
