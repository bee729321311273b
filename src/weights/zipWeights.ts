/**
 * Weight files that are zip archives. What is inside decides which format it is, not the file's name: a `data.pkl` makes it PyTorch's,
 * `config.json` beside weights makes it Keras's, arrays make it NumPy's; other known formats are named, so that the user knows what the file is and what to do.
 */
import type { ByteSource } from './byteSource.ts';
import { isKerasArchive, openKerasArchive } from './kerasArchive.ts';
import { openNpz } from './npz.ts';
import { findPickles, openPyTorch } from './pytorch.ts';
import { WeightFileError } from './weightFileError.ts';
import type { WeightFile } from './weightFile.ts';
import { readZipDirectory } from './zip.ts';
import type { ZipArchive } from './zip.ts';

/**
 * The file takes the source over: closing the one closes the other. When opening fails, the source stays open.
 * @throws WeightFileError
 */
export async function openZipWeights(source: ByteSource): Promise<WeightFile> {
  const archive = await readZipDirectory(source);
  try {
    if (findPickles(archive).length > 0) return await openPyTorch(source, archive);
    if (isKerasArchive(archive)) return await openKerasArchive(source, archive);
    if (archive.entries.some(({ name }) => name.endsWith('.npy'))) return await openNpz(source, archive);
  } catch (error) {
    archive.close();
    throw error;
  }
  throw new WeightFileError(source.path, '', otherContents(archive));
}

function otherContents(archive: ZipArchive): string {
  const has = (name: string): boolean => archive.entry(name) !== undefined;
  if (archive.entries.some(({ name }) => /(^|\/)\.(zarray|zgroup)$/.test(name))) return 'is a zarr archive, which is not supported yet; save its arrays with numpy.savez';
  if (archive.entries.some(({ name }) => /^[^/]+\/(archive_format|models\/.*\.json)$/.test(name))) return 'is a program exported by torch.export (.pt2), not a checkpoint; save its weights with torch.save(model.state_dict(), path)';
  if (has('[Content_Types].xml')) return 'is an office document, not a weight file';
  if (archive.entries.length === 0) return 'is a zip archive without entries';
  return "is a zip archive, but neither PyTorch's (there is no data.pkl in a folder) nor NumPy's (there is no .npy)";
}
