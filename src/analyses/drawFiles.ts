/** The files of a set of draws, in the groups in which the user keeps them. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../protocol/userError.ts';

const weightEnding = /\.(safetensors|pt|pth|ckpt|npz|keras|h5|hdf5|nc|msgpack)$/i;

/** A folder stands for the weight files in it, in natural order of their names. Files of one folder are a group, in the order of their first mention. */
export async function groupedFiles(files: readonly string[]): Promise<(readonly string[])[]> {
  const groups = new Map<string, string[]>();
  const add = (folder: string, members: readonly string[]): void => {
    const key = path.resolve(folder);
    groups.set(key, [...(groups.get(key) ?? []), ...members]);
  };
  for (const file of files) {
    const info = await stat(file).catch(() => undefined);
    if (info?.isDirectory() !== true) {
      add(path.dirname(file), [file]);
      continue;
    }
    const inside = (await readdir(file)).filter((name) => weightEnding.test(name)).sort(new Intl.Collator('en', { numeric: true }).compare);
    if (inside.length === 0) throw new UserError(`${file} is a folder without weight files (.safetensors, .pt, .pth, .ckpt, .npz, .keras, .h5, .hdf5, .nc, .msgpack)`);
    add(file, inside.map((name) => path.join(file, name)));
  }
  return [...groups.values()];
}
