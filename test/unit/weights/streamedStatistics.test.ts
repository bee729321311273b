/** Statistics of files that change, are very large, or are no longer wanted while they are being read. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { StatisticsReader } from '../../../src/weights/statistics.ts';
import { float32Words, WordCounts } from '../../../src/weights/wordCounts.ts';

const never = new AbortController().signal;
let folder: string;
beforeAll(() => { folder = mkdtempSync(path.join(tmpdir(), 'quotient-streamed-')); });
afterAll(() => { rmSync(folder, { recursive: true, force: true }); });

type Tensors = Readonly<Record<string, { readonly dtype: string; readonly shape: readonly number[]; readonly data_offsets: readonly [number, number] }>>;

/** A safetensors file whose elements are zeros that take no room on the disk. @returns where the data begin */
function sparseFile(file: string, tensors: Tensors, bytes: number): number {
  const header = Buffer.from(JSON.stringify(tensors));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(file, Buffer.concat([length, header]));
  truncateSync(file, 8 + header.length + bytes);
  return 8 + header.length;
}

const mebibyte = 2 ** 20;

describe.each([['F32', 4], ['F16', 2], ['F64', 8]] as const)('a tensor of 32 MiB of %s', (dtype, width) => {
  const tensors: Tensors = { a: { dtype, shape: [32 * mebibyte / width], data_offsets: [0, 32 * mebibyte] }, b: { dtype: 'F32', shape: [1], data_offsets: [32 * mebibyte, 32 * mebibyte + 4] } };

  it('ends in one sentence when the file is truncated while it is being read', async () => {
    const file = path.join(folder, `truncated-${dtype}.safetensors`);
    const start = sparseFile(file, tensors, 32 * mebibyte + 4);
    const opened = await openWeightFile(file);
    const { size } = statSync(file);
    const reading = new StatisticsReader(opened).read('a', never, () => { truncateSync(file, start + 9 * mebibyte); });
    await expect(reading).rejects.toThrow(new RegExp(`^${file}: byte \\d+: the file shrank from ${size} to ${start + 9 * mebibyte} bytes while it was being read; open it again$`));
    await opened.close();
  });

  it('ends in one sentence when the file is written to while it is being read', async () => {
    const file = path.join(folder, `rewritten-${dtype}.safetensors`);
    const start = sparseFile(file, tensors, 32 * mebibyte + 4);
    const opened = await openWeightFile(file);
    const reading = new StatisticsReader(opened).read('a', never, () => {
      const handle = openSync(file, 'r+');
      writeSync(handle, new Uint8Array(8), 0, 8, start);
      ftruncateSync(handle, statSync(file).size + 1);
      closeSync(handle);
    });
    await expect(reading).rejects.toThrow(/: byte \d+: the file changed while it was being read; open it again$/);
    await opened.close();
  });

  it('is left at once when it is cancelled, and the reader can be used again', async () => {
    const file = path.join(folder, `cancelled-${dtype}.safetensors`);
    sparseFile(file, tensors, 32 * mebibyte + 4);
    const opened = await openWeightFile(file);
    const reader = new StatisticsReader(opened);
    const abort = new AbortController();
    let pieces = 0;
    const reading = reader.read('a', abort.signal, () => {
      if (++pieces === 2) setImmediate(() => { abort.abort(new Error('enough')); });
    });
    await expect(reading).rejects.toThrow('enough');
    expect(pieces).toBeLessThanOrEqual(3);
    expect(await reader.read('a', never)).toMatchObject({ count: 32 * mebibyte / width, zeros: 32 * mebibyte / width, histogram: [32 * mebibyte / width] });
    await opened.close();
  });
});

describe('a sparse file of more than 4 GiB', () => {
  it('has the statistics of what lies at its far end', async () => {
    const file = path.join(folder, 'far.safetensors');
    const far = 4.5 * 2 ** 30;
    const elements = 600_000;
    const start = sparseFile(file, { hole: { dtype: 'U8', shape: [far], data_offsets: [0, far] }, a: { dtype: 'F32', shape: [elements], data_offsets: [far, far + 4 * elements] } }, far + 4 * elements);
    const handle = openSync(file, 'r+');
    writeSync(handle, new Uint8Array(Float32Array.from({ length: elements }, (_, i) => i).buffer), 0, 4 * elements, start + far);
    closeSync(handle);
    const opened = await openWeightFile(file);
    const statistics = await new StatisticsReader(opened).read('a', never);
    await opened.close();
    expect(statistics).toMatchObject({ count: elements, zeros: 1, min: 0, max: elements - 1, mean: (elements - 1) / 2, resolution: 0 });
    expect(statistics.histogram).toEqual(Array<number>(64).fill(elements / 64));
    for (const [k, level] of [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99].entries()) expect(statistics.quantiles[k]).toBeCloseTo(level * (elements - 1), 8);
  });

  it('has counts beyond 2³²', () => {
    const counts = new WordCounts(float32Words);
    const ones = new Uint32Array(new Float32Array(1000).fill(1).buffer);
    for (let i = 0; i < 3; i++) {
      counts.add(ones);
      // As if so many elements had been counted in between.
      counts.announce(2 ** 32 - 2000);
    }
    const { low, count } = counts.cells(1, 1, 0);
    expect([...low]).toEqual([1]);
    expect([...count]).toEqual([3000]);
  });
});
