/** Fixtures that a framework wrote, against the tensors and values that it reads from them, bit for bit. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';

interface Expected {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** As stored; absent where the framework does not tell. */
  readonly bytes?: number;
  /** Little-endian float64 in row-major order; absent for elements that are not read. */
  readonly float64?: string;
}

function doubles(hex: string): Float64Array {
  return new Float64Array(new Uint8Array(Buffer.from(hex, 'hex')).buffer);
}

/** Equal bits, except that every NaN counts as the same one: which NaN a conversion gives is left to the processor. */
function expectSameNumbers(read: Float64Array, expected: Float64Array): void {
  expect(read.length).toBe(expected.length);
  for (let i = 0; i < read.length; i++) expect(Object.is(read[i], expected[i]), `element ${i}: ${read[i]!} for ${expected[i]!}`).toBe(true);
}

/** @param unread what reading an element type without values says */
export function describeFixture(path: string, expectedPath: string, unread: RegExp): void {
  const expected = JSON.parse(readFileSync(expectedPath, 'utf8')) as readonly Expected[];

  describe(path.slice(path.lastIndexOf('fixtures')), () => {
    it('has the tensors that the framework wrote', async () => {
      const opened = await openWeightFile(path);
      expect(opened.tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }))).toEqual(expected.map(({ name, dtype, shape }) => ({ name, dtype, shape })));
      for (const { name, bytes } of expected) if (bytes !== undefined) expect(opened.tensor(name)?.bytes, name).toBe(bytes);
      expect(opened.tensor('no such tensor')).toBeUndefined();
      await expect(opened.read('no such tensor')).rejects.toThrow(/"no such tensor"/);
      await opened.close();
    });

    it('gives the values that the framework reads, in ranges of any length and order', async () => {
      const opened = await openWeightFile(path);
      for (const { name, float64 } of expected) {
        if (float64 === undefined) {
          await expect(opened.read(name)).rejects.toThrow(unread);
          continue;
        }
        const whole = doubles(float64);
        expectSameNumbers(await opened.read(name), whole);
        for (const length of [1, 7, 64]) {
          for (let end = whole.length; end > 0; end -= length) {
            const start = Math.max(0, end - length);
            expectSameNumbers(await opened.read(name, start, end), whole.subarray(start, end));
          }
        }
        await expect(opened.read(name, 0, whole.length + 1)).rejects.toThrow(/were asked for/);
      }
      await opened.close();
    });
  });
}
