/** Statistics of tensors, against exactly rounded sums in Python and against laws of their own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ElementStatistics, TensorStatistics } from '../../../src/protocol/report.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { StatisticsReader } from '../../../src/weights/statistics.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/weights');
type Expected = Readonly<Record<keyof ElementStatistics, number | string>>;
const { files } = JSON.parse(readFileSync(join(fixtures, 'safetensors.json'), 'utf8')) as { readonly files: Readonly<Record<string, Readonly<Record<string, { readonly statistics: Expected }>>>> };
const never = new AbortController().signal;
const tensorStatistics = (file: WeightFile, name: string, signal: AbortSignal): Promise<TensorStatistics> => new StatisticsReader(file).read(name, signal);

/** A tensor `a` in memory, that remembers the ranges it was read in. */
function fileOf(values: Float64Array): WeightFile & { readonly ranges: (readonly [number, number])[] } {
  const tensor = { name: 'a', dtype: 'F64', shape: [values.length], elements: values.length, bytes: 8 * values.length } as const;
  const ranges: (readonly [number, number])[] = [];
  return {
    path: 'memory', format: 'memory', fileBytes: tensor.bytes, tensors: [tensor], metadata: {}, warnings: [], ranges,
    tensor: (name) => (name === 'a' ? tensor : undefined),
    read(name, start = 0, end = values.length) {
      if (name !== 'a') return Promise.reject(new WeightFileError('memory', `tensor "${name}"`, 'is not in the file'));
      ranges.push([start, end]);
      return Promise.resolve(values.slice(start, end));
    },
    close: () => Promise.resolve(),
  };
}
const statisticsOf = (values: Float64Array): Promise<TensorStatistics> => tensorStatistics(fileOf(values), 'a', never);

function expectClose(actual: number, expected: number, scale: number): void {
  if (Number.isNaN(expected)) expect(actual).toBeNaN();
  else if (Number.isFinite(expected)) expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-12 * scale);
  else expect(actual).toBe(expected);
}

describe.each(Object.keys(files))('%s', (name) => {
  it('has the statistics that Python finds with exactly rounded sums, to 1e-12', async () => {
    const file = await openWeightFile(join(fixtures, name));
    for (const [tensor, { statistics }] of Object.entries(files[name] ?? {})) {
      const actual = await tensorStatistics(file, tensor, never);
      for (const key of ['count', 'min', 'max', 'zeros', 'nan', 'infinite'] as const) expect(actual[key], `${tensor} ${key}`).toBe(Number(statistics[key]));
      // A mean that nearly cancels is known to the size of its terms only.
      expectClose(actual.mean, Number(statistics.mean), Math.max(Math.abs(actual.min), Math.abs(actual.max)));
      expectClose(actual.standardDeviation, Number(statistics.standardDeviation), actual.standardDeviation);
      expectClose(actual.norm, Number(statistics.norm), actual.norm);
    }
    await file.close();
  });
});

