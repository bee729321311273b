/** The folder that an example is written into. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../protocol/userError.ts';

/** Refuses before the training, not after it. @throws UserError naming a file that is there already */
export async function requireNoFiles(folder: string, files: readonly string[]): Promise<void> {
  const there = await readdir(folder).catch((): string[] => []);
  const taken = files.find((name) => there.includes(name));
  if (taken !== undefined) throw new UserError(`${path.join(folder, taken)} is there already; choose another folder, or overwrite it`);
}
