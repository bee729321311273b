/** Sound archives in all the forms that the format allows are read; ranges of an entry are the slices of its content. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { readZipDirectory } from '../../../src/weights/zip.ts';
import type { ZipArchive } from '../../../src/weights/zip.ts';
import { zipBytes } from '../../fixtures/zipBytes.ts';
import type { ZipPart } from '../../fixtures/zipBytes.ts';

const part = fc.record({
  name: fc.string({ unit: 'grapheme', maxLength: 20 }),
  content: fc.uint8Array({ maxLength: 300 }),
  deflate: fc.boolean(),
  descriptor: fc.boolean(),
  zip64: fc.boolean(),
});
const parts = fc.uniqueArray(part, { selector: ({ name }) => name, maxLength: 5 });

function open(bytes: Uint8Array): Promise<ZipArchive> {
  return readZipDirectory(memoryByteSource('a.zip', bytes));
}

describe('a zip archive', () => {
  it('gives each entry back, stored or deflated, with or without descriptor, ZIP64 and comment', async () => {
    await fc.assert(fc.asyncProperty(parts, fc.boolean(), fc.string(), async (list, zip64, comment) => {
      const archive = await open(zipBytes(list, { zip64, comment }));
      expect(archive.entries.map(({ name }) => name)).toEqual(list.map(({ name }) => name));
      for (const { name, content } of list) {
        const entry = archive.entry(name);
        if (entry === undefined) throw new Error(`${name} is missing`);
        expect(Buffer.compare(await archive.readWhole(entry, 300), content)).toBe(0);
      }
      archive.close();
    }), { numRuns: 300, seed: 1 });
  });

  it('gives ranges in any order, also several at once', async () => {
    // Longer than the pieces that are unpacked at a time, so that a range spans several of them.
    const content = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >> 7);
    const list: ZipPart[] = [{ name: 'stored', content }, { name: 'deflated', content, deflate: true }];
    const archive = await open(zipBytes(list));
    const range = fc.tuple(fc.nat(content.length), fc.nat(content.length)).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
    await fc.assert(fc.asyncProperty(fc.array(range, { maxLength: 6 }), async (ranges) => {
      for (const entry of archive.entries) {
        const source = archive.open(entry);
        const read = await Promise.all(ranges.map(([start, end]) => source.read(start, end - start)));
        read.forEach((bytes, k) => { expect(Buffer.compare(bytes, content.subarray(...ranges[k]!))).toBe(0); });
      }
    }), { numRuns: 40, seed: 2 });
    archive.close();
  });

  it('keeps reading when more entries are open at once than streams are kept', async () => {
    const list: ZipPart[] = Array.from({ length: 12 }, (_, i) => ({ name: `e${i}`, content: Uint8Array.from({ length: 5000 }, (_unused, k) => k * (i + 1)), deflate: true }));
    const archive = await open(zipBytes(list));
    for (let at = 0; at < 5000; at += 1000) {
      const pieces = await Promise.all(archive.entries.map((entry) => archive.open(entry).read(at, 1000)));
      pieces.forEach((piece, i) => { expect(Buffer.compare(piece, list[i]!.content.subarray(at, at + 1000))).toBe(0); });
    }
    archive.close();
  });

  it.each([false, true])('verifies the checksum once all bytes have been read in ranges (deflated: %s)', async (deflate) => {
    const content = Uint8Array.from({ length: 1000 }, (_, i) => i);
    const archive = await open(zipBytes([{ name: 'e', content, deflate, central: { crc: 1 }, local: { crc: 1 } }]));
    const [entry] = archive.entries;
    if (entry === undefined) throw new Error('no entry');
    const source = archive.open(entry);
    await source.read(0, 600);
    await expect(source.read(600, 400)).rejects.toThrow(/^a\.zip: entry e: its checksum is 74e3fb41, not 00000001: its bytes are damaged$/);
    archive.close();
  });

  it('stops unpacking where the range ends, however much is declared', async () => {
    // Sixty megabytes of zeros in sixty kilobytes: within the limits, so it is opened; only its beginning is unpacked.
    const content = new Uint8Array(60 * 2 ** 20);
    const bytes = zipBytes([{ name: 'zeros', content, deflate: true }]);
    const whole = memoryByteSource('a.zip', bytes);
    let taken = 0;
    const archive = await readZipDirectory({ ...whole, read: (offset, length) => { taken += length; return whole.read(offset, length); } });
    const [entry] = archive.entries;
    if (entry === undefined) throw new Error('no entry');
    taken = 0;
    expect((await archive.open(entry).read(0, 100)).length).toBe(100);
    expect(taken).toBeLessThanOrEqual(2 * 64 * 1024);
    archive.close();
  });
});
