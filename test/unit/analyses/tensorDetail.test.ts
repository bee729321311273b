/** One tensor in detail: its heat map and histogram against the elements themselves, and the laws that tie them to the statistics. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tensorDetail } from '../../../src/analyses/tensorDetail.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import type { HeatMap } from '../../../src/protocol/service.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 30 };
const random = seededRandom(31);
const arrays: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float64Array }>> = Object.fromEntries(
  ([['matrix', [700, 900]], ['small', [3, 5]], ['kernel', [4, 6, 3, 5]], ['vector', [32_768]], ['scalar', []], ['empty', [0, 4]], ['holes', [300, 40]], ['equal', [40, 40]], ['ends', [2, 2]]] as const)
    .map(([name, shape]) => [name, { shape, values: Float64Array.from({ length: shape.reduce<number>((product, length) => product * length, 1) }, () => random.normal()) }]),
);
arrays['holes']!.values.fill(Number.NaN, 0, 90).fill(-Infinity, 5000, 5003);
arrays['equal']!.values.fill(0.1);
arrays['ends']!.values.set([Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_VALUE, Number.MAX_VALUE]);

let folder: string;
let file: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'quotient-detail-'));
  file = path.join(folder, 'tensors.npz');
  await writeNpz(file, Object.entries(arrays).map(([name, { shape, values }]) => ({ name, shape, values })), { overwrite: false });
});
afterAll(() => { rmSync(folder, { recursive: true, force: true }); });

/** Elements of each cell, by the definition. */
function cellElements({ rows, columns, cellRows, cellColumns }: HeatMap, matrix: Float64Array): number[][] {
  const cells: number[][] = [];
  for (let i = 0; i < cellRows; i++) {
    for (let j = 0; j < cellColumns; j++) {
      const cell: number[] = [];
      for (let r = Math.floor((i * rows) / cellRows); r < Math.floor(((i + 1) * rows) / cellRows); r++) {
        for (let c = Math.floor((j * columns) / cellColumns); c < Math.floor(((j + 1) * columns) / cellColumns); c++) cell.push(matrix[r * columns + c]!);
      }
      cells.push(cell);
    }
  }
  return cells;
}

describe.each(Object.keys(arrays))('%s', (tensor) => {
  const { shape, values } = arrays[tensor]!;

  it('has cells that hold every element once, with their means, extremes and holes', async () => {
    const { heatMap, statistics } = await tensorDetail({ file, tensor }, context);
    expect(heatMap.cellRows * heatMap.cellColumns).toBeLessThanOrEqual(256 * 256);
    expect(heatMap.rows * heatMap.columns).toBe(values.length);
    const cells = cellElements(heatMap, values).map((cell) => ({ all: cell, finite: cell.filter(Number.isFinite) }));
    expect(cells.reduce((sum, { all }) => sum + all.length, 0)).toBe(values.length);
    expect(heatMap.mean).toHaveLength(cells.length);
    const magnitude = Math.max(-statistics.min, statistics.max);
    for (const [k, { all, finite }] of cells.entries()) {
      expect(heatMap.min[k]).toBe(finite.length === 0 ? Number.NaN : Math.min(...finite));
      expect(heatMap.max[k]).toBe(finite.length === 0 ? Number.NaN : Math.max(...finite));
      expect(heatMap.notFinite[k] ?? 0).toBe(all.length - finite.length);
      const mean = finite.reduce((sum, value) => sum + value / finite.length, 0);
      if (finite.length > 0) expect(Math.abs(heatMap.mean[k]! - mean)).toBeLessThanOrEqual(1e-13 * magnitude);
      else expect(heatMap.mean[k]).toBeNaN();
    }
    // Weighted by their elements, the cells' means average to the tensor's.
    const finite = statistics.count - statistics.nan - statistics.infinite;
    const average = cells.reduce((sum, cell, k) => sum + (cell.finite.length === 0 ? 0 : heatMap.mean[k]! * (cell.finite.length / finite)), 0);
    if (finite > 0) expect(Math.abs(average - statistics.mean)).toBeLessThanOrEqual(1e-12 * magnitude);
  });

  it('has a histogram whose counts add up to the finite elements, and to the coarser one where bins coincide', async () => {
    const { histogram, statistics } = await tensorDetail({ file, tensor }, context);
    const finite = values.filter(Number.isFinite);
    expect(histogram.counts.reduce((sum, n) => sum + n, 0)).toBe(finite.length);
    expect(statistics.histogram.reduce((sum, n) => sum + n, 0)).toBe(finite.length);
    expect(histogram.counts).toHaveLength(histogram.axis.bins);
    if (statistics.histogram.length !== 64 || statistics.resolution > 0) return;
    const coarse = Array.from({ length: 64 }, (_, k) => histogram.counts.slice(8 * k, 8 * k + 8).reduce((sum, n) => sum + n, 0));
    expect(coarse).toEqual(statistics.histogram);
  });

  it('has the shape that the file gives', async () => {
    expect((await tensorDetail({ file, tensor }, context)).shape).toEqual(shape);
  });
});

describe('a slice', () => {
  it('is the matrix at that index, while statistics stay those of the whole', async () => {
    const whole = await tensorDetail({ file, tensor: 'kernel' }, context);
    const { heatMap, statistics, histogram } = await tensorDetail({ file, tensor: 'kernel', slice: [2, 5] }, context);
    expect({ statistics, histogram }).toEqual({ statistics: whole.statistics, histogram: whole.histogram });
    expect(heatMap).toMatchObject({ slice: [2, 5], rows: 3, columns: 5, cellRows: 3, cellColumns: 5, notFinite: [] });
    expect(heatMap.mean).toEqual([...arrays['kernel']!.values.subarray((2 * 6 + 5) * 15, (2 * 6 + 6) * 15)]);
  });

  it.each([
    ['kernel', [4, 0], '[4, 0] is no slice of tensor "kernel" of shape [4, 6, 3, 5]; expected an index along each of the first 2 axes'],
    ['kernel', [1], '[1] is no slice of tensor "kernel" of shape [4, 6, 3, 5]; expected an index along each of the first 2 axes'],
    ['kernel', [0.5, 0], '[0.5, 0] is no slice of tensor "kernel" of shape [4, 6, 3, 5]; expected an index along each of the first 2 axes'],
    ['matrix', [0], '[0] is no slice of tensor "matrix" of shape [700, 900]; expected none, as it has no more than two axes'],
  ])('of %s at %j is refused', async (tensor, slice, message) => {
    await expect(tensorDetail({ file, tensor, slice }, context)).rejects.toThrow(message);
  });
});

it('names a tensor that is not there', async () => {
  await expect(tensorDetail({ file, tensor: 'absent' }, context)).rejects.toThrow(`${file}: tensor "absent": is not in the file`);
});

it('stops when it is cancelled', async () => {
  const abort = new AbortController();
  abort.abort(new Error('enough'));
  await expect(tensorDetail({ file, tensor: 'matrix' }, { ...context, signal: abort.signal })).rejects.toThrow('enough');
});
