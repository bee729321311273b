/**
 * HDF5 files (HDF Group, "HDF5 File Format Specification") as Keras, h5py and NetCDF-4 write them, read by the HDF5 library in a worker
 * (`hdf5Session.ts`). Opening lists the datasets; elements are read on demand, in boxes of at most 16 MiB.
 */
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement, decodeElements, isComplex } from './dtype.ts';
import type { Hdf5Contents, Hdf5Dataset } from './hdf5Protocol.ts';
import { Hdf5Session } from './hdf5Session.ts';
import { slabsOf } from './hdf5Slabs.ts';
import { checkSuperblock } from './hdf5Superblock.ts';
import { kerasFacts } from './keras.ts';
import { netcdfFacts } from './netcdf.ts';
import { elementsOf } from './shape.ts';
import { requireRange } from './storedElements.ts';
import type { TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';

const PIECE_BYTES = 16 * 2 ** 20;
const LONGEST_ATTRIBUTE = 200;

/** What a format says about an HDF5 file that it is the container of. */
export type Hdf5Facts = Pick<WeightFile, 'format' | 'optimizerPrefixes' | 'weightPrefix' | 'kerasConfig' | 'kerasLayers' | 'drawAxes'> & {
  readonly datasets: readonly Hdf5Dataset[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly notes?: readonly string[];
};

/**
 * @param known the facts, when the container around the file tells them
 * @throws WeightFileError naming the object; `source` is then left to the caller
 */
export async function openHdf5(source: ByteSource, known?: (contents: Hdf5Contents) => Hdf5Facts): Promise<WeightFile> {
  const { path } = source;
  await checkSuperblock(source);
  const { session, contents } = await Hdf5Session.open(source);
  if (contents.datasets.length === 0) {
    await session.close();
    const [note] = contents.notes;
    throw new WeightFileError(path, '', `is an HDF5 file without arrays of numbers${note === undefined ? '' : ` (${note.replace(/\.$/, '')})`}`);
  }
  const { datasets, metadata, notes = [], ...facts } = known?.(contents) ?? kerasFacts(contents) ?? netcdfFacts(contents) ?? { format: 'HDF5', datasets: contents.datasets };
  const byName = new Map(datasets.map((dataset) => [dataset.name, { dataset, info: infoOf(dataset) }]));
  return {
    path,
    fileBytes: source.size,
    tensors: [...byName.values()].map(({ info }) => info),
    metadata: metadata ?? shortAttributes(contents.attributes),
    warnings: [...contents.notes, ...(contents.leftOut === 0 ? [] : [`${contents.leftOut} more objects are left out for reasons like these.`]), ...notes],
    ...facts,
    tensor: (name) => byName.get(name)?.info,
    async read(name, start = 0, end) {
      const tensor = byName.get(name);
      if (tensor === undefined) throw new WeightFileError(path, `tensor "${showName(name)}"`, 'is not there');
      return readElements(path, session, tensor.dataset, tensor.info, start, end ?? tensor.info.elements);
    },
    async close() {
      await session.close();
      await source.close();
    },
  };
}

async function readElements(path: string, session: Hdf5Session, { dtype, shape }: Hdf5Dataset, tensor: TensorInfo, start: number, end: number): Promise<Float64Array> {
  const place = `tensor "${showName(tensor.name)}"`;
  if (isComplex(dtype)) throw new WeightFileError(path, place, `holds complex numbers (${dtype}), which are not supported`);
  requireRange(path, tensor, start, end);
  const width = bytesPerElement[dtype];
  const pieceElements = PIECE_BYTES / width;
  const piece = async (from: number, to: number): Promise<Float64Array<ArrayBuffer>> => {
    try {
      return decodeElements(dtype, await session.read(tensor.name, slabsOf(shape, from, to), width));
    } catch (error) {
      throw error instanceof WeightFileError && error.place === '' ? new WeightFileError(path, place, error.problem) : error;
    }
  };
  if (end - start <= pieceElements) return piece(start, end);
  const values = new Float64Array(end - start);
  for (let from = start; from < end; from += pieceElements) {
    const to = Math.min(end, from + pieceElements);
    values.set(await piece(from, to), from - start);
  }
  return values;
}

function infoOf({ name, dtype, shape }: Hdf5Dataset): TensorInfo {
  const elements = elementsOf(shape);
  return { name, dtype, shape, elements, bytes: elements * bytesPerElement[dtype] };
}

function shortAttributes(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).filter(([name, value]) => value.length <= LONGEST_ATTRIBUTE && !name.startsWith('_')));
}
