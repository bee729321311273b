/**
 * PyTorch's `.pt`, `.pth` and `.ckpt` since version 1.6: a zip archive with a pickle `<archive>/data.pkl` that describes the objects, one
 * record `<archive>/data/<key>` a storage, and `<archive>/byteorder` (see `torch/serialization.py` and the notes on serialization semantics in
 * PyTorch's documentation). Opening reads the directory and the pickle; elements are read in place, through the tensor's strides.
 */
import { basename } from 'node:path';
import type { ByteSource } from './byteSource.ts';
import { flattenCheckpoint } from './checkpoint.ts';
import { bytesPerElement } from './dtype.ts';
import { readPickle } from './pickle.ts';
import { readTensor } from './pytorchTensor.ts';
import type { StoredTensor, TensorReading } from './pytorchTensor.ts';
import type { PickleCall } from './pickleValue.ts';
import { readStridedElements } from './stridedElements.ts';
import { WeightFileError, showName } from './weightFileError.ts';
import type { TensorInfo, WeightFile } from './weightFile.ts';
import type { ZipArchive, ZipEntry } from './zip.ts';

// A tensor takes some 150 bytes of the pickle, which is read as a whole.
const LONGEST_PICKLE = 32 * 2 ** 20;
const LONGEST_BYTE_ORDER = 64;
// Warnings about single tensors; the rest is counted.
const MOST_WARNINGS = 20;

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
  // The name of a lone tensor: that of the file.
  const rootName = basename(source.path).replace(/\.(pt|pth|ckpt|bin)$/i, '');
  const storageBytes = (key: string): number | undefined => archive.entry(`${folder}data/${key}`)?.size;
  const readings = new Map<PickleCall, TensorReading | undefined>();
  const readingOf = (call: PickleCall): TensorReading | undefined => {
    if (!readings.has(call)) readings.set(call, readTensor(call, storageBytes));
    return readings.get(call);
  };
  const { tensors: found, scalars, optimizerPrefixes, stateDicts } = flattenCheckpoint(root, (call) => readingOf(call) !== undefined, rootName);

  const tensors = new Map<string, { readonly info: TensorInfo; readonly stored: StoredTensor }>();
  const leftOut: string[] = [];
  for (const { name, value } of found) {
    const reading = readingOf(value);
    if (reading === undefined) continue;
    const place = `tensor "${showName(name)}"`;
    if ('problem' in reading) throw new WeightFileError(source.path, place, reading.problem);
    if ('leftOut' in reading) {
      leftOut.push(`Tensor "${showName(name)}" is left out: ${reading.leftOut}.`);
      continue;
    }
    if (tensors.has(name)) throw new WeightFileError(source.path, place, 'is there twice once the names of nested dicts are joined by dots');
    const { dtype, shape, elements } = reading.tensor;
    tensors.set(name, { info: { name, dtype, shape, elements, bytes: elements * bytesPerElement[dtype] }, stored: reading.tensor });
  }

  return {
    path: source.path,
    format: 'PyTorch zip',
    fileBytes: source.size,
    tensors: [...tensors.values()].map(({ info }) => info),
    metadata: Object.fromEntries(scalars),
    warnings: [
      ...(archive.hasChecksums ? [] : ['The file was written without checksums, so damaged bytes would go unnoticed.']),
      ...leftOut.slice(0, MOST_WARNINGS),
      ...(leftOut.length > MOST_WARNINGS ? [`${leftOut.length - MOST_WARNINGS} more tensors are left out for reasons like these.`] : []),
      ...optimizerWarnings([...tensors.keys()], optimizerPrefixes),
    ],
    optimizerPrefixes,
    ...(stateDicts > 0 ? { stateDicts } : {}),
    tensor: (name) => tensors.get(name)?.info,
    async read(name, start = 0, end) {
      const tensor = tensors.get(name);
      const entry = tensor === undefined ? undefined : archive.entry(`${folder}data/${tensor.stored.storageKey}`);
      if (tensor === undefined || entry === undefined) throw new WeightFileError(source.path, `tensor "${showName(name)}"`, 'is not there');
      const { info, stored } = tensor;
      const layout = { position: stored.offset * bytesPerElement[stored.dtype], strides: stored.strides, littleEndian };
      return readStridedElements(archive.open(entry), info, layout, start, end ?? info.elements);
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

function optimizerWarnings(names: readonly string[], prefixes: readonly string[]): string[] {
  return prefixes.flatMap((prefix) => {
    const count = names.filter((name) => name.startsWith(prefix)).length;
    const which = prefix === '' ? 'All tensors' : `The ${count} tensors whose names begin with "${showName(prefix)}"`;
    return count === 0 ? [] : [`${which} are an optimiser's state, not weights.`];
  });
}
