// Laws of the distance between two tensors: closed forms, invariances, and no size of weights at which they fail.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensorDistance } from '../../../src/weights/distance.ts';
import type { TensorDistance } from '../../../src/protocol/differenceTable.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';

const signal = new AbortController().signal;

/** A file of one tensor that lives in memory. */
function holding(values: readonly number[]): WeightFile {
  const tensor = { name: 't', dtype: 'F64', shape: [values.length], elements: values.length, bytes: 8 * values.length } as const;
  return {
    path: 'memory', format: 'memory', fileBytes: 0, tensors: [tensor], metadata: {}, warnings: [],
    tensor: () => tensor,
    read: (_, start = 0, end = values.length) => Promise.resolve(Float64Array.from(values.slice(start, end))),
    close: () => Promise.resolve(),
  };
}

const distance = (a: readonly number[], b: readonly number[]): Promise<TensorDistance> => tensorDistance(holding(a), holding(b), 't', signal);
const moderate = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const pair = fc.array(fc.tuple(moderate, moderate), { minLength: 1, maxLength: 50 }).map((pairs): [number[], number[]] => [pairs.map(([x]) => x), pairs.map(([, y]) => y)]);

describe('the distance between two tensors', () => {
  it('of (3, 4) and (3, 9): a side of five, an angle with cosine 45 / (5 √90)', async () => {
    const found = await distance([3, 4], [3, 9]);
    expect(found).toMatchObject({ norm: 5, l2: 5, relative: 1, largest: 5, different: 1, incomparable: 0 });
    expect(found.cosine).toBeCloseTo(45 / (5 * Math.sqrt(90)), 15);
  });

  it('is zero, with cosine one, exactly between equals', async () => {
    await fc.assert(fc.asyncProperty(fc.array(moderate, { minLength: 1 }).filter((values) => values.some((x) => x !== 0)), async (values) => {
      expect(await distance(values, values)).toMatchObject({ l2: 0, relative: 0, largest: 0, cosine: 1, different: 0 });
    }));
  });

  it('is the same both ways, and within the triangle of the norms', async () => {
    await fc.assert(fc.asyncProperty(pair, async ([a, b]) => {
      const [there, back] = [await distance(a, b), await distance(b, a)];
      expect(there.l2).toBe(back.l2);
      expect(there.largest).toBe(back.largest);
      expect(there.cosine).toEqual(back.cosine);
      const slack = 1e-12 * (there.norm + back.norm);
      expect(there.l2).toBeLessThanOrEqual(there.norm + back.norm + slack);
      expect(there.l2).toBeGreaterThanOrEqual(Math.abs(there.norm - back.norm) - slack);
      // ‖b − a‖² = ‖a‖² + ‖b‖² − 2⟨a, b⟩
      if (!Number.isNaN(there.cosine)) expect(there.l2 ** 2).toBeCloseTo(there.norm ** 2 + back.norm ** 2 - 2 * there.cosine * there.norm * back.norm, -Math.log10(1e-12 * (1 + there.norm ** 2 + back.norm ** 2)) - 1);
    }));
  });

  it.each([1e-300, 1e-200, 1e150, 1e300])('scales with the weights, also at %s', async (scale) => {
    const found = await distance([3 * scale, 4 * scale, 0], [3 * scale, 9 * scale, 0]);
    expect(found.norm / scale).toBeCloseTo(5, 12);
    expect(found.l2 / scale).toBeCloseTo(5, 12);
    expect(found.relative).toBeCloseTo(1, 12);
    expect(found.cosine).toBeCloseTo(45 / (5 * Math.sqrt(90)), 12);
  });

  it('of tensors of very different size is that of the larger', async () => {
    const found = await distance([1e-200, 2e-200], [1e200, 0]);
    expect(found.l2).toBeCloseTo(1e200, -188);
    expect(found.cosine).toBeCloseTo(1 / Math.sqrt(5), 12);
    expect(found.relative).toBe(Infinity);
  });

  it('leaves out what is not finite, and counts it where the files disagree', async () => {
    const found = await distance([NaN, NaN, Infinity, Infinity, 1], [NaN, 1, Infinity, -Infinity, 2]);
    expect(found).toMatchObject({ l2: 1, largest: 1, norm: 1, different: 3, incomparable: 2 });
  });

  it('is that of the whole over many pieces', async () => {
    const length = 2 ** 20 + 2 ** 19 + 3;
    const a = Array.from({ length }, (_, i) => Math.sin(i));
    const b = a.map((x, i) => (i % 1000 === 0 ? x + 1e-3 : x));
    const found = await distance(a, b);
    const moved = Math.ceil(length / 1000);
    expect(found.different).toBe(moved);
    expect(found.l2).toBeCloseTo(1e-3 * Math.sqrt(moved), 12);
    expect(found.norm).toBeCloseTo(Math.sqrt(a.reduce((sum, x) => sum + x * x, 0)), 8);
  });

  it('of nothing is zero', async () => {
    expect(await distance([], [])).toMatchObject({ l2: 0, relative: 0, different: 0 });
  });
});
