/**
 * Lazy byte ranges of a file. Every reader takes its bytes from here, so that no file is ever in memory as a whole and the
 * conditions of a real file system (a directory, a pipe, no permission, a file that shrinks or is rewritten while it is being
 * read) are dealt with once.
 */
import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { WeightFileError } from './weightFileError.ts';

export interface ByteSource {
  /** As the user named it. */
  readonly path: string;
  /** Bytes; never 0. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`, in memory of their own.
   * @throws WeightFileError naming the byte where the file ends too early, or saying that it changed since it was opened.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** As `read`, into memory that the caller gives; where it is missing, `read` takes the same time. */
  readInto?(offset: number, target: Uint8Array): Promise<void>;
  /** Under which another thread of this process can read the same bytes at the same offsets, as long as the source is open. */
  readonly descriptor?: number;
  close(): Promise<void>;
}

// One read of the operating system takes at most 2³¹ − 1 bytes.
const LARGEST_READ = 2 ** 30;

/** @throws WeightFileError when there is no regular file with at least one readable byte. */
export async function openByteSource(path: string): Promise<ByteSource> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer for ever. Windows has neither the flag nor the pipes.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new WeightFileError(path, '', reasonOf(error));
  }
  try {
    const opened = await handle.stat({ bigint: true });
    const refusal = refusalOf(opened);
    if (refusal !== undefined) throw new WeightFileError(path, '', refusal);
    return new FileByteSource(path, handle, opened);
  } catch (error) {
    await handle.close();
    throw error instanceof WeightFileError ? error : new WeightFileError(path, '', reasonOf(error));
  }
}

/** Bytes that are already in memory, read under the same rules; for tests and for what was unpacked from an archive. */
export function memoryByteSource(path: string, bytes: Uint8Array): ByteSource {
  return {
    path,
    size: bytes.length,
    read(offset, length) {
      const problem = outOfRange(path, bytes.length, offset, length);
      return problem === undefined ? Promise.resolve(new Uint8Array(bytes.subarray(offset, offset + length))) : Promise.reject(problem);
    },
    close: () => Promise.resolve(),
  };
}

class FileByteSource implements ByteSource {
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #opened: BigIntStats;

  constructor(path: string, handle: FileHandle, opened: BigIntStats) {
    this.path = path;
    this.size = Number(opened.size);
    this.#handle = handle;
    this.#opened = opened;
  }

  get descriptor(): number {
    return this.#handle.fd;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const problem = outOfRange(this.path, this.size, offset, length);
    if (problem !== undefined) throw problem;
    const bytes = allocate(this.path, offset, length);
    await this.readInto(offset, bytes);
    return bytes;
  }

  async readInto(offset: number, bytes: Uint8Array): Promise<void> {
    const { length } = bytes;
    const problem = outOfRange(this.path, this.size, offset, length);
    if (problem !== undefined) throw problem;
    let done = 0;
    try {
      while (done < length) {
        const { bytesRead } = await this.#handle.read(bytes, done, Math.min(length - done, LARGEST_READ), offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      // A checkpoint that is saved again in place would otherwise give old offsets into new bytes.
      const now = await this.#handle.stat({ bigint: true });
      const changed = now.size !== this.#opened.size || now.mtimeNs !== this.#opened.mtimeNs || now.ino !== this.#opened.ino;
      if (done < length || changed) {
        const what = now.size < this.#opened.size ? `shrank from ${this.#opened.size.toString()} to ${now.size.toString()} bytes` : 'changed';
        throw new WeightFileError(this.path, `byte ${offset + done}`, `the file ${what} while it was being read; open it again`);
      }
    } catch (error) {
      throw error instanceof WeightFileError ? error : new WeightFileError(this.path, `byte ${offset + done}`, reasonOf(error));
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function outOfRange(path: string, size: number, offset: number, length: number): WeightFileError | undefined {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    return new WeightFileError(path, '', `${length} bytes at byte ${offset} are not a range of bytes`);
  }
  if (offset + length <= size) return undefined;
  return new WeightFileError(path, `byte ${size}`, `the file ends here, but ${length} bytes are expected at byte ${offset}`);
}

function allocate(path: string, offset: number, length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch {
    throw new WeightFileError(path, `byte ${offset}`, `${length} bytes do not fit into memory at once`);
  }
}

function refusalOf(stats: BigIntStats): string | undefined {
  if (stats.isDirectory()) return 'is a folder, not a file';
  if (stats.isFIFO()) return 'is a named pipe, not a file';
  if (stats.isSocket()) return 'is a socket, not a file';
  if (!stats.isFile()) return 'is a device, not a file';
  return stats.size === 0n ? 'is empty (0 bytes)' : undefined;
}

/** What the operating system's error code means, in words; the machine's own text only for codes that are not listed. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT': return 'there is no such file';
    case 'ENOTDIR': return 'there is no such file: a part of its path is not a folder';
    case 'EACCES':
    case 'EPERM': return 'there is no permission to read it';
    case 'EBUSY': return 'another program has it open and lets nobody else read it';
    case 'EISDIR': return 'is a folder, not a file';
    case 'ENXIO':
    case 'ENODEV': return 'is a socket or a device, not a file';
    case 'ELOOP': return 'is a symbolic link that leads round in a circle';
    case 'ENAMETOOLONG': return 'the path is too long';
    case 'ERR_INVALID_ARG_VALUE': return 'the path holds a NUL character';
    case 'EMFILE':
    case 'ENFILE': return 'too many files are open at once';
    case 'EBADF': return 'the file was closed while it was being read';
    default: return `cannot be read (${error instanceof Error ? error.message : String(error)})`;
  }
}
