/**
 * NumPy's `.npz`: a zip archive with one `.npy` a named array (`np.savez`, or deflated by `np.savez_compressed`). Opening reads the headers;
 * a stored array is read in place, a deflated one as a stream (`inflate.ts`).
 */
import type { ByteSource } from './byteSource.ts';
import { npyArray, plainNpyElements, readNpyElements, surplusWarning } from './npy.ts';
import type { NpyArray } from './npy.ts';
import { UnsupportedDtypeError, readNpyHeader } from './npyHeader.ts';
import { WeightFileError, showName } from './weightFileError.ts';
import type { WeightFile } from './weightFile.ts';
import type { ZipArchive } from './zip.ts';

/**
 * Tensors are named as the entries, without `.npy`. Arrays that hold no numbers are left out with a warning, unless nothing else is there.
 * @throws WeightFileError naming the entry that is damaged
 */
export async function openNpz(source: ByteSource, archive: ZipArchive): Promise<WeightFile> {
  const arrays = new Map<string, NpyArray>();
  const warnings: string[] = [];
  let leftOut: WeightFileError | undefined;
  for (const entry of archive.entries) {
    const name = entry.name.replace(/\.npy$/, '');
    if (name === entry.name) {
      warnings.push(`Entry ${showName(entry.name)} is not an array and is left out.`);
      continue;
    }
    try {
      const bytes = archive.open(entry);
      const array = npyArray(name, bytes, await readNpyHeader(bytes, `entry ${showName(entry.name)}`));
      arrays.set(name, array);
      const warning = surplusWarning(array);
      if (warning !== undefined) warnings.push(warning);
    } catch (error) {
      if (!(error instanceof UnsupportedDtypeError)) throw error;
      leftOut ??= error;
      warnings.push(`Array "${showName(name)}" is left out: it ${error.problem}.`);
    }
  }
  if (arrays.size === 0 && leftOut !== undefined) throw leftOut;
  return {
    path: source.path,
    format: 'NumPy npz',
    fileBytes: source.size,
    tensors: [...arrays.values()].map(({ tensor }) => tensor),
    metadata: {},
    warnings,
    tensor: (name) => arrays.get(name)?.tensor,
    async read(name, start = 0, end) {
      const array = arrays.get(name);
      if (array === undefined) throw new WeightFileError(source.path, `tensor "${showName(name)}"`, 'is not there');
      return readNpyElements(array, start, end ?? array.tensor.elements);
    },
    plain(name) {
      const array = arrays.get(name);
      return array === undefined ? undefined : plainNpyElements(array);
    },
    async close() {
      archive.close();
      await source.close();
    },
  };
}
