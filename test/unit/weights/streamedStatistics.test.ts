/** Statistics of files that change, are very large, or are no longer wanted while they are being read. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { StatisticsReader } from '../../../src/weights/statistics.ts';
import { countOnAllCores } from '../../../src/weights/statisticsTeam.ts';
import type { PlainElements } from '../../../src/weights/weightFile.ts';
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
    await expect(reading).rejects.toThrow(new RegExp(`^${file.replaceAll('\\', '\\\\')}: byte \\d+: the file shrank from ${size} to ${start + 9 * mebibyte} bytes while it was being read; open it again$`));
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

describe('a tensor long enough for several threads', () => {
  const bytes = 72 * mebibyte + 4 * 4099;

  /** Bell-shaped numbers over and over, the period no divisor of a piece. */
  function bellFile(dtype: 'F32' | 'BF16' | 'U8', width: number): string {
    const file = path.join(folder, `long-${dtype}.safetensors`);
    const start = sparseFile(file, { a: { dtype, shape: [bytes / width], data_offsets: [0, bytes] } }, bytes);
    const random = seededRandom(31);
    const period = new Uint8Array(Float32Array.from({ length: 1_000_003 }, (_, i) => (i % 250_000 === 7 ? Number.NaN : 1e3 + random.normal())).buffer);
    const handle = openSync(file, 'r+');
    for (let at = 0; at < bytes; at += period.length) writeSync(handle, period, 0, Math.min(period.length, bytes - at), start + at);
    closeSync(handle);
    return file;
  }

  it.each([['F32', 4], ['BF16', 2], ['U8', 1]] as const)('of %s has the same statistics, to the last bit, as in one thread', async (dtype, width) => {
    const opened = await openWeightFile(bellFile(dtype, width));
    const reported: number[] = [];
    const together = await new StatisticsReader(opened).read('a', never, (elements) => reported.push(elements));
    // Without a descriptor there are no bytes for other threads.
    const alone = await new StatisticsReader({ ...opened, tensor: (name) => opened.tensor(name), plain: (name) => hidden(opened.plain?.(name)) }).read('a', never);
    await opened.close();
    expect(together).toEqual(alone);
    expect(together.count).toBe(bytes / width);
    if (dtype === 'F32') expect(together.nan).toBeGreaterThan(70);
    expect(reported.every((elements) => elements >= 0 && elements <= bytes / width)).toBe(true);
  });

  it('is counted by threads that can read the file', async () => {
    const opened = await openWeightFile(bellFile('F32', 4));
    const plain = opened.plain?.('a');
    let elements = 0;
    const done = await countOnAllCores(plain?.source.descriptor ?? -1, plain?.position ?? 0, bytes, 4, never, () => undefined, (parts) => {
      for (const { count } of parts) elements += count.reduce((sum, more) => sum + more, 0);
    });
    await opened.close();
    expect([done, elements]).toEqual([true, bytes / 4]);
    // And is not when they cannot: a descriptor that nothing is open under.
    expect(await countOnAllCores(123_456, 0, bytes, 4, never, () => undefined, () => undefined)).toBe(false);
  });

  it('is left when it is cancelled, and the reader can be used again', async () => {
    const opened = await openWeightFile(bellFile('F32', 4));
    const reader = new StatisticsReader(opened);
    const abort = new AbortController();
    const reading = reader.read('a', abort.signal);
    setTimeout(() => { abort.abort(new Error('enough')); }, 1);
    await expect(reading).rejects.toThrow('enough');
    expect((await reader.read('a', never)).count).toBe(bytes / 4);
    await opened.close();
  });

  it('ends in one sentence when the file is shorter than it was, or another', async () => {
    const file = bellFile('F32', 4);
    for (const change of [() => { truncateSync(file, 40 * mebibyte); }, () => { truncateSync(file, 80 * mebibyte); }]) {
      const opened = await openWeightFile(bellFile('F32', 4));
      change();
      await expect(new StatisticsReader(opened).read('a', never)).rejects.toThrow(/: byte \d+: the file (changed|shrank from \d+ to 41943040 bytes) while it was being read; open it again$/);
      await opened.close();
    }
  });
});

/** The same bytes, for this thread only. */
function hidden(plain: PlainElements | undefined): PlainElements | undefined {
  if (plain === undefined) return undefined;
  const { source, position } = plain;
  return { position, source: { path: source.path, size: source.size, read: (offset, length) => source.read(offset, length), readInto: async (offset, target) => { await source.readInto?.(offset, target); }, close: () => source.close() } };
}

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
