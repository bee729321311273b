/**
 * What a zip archive says it holds: the central directory, after PKWARE's APPNOTE 6.3.10 (§4.3.12, §4.4 and §4.5.3). A zip can be read
 * in several ways that contradict each other, and attacks live in the difference; so every figure that the format gives twice must
 * agree, the records must adjoin, and no two entries may share bytes.
 */
import type { ByteSource } from './byteSource.ts';
import { WeightFileError, showName } from './weightFileError.ts';
import { CENTRAL_BYTES, findDirectory, viewOf, wideNumber } from './zipEndRecord.ts';
import type { DirectoryPlace } from './zipEndRecord.ts';

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
const UTF8_NAME = 0x0800;
// Deflate reaches 1032:1 on endless zeros. Weights do not compress even tenfold; whole arrays of zeros do.
const DEFLATE_LIMIT = 1032;
const SUSPECT_RATIO = 250;
const SUSPECT_BYTES = 64 * 2 ** 20;

/** In the order of the central directory. @throws WeightFileError naming the record and what is wrong with it. */
export async function readEntries(source: ByteSource): Promise<readonly ZipEntry[]> {
  const place = await findDirectory(source);
  const bytes = await source.read(place.offset, place.size);
  const entries = parseDirectory(source.path, bytes, place);
  refuseDuplicates(source.path, entries);
  refuseBombs(source.path, entries);
  return separate(source.path, entries, place.offset);
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
