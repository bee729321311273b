/**
 * The HDF5 library (h5wasm, HDF5 2.0 compiled to WebAssembly) on a file system of one file. Whatever a file names, links, external storage,
 * virtual sources, plug-ins, is asked of this file system, which opens nothing but the file itself and keeps the names it refused.
 * The library's own errors are texts on the console; they are collected instead of shown.
 */
import type { Module } from 'h5wasm';
import { HalfTypes, type HalfType } from './hdf5Types.ts';
import { showName } from './weightFileError.ts';

export type H5Module = typeof Module;

/** The parts of Emscripten's file system (`src/lib/libfs.js`) that are used. */
interface FileSystem {
  open(path: unknown, flags: unknown, mode?: unknown): unknown;
  createFile(parent: string, name: string, properties: object, canRead: boolean, canWrite: boolean): FileNode;
  unlink(path: string): void;
  readonly streams: readonly unknown[];
  close(stream: unknown): void;
  ErrnoError: new (errno: number) => Error;
}

interface FileNode {
  stream_ops: object;
}

/** Fills `target` with the bytes from `position` on. @throws when they cannot be had */
export type ReadSync = (target: Uint8Array, position: number) => void;

const FILE = '/file';
const EACCES = 2;
const EIO = 29;
const STANDARD_STREAMS = 3;
const MOST_THROWN = 200;
const LARGEST_KEPT_MEMORY = 64 * 2 ** 20;

export class Hdf5Library {
  readonly module: H5Module;
  /** Its `Attribute` class decodes attributes of every type. */
  readonly attributeValue: (file: bigint, path: string, name: string) => unknown;
  readonly #fs: FileSystem;
  readonly #errors: string[];
  readonly #refused: string[] = [];
  /** The memory before any file, up to the last byte that is not zero. */
  readonly #pristine: Uint8Array;
  #file: bigint | undefined;
  #halves = new HalfTypes();
  #thrown = 0;

  private constructor(module: H5Module, attributeValue: (file: bigint, path: string, name: string) => unknown, errors: string[]) {
    this.module = module;
    this.attributeValue = attributeValue;
    this.#errors = errors;
    const fs = module.FS as unknown as FileSystem;
    this.#fs = fs;
    const open = fs.open.bind(fs);
    fs.open = (path, flags, mode) => {
      if (path !== FILE) {
        this.#refused.push(typeof path === 'string' ? path : 'something');
        throw new fs.ErrnoError(EACCES);
      }
      return open(path, flags, mode);
    };
    let used = module.HEAPU8.length;
    while (used > 0 && module.HEAPU8[used - 1] === 0) used--;
    this.#pristine = module.HEAPU8.slice(0, used);
  }

  /** Takes the console's error output over: only for a thread of its own. */
  static async load(): Promise<Hdf5Library> {
    const errors: string[] = [];
    console.error = (...parts: unknown[]) => { if (errors.length < 1000) errors.push(parts.join(' ')); };
    console.warn = console.error;
    console.log = console.error;
    const h5wasm = await import('h5wasm');
    const module = await h5wasm.ready;
    return new Hdf5Library(module, (file, path, name) => new h5wasm.Attribute(file, path, name).value, errors);
  }

  /** @throws Hdf5Problem when the bytes are no HDF5 file */
  open(size: number, read: ReadSync): bigint {
    const node = this.#fs.createFile('/', FILE.slice(1), {}, true, false);
    Object.defineProperty(node, 'usedBytes', { get: () => size });
    const { ErrnoError } = this.#fs;
    const halves = new HalfTypes();
    this.#halves = halves;
    node.stream_ops = {
      ...node.stream_ops,
      read(_stream: unknown, buffer: Int8Array, offset: number, length: number, position: number): number {
        const count = Math.max(0, Math.min(length, size - position));
        try {
          read(new Uint8Array(buffer.buffer, buffer.byteOffset + offset, count), position);
        } catch {
          throw new ErrnoError(EIO);
        }
        if (isEndlessHeap(buffer, offset, count)) throw new ErrnoError(EIO);
        halves.look(Buffer.from(buffer.buffer, buffer.byteOffset + offset, count));
        return count;
      },
    };
    this.#errors.length = 0;
    const file = this.module.open(FILE, this.module.H5F_ACC_RDONLY, false, -1, -1);
    if (file <= 0n) throw this.problem('cannot be opened as HDF5');
    this.#file = file;
    return file;
  }

