/**
 * Walks forward through a byte source: numbers, texts, and what is skipped without being read. Headers of GGUF, protobuf and msgpack
 * files consist of millions of small fields between large ones, so bytes are taken from a window; only when it runs
 * out does the walk wait for the next one.
 */
import type { ByteSource } from './byteSource.ts';
import { WeightFileError } from './weightFileError.ts';

const FIRST_WINDOW = 16 * 1024;
const LARGEST_WINDOW = 1024 * 1024;

export class ByteCursor {
  readonly source: ByteSource;
  readonly littleEndian: boolean;
  /** Where the walk ends: a byte of the source. */
  readonly end: number;
  #window: DataView = new DataView(new ArrayBuffer(0));
  #windowStart: number;
  #at: number;
  #windowBytes = FIRST_WINDOW;

  constructor(source: ByteSource, { start = 0, end = source.size, littleEndian = true }: { readonly start?: number; readonly end?: number; readonly littleEndian?: boolean } = {}) {
    this.source = source;
    this.littleEndian = littleEndian;
    this.end = end;
    this.#windowStart = start;
    this.#at = start;
  }

  /** The next byte, counted from the source's beginning. */
  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.end - this.#at;
  }

  /** Bytes that can be taken without waiting. */
  get available(): number {
    return this.#windowStart + this.#window.byteLength - this.#at;
  }

  error(problem: string, at = this.#at): WeightFileError {
    return new WeightFileError(this.source.path, `byte ${at}`, problem);
  }

  /**
   * Makes `length` bytes available; `length` must be within what remains of the source, or below the window's size.
   * @throws WeightFileError when the source ends before; the message says that `what` was expected
   */
  async load(length: number, what: string): Promise<void> {
    if (length <= this.available) return;
    if (length > this.remaining) throw this.error(`${what} of ${length} bytes is expected here, but only ${this.remaining} are left`);
    const bytes = await this.source.read(this.#at, Math.min(this.remaining, Math.max(length, this.#windowBytes)));
    this.#window = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#windowStart = this.#at;
    // A walk that goes on is one through a long header.
    this.#windowBytes = Math.min(LARGEST_WINDOW, 4 * this.#windowBytes);
  }

  /** Loads what there is, up to `length` bytes: for fields whose length is not known beforehand. */
  async loadUpTo(length: number): Promise<void> {
    await this.load(Math.min(length, this.remaining), 'a field');
  }

  /** The caller has checked that `length` bytes remain; they need not be available. */
  skip(length: number): void {
    this.#at += length;
    const beyond = this.#at - this.#windowStart - this.#window.byteLength;
    if (beyond <= 0) return;
    this.#window = new DataView(new ArrayBuffer(0));
    this.#windowStart = this.#at;
    // Behind much that was skipped there is likely to be more to skip.
    if (beyond > this.#windowBytes) this.#windowBytes = FIRST_WINDOW;
  }

  // What follows takes bytes that have been loaded.

  u8(): number {
    return this.#window.getUint8(this.#take(1));
  }

  i8(): number {
    return this.#window.getInt8(this.#take(1));
  }

  u16(): number {
    return this.#window.getUint16(this.#take(2), this.littleEndian);
  }

  i16(): number {
    return this.#window.getInt16(this.#take(2), this.littleEndian);
  }

  u32(): number {
    return this.#window.getUint32(this.#take(4), this.littleEndian);
  }

  i32(): number {
    return this.#window.getInt32(this.#take(4), this.littleEndian);
  }

  u64(): bigint {
    return this.#window.getBigUint64(this.#take(8), this.littleEndian);
  }

  i64(): bigint {
    return this.#window.getBigInt64(this.#take(8), this.littleEndian);
  }

  f32(): number {
    return this.#window.getFloat32(this.#take(4), this.littleEndian);
  }

  f64(): number {
    return this.#window.getFloat64(this.#take(8), this.littleEndian);
  }

  /** A view, to be used before the next `load`. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return new Uint8Array(this.#window.buffer, this.#window.byteOffset + at, length);
  }

  #take(length: number): number {
    const at = this.#at - this.#windowStart;
    this.#at += length;
    return at;
  }
}
