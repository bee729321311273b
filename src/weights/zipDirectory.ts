/**
 * What a zip archive says it holds: end record, ZIP64 end record and central directory, after PKWARE's APPNOTE 6.3.10 (§4.3.12 to
 * §4.3.16, §4.5.3). A zip can be read in several ways that contradict each other, and attacks live in the difference; so every figure
 * that the format gives twice must agree, the records must adjoin, and no two entries may share bytes.
 */
import type { ByteSource } from './byteSource.ts';
import { WeightFileError, showName } from './weightFileError.ts';

export type ZipMethod = 'stored' | 'deflated';

/** One entry as the central directory describes it. */
export interface ZipEntry {
  /** As the archive spells it; never used as a path. */
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly flags: number;
  readonly method: ZipMethod;
  readonly crc: number;
  /** Bytes in the archive. */
  readonly compressedSize: number;
  /** Bytes once unpacked, as declared. */
  readonly size: number;
  readonly headerOffset: number;
  /** Where the next entry, or the central directory, begins: this entry lies wholly before it. */
  readonly limit: number;
}

/** Bit 3 of the flags: sizes and CRC stand behind the data too. */
export const HAS_DESCRIPTOR = 0x0008;
export const LOCAL_HEADER_BYTES = 30;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const END_BYTES = 22;
const ZIP64_END_BYTES = 56;
const ZIP64_LOCATOR_BYTES = 20;
const CENTRAL_BYTES = 46;
const LONGEST_COMMENT = 0xffff;
const UTF8_NAME = 0x0800;
// Checkpoints have some thousands of entries; each costs some hundred bytes of memory here against 46 in the file.
const MOST_ENTRIES = 250_000;
// Deflate reaches 1032:1 on endless zeros. Weights do not compress even tenfold; whole arrays of zeros do.
const DEFLATE_LIMIT = 1032;
const SUSPECT_RATIO = 250;
const SUSPECT_BYTES = 64 * 2 ** 20;

interface DirectoryPlace {
  readonly entries: number;
  readonly offset: number;
  readonly size: number;
}

/** In the order of the central directory. @throws WeightFileError naming the record and what is wrong with it. */
export async function readEntries(source: ByteSource): Promise<readonly ZipEntry[]> {
  const place = await findDirectory(source);
  const bytes = await source.read(place.offset, place.size);
  const entries = parseDirectory(source.path, bytes, place);
  refuseDuplicates(source.path, entries);
  refuseBombs(source.path, entries);
  return separate(source.path, entries, place.offset);
}

async function findDirectory(source: ByteSource): Promise<DirectoryPlace> {
  const fail = (place: string, problem: string): never => { throw new WeightFileError(source.path, place, problem); };
  const tailLength = Math.min(source.size, END_BYTES + LONGEST_COMMENT);
  const tailStart = source.size - tailLength;
  const tail = viewOf(await source.read(tailStart, tailLength));
  let at = tailLength - END_BYTES;
  // The record counts only where its comment reaches exactly to the end of the file.
  while (at >= 0 && !(tail.getUint32(at, true) === 0x06054b50 && at + END_BYTES + tail.getUint16(at + 20, true) === tailLength)) at--;
  if (at < 0) return fail('', 'is not a whole zip archive: its end record is missing, so the file is truncated or something else');
  const endOffset = tailStart + at;
  const end = {
    disk: tail.getUint16(at + 4, true),
    directoryDisk: tail.getUint16(at + 6, true),
    entriesHere: tail.getUint16(at + 8, true),
    entries: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
  };
  const zip64 = await readZip64End(source, endOffset);
  const agree = (short: number, saturated: number, long: number, what: string): number =>
    short === saturated || short === long ? long : fail(`end record, byte ${endOffset}`, `gives ${short} as ${what}, but the ZIP64 end record gives ${long}`);
  const place = zip64 === undefined ? end : {
    disk: agree(end.disk, 0xffff, zip64.disk, 'disk number'),
    directoryDisk: agree(end.directoryDisk, 0xffff, zip64.directoryDisk, 'disk number'),
    entriesHere: agree(end.entriesHere, 0xffff, zip64.entriesHere, 'number of entries'),
    entries: agree(end.entries, 0xffff, zip64.entries, 'number of entries'),
    size: agree(end.size, 0xffffffff, zip64.size, 'size of the central directory'),
    offset: agree(end.offset, 0xffffffff, zip64.offset, 'offset of the central directory'),
  };
  const boundary = zip64?.recordOffset ?? endOffset;
  if (place.disk !== 0 || place.directoryDisk !== 0 || place.entriesHere !== place.entries) fail(`end record, byte ${endOffset}`, 'the archive is split over several files, which is not supported');
  if (place.offset + place.size !== boundary) {
    fail(`end record, byte ${endOffset}`, `places the central directory at bytes ${place.offset} to ${place.offset + place.size}, but it must end at byte ${boundary}, where the end record begins`);
  }
  if (place.entries * CENTRAL_BYTES > place.size) fail(`end record, byte ${endOffset}`, `promises ${place.entries} entries in a central directory of ${place.size} bytes, which has room for ${Math.floor(place.size / CENTRAL_BYTES)}`);
  if (place.entries > MOST_ENTRIES) fail(`end record, byte ${endOffset}`, `promises ${place.entries} entries; at most ${MOST_ENTRIES} are read`);
  return place;
}