describe('several pieces', () => {
  it('are merged to the statistics of the whole: arithmetic progressions have known ones', async () => {
    // Of start + i·step, i < n: mean start + step (n−1)/2, variance step² (n² − 1)/12. All numbers here are exact in float64.
    const n = 2_500_001;
    for (const [start, step] of [[0, 1], [2 ** 40, 0.5], [-7, 2 ** -30]] as const) {
      const { mean, standardDeviation, min, max, count } = await statisticsOf(Float64Array.from({ length: n }, (_, i) => start + i * step));
      expect({ min, max, count }).toEqual({ min: start, max: start + (n - 1) * step, count: n });
      expectClose(mean, start + (step * (n - 1)) / 2, Math.abs(mean));
      expectClose(standardDeviation, step * Math.sqrt((n * n - 1) / 12), standardDeviation);
    }
  });

  it('of one value have that mean and no deviation at all', async () => {
    const { mean, standardDeviation, min, max } = await statisticsOf(new Float64Array(2_200_000).fill(0.1));
    expect({ mean, standardDeviation, min, max }).toEqual({ mean: 0.1, standardDeviation: 0, min: 0.1, max: 0.1 });
  });

  it('keep apart what is not finite, wherever it lies', async () => {
    const values = new Float64Array(3_000_000).fill(1);
    values.fill(Number.NaN, 0, 1_200_000);
    values.fill(-Infinity, 2_999_990);
    values[1_500_000] = 0;
    values[1_500_001] = -0;
    const result = await statisticsOf(values);
    expect(result).toMatchObject({ count: 3_000_000, nan: 1_200_000, infinite: 10, zeros: 2, min: 0, max: 1 });
    expectClose(result.norm, Math.sqrt(1_799_988), 1500);
  });

  it('are never larger than 2^20 elements, and cover the tensor once', async () => {
    const file = fileOf(new Float64Array(2 ** 21 + 1));
    await tensorStatistics(file, 'a', never);
    expect(file.ranges).toEqual([[0, 2 ** 20], [2 ** 20, 2 ** 21], [2 ** 21, 2 ** 21 + 1]]);
  });

  it('stop when the signal is aborted between them', async () => {
    const abort = new AbortController();
    const file = fileOf(new Float64Array(2 ** 23));
    const running = tensorStatistics(file, 'a', abort.signal);
    setTimeout(() => { abort.abort(new Error('enough')); });
    await expect(running).rejects.toThrow('enough');
    expect(file.ranges.length).toBeLessThan(8);
  });
});

describe('laws', () => {
  const numbers = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 50 }).map((values) => Float64Array.from(values));

  it('norm² = n (mean² + std²); min ≤ mean ≤ max', async () => {
    await fc.assert(fc.asyncProperty(numbers, async (values) => {
      const { mean, standardDeviation, norm, min, max, count } = await statisticsOf(values);
      const tolerance = 1e-12 * Math.max(Math.abs(min), Math.abs(max));
      expect(Math.abs(Math.hypot(mean, standardDeviation) * Math.sqrt(count) - norm)).toBeLessThanOrEqual(1e-12 * norm);
      expect(mean).toBeGreaterThanOrEqual(min - tolerance);
      expect(mean).toBeLessThanOrEqual(max + tolerance);
    }), { seed: 21, numRuns: 300 });
  });

  it('scaling by a power of two scales exactly, to the ends of the range of float64', async () => {
    const random = seededRandom(22);
    const values = Float64Array.from({ length: 1000 }, () => random.normal());
    const base = await statisticsOf(values);
    for (const power of [-900, -500, 500, 1010]) {
      const scaled = await statisticsOf(values.map((value) => value * 2 ** power));
      for (const key of ['min', 'max', 'mean', 'standardDeviation', 'norm'] as const) expectClose(scaled[key] * 2 ** -power, base[key], base.norm);
    }
  });

  it('the two ends of the range of float64 have a finite mean and deviation', async () => {
    const largest = Number.MAX_VALUE;
    const many = new Float64Array(2 ** 20 + 2 ** 19).fill(largest);
    many.fill(-largest, 2 ** 19 + 2 ** 18);
    const { mean, standardDeviation, norm } = await statisticsOf(many);
    expectClose(mean, 0, largest);
    expectClose(standardDeviation, largest, largest);
    expect(norm).toBe(Infinity);
  });

  it('nothing has neither least nor mean', async () => {
    expect(await statisticsOf(new Float64Array(0))).toEqual({ count: 0, min: Number.NaN, max: Number.NaN, mean: Number.NaN, standardDeviation: Number.NaN, norm: 0, zeros: 0, nan: 0, infinite: 0, quantiles: [], histogram: [], resolution: 0 });
    await expect(tensorStatistics(fileOf(new Float64Array(0)), 'b', never)).rejects.toThrow('memory: tensor "b": is not in the file');
  });
});
