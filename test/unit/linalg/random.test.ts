/** Laws of the seeded generator: same seed, same numbers; moments of its distributions; permutations are uniform. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';

const DRAWS = 200_000;

describe('seeded random numbers', () => {
  test('the same seed gives the same numbers; another seed, also one beyond 32 bits, gives others', () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 50 }, () => [random.uniform(), random.normal(), random.below(1000)]).flat();
    };
    expect(draw(42)).toEqual(draw(42));
    const seeds = [0, 1, 42, 42 + 2 ** 32, 42 + 2 ** 33, -42];
    expect(new Set(seeds.map((seed) => draw(seed).join())).size).toBe(seeds.length);
  });

  test('uniform draws lie in [0, 1) and fill 20 cells evenly (χ² with 19 degrees of freedom, 1e-6 quantile 66)', () => {
    const random = seededRandom(1);
    const cells = new Float64Array(20);
    for (let k = 0; k < DRAWS; k++) {
      const u = random.uniform();
      expect(u >= 0 && u < 1).toBe(true);
      cells[Math.floor(20 * u)]! += 1;
    }
    const chiSquared = cells.reduce((sum, count) => sum + (count - DRAWS / 20) ** 2 / (DRAWS / 20), 0);
    expect(chiSquared).toBeLessThan(66);
  });

  test('normal draws have the moments 0, 1, 0, 3 and no correlation of neighbours, within five standard errors', () => {
    const random = seededRandom(2);
    const x = Float64Array.from({ length: DRAWS }, () => random.normal());
    const moment = (power: number): number => x.reduce((sum, value) => sum + value ** power, 0) / DRAWS;
    const error = 5 / Math.sqrt(DRAWS);
    expect(Math.abs(moment(1))).toBeLessThan(error);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(error * Math.SQRT2);
    expect(Math.abs(moment(3))).toBeLessThan(error * Math.sqrt(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(error * Math.sqrt(96));
    let neighbours = 0;
    for (let k = 1; k < DRAWS; k++) neighbours += x[k]! * x[k - 1]!;
    expect(Math.abs(neighbours / DRAWS)).toBeLessThan(error);
  });

  test('permutations hold each index once, and all six orders of three come equally often', () => {
    const random = seededRandom(3);
    expect(Array.from(random.permutation(100)).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, k) => k));
    expect(random.permutation(0)).toHaveLength(0);
    const counts = new Map<string, number>();
    for (let k = 0; k < 60_000; k++) {
      const order = random.permutation(3).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Five standard deviations of a binomial with n = 60,000, p = 1/6.
    for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(5 * 91.3);
  });
});