/** The ZIP64 end record, when its locator stands before the end record. */
async function readZip64End(source: ByteSource, endOffset: number): Promise<(DirectoryPlace & { readonly recordOffset: number; readonly disk: number; readonly directoryDisk: number; readonly entriesHere: number }) | undefined> {
  const locatorOffset = endOffset - ZIP64_LOCATOR_BYTES;
  if (locatorOffset < 0) return undefined;
  const locator = viewOf(await source.read(locatorOffset, ZIP64_LOCATOR_BYTES));
  if (locator.getUint32(0, true) !== 0x07064b50) return undefined;
  const fail = (place: string, problem: string): never => { throw new WeightFileError(source.path, place, problem); };
  const recordOffset = wideNumber(locator, 8);
  if (!(recordOffset + ZIP64_END_BYTES <= locatorOffset)) return fail(`ZIP64 locator, byte ${locatorOffset}`, `points to byte ${recordOffset}, where no ZIP64 end record fits`);
  const record = viewOf(await source.read(recordOffset, ZIP64_END_BYTES));
  const where = `ZIP64 end record, byte ${recordOffset}`;
  if (record.getUint32(0, true) !== 0x06064b50) return fail(where, 'does not begin with its signature PK\\6\\6');
  if (recordOffset + 12 + wideNumber(record, 4) !== locatorOffset) return fail(where, `gives ${wideNumber(record, 4)} as its own size, which does not reach to its locator at byte ${locatorOffset}`);
  return {
    recordOffset,
    disk: record.getUint32(16, true),
    directoryDisk: record.getUint32(20, true),
    entriesHere: wideNumber(record, 24),
    entries: wideNumber(record, 32),
    size: wideNumber(record, 40),
    offset: wideNumber(record, 48),
  };
}

function parseDirectory(path: string, bytes: Uint8Array, place: DirectoryPlace): ZipEntry[] {
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < place.entries; i++) {
    const fail = (problem: string): never => { throw new WeightFileError(path, `central directory, byte ${place.offset + at}`, problem); };
    if (at + CENTRAL_BYTES > bytes.length) return fail(`ends within entry ${i + 1} of ${place.entries}`);
    if (view.getUint32(at, true) !== 0x02014b50) return fail(`entry ${i + 1} of ${place.entries} does not begin with its signature PK\\1\\2`);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const next = at + CENTRAL_BYTES + nameLength + extraLength + view.getUint16(at + 32, true);
    if (next > bytes.length) return fail(`ends within entry ${i + 1} of ${place.entries}`);
    const flags = view.getUint16(at + 8, true);
    const nameBytes = bytes.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameLength);
    const name = decodeName(nameBytes, (flags & UTF8_NAME) !== 0) ?? fail('an entry says that its name is UTF-8, but it is not');
    const shown = `entry ${showName(name)}`;
    const method = methodOf(path, shown, flags, view.getUint16(at + 10, true));
    const extra = bytes.subarray(at + CENTRAL_BYTES + nameLength, at + CENTRAL_BYTES + nameLength + extraLength);
    const wide = zip64Fields(extra, [
      { short: view.getUint32(at + 24, true), saturated: 0xffffffff, bytes: 8 },
      { short: view.getUint32(at + 20, true), saturated: 0xffffffff, bytes: 8 },
      { short: view.getUint32(at + 42, true), saturated: 0xffffffff, bytes: 8 },
      { short: view.getUint16(at + 34, true), saturated: 0xffff, bytes: 4 },
    ]);
    if (wide === undefined) throw new WeightFileError(path, shown, 'its sizes are said to stand in a ZIP64 field, but the field is missing or too short');
    const [size = 0, compressedSize = 0, headerOffset = 0, disk = 0] = wide;
    if (disk !== 0) throw new WeightFileError(path, shown, 'lies in another part of a split archive, which is not supported');
    if (method === 'stored' && size !== compressedSize) throw new WeightFileError(path, shown, `is stored uncompressed, yet its sizes differ: ${compressedSize} bytes in the archive, ${size} unpacked`);
    entries.push({ name, nameBytes, flags, method, crc: view.getUint32(at + 16, true), size, compressedSize, headerOffset, limit: 0 });
    at = next;
  }
  if (at !== bytes.length) throw new WeightFileError(path, `central directory, byte ${place.offset + at}`, `${bytes.length - at} bytes are left over behind its last entry`);
  return entries;
}

