/** The compiled inner loops against the plain ones: equal counts, and sums that differ by rounding only. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { plainKernel, statisticsKernel, type StatisticsKernel } from '../../../src/weights/statisticsKernel.ts';
import { StatisticsReader } from '../../../src/weights/statistics.ts';
import { generated, plainFile } from './generatedArrays.ts';

const compiled = await statisticsKernel();
const plain = plainKernel();
const both: readonly StatisticsKernel[] = [compiled, plain];

/** Positions and values of counts that are not zero, which are zero afterwards. */
function takeCounts({ counts }: StatisticsKernel): [number, number][] {
  const taken: [number, number][] = [];
  for (let i = 0; i < counts.length; i++) if (counts[i] !== 0) taken.push([i, counts[i]!]);
  counts.fill(0);
  return taken;
}

function write({ bytes }: StatisticsKernel, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
}

it('are two implementations', () => {
  expect(compiled.bytes.buffer).not.toBe(plain.bytes.buffer);
  expect(compiled.bytes.buffer.byteLength).toBe(161 * 65536);
});

describe('float32', () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });

  it('agree on any finite numbers, about any guess, for any length', () => {
    fc.assert(fc.property(fc.array(float, { minLength: 1, maxLength: 67 }), float, fc.nat({ max: 100 }), (numbers, guess, start) => {
      const values = Float32Array.from(numbers);
      const [a, b] = both.map((kernel) => {
        write(kernel, 4 * start, values);
        return { sums: { ...kernel.float32(4 * start, values.length, guess) }, counts: takeCounts(kernel) };
      });
      expect(a!.counts).toEqual(b!.counts);
      expect(a!.counts.reduce((sum, [, count]) => sum + count, 0)).toBe(values.length);
      const { min, max, zeros, mean, squaresAboutMean } = a!.sums;
      expect([min + 0, max + 0, zeros]).toEqual([Math.min(...values) + 0, Math.max(...values) + 0, values.filter((value) => value === 0).length]);
      const magnitude = Math.max(Math.abs(guess), -min, max);
      expect(Math.abs(mean - b!.sums.mean)).toBeLessThanOrEqual(1e-14 * magnitude);
      expect(Math.abs(squaresAboutMean - b!.sums.squaresAboutMean)).toBeLessThanOrEqual(1e-13 * b!.sums.squaresAboutMean + 1e-28 * magnitude ** 2);
    }), { seed: 26, numRuns: 200 });
  });

  it('agree to 1e-13 on a mean far from the guess, and far from zero', () => {
    const random = seededRandom(27);
    for (const [mean, guess] of [[1e6, 0], [1e6, 1e6], [0, 1e6], [1, -1]] as const) {
      const values = Float32Array.from({ length: 4096 }, () => mean + random.normal());
      const [a, b] = both.map((kernel) => {
        write(kernel, 0, values);
        const sums = { ...kernel.float32(0, 4096, guess) };
        takeCounts(kernel);
        return sums;
      });
      expect(Math.abs(a!.mean / b!.mean - 1)).toBeLessThan(1e-13 * Math.max(1, Math.abs(guess / b!.mean)));
      expect(Math.abs(a!.squaresAboutMean / b!.squaresAboutMean - 1)).toBeLessThan(1e-12);
    }
  });

  it('say by a mean that is not finite that a number is not', () => {
    for (const hole of [Number.NaN, Infinity, -Infinity]) {
      for (const at of [0, 7, 8, 13]) {
        for (const kernel of both) {
          write(kernel, 0, Float32Array.from({ length: 14 }, (_, i) => (i === at ? hole : i)));
          expect(Number.isFinite(kernel.float32(0, 14, 3).mean)).toBe(false);
          expect(takeCounts(kernel).reduce((sum, [, count]) => sum + count, 0)).toBe(14);
        }
      }
    }
  });
});

it.each([1, 2] as const)('patterns of %i bytes are counted alike, for any length', (width) => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 0, maxLength: 100 }), (bytes) => {
    const elements = Math.floor(bytes.length / width);
    const [a, b] = both.map((kernel) => {
      kernel.bytes.set(bytes);
      kernel.patterns(width, 0, elements);
      return takeCounts(kernel);
    });
    expect(a).toEqual(b);
    expect(a!.reduce((sum, [, count]) => sum + count, 0)).toBe(elements);
  }), { seed: 28, numRuns: 200 });
});

it.each(['F32', 'F16', 'I8'] as const)('statistics of %s are those of the plain loops', async (dtype) => {
  const values = generated('bell', 1_100_003);
  const file = plainFile(dtype, dtype === 'I8' ? values.map((value) => Math.round(Math.max(-128, Math.min(127, (Number.isNaN(value) ? 0 : value) * 500)))) : values);
  const never = new AbortController().signal;
  const ours = await new StatisticsReader(file).read('a', never);
  const theirs = await new StatisticsReader(file, plainKernel).read('a', never);
  for (const [name, value] of Object.entries(theirs)) {
    // A mean that nearly cancels is known to the size of its terms only.
    if (name === 'mean') expect(Math.abs(ours.mean - theirs.mean)).toBeLessThan(1e-15 * theirs.max);
    else if (name === 'standardDeviation' || name === 'norm') expect(Math.abs(ours[name] / theirs[name] - 1)).toBeLessThan(1e-14);
    else expect(ours[name as keyof typeof ours], name).toEqual(value);
  }
});
