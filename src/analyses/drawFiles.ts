/** The files of a set of draws, in the groups in which the user gave them. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../protocol/userError.ts';

const weightEnding = /\.(safetensors|pt|pth|ckpt|npz)$/i;

/** A folder stands for the weight files in it, in natural order of their names, and is a group of its own; loose files are one group. */
export async function groupedFiles(files: readonly string[]): Promise<(readonly string[])[]> {
  const loose: string[] = [];
  const groups: (readonly string[])[] = [];
  for (const file of files) {
    const info = await stat(file).catch(() => undefined);
    if (info?.isDirectory() !== true) {
      if (loose.length === 0) groups.push(loose);
      loose.push(file);
      continue;
    }
    const inside = (await readdir(file)).filter((name) => weightEnding.test(name)).sort(new Intl.Collator('en', { numeric: true }).compare);
    if (inside.length === 0) throw new UserError(`${file} is a folder without weight files (.safetensors, .pt, .pth, .ckpt, .npz)`);
    groups.push(inside.map((name) => path.join(file, name)));
  }
  return groups;
}