/**
 * The ZIP64 extended information field holds, in this order, only those figures that are saturated in the record itself.
 * @returns the true figures, or undefined when a saturated one is not in the field
 */
export function zip64Fields(extra: Uint8Array, fields: readonly { readonly short: number; readonly saturated: number; readonly bytes: 4 | 8 }[]): readonly number[] | undefined {
  if (fields.every(({ short, saturated }) => short !== saturated)) return fields.map(({ short }) => short);
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length;) {
    const length = view.getUint16(at + 2, true);
    const end = at + 4 + length;
    if (end > extra.length) return undefined;
    if (view.getUint16(at, true) === 0x0001) {
      let from = at + 4;
      const wide: number[] = [];
      for (const { short, saturated, bytes } of fields) {
        if (short !== saturated) {
          wide.push(short);
          continue;
        }
        if (from + bytes > end) return undefined;
        wide.push(bytes === 8 ? wideNumber(view, from) : view.getUint32(from, true));
        from += bytes;
      }
      return wide;
    }
    at = end;
  }
  return undefined;
}

function methodOf(path: string, place: string, flags: number, method: number): ZipMethod {
  if ((flags & 0x2041) !== 0) throw new WeightFileError(path, place, 'is encrypted; save the file again without a password');
  if ((flags & 0x0020) !== 0) throw new WeightFileError(path, place, 'is patch data of another file, which is not supported');
  if (method === 0) return 'stored';
  if (method === 8) return 'deflated';
  const known: Readonly<Record<number, string>> = { 9: 'Deflate64', 12: 'bzip2', 14: 'LZMA', 93: 'Zstandard', 95: 'xz', 99: 'AES encryption' };
  throw new WeightFileError(path, place, `is packed by method ${method}${known[method] === undefined ? '' : ` (${known[method]})`}; only stored and deflated entries can be read`);
}

function refuseDuplicates(path: string, entries: readonly ZipEntry[]): void {
  const seen = new Set<string>();
  for (const { name } of entries) {
    if (seen.has(name)) throw new WeightFileError(path, `entry ${showName(name)}`, 'is there twice, and programs differ in which one they read');
    seen.add(name);
  }
}

function refuseBombs(path: string, entries: readonly ZipEntry[]): void {
  let size = 0;
  let compressedSize = 0;
  for (const entry of entries) {
    size += entry.size;
    compressedSize += entry.compressedSize;
    // The constant allows for the end of a stream whose last block is nearly empty.
    const impossible = entry.size > DEFLATE_LIMIT * entry.compressedSize + 1024;
    const suspect = entry.size > SUSPECT_BYTES && entry.size > SUSPECT_RATIO * entry.compressedSize;
    if (entry.method === 'deflated' && (impossible || suspect)) {
      throw new WeightFileError(path, `entry ${showName(entry.name)}`, `is to unpack ${entry.compressedSize} bytes into ${entry.size}, ${impossible ? 'more than deflate can' : 'as a zip bomb does'}; if it is genuine, save it uncompressed`);
    }
  }
  if (size > SUSPECT_BYTES && size > SUSPECT_RATIO * compressedSize) {
    throw new WeightFileError(path, '', `its entries are to unpack ${compressedSize} bytes into ${size}, as a zip bomb does; if they are genuine, save them uncompressed`);
  }
}

/** Gives every entry the limit that it must end before. @throws WeightFileError when two entries share bytes. */
function separate(path: string, entries: readonly ZipEntry[], directoryOffset: number): readonly ZipEntry[] {
  const order = entries.map((_, i) => i).sort((i, j) => entries[i]!.headerOffset - entries[j]!.headerOffset);
  const limited = entries.slice();
  for (let k = 0; k < order.length; k++) {
    const entry = entries[order[k]!]!;
    const following = k + 1 < order.length ? entries[order[k + 1]!] : undefined;
    const limit = following?.headerOffset ?? directoryOffset;
    // At least this much; the local header, read when the entry is, can only add to it.
    const end = entry.headerOffset + LOCAL_HEADER_BYTES + entry.nameBytes.length + entry.compressedSize;
    if (!(end <= limit)) {
      const other = following === undefined ? 'the central directory' : `entry ${showName(following.name)}`;
      throw new WeightFileError(path, `entry ${showName(entry.name)}`, `its bytes ${entry.headerOffset} to ${end} overlap ${other}, which begins at byte ${limit}`);
    }
    limited[order[k]!] = { ...entry, limit };
  }
  return limited;
}

function decodeName(bytes: Uint8Array, declaredUtf8: boolean): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // Without the UTF-8 flag a name is in an old code page; it is only shown, so the exact one does not matter.
    return declaredUtf8 ? undefined : Buffer.from(bytes).toString('latin1');
  }
}

/** Beyond 2⁵³ the last digits are lost, but every such figure is far past the end of any file. */
function wideNumber(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
