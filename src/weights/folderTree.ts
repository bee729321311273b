/**
 * Files that a weight file names: shards of an index, external data of a graph. One is opened only when it really lies in the folder tree of
 * the file that names it, wherever its name and the symbolic links on the way may point.
 */
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { openByteSource, type ByteSource } from './byteSource.ts';
import { WeightFileError } from './weightFileError.ts';

/**
 * What is wrong with a name, alike on every system, so that a file means the same wherever it is opened; undefined when nothing is.
 * @param what the files that are named, "shards"
 * @param owner the file that names them, "the index"
 */
export function problemOfName(name: string, what: string, owner: string): string | undefined {
  if (name.includes('\0') || name.split('/').every((part) => part === '' || part === '.')) return 'is not a file name';
  if (/^[a-z][a-z0-9+.-]+:/i.test(name)) return `is a URL; ${what} lie in the folder of ${owner}`;
  if (name.startsWith('/') || name.startsWith('\\') || /^[a-z]:/i.test(name)) return `is an absolute path; ${what} lie in the folder of ${owner}`;
  if (name.includes('\\')) return 'contains a backslash; folders are separated by "/"';
  if (name.split('/').includes('..')) return `leads out of the folder of ${owner}`;
  return undefined;
}

/**
 * @param path the file that names the other
 * @param name without a problem by `problemOfName`
 * @param place of the naming, for messages
 * @throws WeightFileError of the file that names, with what opening the other one gave
 */
export async function openNamed(path: string, name: string, place: string, owner: string): Promise<ByteSource> {
  const folder = dirname(path);
  const named = join(folder, name);
  let target: string;
  let root: string;
  try {
    target = await realpath(named);
    root = await realpath(folder);
  } catch {
    // Missing, or not to be reached: opening it says which.
    target = named;
    root = folder;
  }
  if (!isInside(root, target) && !isHubBlob(root, target)) throw new WeightFileError(path, place, `is a symbolic link that leads out of the folder of ${owner}`);
  try {
    return await openByteSource(target);
  } catch (error) {
    throw error instanceof WeightFileError ? errorWithin(path, place, error) : error;
  }
}

/** An error in a file that another one names, as an error of that other file. */
export function errorWithin(path: string, place: string, error: WeightFileError): WeightFileError {
  return new WeightFileError(path, error.place === '' ? place : `${place}, ${error.place}`, error.problem);
}

function isInside(folder: string, target: string): boolean {
  const way = relative(folder, target);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * The cache of Hugging Face's hub keeps a model as `models--NAME/snapshots/REVISION/…/FILE`, each a link to `models--NAME/blobs/HASH`:
 * there a model's own tree is the folder above `snapshots`.
 */
function isHubBlob(folder: string, target: string): boolean {
  const parts = folder.split(sep);
  const snapshots = parts.lastIndexOf('snapshots');
  return snapshots > 0 && dirname(target) === [...parts.slice(0, snapshots), 'blobs'].join(sep);
}
