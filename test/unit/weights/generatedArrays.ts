/** The arrays of `makeStatisticsFixtures.py`, generated again bit by bit, as files in memory that are read as real ones are. */
import { encodeElements } from '../../../src/weights/dtype.ts';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { decodeElements, type RealDtype } from '../../../src/weights/dtype.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';

const uniform = (i: number, factor: number): number => Number((BigInt(i + 1) * BigInt(factor)) % 4294967296n) / 2 ** 32;

function bell(i: number): number {
  if (i % 99991 === 11) return -Infinity;
  if (i % 77777 === 9) return Infinity;
  if (i % 65537 === 5) return Number.NaN;
  if (i % 1009 === 0) return 0;
  return (uniform(i, 2654435761) + uniform(i, 2246822519) + uniform(i, 3266489917) - 1.5) / 32;
}

const arrays = {
  bell,
  far: (i: number): number => 1 + (uniform(i, 2654435761) - 0.5) / 1024,
  few: (i: number): number => Math.floor(uniform(i, 2246822519) * 7) / 8 - 0.25,
  outliers: (i: number): number => (i % 20000 === 77 ? 1000 * uniform(i, 3266489917) : bell(i)),
};

export type GeneratedName = keyof typeof arrays;

export function generated(name: GeneratedName, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => arrays[name](i));
}

/** A file of one tensor `a`, whose bytes can be had as they are. */
export function plainFile(dtype: RealDtype, values: Float64Array): WeightFile & { readonly bytes: Uint8Array } {
  const bytes = encodeElements(dtype, values);
  const tensor = { name: 'a', dtype, shape: [values.length], elements: values.length, bytes: bytes.length };
  const source = memoryByteSource('memory', bytes);
  return {
    path: 'memory', format: 'memory', fileBytes: bytes.length, tensors: [tensor], metadata: {}, warnings: [], bytes,
    tensor: (name) => (name === 'a' ? tensor : undefined),
    read: (_, start = 0, end = values.length) => Promise.resolve(decodeElements(dtype, bytes.subarray(start * (bytes.length / values.length), end * (bytes.length / values.length)))),
    plain: () => ({ source, position: 0 }),
    close: () => Promise.resolve(),
  };
}
