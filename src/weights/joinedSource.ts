/** Several byte ranges as if they were one file: weights that a format cuts into pieces without regard for tensors. */
import type { ByteSource } from './byteSource.ts';
import { WeightFileError } from './weightFileError.ts';

export interface ByteRange {
  readonly source: ByteSource;
  /** First byte within the source. */
  readonly start: number;
  readonly length: number;
}

/**
 * The sources stay their owners'.
 * @param path the file that errors name when a range lies beyond all parts; damage within a part names the part
 */
export function joinRanges(path: string, ranges: readonly ByteRange[]): ByteSource {
  const begins: number[] = [];
  let size = 0;
  for (const { length } of ranges) {
    begins.push(size);
    size += length;
  }
  return {
    path,
    size,
    async read(offset, length) {
      if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > size) {
        throw new WeightFileError(path, '', `${length} bytes at byte ${offset} of ${size} joined bytes are not there`);
      }
      let index = lastAtOrBefore(begins, offset);
      let part = ranges[index];
      if (part !== undefined && offset + length <= begins[index]! + part.length) return part.source.read(part.start + offset - begins[index]!, length);
      const bytes = allocate(path, length);
      for (let done = 0; done < length; part = ranges[++index]) {
        if (part === undefined) break;
        const within = offset + done - begins[index]!;
        const count = Math.min(part.length - within, length - done);
        if (count > 0) bytes.set(await part.source.read(part.start + within, count), done);
        done += Math.max(0, count);
      }
      return bytes;
    },
    close: () => Promise.resolve(),
  };
}

/** Index of the last begin that is not behind `offset`; 0 when there is none. */
function lastAtOrBefore(begins: readonly number[], offset: number): number {
  let low = 0;
  let high = begins.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (begins[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function allocate(path: string, length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch {
    throw new WeightFileError(path, '', `${length} bytes do not fit into memory at once`);
  }
}
