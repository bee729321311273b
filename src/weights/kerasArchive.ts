/**
 * `.keras`, the zip archive of Keras 3 (`keras/src/saving/saving_lib.py`): `config.json` with the architecture, `metadata.json`, and the variables
 * in `model.weights.h5`. The archive is stored without compression, so that the variables are read in place. The configuration stays text:
 * code in it, as of Lambda layers, is never run.
 */
import { memoryByteSource, type ByteSource } from './byteSource.ts';
import { errorWithin } from './folderTree.ts';
import { openHdf5 } from './hdf5.ts';
import { kerasFacts } from './keras.ts';
import type { WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';
import type { ZipArchive, ZipEntry } from './zip.ts';

const WEIGHTS = 'model.weights.h5';
const LONGEST_CONFIG = 64 * 2 ** 20;
const LONGEST_METADATA = 64 * 1024;
// Only archives that were packed again are compressed; HDF5 is read here and there, so they are unpacked first.
const LARGEST_UNPACKED = 2 ** 30;

export function isKerasArchive(archive: ZipArchive): boolean {
  return archive.entry('config.json') !== undefined && (archive.entry(WEIGHTS) ?? archive.entry('metadata.json')) !== undefined;
}

/** @throws WeightFileError naming the entry, or the object within the weights; `source` and `archive` are then left to the caller */
export async function openKerasArchive(source: ByteSource, archive: ZipArchive): Promise<WeightFile> {
  const { path } = source;
  const config = await readText(archive, 'config.json', LONGEST_CONFIG);
  const metadata = await readText(archive, 'metadata.json', LONGEST_METADATA);
  const entry = archive.entry(WEIGHTS);
  if (entry === undefined) throw new WeightFileError(path, '', `is a Keras archive without ${WEIGHTS}${archive.entry('model.weights.json') === undefined ? '' : ': its weights are in shards, which is not supported yet; save the model without max_shard_size'}`);
  const file = await openHdf5(await weightsOf(archive, entry), (contents) => {
    return { ...(kerasFacts(contents) ?? { datasets: contents.datasets }), format: 'Keras archive', metadata: factsOf(metadata), ...(config === undefined ? {} : { kerasConfig: config }) };
  }).catch((error: unknown) => {
    // Which tensor is at fault is said already; that the file is not an HDF5 file, of which file.
    throw error instanceof WeightFileError && error.place === '' ? errorWithin(path, `entry ${WEIGHTS}`, error) : error;
  });
  return {
    ...file,
    fileBytes: source.size,
    async close() {
      await file.close();
      archive.close();
      await source.close();
    },
  };
}

async function weightsOf(archive: ZipArchive, entry: ZipEntry): Promise<ByteSource> {
  if (entry.method === 'stored') return archive.open(entry);
  return memoryByteSource(archive.path, await archive.readWhole(entry, LARGEST_UNPACKED));
}

async function readText(archive: ZipArchive, name: string, limit: number): Promise<string | undefined> {
  const entry = archive.entry(name);
  if (entry === undefined) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await archive.readWhole(entry, limit));
  } catch (error) {
    if (error instanceof WeightFileError) throw error;
    throw new WeightFileError(archive.path, `entry ${showName(name)}`, 'is not valid UTF-8');
  }
}

/** Version and date; a metadata.json that is something else says nothing. */
function factsOf(text: string | undefined): Record<string, string> {
  let json: unknown;
  try {
    json = JSON.parse(text ?? '');
  } catch {
    return {};
  }
  if (typeof json !== 'object' || json === null) return {};
  return Object.fromEntries(Object.entries(json).flatMap(([key, value]: [string, unknown]) => (typeof value === 'string' && value.length <= 200 ? [[key, value]] : [])));
}
