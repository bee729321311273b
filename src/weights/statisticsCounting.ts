/**
 * Counting and summing of a long tensor in chunks, by one thread or by several. The sums of a chunk depend on its elements alone, and chunks
 * are merged in their order: the result is the same to the last bit whoever summed which of them.
 */
import { Float32Moments, WRITTEN } from './float32Moments.ts';
import type { StatisticsKernel } from './statisticsKernel.ts';

export const CHUNK_BYTES = 2 ** 22;

/** Bytes of an element, which decides how it is counted: float32 numbers by cells and with sums, others by their patterns. */
export type CountedWidth = 1 | 2 | 4;

/** Sums of the chunks of `bytes` bytes of float32, as they are shared between threads. */
export function chunkSums(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(8 * WRITTEN * Math.ceil(bytes / CHUNK_BYTES));
}

export function mergeChunks(sums: SharedArrayBuffer, into: Float32Moments): void {
  const written = new Float64Array(sums);
  for (let at = 0; at < written.length; at += WRITTEN) into.addWritten(written, at);
}

/** Pieces of a chunk, in their order. */
export class ChunkCounter {
  readonly #kernel: StatisticsKernel;
  readonly #width: CountedWidth;
  readonly #sums: Float64Array;
  #moments = new Float32Moments();

  /** @param sums of `chunkSums` */
  constructor(kernel: StatisticsKernel, width: CountedWidth, sums: SharedArrayBuffer) {
    this.#kernel = kernel;
    this.#width = width;
    this.#sums = new Float64Array(sums);
  }

  /** @param offset of the piece in the kernel's memory */
  add(offset: number, bytes: number): void {
    if (this.#width === 4) this.#moments.addPiece(this.#kernel, offset, bytes / 4);
    else this.#kernel.patterns(this.#width, offset, bytes / this.#width);
  }

  end(chunk: number): void {
    if (this.#width !== 4) return;
    this.#moments.write(this.#sums, chunk * WRITTEN);
    this.#moments = new Float32Moments();
  }
}
