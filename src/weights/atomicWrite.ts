/**
 * A result file appears under its name whole or not at all: it is written beside the target under a temporary name, flushed to
 * the disk, and only then given the target's name (POSIX rename(2), which replaces in one step). Without `overwrite` the name is
 * given by link(2), which fails when the name is taken, so that two writers cannot replace each other between test and write. Windows
 * refuses both while any other program has the file open.
 */
import { randomBytes } from 'node:crypto';
import { access, constants, link, mkdir, open, rename, rmdir, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../protocol/userError.ts';
import { showName } from './weightFileError.ts';

export interface AtomicWriteOptions {
  /** Whether a file of that name may be replaced. */
  readonly overwrite: boolean;
  /** Aborting leaves the target as it was. */
  readonly signal?: AbortSignal;
  /** Looks at the finished file under its temporary name; when it throws, the target stays as it was. */
  readonly verify?: (temporary: string) => Promise<void>;
}

/**
 * Writes `path` through `write`, which gets a handle on the temporary file, positioned at its beginning.
 * Whatever goes wrong, an abort included, the temporary file is removed and the target is untouched.
 * @throws UserError when the file exists and may not be replaced, or when the folder cannot be written to.
 */
export async function writeAtomically(path: string, options: AtomicWriteOptions, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  options.signal?.throwIfAborted();
  // Known beforehand in most cases, and then no work is wasted; the decision that counts is made by link() below.
  await requireFreeName(path, options.overwrite);
  // The name's randomness decides nothing but a collision between writers; the bytes written stay deterministic.
  const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.part`);
  const handle = await open(temporary, 'wx').catch((error: unknown) => { throw cannotWrite(path, error); });
  try {
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await options.verify?.(temporary);
    options.signal?.throwIfAborted();
    if (options.overwrite) await replace(temporary, path);
    else await giveNewName(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw isSystemError(error) ? cannotWrite(path, error) : error;
  }
  await flushFolder(dirname(path));
}

/** @throws UserError when a folder has that name, or a file that may not be replaced */
export async function requireFreeName(path: string, overwrite: boolean): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there === undefined) return;
  if (there.isDirectory()) throw new UserError(`${showName(path)}: cannot be written: there is a folder of that name`);
  if (!overwrite) throw alreadyThere(path);
}

/**
 * Makes a folder and those above it; one that is there already is left alone.
 * @returns takes away again what was made, as far as nothing lies in it
 * @throws UserError when that cannot be
 */
export async function makeFolder(path: string): Promise<() => Promise<void>> {
  // Not by mkdir's own recursion, which never ends where a file system that can be listed takes no folders (/proc).
  const missing: string[] = [];
  const made: string[] = [];
  const takeAway = async (): Promise<void> => {
    for (const folder of made.toReversed()) {
      const removed = await rmdir(folder).then(() => true, () => false);
      if (!removed) return;
    }
  };
  try {
    for (let folder = resolve(path); !(await isThere(folder)) && folder !== dirname(folder); folder = dirname(folder)) missing.push(folder);
    for (const folder of missing.toReversed()) {
      await mkdir(folder).then(() => made.push(folder), (error: unknown) => {
        // Somebody else was faster.
        if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
      });
    }
    if (!(await stat(path)).isDirectory()) throw new UserError(`${showName(path)}: is a file, not a folder; choose another folder for the results`);
    await requireWritable(path);
  } catch (error) {
    await takeAway();
    throw cannotWrite(path, error);
  }
  return takeAway;
}

/** Known before the work: what may not be written, or lies on a file system that is read-only. @throws UserError */
export async function requireWritable(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch((error: unknown) => { throw cannotWrite(folder, error); });
}

/** False when nothing has that name. @throws what the system says otherwise */
const isThere = (path: string): Promise<boolean> => stat(path).then(() => true, (error: unknown) => {
  if (isSystemError(error) && error.code === 'ENOENT') return false;
  throw error;
});

/** A virus scanner or an indexer that has the target open on Windows lets go of it in a moment. */
const PATIENCE_MS = 1000;

async function replace(temporary: string, path: string): Promise<void> {
  for (let wait = 10; ; wait *= 2) {
    try {
      await rename(temporary, path);
      return;
    } catch (error) {
      if (!isHeldOpen(error) || wait > PATIENCE_MS) throw error;
    }
    await sleep(wait);
  }
}

/** What Windows says of replacing a file that a program has open, and of one that may not be replaced. */
const isHeldOpen = (error: unknown): boolean => process.platform === 'win32' && isSystemError(error) && (error.code === 'EPERM' || error.code === 'EACCES' || error.code === 'EBUSY');

async function giveNewName(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'EEXIST') throw alreadyThere(path);
    if (error.code !== 'EPERM' && error.code !== 'ENOTSUP' && error.code !== 'EOPNOTSUPP' && error.code !== 'ENOSYS') throw error;
    // File systems without hard links (FAT, some network shares): reserve the name, then replace the empty file.
    const reserved = await open(path, 'wx').catch((taken: unknown) => {
      throw isSystemError(taken) && taken.code === 'EEXIST' ? alreadyThere(path) : taken;
    });
    await reserved.close();
    await replace(temporary, path);
    return;
  }
  await unlink(temporary);
}

/** A rename is on the disk only when its folder is; not every system lets a folder be flushed, and the data is safe without. */
async function flushFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Nothing is lost but the order of two writes after a power cut.
  }
}

function alreadyThere(path: string): UserError {
  return new UserError(`${showName(path)}: exists already; choose another name, or allow it with --overwrite`);
}

function cannotWrite(path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'the folder does not exist',
    ENOTDIR: 'a file stands where the path names a folder',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    ENAMETOOLONG: 'the name is too long',
    EBUSY: 'another program has it open',
    EFBIG: 'the file would become larger than this system lets it be',
  };
  if (error.syscall === 'rename' && isHeldOpen(error)) return new UserError(`${showName(path)}: cannot be written: another program has it open, or permission is denied`);
  return new UserError(`${showName(path)}: cannot be written: ${reasons[error.code] ?? error.code}`);
}

function isSystemError(error: unknown): error is Error & { readonly code: string; readonly syscall: unknown } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error;
}
