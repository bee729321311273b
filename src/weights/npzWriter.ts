/**
 * Writes `.npz` as `numpy.savez` does: a zip archive of stored (uncompressed) `.npy` entries, so that ranges can be read in place. The bytes
 * depend on the arrays alone: every entry carries the zip format's first date, 1 January 1980.
 */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { UserError } from '../protocol/userError.ts';
import { writeAtomically } from './atomicWrite.ts';
import type { AtomicWriteOptions } from './atomicWrite.ts';
import { showName } from './weightFileError.ts';

export interface NamedArray {
  /** Without `.npy`. */
  readonly name: string;
  /** In row-major order; empty for a scalar. */
  readonly shape: readonly number[];
  readonly values: Float64Array | Float32Array | Int32Array;
}

const WIDE = 0xffffffff;
const FIRST_DATE = 0x0021;
const UTF8_NAME = 0x0800;
// NumPy aligns an array's elements to this, counted from the beginning of its .npy.
const ALIGNMENT = 64;
const PIECE = 4 * 2 ** 20;

interface WrittenEntry {
  readonly name: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * The file appears whole or not at all.
 * @throws UserError when the file exists and may not be replaced, a name occurs twice or is empty, or the folder cannot be written to
 * @throws RangeError when a shape does not fit its values
 */
export async function writeNpz(path: string, arrays: readonly NamedArray[], options: AtomicWriteOptions): Promise<void> {
  const names = new Set<string>();
  for (const { name, shape, values } of arrays) {
    if (name === '' || name.includes('\0') || names.has(name)) throw new UserError(`${showName(path)}: "${showName(name)}" cannot be the name of an array: it is ${names.has(name) ? 'there already' : 'empty or holds a NUL'}`);
    names.add(name);
    if (shape.reduce((product, length) => product * length, 1) !== values.length) throw new RangeError(`shape [${shape.join(', ')}] does not fit ${values.length} values`);
  }
  await writeAtomically(path, options, async (handle) => {
    const out = new Output(handle);
    const entries: WrittenEntry[] = [];
    for (const array of arrays) entries.push(await writeEntry(out, array));
    await writeDirectory(out, entries);
    await out.flush();
  });
}

async function writeEntry(out: Output, { name, shape, values }: NamedArray): Promise<WrittenEntry> {
  const header = npyHeader(shape, values);
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const nameBytes = Buffer.from(`${name}.npy`, 'utf8');
  // Node 22 takes no bytes at all for a new beginning.
  const crc = data.length === 0 ? crc32(header) : crc32(data, crc32(header));
  const entry: WrittenEntry = { name: nameBytes, crc, size: header.length + data.length, offset: out.position };
  const wide = entry.size >= WIDE ? zip64Extra([entry.size, entry.size]) : Buffer.alloc(0);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  writeCommon(local, 4, entry, wide.length);
  await out.write(Buffer.concat([local, nameBytes, wide, header]));
  for (let at = 0; at < data.length; at += PIECE) await out.write(data.subarray(at, at + PIECE));
  return entry;
}

/** Central directory, ZIP64 end record when a figure needs it, end record. */
async function writeDirectory(out: Output, entries: readonly WrittenEntry[]): Promise<void> {
  const start = out.position;
  for (const entry of entries) {
    const figures = [...(entry.size >= WIDE ? [entry.size, entry.size] : []), ...(entry.offset >= WIDE ? [entry.offset] : [])];
    const wide = figures.length === 0 ? Buffer.alloc(0) : zip64Extra(figures);
    const record = Buffer.alloc(46);
    record.writeUInt32LE(0x02014b50, 0);
    record.writeUInt16LE(45, 4);
    writeCommon(record, 6, entry, wide.length);
    record.writeUInt32LE(Math.min(entry.offset, WIDE), 42);
    await out.write(Buffer.concat([record, entry.name, wide]));
  }
  const end = out.position;
  const size = end - start;
  if (entries.length >= 0xffff || start >= WIDE || size >= WIDE) {
    const record = Buffer.alloc(76);
    record.writeUInt32LE(0x06064b50, 0);
    record.writeBigUInt64LE(44n, 4);
    record.writeUInt16LE(45, 12);
    record.writeUInt16LE(45, 14);
    record.writeBigUInt64LE(BigInt(entries.length), 24);
    record.writeBigUInt64LE(BigInt(entries.length), 32);
    record.writeBigUInt64LE(BigInt(size), 40);
    record.writeBigUInt64LE(BigInt(start), 48);
    record.writeUInt32LE(0x07064b50, 56);
    record.writeBigUInt64LE(BigInt(end), 64);
    record.writeUInt32LE(1, 72);
    await out.write(record);
  }
  const last = Buffer.alloc(22);
  last.writeUInt32LE(0x06054b50, 0);
  last.writeUInt16LE(Math.min(entries.length, 0xffff), 8);
  last.writeUInt16LE(Math.min(entries.length, 0xffff), 10);
  last.writeUInt32LE(Math.min(size, WIDE), 12);
  last.writeUInt32LE(Math.min(start, WIDE), 16);
  await out.write(last);
}

/** What local header and central directory have in common, from "version needed" on. */
function writeCommon(record: Buffer, at: number, entry: WrittenEntry, extraLength: number): void {
  const ascii = entry.name.every((byte) => byte < 0x80);
  record.writeUInt16LE(entry.size >= WIDE ? 45 : 20, at);
  record.writeUInt16LE(ascii ? 0 : UTF8_NAME, at + 2);
  record.writeUInt16LE(FIRST_DATE, at + 8);
  record.writeUInt32LE(entry.crc, at + 10);
  record.writeUInt32LE(Math.min(entry.size, WIDE), at + 14);
  record.writeUInt32LE(Math.min(entry.size, WIDE), at + 18);
  record.writeUInt16LE(entry.name.length, at + 22);
  record.writeUInt16LE(extraLength, at + 24);
}

function zip64Extra(figures: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * figures.length);
  extra.writeUInt16LE(0x0001, 0);
  extra.writeUInt16LE(8 * figures.length, 2);
  figures.forEach((figure, i) => { extra.writeBigUInt64LE(BigInt(figure), 4 + 8 * i); });
  return extra;
}

function npyHeader(shape: readonly number[], values: NamedArray['values']): Buffer {
  const descr = values instanceof Float64Array ? '<f8' : values instanceof Float32Array ? '<f4' : '<i4';
  const tuple = shape.length === 1 ? `(${shape.join('')},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padded = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  const header = Buffer.alloc(10 + padded, ' ', 'latin1');
  header.write('\x93NUMPY\x01\x00', 0, 'latin1');
  header.writeUInt16LE(padded, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', header.length - 1, 'latin1');
  return header;
}

/** Small writes are gathered: an archive may have very many of them. */
class Output {
  readonly #handle: FileHandle;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  position = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** The bytes must not change until the next flush. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    this.position += bytes.length;
    if (this.#gatheredBytes >= PIECE) await this.flush();
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.#gathered);
    const start = this.position - bytes.length;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    for (let done = 0; done < bytes.length;) done += (await this.#handle.write(bytes, done, bytes.length - done, start + done)).bytesWritten;
  }
}
