/**
 * Damage to HDF5 files where it means something: signatures, versions, sizes, addresses, counts. The newer structures carry checksums, behind
 * which nothing else would be reached: half of the inputs get right ones again.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../../src/linalg/random.ts';
import { lookup3 } from '../../../src/weights/lookup3.ts';
import { mutate, pick } from './mutations.ts';

const fixtures = join(import.meta.dirname, '../../fixtures');
const load = (folder: string, ending: RegExp): readonly Uint8Array[] => readdirSync(join(fixtures, folder)).filter((name) => ending.test(name)).map((name) => new Uint8Array(readFileSync(join(fixtures, folder, name))));

/** Of every layout, a millisecond an input. */
const seeds = load('hdf5Seeds', /\.h5$/);
/** Files of every use, some of them with many objects, which take ten times as long. */
const made = [...load('hdf5', /\.(h5|nc)$/), ...load('keras', /\.h5$/)];
// loop.h5 costs a second and a new worker whatever is changed.
const bad = load('bad/hdf5', /^(?!loop|nested|longPath).*\.h5$/);
const LARGE_ONES = 50;

function original(random: Random): Uint8Array {
  if (random.below(LARGE_ONES) === 0) return pick(random, made);
  return pick(random, random.below(6) === 0 ? bad : seeds);
}

/** Bytes that are not zero, or stand beside one that is not: most others are room for what was never written. */
const placesOf = new WeakMap<Uint8Array, readonly number[]>();

function places(bytes: Uint8Array): readonly number[] {
  let known = placesOf.get(bytes);
  if (known === undefined) {
    known = [...bytes.keys()].filter((at) => bytes.subarray(Math.max(0, at - 3), at + 4).some((byte) => byte !== 0));
    placesOf.set(bytes, known);
  }
  return known;
}

/** One to four edge values of 1 to 8 bytes, aligned to nothing, as HDF5's fields are. */
export function damagedFields(random: Random): Uint8Array {
  const bytes = original(random);
  const result = Buffer.from(bytes);
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = Math.min(result.length - 8, pick(random, places(bytes)));
    switch (random.below(5)) {
      case 0: result[at] = random.below(256); break;
      case 1: result[at] = (result[at]! + pick(random, [-1, 1])) & 0xff; break;
      case 2: result.writeBigUInt64LE(pick(random, [0n, 1n, 96n, BigInt(at), BigInt(random.below(result.length)), 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n]), at); break;
      case 3: result.writeUInt16LE(pick(random, [0, 1, 2, 3, 5, 7, 11, 16, 17, 21, 255, 65535]), at); break;
      default: result.writeUInt32LE(pick(random, [0, 1, 0x7fffffff, 0xffffffff]), at);
    }
  }
  return random.below(2) === 0 ? result : withChecksums(result);
}

export function damagedBytes(random: Random): Uint8Array {
  const bytes = mutate(random, original(random), made);
  return random.below(2) === 0 ? bytes : withChecksums(Buffer.from(bytes));
}

/** Bytes from the signature to the checksum of the structures that have a fixed size (addresses and lengths of 8 bytes). */
const FIXED_SIZE: Readonly<Record<string, number>> = { BTHD: 34, FRHP: 142, FAHD: 24, EAHD: 68 };

/** Puts right the checksums of the superblock, of object headers and of what else has a known size. */
function withChecksums(bytes: Buffer): Uint8Array {
  const put = (from: number, length: number): void => {
    if (length > 0 && from + length + 4 <= bytes.length) bytes.writeUInt32LE(lookup3(bytes.subarray(from, from + length)), from + length);
  };
  if (bytes.length > 48 && bytes[8]! >= 2) put(0, 44);
  for (let at = bytes.indexOf('OHDR'); at >= 0; at = bytes.indexOf('OHDR', at + 1)) put(at, headerLength(bytes, at));
  for (const [signature, length] of Object.entries(FIXED_SIZE)) for (let at = bytes.indexOf(signature); at >= 0; at = bytes.indexOf(signature, at + 1)) put(at, length);
  return bytes;
}

/** Of an object header of version 2, up to the checksum of its first chunk. */
function headerLength(bytes: Buffer, at: number): number {
  const flags = bytes[at + 5] ?? 0;
  const sizeAt = at + 6 + ((flags & 0x20) === 0 ? 0 : 16) + ((flags & 0x10) === 0 ? 0 : 4);
  const width = 1 << (flags & 3);
  if (sizeAt + width > bytes.length) return 0;
  const size = width === 8 ? Number(bytes.readBigUInt64LE(sizeAt)) : bytes.readUIntLE(sizeAt, width);
  return sizeAt + width - at + size;
}
