/**
 * Zip archives (PKWARE's APPNOTE 6.3.10) as lazy byte ranges: the container of PyTorch's `.pt` and NumPy's `.npz`. Our own code rather
 * than a library because the checks are the point (see bad inputs 17 to 19 of the tests): what the central directory and an entry's
 * local header both say must agree, entries may not overlap, and nothing is unpacked further than it was declared.
 */
import { crc32 } from 'node:zlib';
import type { ByteSource } from './byteSource.ts';
import { InflateCursor, InflateProblem, checksumProblem } from './inflate.ts';
import { readAhead } from './readAhead.ts';
import { WeightFileError, showName } from './weightFileError.ts';
import { HAS_DESCRIPTOR, LOCAL_HEADER_BYTES, readEntries, zip64Fields } from './zipDirectory.ts';
import type { ZipEntry } from './zipDirectory.ts';
import { viewOf } from './zipEndRecord.ts';

export type { ZipEntry } from './zipDirectory.ts';

// Live cursors hold some 200 kB each; more than a few are never read in turn.
const MOST_CURSORS = 4;

/** True when the file begins as a zip archive does; an empty archive (PK\5\6) counts. */
export function looksLikeZip(start: Uint8Array): boolean {
  return start[0] === 0x50 && start[1] === 0x4b && ((start[2] === 3 && start[3] === 4) || (start[2] === 5 && start[3] === 6));
}

/** Reads the directory only. @throws WeightFileError */
export async function readZipDirectory(source: ByteSource): Promise<ZipArchive> {
  const buffered = readAhead(source);
  return new ZipArchive(buffered, await readEntries(buffered));
}

export class ZipArchive {
  readonly path: string;
  /** In the order of the central directory; names are unique. */
  readonly entries: readonly ZipEntry[];
  /** False when every CRC-32 is left zero, as PyTorch writes them under `set_crc32_options(False)`. */
  readonly hasChecksums: boolean;
  readonly #source: ByteSource;
  readonly #byName: ReadonlyMap<string, ZipEntry>;
  readonly #opened = new Map<string, EntrySource>();
  readonly #cursors: EntrySource[] = [];

  constructor(source: ByteSource, entries: readonly ZipEntry[]) {
    this.path = source.path;
    this.#source = source;
    this.entries = entries;
    this.#byName = new Map(entries.map((entry) => [entry.name, entry]));
    this.hasChecksums = entries.some(({ crc }) => crc !== 0) || entries.every(({ size }) => size === 0);
  }

  entry(name: string): ZipEntry | undefined {
    return this.#byName.get(name);
  }

