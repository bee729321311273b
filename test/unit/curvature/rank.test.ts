/** The rank and its bracket: certain across a clear gap, honest without one. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { rankEstimate, type RankEstimate } from '../../../src/curvature/rank.ts';

function estimate(values: readonly number[], bound = values.length, resolution = 100 * Number.EPSILON): RankEstimate {
  return rankEstimate({ singularValues: Float64Array.from(values), rows: 100, columns: values.length, resolution, floor: Number.EPSILON, bound });
}

describe('rank estimate', () => {
  test('a clear gap decides: [k, k], and the gap is reported', () => {
    const result = estimate([3, 1, 0.2, 5e-16, 1e-17, 0]);
    expect(result).toMatchObject({ rank: 3, bracket: [3, 3], gap: [0.2, 5e-16] });
    expect(result.tolerance).toBeCloseTo(300 * Number.EPSILON, 28);
  });

  test('a method that squares knows nothing below its resolution: the bracket reaches to the bound, unless the rank does', () => {
    const coarse = 1e-7;
    expect(estimate([3, 1, 0.2, 1e-9, 0, 0], 5, coarse)).toMatchObject({ rank: 3, bracket: [3, 5] });
    expect(estimate([3, 1, 0.2, 1e-9, 0, 0], 3, coarse)).toMatchObject({ rank: 3, bracket: [3, 3] });
  });

  test('full rank and zero matrices', () => {
    expect(estimate([3, 2, 1])).toMatchObject({ rank: 3, bracket: [3, 3], gap: [1, 0] });
    expect(estimate([0, 0])).toMatchObject({ rank: 0, bracket: [0, 0], tolerance: 0, gap: [0, 0] });
    expect(estimate([])).toMatchObject({ rank: 0, bracket: [0, 0] });
  });

  test('values that run into rounding leave the rank open up to the bound', () => {
    const decay = Array.from({ length: 20 }, (_, k) => 10 ** -k);
    const { rank, bracket } = estimate(decay, 18);
    // τ = 100 ε = 2.2e-14: fourteen values above it, thirteen above ten times that.
    expect(rank).toBe(14);
    expect(bracket).toEqual([13, 18]);
  });

  test('a gap below the tolerance closes the bracket from above', () => {
    const values = [1, 1e-3, 1e-6, 1e-12, 1e-13, 3e-14, 1e-14, ...Array.from({ length: 5 }, () => 1e-18)];
    // 1e-14 / ε is 45: no clear gap. With coarser values it is.
    expect(estimate(values, 12).bracket[1]).toBe(12);
    expect(estimate([1, 1e-3, 1e-12, 2e-13, 5e-14, 1e-17], 6).bracket).toEqual([3, 5]);
  });

  test('exact zeros under rounding are no gap', () => {
    expect(estimate([1, 1e-13, 1e-14, 1e-15, 1e-16, 0, 0], 7).bracket).toEqual([1, 7]);
  });

  test('the Gram route counts nothing below its own resolution', () => {
    const result = rankEstimate({ singularValues: Float64Array.of(1, 1e-3, 1e-7, 1e-8), rows: 100, columns: 4, resolution: Math.sqrt(100 * Number.EPSILON), floor: Math.sqrt(Number.EPSILON), bound: 4 });
    expect(result.rank).toBe(2);
    // The two below it may be small and real.
    expect(result.bracket).toEqual([2, 4]);
  });

  test('the bracket holds the rank, the rank is scale-free, and bracket grows with the bound only', () => {
    const values = fc.array(fc.double({ min: -20, max: 2, noNaN: true }), { maxLength: 30 }).map((powers) => powers.map((power) => 10 ** power).sort((a, b) => b - a));
    fc.assert(fc.property(values, fc.integer({ min: -40, max: 40 }), (singular, power) => {
      const result = estimate(singular);
      expect(result.bracket[0]).toBeLessThanOrEqual(result.rank);
      expect(result.bracket[1]).toBeGreaterThanOrEqual(result.rank);
      expect(result.bracket[1]).toBeLessThanOrEqual(singular.length);
      const scaled = estimate(singular.map((value) => value * 2 ** power));
      expect([scaled.rank, ...scaled.bracket]).toEqual([result.rank, ...result.bracket]);
    }), { seed: 4, numRuns: 200 });
  });
});
