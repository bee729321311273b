/**
 * Where the draws that are compared with each other stay while they go from one canonical form to the next: in memory, or, when they
 * would not fit, in a temporary file. Both give back the same numbers. The file has no name as soon as it is open where the system
 * allows that (everywhere but on some network file systems), so that nothing of it is left however the process ends.
 *
 * Reads and writes are synchronous: they mostly meet the system's cache, and tiles are asked for in the middle of arithmetic.
 */
import { randomUUID } from 'node:crypto';
import { accessSync, closeSync, constants, openSync, readSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { formatBytes } from '../protocol/format.ts';
import { UserError } from '../protocol/userError.ts';
import type { DrawRows } from './drawRows.ts';

export interface DrawStore {
  /** @param state length `size` */
  save(row: number, state: Float64Array): void;
  load(row: number, into: Float64Array): void;
  /** The first `coordinates` entries of every row, as they are now. */
  view(coordinates: number): DrawRows;
  close(): void;
}

/** Numbers that are allocated together (64 MiB). */
const CHUNK_NUMBERS = 1 << 23;

/** @param size numbers a row */
export function memoryStore(rows: number, size: number): DrawStore {
  const height = Math.max(1, Math.floor(CHUNK_NUMBERS / size));
  const chunks = Array.from({ length: Math.ceil(rows / height) }, (_, c) => new Float64Array(Math.min(height, rows - c * height) * size));
  const part = (row: number, from: number, to: number): Float64Array => chunks[Math.floor(row / height)]!.subarray((row % height) * size + from, (row % height) * size + to);
  return {
    save(row, state) { part(row, 0, size).set(state); },
    load(row, into) { into.set(part(row, 0, size)); },
    view: (coordinates) => ({
      rows, coordinates,
      tile(chosen, from, to, into) {
        for (let a = 0, at = 0; a < chosen.length; a++, at += to - from) into.set(part(chosen[a]!, from, to), at);
      },
    }),
    close() { chunks.length = 0; },
  };
}

/**
 * @param folder of the file; see `spoolFolder`
 * @throws UserError when the folder cannot be written to, or is full
 */
export function fileStore(rows: number, size: number, folder: string): DrawStore {
  const file = path.join(folder, `quotient-draws-${randomUUID()}.tmp`);
  const descriptor = attempt(folder, () => openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));
  let named = !unlinked(file);
  // Where an open file keeps its name, it goes with the process at the latest.
  const leave = (): void => { named &&= !unlinked(file); };
  if (named) process.once('exit', leave);
  const write = (row: number, state: Float64Array): void => {
    attempt(folder, () => { whole((bytes, at) => writeSync(descriptor, bytes, 0, bytes.length, at), state, 8 * row * size); });
  };
  const read = (row: number, from: number, into: Float64Array): void => {
    attempt(folder, () => { whole((bytes, at) => readSync(descriptor, bytes, 0, bytes.length, at), into, 8 * (row * size + from)); });
  };
  return {
    save: write,
    load(row, into) { read(row, 0, into); },
    view: (coordinates) => ({
      rows, coordinates,
      tile(chosen, from, to, into) {
        const width = to - from;
        for (let a = 0; a < chosen.length;) {
          // Whole rows that follow each other are read at once.
          let end = a + 1;
          if (width === size) while (end < chosen.length && chosen[end] === chosen[end - 1]! + 1) end++;
          read(chosen[a]!, from, into.subarray(a * width, end * width));
          a = end;
        }
      },
    }),
    close() {
      closeSync(descriptor);
      leave();
      process.off('exit', leave);
    },
  };
}

/**
 * A folder for temporary files with so much room: the system's, or /var/tmp where the system's lies in memory or is full.
 * @throws UserError when there is none, saying what to do
 */
export function spoolFolder(bytes: number): string {
  const candidates = process.platform === 'win32' ? [tmpdir()] : [tmpdir(), '/var/tmp'];
  const found = candidates.flatMap((folder) => {
    const room = roomIn(folder);
    return room === undefined ? [] : [{ folder, ...room }];
  });
  const fit = found.find(({ free, inMemory }) => !inMemory && free >= bytes);
  if (fit !== undefined) return fit.folder;
  const rooms = found.map(({ folder, free, inMemory }) => `${folder} ${inMemory ? 'lies in memory' : `has ${formatBytes(free)}`}`);
  const variable = process.platform === 'win32' ? 'TEMP' : 'TMPDIR';
  throw new UserError(`the draws that are compared need ${formatBytes(bytes)} of temporary files, but ${rooms.join(' and ') || 'no folder for them can be written to'}; set ${variable} to a folder with more room, raise the memory limit, or pass fewer draws`);
}

/** Linux: `statfs(2)`, TMPFS_MAGIC and RAMFS_MAGIC. */
const memoryFileSystems = new Set([0x01021994, 0x858458f6]);

function roomIn(folder: string): { readonly free: number; readonly inMemory: boolean } | undefined {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize, type } = statfsSync(folder);
    return { free: bavail * bsize, inMemory: process.platform === 'linux' && memoryFileSystems.has(type) };
  } catch {
    return undefined;
  }
}

function unlinked(file: string): boolean {
  try {
    unlinkSync(file);
    return true;
  } catch {
    return false;
  }
}

/** All bytes of the numbers, however many the system moves at a time. */
function whole(move: (bytes: Uint8Array, position: number) => number, numbers: Float64Array, position: number): void {
  let bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  let at = position;
  while (bytes.length > 0) {
    const moved = move(bytes.length > LARGEST_MOVE ? bytes.subarray(0, LARGEST_MOVE) : bytes, at);
    if (moved === 0) throw new RangeError('a row is read that was never written');
    bytes = bytes.subarray(moved);
    at += moved;
  }
}

/** One call of the operating system moves at most 2³¹ − 1 bytes. */
const LARGEST_MOVE = 2 ** 30;

function attempt<T>(folder: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const reason = error.code === 'ENOSPC' ? 'its disk is full' : error.message;
    throw new UserError(`temporary files of draws cannot be kept in ${folder}: ${reason}; free some room, or raise the memory limit`, { cause: error });
  }
}