  /**
   * The unpacked bytes of an entry as a source of their own. A stored entry is read in place. When all its bytes have been read in
   * ascending order, or at once, their CRC-32 has been verified.
   */
  open(entry: ZipEntry): ByteSource {
    let source = this.#opened.get(entry.name);
    if (source === undefined) {
      source = new EntrySource(this.#source, entry, this.hasChecksums ? entry.crc : undefined, (used) => { this.#keepCursor(used); });
      this.#opened.set(entry.name, source);
    }
    return source;
  }

  /** A whole entry, its CRC-32 verified. @throws WeightFileError also when it is declared larger than `limit` bytes. */
  async readWhole(entry: ZipEntry, limit: number): Promise<Uint8Array> {
    if (entry.size > limit) throw new WeightFileError(this.path, `entry ${showName(entry.name)}`, `has ${entry.size} bytes, more than the ${limit} that such an entry can have`);
    return this.open(entry).read(0, entry.size);
  }

  /** The archive's own file is left open: it belongs to whoever opened it. */
  close(): void {
    for (const entry of this.#opened.values()) entry.dropCursor();
    this.#cursors.length = 0;
  }

  #keepCursor(used: EntrySource): void {
    const at = this.#cursors.indexOf(used);
    if (at >= 0) this.#cursors.splice(at, 1);
    this.#cursors.push(used);
    if (this.#cursors.length > MOST_CURSORS) this.#cursors.shift()?.dropCursor();
  }
}

class EntrySource implements ByteSource {
  readonly path: string;
  readonly size: number;
  readonly #archive: ByteSource;
  readonly #entry: ZipEntry;
  readonly #crc: number | undefined;
  readonly #used: (source: EntrySource) => void;
  #dataOffset: Promise<number> | undefined;
  #cursor: InflateCursor | undefined;
  /** Deflated ranges are read one after another: they share the cursor. */
  #turn: Promise<unknown> = Promise.resolve();
  #checkedTo = 0;
  #runningCrc = 0;

  constructor(archive: ByteSource, entry: ZipEntry, crc: number | undefined, used: (source: EntrySource) => void) {
    this.path = archive.path;
    this.size = entry.size;
    this.#archive = archive;
    this.#entry = entry;
    this.#crc = crc;
    this.#used = used;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > this.size) {
      throw this.#error(`${length} bytes are expected at its byte ${offset}, but it has ${this.size}`);
    }
    this.#dataOffset ??= locateData(this.#archive, this.#entry);
    const dataOffset = await this.#dataOffset;
    if (this.#entry.method === 'stored' || this.size === 0) return this.#readStored(dataOffset, offset, length);
    const reading = this.#turn.then(() => this.#readDeflated(dataOffset, offset, length));
    this.#turn = reading.catch(() => undefined);
    return reading;
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    this.#dataOffset ??= locateData(this.#archive, this.#entry);
    const dataOffset = await this.#dataOffset;
    const { length } = target;
    if (this.#entry.method !== 'stored' || this.#archive.readInto === undefined || !(offset >= 0 && offset + length <= this.size)) {
      target.set(await this.read(offset, length));
      return;
    }
    // Several ranges may be under way at once; the checksum takes them in the order in which they were asked for.
    const before = this.#turn;
    const reading = this.#archive.readInto(dataOffset + offset, target);
    const checked = Promise.all([before, reading]).then(() => { this.#check(offset, target); });
    this.#turn = checked.catch(() => undefined);
    await checked;
  }

  close(): Promise<void> {
    this.dropCursor();
    return Promise.resolve();
  }

  dropCursor(): void {
    const cursor = this.#cursor;
    this.#cursor = undefined;
    // A read that is under way has its turn first.
    this.#turn = this.#turn.then(() => { cursor?.close(); });
  }

  async #readStored(dataOffset: number, offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#archive.read(dataOffset + offset, length);
    this.#check(offset, bytes);
    return bytes;
  }

  #check(offset: number, bytes: Uint8Array): void {
    if (offset === 0) {
      this.#checkedTo = 0;
      this.#runningCrc = 0;
    }
    const end = offset + bytes.length;
    // Ranges in ascending order, each beginning at or before the end of the last, pass every byte.
    if (this.#crc !== undefined && offset <= this.#checkedTo && (this.#checkedTo < end || this.size === 0)) {
      this.#runningCrc = crc32(bytes.subarray(this.#checkedTo - offset), this.#runningCrc);
      this.#checkedTo = end;
      if (this.#checkedTo === this.size && this.#runningCrc !== this.#crc) throw this.#error(checksumProblem(this.#runningCrc, this.#crc));
    }
  }

  async #readDeflated(dataOffset: number, offset: number, length: number): Promise<Uint8Array> {
    let cursor = this.#cursor;
    if (cursor === undefined || cursor.position > offset) {
      cursor?.close();
      cursor = new InflateCursor((at, count) => this.#archive.read(dataOffset + at, count), this.#entry.compressedSize, this.size, this.#crc);
    }
    this.#cursor = cursor;
    this.#used(this);
    try {
      const bytes = await cursor.read(offset, length);
      if (offset + length === this.size) this.#finish(cursor);
      return bytes;
    } catch (error) {
      this.#finish(cursor);
      throw error instanceof InflateProblem ? this.#error(error.message) : error;
    }
  }

  #finish(cursor: InflateCursor): void {
    cursor.close();
    if (this.#cursor === cursor) this.#cursor = undefined;
  }

  #error(problem: string): WeightFileError {
    return new WeightFileError(this.path, `entry ${showName(this.#entry.name)}`, problem);
  }
}

/**
 * Where the entry's data begin, once its local header and its data descriptor, when it has one, agree with the directory.
 * Writers that stream leave CRC and sizes of the local header zero and put them into the descriptor.
 */
async function locateData(archive: ByteSource, entry: ZipEntry): Promise<number> {
  const fail = (problem: string): never => { throw new WeightFileError(archive.path, `entry ${showName(entry.name)}`, problem); };
  const header = await archive.read(entry.headerOffset, LOCAL_HEADER_BYTES);
  const view = viewOf(header);
  if (view.getUint32(0, true) !== 0x04034b50) return fail(`no local header begins at byte ${entry.headerOffset}, where the directory places it`);
  const extraLength = view.getUint16(28, true);
  const nameLength = view.getUint16(26, true);
  const dataOffset = entry.headerOffset + LOCAL_HEADER_BYTES + nameLength + extraLength;
  if (dataOffset + entry.compressedSize > entry.limit) return fail(`its bytes ${entry.headerOffset} to ${dataOffset + entry.compressedSize} overlap what begins at byte ${entry.limit}`);
  const rest = await archive.read(entry.headerOffset + LOCAL_HEADER_BYTES, nameLength + extraLength);
  if (Buffer.compare(rest.subarray(0, nameLength), entry.nameBytes) !== 0) return fail('its local header gives another name than the directory');
  const flags = view.getUint16(6, true);
  if (flags !== entry.flags) return fail(`its local header has flags 0x${flags.toString(16)}, the directory 0x${entry.flags.toString(16)}`);
  if (view.getUint16(8, true) !== (entry.method === 'stored' ? 0 : 8)) return fail(`its local header gives method ${view.getUint16(8, true)}, but the directory says that it is ${entry.method}`);
  const sizes = zip64Fields(rest.subarray(nameLength), [
    { short: view.getUint32(22, true), saturated: 0xffffffff, bytes: 8 },
    { short: view.getUint32(18, true), saturated: 0xffffffff, bytes: 8 },
  ]);
  if (sizes === undefined) return fail('its local header says that its sizes stand in a ZIP64 field, but the field is missing or too short');
  const [size = 0, compressedSize = 0] = sizes;
  const crc = view.getUint32(14, true);
  const deferred = (flags & HAS_DESCRIPTOR) !== 0;
  const agrees = (local: number, central: number): boolean => local === central || (deferred && local === 0);
  if (!agrees(crc, entry.crc)) return fail('its local header gives another checksum than the directory');
  if (!agrees(size, entry.size) || !agrees(compressedSize, entry.compressedSize)) {
    return fail(`its local header gives ${compressedSize} bytes packed and ${size} unpacked, the directory ${entry.compressedSize} and ${entry.size}`);
  }
  if (deferred) {
    const end = dataOffset + entry.compressedSize;
    const descriptor = await archive.read(end, Math.min(24, entry.limit - end));
    if (!matchesDescriptor(descriptor, entry)) return fail('the data descriptor behind it does not repeat the checksum and sizes of the directory');
  }
  return dataOffset;
}

/** CRC and both sizes, in 4 or (ZIP64) 8 bytes each, with or without a signature before them: the format leaves all four open. */
function matchesDescriptor(bytes: Uint8Array, entry: ZipEntry): boolean {
  const view = viewOf(bytes);
  return [4, 0].some((from) => {
    if (from === 4 && (bytes.length < 4 || view.getUint32(0, true) !== 0x08074b50)) return false;
    if (bytes.length < from + 12 || view.getUint32(from, true) !== entry.crc) return false;
    if (view.getUint32(from + 4, true) === entry.compressedSize && view.getUint32(from + 8, true) === entry.size) return true;
    if (bytes.length < from + 20) return false;
    return Number(view.getBigUint64(from + 4, true)) === entry.compressedSize && Number(view.getBigUint64(from + 12, true)) === entry.size;
  });
}
