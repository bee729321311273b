/** The assignment problem: never worse than any other order, and the costs that SciPy finds. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { leastCostAssignment, solve as solveWith, type Assignment, type Nearby } from '../../../src/linalg/assignment.ts';
import { assignmentSpace, EngineSolver, type Reading } from '../../../src/linalg/engine/assignment.ts';
import { Engine } from '../../../src/linalg/engine/engine.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import figures from './assignment.scipy.json' with { type: 'json' };

type Solve = (cost: Float64Array, n: number, nearby?: Nearby) => Assignment;
const plain: Solve = (cost, n, nearby) => complete(leastCostAssignment(cost, n, nearby));

/** The kernels, whatever the size. */
function onEngine(engine: Engine, matrix: Float64Array, n: number, nearby?: Nearby, reading: Reading = 'costs'): Assignment {
  return engine.runNow('A test', (scope) => {
    const address = scope.allocate(n * n);
    scope.view(address, n * n).set(matrix);
    return complete(solveWith(new EngineSolver(scope, assignmentSpace(scope, n), address, n, reading), nearby));
  });
}

const engines = await Promise.all((['relaxed', 'plain'] as const).map((build) => Engine.start({ build, threads: 1 })));
afterAll(async () => { for (const engine of engines) await engine.stop(); });

const solvers: readonly (readonly [string, Solve])[] = [
  ['plain loops', plain],
  ...engines.map((engine) => [`${engine.build} SIMD`, (cost, n, nearby) => onEngine(engine, cost, n, nearby)] as const satisfies [string, Solve]),
];

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

describe.each(solvers)('least cost assignment by %s', (_, solve) => {
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
  ])('proves itself by its prices: %s', (__, entry) => {
    const random = seededRandom(3);
    for (const n of [1, 2, 3, 17, 120]) {
      const cost = Float64Array.from({ length: n * n }, (___, k) => entry(random, Math.floor(k / n), k % n));
      expectOptimal(cost, n, solve(cost, n));
    }
  });

  it('is as good from any prices and pairs', () => {
    const random = seededRandom(5);
    for (const n of [1, 2, 17, 90]) {
      const cost = Float64Array.from({ length: n * n }, () => random.normal());
      const cold = solve(cost, n);
      const none = new Int32Array(n).fill(-1);
      const starts: Nearby[] = [
        cold,
        { columns: none, columnPrices: cold.columnPrices },
        { columns: cold.columns.toReversed(), columnPrices: new Float64Array(n) },
        // A column that several rows have is one row's at most.
        { columns: new Int32Array(n), columnPrices: Float64Array.from({ length: n }, () => 10 * random.normal()) },
        { columns: random.permutation(n), columnPrices: Float64Array.from({ length: n }, () => 1e6 * random.normal()) },
      ];
      for (const start of starts) {
        // Prices of 1e6 leave that much less of the costs.
        expect(solve(cost, n, start).cost).toBeCloseTo(cold.cost, 8);
      }
      expect(solve(cost, n, cold).columns).toEqual(cold.columns);
      for (const size of [1e-9, 0.01, 1]) {
        const nearly = cost.map((value) => value + size * random.normal());
        const warm = solve(nearly, n, cold);
        expectOptimal(nearly, n, warm);
        expect(warm.cost).toBeCloseTo(solve(nearly, n).cost, 10);
      }
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
    expect(() => solve(Float64Array.of(1, 2, Number.NEGATIVE_INFINITY, 4), 2, { columns: Int32Array.of(0, 1), columnPrices: new Float64Array(2) })).toThrow('the cost of row 1, column 0 is -Infinity');
    // Sums of such would not be finite.
    expect(() => solve(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, -1e303), 3)).toThrow('the cost of row 2, column 2 is -1e+303');
    expect(() => plain(new Float64Array(3), 2)).toThrow('an assignment of 2 needs 4 costs, there are 3');
    expect(solve(new Float64Array(), 0).cost).toBe(0);
  });
});

describe.each(engines.map((engine) => [engine.build, engine] as const))('assignment of a matrix that lies on the engine, %s SIMD', (_, engine) => {
  it.each<[Reading, (gain: number) => number]>([['gains', (gain) => -gain], ['magnitudes', (gain) => -Math.abs(gain)]])('reads %s', (reading, costOf) => {
    const random = seededRandom(8);
    for (const n of [1, 5, 64, 101]) {
      const matrix = Float64Array.from({ length: n * n }, () => random.normal());
      const cost = matrix.map(costOf);
      const cold = onEngine(engine, matrix, n, undefined, reading);
      expectOptimal(cost, n, cold);
      expect(cold.columns).toEqual(plain(cost, n).columns);
      const nearly = matrix.map((value) => value + 0.05 * random.normal());
      expectOptimal(nearly.map(costOf), n, onEngine(engine, nearly, n, cold, reading));
    }
  });
});

function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
