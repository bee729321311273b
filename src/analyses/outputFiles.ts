/** Where networks that were moved along their symmetries are written: one name a network, known and free before anything is read in full. */
import path from 'node:path';
import { UserError } from '../protocol/userError.ts';
import { makeFolder, requireFreeName } from '../weights/atomicWrite.ts';

type Output = { readonly file: string } | { readonly folder: string };

/** @returns the file itself, or `DIR/NAME.ENDING.safetensors` for each. @throws UserError when two would get the same name */
export function outputFiles(files: readonly string[], out: Output, ending: string): readonly string[] {
  if ('file' in out) {
    if (files.length > 1) throw new UserError('several networks need a folder for their results, not one file');
    return [out.file];
  }
  const names = files.map((file) => `${path.basename(file).replace(/(\.safetensors\.index\.json|\.[^.]+)$/, '')}.${ending}.safetensors`);
  // As the disks of Windows and macOS tell names apart, on every system: results travel.
  const alike = names.map((name) => name.normalize('NFC').toLowerCase());
  const twice = names.find((_, index) => alike.indexOf(alike[index]!) !== index);
  if (twice !== undefined) throw new UserError(`two of the files would both be written to ${path.join(out.folder, twice)}; give them to separate folders`);
  return names.map((name) => path.join(out.folder, name));
}

/**
 * Once all inputs are known to be sound: makes the folder, and refuses names that are taken, all of them before the first is written. A folder that it
 * made is taken away again when what follows fails, or is cancelled, before anything lies in it.
 */
export async function intoOutput<T>(targets: readonly string[], out: Output, overwrite: boolean, write: () => Promise<T>): Promise<T> {
  const takeAway = 'folder' in out ? await makeFolder(out.folder) : undefined;
  try {
    for (const target of targets) await requireFreeName(target, overwrite);
    return await write();
  } catch (error) {
    await takeAway?.();
    throw error;
  }
}
