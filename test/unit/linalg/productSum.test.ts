/** Sums of products on plain arrays and in the engine's memory: against three loops, in both layouts, and the assignments on them. */
import { describe, expect, test } from 'vitest';
import { leastCostAssignment } from '../../../src/linalg/assignment.ts';
import { sharedEngine, startedEngine } from '../../../src/linalg/engine/engine.ts';
import { complete, interruptibly, type Interruptible } from '../../../src/linalg/interruptible.ts';
import { type ProductSums, withProductSums } from '../../../src/linalg/productSum.ts';
import { seededRandom } from '../../../src/linalg/random.ts';

const SIZES = [37, 64, 5, 1];
const DEPTH = 50;

/** Writes A and B, n × k, into the operands, in either layout. */
function write(sums: ProductSums, n: number, k: number, layout: 'rows' | 'columns', a: Float64Array, b: Float64Array): void {
  for (let i = 0; i < n; i++) {
    for (let l = 0; l < k; l++) {
      const at = layout === 'rows' ? i * k + l : l * n + i;
      sums.left[at] = a[i * k + l]!;
      sums.right[at] = b[i * k + l]!;
    }
  }
}

function* addSome(sums: ProductSums): Interruptible<{ readonly found: Float64Array[]; readonly expected: Float64Array[] }> {
  const random = seededRandom(4);
  const expected = SIZES.map((n) => new Float64Array(n * n));
  for (let round = 0; round < 12; round++) {
    const c = round % SIZES.length;
    const n = SIZES[c]!;
    const k = 1 + random.below(DEPTH);
    const [a, b] = [Float64Array.from({ length: n * k }, () => random.normal()), Float64Array.from({ length: n * k }, () => random.normal())];
    const layout = round % 3 === 0 ? 'columns' : 'rows';
    write(sums, n, k, layout, a, b);
    sums.add(c, k, layout);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) for (let l = 0; l < k; l++) expected[c]![i * n + j]! += a[i * k + l]! * b[j * k + l]!;
    yield;
  }
  return { found: sums.sums.map((sum) => sum.slice()), expected };
}

function expectSums(): void {
  const { found, expected } = complete(withProductSums('A test', SIZES, DEPTH, addSome));
  expected.forEach((sum, c) => { sum.forEach((value, k) => { expect(found[c]![k]).toBeCloseTo(value, 10); }); });
}

function* assigned(sums: ProductSums): Interruptible<void> {
  yield* addSome(sums);
  for (const [c, n] of SIZES.entries()) {
    for (const reading of ['gains', 'magnitudes'] as const) {
      const costs = sums.sums[c]!.map((gain) => (reading === 'gains' ? -gain : -Math.abs(gain)));
      const { columns, cost } = yield* sums.assign(c, reading);
      const known = complete(leastCostAssignment(costs, n));
      expect(new Set(columns).size).toBe(n);
      expect(cost).toBeCloseTo(known.cost, 8);
      expect(columns.reduce((sum, column, row) => sum + costs[row * n + column]!, 0)).toBeCloseTo(known.cost, 8);
      // From the assignment before it, the same again.
      expect((yield* sums.assign(c, reading, { columns, columnPrices: known.columnPrices })).cost).toBeCloseTo(known.cost, 8);
    }
  }
}

function* tooDeep(sums: ProductSums): Interruptible<void> {
  yield;
  sums.add(0, DEPTH + 1, 'rows');
}

// In this order: what comes first has no engine yet.
describe('sums of products', () => {
  test('without an engine', () => {
    expect(startedEngine()).toBeUndefined();
    expectSums();
    complete(withProductSums('A test', SIZES, DEPTH, assigned));
    expect(() => { complete(withProductSums('A test', SIZES, DEPTH, tooDeep)); }).toThrow(`products of depth ${DEPTH + 1} are added where at most ${DEPTH} was announced`);
  });

  test('on the engine', async () => {
    await sharedEngine();
    expect(startedEngine()).toBeDefined();
    expectSums();
    complete(withProductSums('A test', SIZES, DEPTH, assigned));
    expect(() => { complete(withProductSums('A test', SIZES, DEPTH, tooDeep)); }).toThrow(`products of depth ${DEPTH + 1} are added where at most ${DEPTH} was announced`);
  });

  test('on the engine begin at zero, whatever was there before, and are free again after a cancelled run', async () => {
    const engine = await sharedEngine();
    const start = complete(withProductSums('A test', SIZES, DEPTH, function* (sums): Interruptible<number> {
      yield;
      sums.sums[0]!.fill(9);
      return sums.sums[0]!.byteOffset;
    }));
    const stop = new AbortController();
    setTimeout(() => { stop.abort(new Error('enough')); }, 5);
    await expect(interruptibly(withProductSums('A test', SIZES, DEPTH, function* (sums): Interruptible<never> {
      sums.sums[1]!.fill(8);
      for (;;) yield;
    }), stop.signal)).rejects.toThrow('enough');
    complete(withProductSums('A test', SIZES, DEPTH, function* (sums): Interruptible<void> {
      yield;
      expect(sums.sums[0]!.byteOffset).toBe(start);
      for (const sum of sums.sums) expect(sum.every((value) => value === 0)).toBe(true);
    }));
    expect(engine.memoryBytes).toBeGreaterThan(0);
  });
});
