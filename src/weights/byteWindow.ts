/**
 * Small ranges that follow each other, from one read of the system: files with many small tensors would otherwise cost two calls and a
 * wait for each of them.
 */
import type { ByteSource } from './byteSource.ts';

export const WINDOW_BYTES = 2 ** 18;

export class ByteWindow {
  #source: ByteSource | undefined;
  #start = 0;
  #bytes = new Uint8Array(0);

  /**
   * Valid until the next call, and not to be written to.
   * @throws WeightFileError as reading does
   */
  async read(source: ByteSource, position: number, length: number): Promise<Uint8Array> {
    if (length > WINDOW_BYTES) return source.read(position, length);
    if (source !== this.#source || position < this.#start || position + length > this.#start + this.#bytes.length) {
      this.#source = undefined;
      const ahead = position >= 0 && position + length <= source.size ? Math.min(WINDOW_BYTES, source.size - position) : length;
      this.#bytes = new Uint8Array(await source.read(position, ahead));
      this.#start = position;
      this.#source = source;
    }
    return this.#bytes.subarray(position - this.#start, position - this.#start + length);
  }
}
