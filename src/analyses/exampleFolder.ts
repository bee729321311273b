/** The folder that an example is written into. */
import path from 'node:path';
import { makeFolder, requireFreeName } from '../weights/atomicWrite.ts';

/** Makes the folder, and refuses before the training, not after it. @throws UserError naming a file that is there already */
export async function prepareExampleFolder(folder: string, files: readonly string[], overwrite: boolean): Promise<void> {
  await makeFolder(folder);
  for (const name of files) await requireFreeName(path.join(folder, name), overwrite);
}
