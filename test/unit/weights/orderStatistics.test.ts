/** Quantiles and histograms against NumPy, for small tensors and for streamed ones, and their laws. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { quantileLevels, type TensorStatistics } from '../../../src/protocol/report.ts';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { decodeElements, encodeElements, type RealDtype } from '../../../src/weights/dtype.ts';
import { StatisticsReader } from '../../../src/weights/statistics.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';
import { generated, plainFile, type GeneratedName } from './generatedArrays.ts';

interface Order {
  readonly quantiles: readonly number[];
  readonly histogram: readonly number[];
}
type Generated = Order & { readonly array: GeneratedName; readonly dtype: RealDtype } & Readonly<Record<'count' | 'zeros' | 'nan' | 'infinite' | 'min' | 'max' | 'mean' | 'standardDeviation' | 'norm', number>>;

const fixtures = join(import.meta.dirname, '../../fixtures/weights');
const expected = JSON.parse(readFileSync(join(fixtures, 'statistics.json'), 'utf8')) as {
  readonly tensors: Readonly<Record<string, Readonly<Record<string, Order | null>>>>;
  readonly generated: readonly Generated[];
};
const never = new AbortController().signal;
const statisticsOf = (file: WeightFile): Promise<TensorStatistics> => new StatisticsReader(file).read('a', never);
const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

describe.each(Object.keys(expected.tensors))('%s', (name) => {
  it('has the quantiles and histograms that NumPy finds', async () => {
    const file = await openWeightFile(join(fixtures, name));
    const reader = new StatisticsReader(file);
    for (const [tensor, order] of Object.entries(expected.tensors[name]!)) {
      const { quantiles, histogram, resolution, min, max } = await reader.read(tensor, never);
      expect(resolution).toBe(0);
      if (order === null) continue;
      expect(histogram, tensor).toEqual(order.histogram);
      for (const [k, quantile] of order.quantiles.entries()) expect(Math.abs(quantiles[k]! - quantile), tensor).toBeLessThanOrEqual(1e-12 * Math.max(-min, max));
    }
    await file.close();
  });
});

describe.each(expected.generated.map((figures) => [figures.array, figures.dtype, figures.count, figures] as const))('%s, %s, %i elements', (array, dtype, count, figures) => {
  it('is streamed to the figures of NumPy, to 1e-12 and to the resolution that is stated', async () => {
    const actual = await statisticsOf(plainFile(dtype, generated(array, count)));
    for (const key of ['count', 'zeros', 'nan', 'infinite', 'min', 'max'] as const) expect(actual[key], key).toBe(figures[key]);
    const magnitude = Math.max(-figures.min, figures.max);
    expect(Math.abs(actual.mean - figures.mean)).toBeLessThanOrEqual(1e-12 * magnitude);
    expect(Math.abs(actual.standardDeviation - figures.standardDeviation)).toBeLessThanOrEqual(1e-12 * figures.standardDeviation);
    expect(Math.abs(actual.norm - figures.norm)).toBeLessThanOrEqual(1e-12 * figures.norm);
    for (const [k, quantile] of figures.quantiles.entries()) expect(Math.abs(actual.quantiles[k]! - quantile)).toBeLessThanOrEqual(actual.resolution + 1e-15 * magnitude);
    expect(actual.histogram).toHaveLength(figures.histogram.length);
    expect(sum(actual.histogram)).toBe(count - figures.nan - figures.infinite);
    if (actual.resolution === 0) expect(actual.histogram).toEqual(figures.histogram);
    // 16-bit types always, and float32 up to a million elements, are exact; otherwise a small part of the deviation or of a bin is left open.
    if (dtype === 'F16' || (dtype === 'F32' && count < 2 ** 20)) expect(actual.resolution).toBe(0);
    expect(actual.resolution).toBeLessThanOrEqual(Math.max(figures.standardDeviation / 256, (figures.max - figures.min) / 64 / 16));
  });
});

describe('laws', () => {
  const random = seededRandom(23);
  const values = Float64Array.from({ length: 100_000 }, () => Math.fround(random.normal() * Math.exp(3 * random.normal())));

  it('quantiles and counts of the negated tensor are those of the tensor, turned round', async () => {
    const there = await statisticsOf(plainFile('F32', values));
    const back = await statisticsOf(plainFile('F32', values.map((value) => -value)));
    for (const [k, quantile] of there.quantiles.entries()) expect(back.quantiles[6 - k]).toBeCloseTo(-quantile, 10);
    // No element lies on an inner edge, where "turned round" would move it.
    expect(back.histogram).toEqual(there.histogram.toReversed());
  });

  it('the order of elements changes nothing that is counted', async () => {
    const there = await statisticsOf(plainFile('F32', values));
    const shuffled = await statisticsOf(plainFile('F32', values.toReversed()));
    expect(shuffled.quantiles).toEqual(there.quantiles);
    expect(shuffled.histogram).toEqual(there.histogram);
  });

  it('a share of about the level lies below each quantile, whatever the type', async () => {
    for (const dtype of ['F32', 'F64', 'BF16', 'F16', 'F8_E5M2', 'I16', 'I32', 'I64', 'U8'] as const) {
      const integers = /^[IU]/.test(dtype);
      const stored = decodeElements(dtype, encodeElements(dtype, values.map((value) => (integers ? Math.abs(Math.round(10 * value) % 100) : value))));
      const { quantiles, resolution, histogram } = await statisticsOf(plainFile(dtype, stored));
      const finite = stored.filter(Number.isFinite);
      for (const [k, level] of quantileLevels.entries()) {
        const less = finite.reduce((n, value) => n + (value < quantiles[k]! - resolution ? 1 : 0), 0);
        const atMost = finite.reduce((n, value) => n + (value <= quantiles[k]! + resolution ? 1 : 0), 0);
        expect(less).toBeLessThanOrEqual(level * finite.length + 1);
        expect(atMost).toBeGreaterThanOrEqual(level * (finite.length - 1));
      }
      expect(sum(histogram)).toBe(finite.length);
    }
  });

  it('elements of one value are one bin, and every quantile is that value', async () => {
    for (const dtype of ['F32', 'F64', 'F16'] as const) {
      expect(await statisticsOf(plainFile(dtype, new Float64Array(50_000).fill(-0.25)))).toMatchObject({ histogram: [50_000], quantiles: Array<number>(7).fill(-0.25), resolution: 0, mean: -0.25, standardDeviation: 0 });
    }
  });

  it('a tensor of zeros of both signs, or without a finite element, has its counts', async () => {
    const zeros = new Float64Array(40_000);
    zeros.fill(-0, 100, 200);
    expect(await statisticsOf(plainFile('F32', zeros))).toMatchObject({ zeros: 40_000, min: 0, max: 0, histogram: [40_000], quantiles: [0, 0, 0, 0, 0, 0, 0], resolution: 0 });
    for (const dtype of ['F32', 'F16', 'F64'] as const) {
      expect(await statisticsOf(plainFile(dtype, new Float64Array(40_000).fill(Number.NaN)))).toMatchObject({ nan: 40_000, histogram: [], quantiles: [], norm: 0, mean: Number.NaN, resolution: 0 });
    }
  });

  it('the largest and the smallest numbers of float32 are counted as any others', async () => {
    const ends = Float64Array.from({ length: 40_000 }, (_, i) => [3.4028234663852886e38, -3.4028234663852886e38, 2 ** -149, -(2 ** -149)][i % 4]!);
    const largest = 3.4028234663852886e38;
    const { min, max, mean, quantiles, norm, histogram } = await statisticsOf(plainFile('F32', ends));
    expect({ min, max, mean }).toEqual({ min: -largest, max: largest, mean: 0 });
    for (const [k, share] of [-1, -1, -0.25, 0, 0.25, 1, 1].entries()) expect(quantiles[k]! / largest).toBeCloseTo(share, 14);
    expect(norm / (largest * Math.sqrt(20_000))).toBeCloseTo(1, 14);
    expect([histogram[0], sum(histogram)]).toEqual([10_000, 40_000]);
  });

  it('bytes that lie at odd positions of a file are the same numbers', async () => {
    const bytes = encodeElements('F32', values);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const file = plainFile('F32', values);
    const source = memoryByteSource('memory', shifted);
    expect(await statisticsOf({ ...file, plain: () => ({ source, position: 3 }) })).toEqual(await statisticsOf(file));
  });
});
