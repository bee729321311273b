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

  test('normal numbers in bulk have the moments and the tails of the normal distribution, within five standard errors', () => {
    const x = seededRandom(5).normals(new Float64Array(1_000_000));
    const moment = (power: number): number => x.reduce((sum, value) => sum + value ** power, 0) / x.length;
    const error = 5 / Math.sqrt(x.length);
    expect(Math.abs(moment(1))).toBeLessThan(error);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(error * Math.SQRT2);
    expect(Math.abs(moment(3))).toBeLessThan(error * Math.sqrt(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(error * Math.sqrt(96));
    // P(|x| > t) at places in the wedges of high, middle and low layers, where the tail begins, and in it.
    for (const [t, p] of [[0.1, 0.920344325], [0.7, 0.483927304], [1.5, 0.133614403], [2.5, 0.012419331], [3.6541528853610088, 2.580324877e-4], [4, 6.334248367e-5]] as const) {
      const beyond = x.reduce((sum, value) => sum + (Math.abs(value) > t ? 1 : 0), 0);
      expect(Math.abs(beyond - x.length * p), String(t)).toBeLessThan(5 * Math.sqrt(x.length * p * (1 - p)));
    }
    let neighbours = 0;
    for (let k = 1; k < x.length; k++) neighbours += x[k]! * x[k - 1]!;
    expect(Math.abs(neighbours / x.length)).toBeLessThan(error);
    expect(seededRandom(5).normals(new Float64Array(10))).toEqual(x.slice(0, 10));
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
