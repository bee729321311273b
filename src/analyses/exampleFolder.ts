/** The folder that an example is written into. */
import path from 'node:path';
import { requireFreeName } from '../weights/atomicWrite.ts';

/** Refuses before the training, not after it. @throws UserError naming a file that is there already */
export async function requireFreeNames(folder: string, files: readonly string[], overwrite: boolean): Promise<void> {
  for (const name of files) await requireFreeName(path.join(folder, name), overwrite);
}
