/** The folder that an example is written into, and the files in it. */
import { stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Network } from '../network/network.ts';
import { tensorValues } from '../network/parameters.ts';
import { requireFreeName, writeAtomically } from '../weights/atomicWrite.ts';
import { encodeElements } from '../weights/dtype.ts';
import { writeNpz, type NamedArray } from '../weights/npzWriter.ts';
import { writeSafetensors } from '../weights/safetensorsWriter.ts';

export type ExampleFile =
  | { readonly text: string }
  /** As .npz */
  | { readonly arrays: readonly NamedArray[] }
  /** As .safetensors, float64 */
  | { readonly network: Network; readonly state: Float64Array };

/** Refuses before the training, not after it. @throws UserError naming a file that is there already */
export async function requireFreeNames(folder: string, files: readonly string[], overwrite: boolean): Promise<void> {
  for (const name of files) await requireFreeName(path.join(folder, name), overwrite);
}

/** All or none: when one cannot be written, those that are new are taken away again. @returns the paths of the files, in alphabetical order, in which they are written */
export async function writeExample<Name extends string>(folder: string, files: Readonly<Record<Name, ExampleFile>>, overwrite: boolean): Promise<string[]> {
  const named = (Object.entries(files) as [Name, ExampleFile][]).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, content]) => ({ file: path.join(folder, name), content }));
  const made: string[] = [];
  try {
    for (const { file, content } of named) {
      const isNew = await stat(file).then(() => false, () => true);
      await write(file, content, overwrite);
      if (isNew) made.push(file);
    }
  } catch (error) {
    for (const file of made) await unlink(file).catch(() => undefined);
    throw error;
  }
  return named.map(({ file }) => file);
}

function write(file: string, content: ExampleFile, overwrite: boolean): Promise<void> {
  if ('text' in content) return writeAtomically(file, { overwrite }, async (handle) => { await handle.writeFile(content.text); });
  if ('arrays' in content) return writeNpz(file, content.arrays, { overwrite });
  const { network, state } = content;
  return writeSafetensors(file, network.blocks.map((block) => ({ name: block.tensor, dtype: 'F64', shape: block.fileShape, bytes: encodeElements('F64', tensorValues(state, block)) })), {}, { overwrite });
}
