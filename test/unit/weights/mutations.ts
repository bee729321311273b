/** Seeded mutations of bytes: what damage, truncation and a careless or hostile writer do to a file. */
import type { Random } from '../../../src/linalg/random.ts';

/** Values at which lengths, counts and offsets go wrong. */
const edges = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

/** One to four changes: a bit, a byte, an edge value of 1 to 8 bytes, a cut, a copy of a part elsewhere, a truncation, a splice with another input. */
export function mutate(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let result: Buffer = Buffer.from(bytes);
  for (let changes = 1 + random.below(4); changes > 0 && result.length > 0; changes--) {
    // Half of the changes at the ends, where headers and directories are.
    const near = random.below(2) === 0 ? random.below(result.length) : random.below(2) === 0 ? random.below(Math.min(64, result.length)) : result.length - 1 - random.below(Math.min(200, result.length));
    const length = 1 + random.below(16);
    switch (random.below(8)) {
      case 0: result[near] = result[near]! ^ (1 << random.below(8)); break;
      case 1: result[near] = random.below(256); break;
      case 2: case 3: {
        const width = pick(random, [1, 2, 4, 8]);
        const value = BigInt(pick(random, edges)) << (width === 8 && random.below(2) === 0 ? 32n : 0n);
        for (let k = 0; k < width && near + k < result.length; k++) result[near + k] = Number((value >> BigInt(8 * k)) & 0xffn);
        break;
      }
      case 4: result = Buffer.concat([result.subarray(0, near), result.subarray(near + length)]); break;
      case 5: {
        const from = random.below(result.length);
        result = Buffer.concat([result.subarray(0, near), result.subarray(from, from + length), result.subarray(near)]);
        break;
      }
      case 6: result = result.subarray(0, near); break;
      default: {
        const other = pick(random, others);
        result = Buffer.concat([result.subarray(0, near), other.subarray(random.below(Math.max(1, other.length)))]);
      }
    }
  }
  return result;
}
