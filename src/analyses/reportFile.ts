/** A report saved as a page of its own: refused before the analysis runs rather than after it, and whole or not there. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../protocol/userError.ts';
import { requireFreeName, requireWritable, writeAtomically } from '../weights/atomicWrite.ts';
import { showName } from '../weights/weightFileError.ts';

/** @throws UserError when the page could not be written there */
export async function requireReportFile(file: string, overwrite: boolean): Promise<void> {
  const folder = await stat(path.dirname(file)).catch(() => undefined);
  if (folder?.isDirectory() !== true) throw new UserError(`${showName(file)}: cannot be written: the folder does not exist`);
  await requireWritable(path.dirname(file));
  await requireFreeName(file, overwrite);
}

export async function writeReportFile(file: string, page: string, overwrite: boolean): Promise<void> {
  await writeAtomically(file, { overwrite }, async (handle) => { await handle.writeFile(page); });
}
