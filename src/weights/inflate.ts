/**
 * Ranges of a deflated zip entry. Deflate (RFC 1951) can only be read from its beginning, so a cursor unpacks the entry as a stream:
 * a range that begins at or after the cursor goes on from there, one before it starts over. Reading an entry in ascending
 * ranges therefore costs one pass, and memory holds the range asked for, one 64 KiB piece and the stream's 32 KiB window,
 * whatever the entry's size.
 */
import { Readable, pipeline } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';

const PIECE = 64 * 1024;

/** Reads packed bytes, at an offset within the entry's packed data. */
export type PackedBytes = (offset: number, length: number) => Promise<Uint8Array>;

/** What is wrong with the packed data; whoever knows the entry's name makes a message of it. */
export class InflateProblem extends Error {}

export class InflateCursor {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #stop: () => void;
  readonly #size: number;
  readonly #crc: number | undefined;
  #piece: Buffer = Buffer.alloc(0);
  #runningCrc = 0;
  #position = 0;

  /** @param crc what the unpacked bytes must give once all have passed; undefined when the archive has no checksums */
  constructor(packed: PackedBytes, compressedSize: number, size: number, crc: number | undefined) {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < compressedSize; at += PIECE) yield await packed(at, Math.min(PIECE, compressedSize - at));
    }
    const inflate = createInflateRaw({ chunkSize: PIECE });
    // Errors of either stream reach the iterator.
    pipeline(Readable.from(pieces(), { objectMode: false, highWaterMark: PIECE }), inflate, () => undefined);
    this.#pieces = inflate[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#stop = () => { inflate.destroy(); };
    this.#size = size;
    this.#crc = crc;
  }

  get position(): number {
    return this.#position;
  }

  /** The next `length` bytes from `offset`, which lies at or after the position; the range lies within the declared size. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const result = new Uint8Array(length);
    const end = offset + length;
    while (this.#position < end) {
      if (this.#piece.length === 0) await this.#next();
      const take = Math.min(this.#piece.length, this.#position < offset ? offset - this.#position : end - this.#position);
      if (this.#position >= offset) result.set(this.#piece.subarray(0, take), this.#position - offset);
      this.#piece = this.#piece.subarray(take);
      this.#position += take;
    }
    if (end === this.#size) await this.#verifyEnd();
    return result;
  }

  close(): void {
    this.#stop();
  }

  async #next(): Promise<void> {
    const { done, value } = await this.#pull();
    if (done === true) throw new InflateProblem(`its packed data end after ${this.#position} of ${this.#size} bytes`);
    this.#piece = value;
    this.#runningCrc = crc32(value, this.#runningCrc);
  }

  async #verifyEnd(): Promise<void> {
    if (this.#piece.length > 0 || (await this.#pull()).done !== true) throw new InflateProblem(`unpacks to more than the ${this.#size} bytes that the directory declares`);
    if (this.#crc !== undefined && this.#runningCrc !== this.#crc) throw new InflateProblem(checksumProblem(this.#runningCrc, this.#crc));
  }

  async #pull(): Promise<IteratorResult<Buffer, undefined>> {
    try {
      return await this.#pieces.next() as IteratorResult<Buffer, undefined>;
    } catch (error) {
      if (error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_')) {
        throw new InflateProblem(error.code === 'Z_BUF_ERROR' ? `its packed data end after ${this.#position} of ${this.#size} bytes` : 'its packed data are damaged');
      }
      throw error;
    }
  }
}

export function checksumProblem(found: number, declared: number): string {
  return `its checksum is ${hex(found)}, not ${hex(declared)}: its bytes are damaged`;
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
