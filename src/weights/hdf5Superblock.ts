/**
 * The superblock with which an HDF5 file begins ("HDF5 File Format Specification Version 3.0", II.A), checked before the library sees the file: a
 * download that broke off, the most common fault of all, is then told at once and in words.
 */
import type { ByteSource } from './byteSource.ts';
import { lookup3 } from './lookup3.ts';
import { WeightFileError } from './weightFileError.ts';

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const NEWEST = 3;
// Version 1 with addresses of 8 bytes takes 100; nothing is longer but addresses of 16 and 32 bytes, which nobody writes.
const LONGEST = 100;

export function looksLikeHdf5(start: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => start[i] === byte);
}

/** @throws WeightFileError when the file cannot be an HDF5 file, or not the whole of one */
export async function checkSuperblock(source: ByteSource): Promise<void> {
  const { path, size } = source;
  const refuse = (problem: string): never => { throw new WeightFileError(path, '', problem); };
  const bytes = await source.read(0, Math.min(size, LONGEST));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!looksLikeHdf5(bytes)) refuse('does not begin as an HDF5 file does');
  const needed = (length: number): void => { if (length > size) refuse(`is truncated: it ends after ${size} bytes, in the middle of its superblock`); };
  needed(16);
  const version = view.getUint8(8);
  if (version > NEWEST) refuse(`its superblock has version ${version}; versions 0 to ${NEWEST} are known`);
  const isOld = version < 2;
  const width = view.getUint8(isOld ? 13 : 9);
  const lengthWidth = view.getUint8(isOld ? 14 : 10);
  for (const given of [width, lengthWidth]) if (![2, 4, 8].includes(given)) refuse(`its superblock gives addresses or lengths of ${given} bytes; 2, 4 and 8 are read`);
  const first = isOld ? (version === 0 ? 24 : 28) : 12;
  // Of the four addresses the third is the file's end. The root group comes fourth, or, in old files, as the second field of an entry behind them.
  const rootAt = first + (isOld ? 5 : 3) * width;
  needed(rootAt + width + (isOld ? 24 : 4));
  const address = (at: number): number => (width === 2 ? view.getUint16(at, true) : width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true)));
  if (!isOld && lookup3(bytes.subarray(0, rootAt + width)) !== view.getUint32(rootAt + width, true)) refuse('its superblock is damaged: its checksum is wrong');
  // Where addresses do not count from the first byte, they are left to the library.
  if (address(first) !== 0) return;
  const end = address(first + 2 * width);
  if (end > size) refuse(`is truncated: it has ${size} bytes, but its superblock says ${end}`);
  const root = address(rootAt);
  if (root >= end) refuse(`its root group is said to lie at byte ${root}, beyond the file's end at byte ${end}`);
}
