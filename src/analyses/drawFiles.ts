/** The files of a set of draws, in the groups in which the user keeps them. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../protocol/userError.ts';
import { drawsAmong, weightExtensions } from '../protocol/weightFileNames.ts';

/** A folder stands for the draws in it, in natural order of their names. Files of one folder are a group, in the order of their first mention. */
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
    const inside = drawsAmong((await readdir(file, { withFileTypes: true })).filter((entry) => !entry.isDirectory()).map(({ name }) => name));
    if (inside.length === 0) throw new UserError(`${file} is a folder without weight files (${weightExtensions.join(', ')})`);
    add(file, inside.map((name) => path.join(file, name)));
  }
  return [...groups.values()];
}
