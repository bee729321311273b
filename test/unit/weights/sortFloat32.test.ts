/** Sorting of float32 by their bits. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sortedFinite } from '../../../src/weights/sortFloat32.ts';

it('orders every pattern of bits as its number, and leaves out what is not finite', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 5000, size: 'max' }), fc.nat({ max: 50 }), (patterns, zeros) => {
    const words = Uint32Array.from([...patterns, ...Array<number>(zeros).fill(0x80000000), ...Array<number>(zeros).fill(0)]);
    const values = new Float32Array(words.buffer);
    // Comparison by `<`, then by sign: -0 before 0, as the typed arrays of the language sort.
    const expected = Float64Array.from(values.filter(Number.isFinite).sort());
    const sorted = sortedFinite(values);
    expect(sorted).toHaveLength(expected.length);
    expect(sorted.every((value, i) => Object.is(value, expected[i]))).toBe(true);
  }), { seed: 25, numRuns: 60 });
});
