/** The table of tensors in a terminal: never wider than it may be, nothing cut but names that are too long. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensorLines } from '../../../src/cli/tensorLines.ts';
import type { ListedTensor } from '../../../src/protocol/tensorTable.ts';

const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const count = fc.nat({ max: 2 ** 31 - 1 });
const statistics = fc.record({
  count, min: number, max: number, mean: number, standardDeviation: number, norm: number, zeros: count, nan: count, infinite: count, resolution: number, quantiles: fc.array(number, { minLength: 7, maxLength: 7 }),
});
const tensor: fc.Arbitrary<ListedTensor> = fc.record({
  name: fc.string({ unit: 'grapheme', maxLength: 200 }), dtype: fc.constantFrom('F32', 'BF16', 'F8_E4M3FNUZ', 'Q4_K'), shape: fc.array(fc.nat({ max: 99_999 }), { maxLength: 3 }), elements: count, bytes: count, statistics,
});

describe('tensors in a terminal', () => {
  it('take at most 120 columns, or the width of a wider terminal', () => {
    fc.assert(fc.property(fc.array(tensor, { minLength: 1, maxLength: 8 }), fc.integer({ min: 20, max: 240 }), (tensors, columns) => {
      const lines = tensorLines(tensors, columns);
      expect(lines).toHaveLength(tensors.length + 1);
      expect(Math.max(...lines.map((line) => Array.from(line).length))).toBeLessThanOrEqual(Math.max(120, columns));
      expect(lines[0]).toMatch(/^name +dtype +shape/);
    }), { seed: 24, numRuns: 200 });
  });

  it('show all there is when it fits, and columns of counts only where something was counted', () => {
    const [some] = fc.sample(tensor, { seed: 1, numRuns: 1 });
    const all = { ...some!, name: 'a', shape: [2], dtype: 'F32', elements: 2, bytes: 8, statistics: { ...some!.statistics!, min: 0, max: 1, mean: 0.5, standardDeviation: 0.5, norm: 1, quantiles: [0, 0, 0.25, 0.5, 0.75, 1, 1], zeros: 1, nan: 0, infinite: 0 } };
    expect(tensorLines([all], 80)).toEqual([
      'name  dtype  shape  elements     size  min  median  max  mean  std  norm  zeros',
      'a     F32    2             2  8 bytes    0     0.5    1   0.5  0.5     1      1',
    ]);
    const { name, dtype, shape, elements, bytes } = all;
    expect(tensorLines([{ name, dtype, shape, elements, bytes }], 80)[0]).toBe('name  dtype  shape  elements     size');
    expect(tensorLines([all, { name, dtype: 'Q4_0', shape, elements, bytes }], 80)[2]).toBe('a     Q4_0   2             2  8 bytes    –       –    –     –    –     –      –');
    expect(tensorLines([{ name, dtype, shape, elements, bytes, stored: { dtype: 'U8', count: 2, elementsEach: 1 } }], 80)[1]).toContain('F32 as U8');
  });

  it('keep both ends of a long name', () => {
    const name = `model.${'layers.'.repeat(20)}7.weight`;
    const [, line] = tensorLines([{ name, dtype: 'F32', shape: [2], elements: 2, bytes: 8 }], 80);
    expect(line).toMatch(/^model\.layers.*….*layers\.7\.weight {2}F32/);
    expect(Array.from(line!.split('  ')[0]!)).toHaveLength(60);
  });
});