  /** Elements of one box, in memory of the library; `use` sees them before they are freed. */
  read(file: bigint, dataset: string, offset: readonly number[], count: readonly number[], bytes: number, use: (elements: Uint8Array) => void): void {
    const { module } = this;
    const memory = module._malloc(Math.max(1, bytes));
    if (memory === 0) throw new Hdf5Problem(`needs ${bytes} bytes of memory at once`);
    try {
      this.#errors.length = 0;
      this.#refused.length = 0;
      const whole = offset.length === 0;
      const big = (values: readonly number[]): bigint[] => values.map(BigInt);
      const status = module.get_dataset_data(file, `/${dataset}`, whole ? null : big(count), whole ? null : big(offset), whole ? null : count.map(() => 1n), BigInt(memory));
      const refused = this.#refused.find((path) => !isPluginFolder(path));
      if (refused !== undefined) throw new Hdf5Problem(`its elements lie in another file ("${showName(refused)}"), which is not opened; copy them into this file`);
      if (status < 0) throw this.problem('cannot be read');
      use(module.HEAPU8.subarray(memory, memory + bytes));
    } finally {
      module._free(memory);
    }
  }

  /**
   * One question to the library that it answers with an exception when an object is damaged. Such an exception leaves a little of the
   * compiled code's stack behind, which setting the memory back does not mend.
   * @throws Hdf5Problem
   */
  ask<T>(question: (module: H5Module) => T): T {
    this.#errors.length = 0;
    try {
      return question(this.module);
    } catch (error) {
      // A trap of the compiled code itself is another matter.
      if (error instanceof Error && error.name === 'Error') {
        this.#thrown++;
        throw this.problem('cannot be opened');
      }
      throw error;
    }
  }

  /** What the floating-point types of 16 bits are of which descriptions have been read. */
  get halfType(): HalfType | undefined {
    return this.#halves.found;
  }

  /** What the library has complained of since the last call, as an error; undefined when it has not. */
  complaint(what: string): Hdf5Problem | undefined {
    return this.#errors.length === 0 ? undefined : this.problem(what);
  }

  /** The innermost cause that the library names, of the many lines it writes. */
  problem(what: string): Hdf5Problem {
    const cause = this.#errors.map((line) => /^\s*#\d+: .*? line \d+ in \w+\(\): (.*)$/s.exec(line)?.[1]).findLast((text) => text !== undefined);
    this.#errors.length = 0;
    return new Hdf5Problem(cause === undefined ? what : `${what} (HDF5 says: ${showName(cause)})`);
  }

  /**
   * Closes the file and sets the library's memory back to what it was before any file, so that nothing of this one can reach the next.
   * @returns false when that cannot be done, or the library had better be loaded anew
   */
  reset(): boolean {
    try {
      if (this.#file !== undefined) this.module.close_file(this.#file);
      this.#file = undefined;
      for (const stream of this.#fs.streams.slice(STANDARD_STREAMS)) if (stream !== null && stream !== undefined) this.#fs.close(stream);
      this.#fs.unlink(FILE);
    } catch {
      return false;
    }
    const memory = this.module.HEAPU8;
    if (memory.length > LARGEST_KEPT_MEMORY || this.#thrown > MOST_THROWN) return false;
    memory.set(this.#pristine);
    memory.fill(0, this.#pristine.length);
    return true;
  }
}

/** What is wrong, without file and place. */
export class Hdf5Problem extends Error {
  override readonly name = 'Hdf5Problem';
}

const HEAP_HEADER = 16;
const OBJECT_HEADER = 16;

/**
 * Whether what was read is a global heap (III.E of the format) with free space of length 0, at which the library would never get to the
 * next object. Lengths of 8 bytes.
 */
function isEndlessHeap(buffer: Int8Array, offset: number, count: number): boolean {
  const view = new DataView(buffer.buffer, buffer.byteOffset + offset, count);
  // "GCOL"
  if (count < HEAP_HEADER + OBJECT_HEADER || view.getUint32(0) !== 0x47434f4c) return false;
  for (let at = HEAP_HEADER; at + OBJECT_HEADER <= count;) {
    const isObject = view.getUint16(at, true) !== 0;
    // As the library takes it, whose lengths in memory have 32 bits.
    const size = view.getUint32(at + 8, true);
    if (!isObject && size === 0) return true;
    at += isObject ? OBJECT_HEADER + 8 * Math.ceil(size / 8) : size;
  }
  return false;
}

/** Where the library looks for filters that it does not have. */
function isPluginFolder(path: string): boolean {
  return path.endsWith('/plugin');
}
