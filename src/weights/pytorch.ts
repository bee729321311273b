/**
 * PyTorch's `.pt`, `.pth` and `.ckpt` since version 1.6: a zip archive with a pickle `<archive>/data.pkl` that describes the objects, one
 * record `<archive>/data/<key>` a storage, and `<archive>/byteorder` (see `torch/serialization.py` and the notes on serialization semantics in
 * PyTorch's documentation). Opening reads the directory and the pickle; elements are read in place, through the tensor's strides.
 */
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement } from './dtype.ts';
import { readPickle } from './pickle.ts';
import { listPickledTensors, type PickledTensor } from './pytorchCheckpoint.ts';
import { plainStridedElements, readStridedElements, type StridedLayout } from './stridedElements.ts';
import { WeightFileError, showName } from './weightFileError.ts';
import type { WeightFile } from './weightFile.ts';
import type { ZipArchive, ZipEntry } from './zip.ts';

// A tensor takes some 150 bytes of the pickle, which is read as a whole.
const LONGEST_PICKLE = 32 * 2 ** 20;
const LONGEST_BYTE_ORDER = 64;

/** The archive's `<name>/data.pkl`, which makes it a PyTorch file. */
export function findPickles(archive: ZipArchive): readonly ZipEntry[] {
  return archive.entries.filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
}

/**
 * @throws WeightFileError naming the entry and the byte, or the tensor; nothing in the file is ever executed
 */
export async function openPyTorch(source: ByteSource, archive: ZipArchive): Promise<WeightFile> {
  const [pickle, second] = findPickles(archive);
  if (pickle === undefined) throw new WeightFileError(source.path, '', 'holds no data.pkl, so it is not a PyTorch file');
  if (second !== undefined) throw new WeightFileError(source.path, `entry ${showName(second.name)}`, `is a second description beside ${showName(pickle.name)}, and programs differ in which one they read`);
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  // TorchScript's pickle describes objects of classes that are defined by the archive's own code.
  if (archive.entry(`${folder}constants.pkl`) !== undefined) {
    throw new WeightFileError(source.path, '', 'is a TorchScript program, not a checkpoint; load it in PyTorch and save its weights with torch.save(model.state_dict(), path)');
  }
  const littleEndian = await readByteOrder(archive, folder);
  const root = readPickle(source.path, `entry ${showName(pickle.name)}`, await archive.readWhole(pickle, LONGEST_PICKLE));
  const record = (key: string): ZipEntry | undefined => archive.entry(`${folder}data/${key}`);
  const listed = listPickledTensors(source.path, root, { bytes: (key) => record(key)?.size, name: (key) => `data/${key}` });

  const layoutOf = ({ stored }: PickledTensor): StridedLayout => ({ position: stored.offset * bytesPerElement[stored.dtype], strides: stored.strides, littleEndian });

  return {
    path: source.path,
    format: 'PyTorch zip',
    fileBytes: source.size,
    ...listed,
    warnings: [...(archive.hasChecksums ? [] : ['The file was written without checksums, so damaged bytes would go unnoticed.']), ...listed.warnings],
    async read(name, start = 0, end) {
      const tensor = listed.stored(name);
      const entry = record(tensor.stored.storageKey);
      if (entry === undefined) throw new WeightFileError(source.path, `tensor "${showName(name)}"`, 'its storage is not in the file');
      return readStridedElements(archive.open(entry), tensor.info, layoutOf(tensor), start, end ?? tensor.info.elements);
    },
    plain(name) {
      if (listed.tensor(name) === undefined) return undefined;
      const tensor = listed.stored(name);
      const entry = record(tensor.stored.storageKey);
      return entry === undefined ? undefined : plainStridedElements(archive.open(entry), tensor.info, layoutOf(tensor));
    },
    async close() {
      archive.close();
      await source.close();
    },
  };
}

async function readByteOrder(archive: ZipArchive, folder: string): Promise<boolean> {
  const entry = archive.entry(`${folder}byteorder`);
  // Before PyTorch 2.1 there was no such record, and little-endian machines wrote the files.
  if (entry === undefined) return true;
  const order = Buffer.from(await archive.readWhole(entry, LONGEST_BYTE_ORDER)).toString('latin1');
  if (order !== 'little' && order !== 'big') throw new WeightFileError(archive.path, `entry ${showName(entry.name)}`, `says "${showName(order)}" instead of little or big`);
  return order === 'little';
}
