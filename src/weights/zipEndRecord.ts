/**
 * Where a zip archive's central directory lies: end record and ZIP64 end record, after PKWARE's APPNOTE 6.3.10 (§4.3.14 to §4.3.16).
 * Everything that they say about sizes and counts is checked before anything of that size is read or made.
 */
import type { ByteSource } from './byteSource.ts';
import { WeightFileError } from './weightFileError.ts';

export const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const ZIP64_END_BYTES = 56;
const ZIP64_LOCATOR_BYTES = 20;
const LONGEST_COMMENT = 0xffff;
// Checkpoints have some thousands of entries; each costs some hundred bytes of memory here against 46 in the file.
const MOST_ENTRIES = 250_000;
// It is read as a whole; so many entries with ordinary names fit.
const LARGEST_DIRECTORY = 64 * 2 ** 20;

export interface DirectoryPlace {
  readonly entries: number;
  readonly offset: number;
  readonly size: number;
}

/** @throws WeightFileError when there is no end record, or when it cannot be true */
export async function findDirectory(source: ByteSource): Promise<DirectoryPlace> {
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
  if (place.size > LARGEST_DIRECTORY) fail(`end record, byte ${endOffset}`, `gives the central directory ${place.size} bytes; at most ${LARGEST_DIRECTORY} are read`);
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

/** Beyond 2⁵³ the last digits are lost, but every such figure is far past the end of any file. */
export function wideNumber(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
