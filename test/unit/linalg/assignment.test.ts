import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastCostAssignment, type Assignment } from '../../../src/linalg/assignment.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import figures from './assignment.scipy.json' with { type: 'json' };

const solve = (cost: Float64Array, n: number): Assignment => complete(leastCostAssignment(cost, n));

/** The prices prove that nothing costs less: weak duality. */
function expectOptimal(cost: Float64Array, n: number, { columns, cost: total, rowPrices, columnPrices }: Assignment): void {
  expect([...columns].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
  const size = cost.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  let dual = 0;
  let slack = Number.POSITIVE_INFINITY;
  let paid = 0;
  for (let i = 0; i < n; i++) {
    dual += rowPrices[i]! + columnPrices[i]!;
    paid += cost[i * n + columns[i]!]!;
    for (let j = 0; j < n; j++) slack = Math.min(slack, cost[i * n + j]! - rowPrices[i]! - columnPrices[j]!);
  }
  expect(paid).toBe(total);
  expect(slack).toBeGreaterThanOrEqual(-1e-13 * size);
  expect(Math.abs(total - dual)).toBeLessThanOrEqual(1e-13 * size * n);
}

/** Every order tried. */
function leastByTrial(cost: Float64Array, n: number, row = 0, used = 0): number {
  if (row === n) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (let j = 0; j < n; j++) if ((used & (1 << j)) === 0) least = Math.min(least, cost[row * n + j]! + leastByTrial(cost, n, row + 1, used | (1 << j)));
  return least;
}

describe('least cost assignment', () => {
  it.each(figures)('SciPy finds the same cost for n = $n', ({ n, cost: least, tied }) => {
    const cost = Float64Array.from({ length: n * n }, (_, k) => (Math.sin(1 + k) * 1e4) % 1);
    // One sine in a million rounds differently between platforms' libraries; the fraction magnifies that by 1e4.
    expect(solve(cost, n).cost).toBeCloseTo(least, 9);
    expect(solve(cost.map((value) => roundHalfEven(value * 10)), n).cost).toBe(tied);
  });

  it('costs no more than any other order', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 6 }).chain((n) => fc.tuple(fc.constant(n), fc.array(fc.oneof(fc.double({ min: -5, max: 5, noNaN: true }), fc.integer({ min: 0, max: 3 })), { minLength: n * n, maxLength: n * n }))), ([n, values]) => {
      const cost = Float64Array.from(values);
      const assignment = solve(cost, n);
      expectOptimal(cost, n, assignment);
      expect(assignment.cost).toBeCloseTo(leastByTrial(cost, n), 10);
    }));
  });

  it.each<[string, (random: ReturnType<typeof seededRandom>, i: number, j: number) => number]>([
    ['uniform', (random) => random.uniform()],
    ['few values, many ties', (random) => random.below(3)],
    ['all alike', () => 7],
    ['products of ranks', (_, i, j) => -(i + 1) * (j + 1)],
    ['scales from 1e-150 to 1e150', (random, i) => random.normal() * 10 ** ((i % 31) * 10 - 150)],
  ])('proves itself by its prices: %s', (_, entry) => {
    const random = seededRandom(3);
    for (const n of [1, 2, 17, 120]) {
      const cost = Float64Array.from({ length: n * n }, (__, k) => entry(random, Math.floor(k / n), k % n));
      expectOptimal(cost, n, solve(cost, n));
    }
  });

  it('is as good from any prices', () => {
    const random = seededRandom(5);
    for (const n of [1, 2, 17, 90]) {
      const cost = Float64Array.from({ length: n * n }, () => random.normal());
      const { cost: least, columnPrices } = solve(cost, n);
      const nearly = cost.map((value) => value + 0.01 * random.normal());
      for (const prices of [columnPrices, new Float64Array(n), Float64Array.from({ length: n }, () => 1e6 * random.normal())]) {
        const again = complete(leastCostAssignment(cost, n, prices));
        // Prices of 1e6 leave that much less of the costs.
        expect(again.cost).toBeCloseTo(least, 8);
      }
      expectOptimal(nearly, n, complete(leastCostAssignment(nearly, n, columnPrices)));
    }
  });

  it('finds a hidden order', () => {
    const random = seededRandom(1);
    const n = 300;
    const hidden = random.permutation(n);
    const rows = Float64Array.from({ length: n * 20 }, () => random.normal());
    const cost = Float64Array.from({ length: n * n }, (_, k) => {
      let square = 0;
      for (let t = 0; t < 20; t++) square += (rows[Math.floor(k / n) * 20 + t]! - rows[hidden[k % n]! * 20 + t]!) ** 2;
      return square;
    });
    const { columns, cost: total } = solve(cost, n);
    expect(total).toBe(0);
    for (let i = 0; i < n; i++) expect(hidden[columns[i]!]).toBe(i);
  });

  it('refuses what is not finite or not square', () => {
    expect(() => solve(Float64Array.of(1, Number.NaN, 3, 4), 2)).toThrow('the cost of row 0, column 1 is NaN');
    expect(() => solve(new Float64Array(3), 2)).toThrow('an assignment of 2 needs 4 costs, there are 3');
    expect(solve(new Float64Array(), 0).cost).toBe(0);
  });
});

function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
