/**
 * PyTorch files from before version 1.6, and of `torch.save(…, _use_new_zipfile_serialization=False)`: five pickles one after another (a
 * magic number, the protocol's version, facts about the machine, the objects, the keys of the storages), then each storage as a count of
 * its elements and their bytes (`_legacy_save` and `_legacy_load` of `torch/serialization.py`). Storages are little-endian even
 * when a big-endian machine wrote them and says so: PyTorch's writer swaps (`THPStorage_writeFileRaw`), and its reader ignores that fact.
 */
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement } from './dtype.ts';
import { readPickleAt } from './pickle.ts';
import { PickleCall, PickleDict, PicklePersistent, PickleSequence } from './pickleValue.ts';
import type { PickleValue } from './pickleValue.ts';
import { listPickledTensors, type PickledTensor } from './pytorchCheckpoint.ts';
import { readStorageReference, storageWidth } from './pytorchTensor.ts';
import { plainStridedElements, readStridedElements, type StridedLayout } from './stridedElements.ts';
import type { WeightFile } from './weightFile.ts';
import { WeightFileError, showName } from './weightFileError.ts';

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
const FIRST_WINDOW = 64 * 1024;
// As in a zip archive: a tensor takes some 150 bytes of the pickles.
const LONGEST_PICKLES = 32 * 2 ** 20;
const COUNT_BYTES = 8;

/** True for a pickle of protocol 2 to 5; which one it is shows when it is read. */
export function looksLikePickle(start: Uint8Array): boolean {
  return start[0] === 0x80 && start[1] !== undefined && start[1] >= 2 && start[1] <= 5;
}

interface Pickles {
  readonly root: PickleValue;
  readonly keys: readonly string[];
  /** The byte behind the last pickle, where the storages begin. */
  readonly end: number;
}

interface Storage {
  readonly position: number;
  readonly bytes: number;
}

/** @throws WeightFileError naming the byte, or the tensor; nothing in the file is ever executed */
export async function openLegacyPyTorch(source: ByteSource): Promise<WeightFile> {
  const { path } = source;
  const { root, keys, end } = await readPickles(source);
  const { storages, dataEnd } = await locateStorages(source, keys, storageWidths(path, root), end);
  const listed = listPickledTensors(path, root, { bytes: (key) => storages.get(key)?.bytes, name: (key) => key });
  const surplus = source.size - dataEnd;
  const layoutOf = ({ stored }: PickledTensor): StridedLayout => ({ position: (storages.get(stored.storageKey)?.position ?? 0) + stored.offset * bytesPerElement[stored.dtype], strides: stored.strides, littleEndian: true });
  return {
    path,
    format: 'PyTorch before 1.6',
    fileBytes: source.size,
    ...listed,
    warnings: [...(surplus === 0 ? [] : [`${surplus} bytes behind the last storage are ignored, as PyTorch does.`]), ...listed.warnings],
    async read(name, start = 0, last) {
      const tensor = listed.stored(name);
      return readStridedElements(source, tensor.info, layoutOf(tensor), start, last ?? tensor.info.elements);
    },
    plain: (name) => (listed.tensor(name) === undefined ? undefined : plainStridedElements(source, listed.stored(name).info, layoutOf(listed.stored(name)))),
    close: () => source.close(),
  };
}

/** How long the pickles are is known once they have been read: a window that turns out too short is made larger. */
async function readPickles(source: ByteSource): Promise<Pickles> {
  for (let length = FIRST_WINDOW; ; length *= 8) {
    const window = Math.min(length, source.size, LONGEST_PICKLES);
    const bytes = await source.read(0, window);
    try {
      return parsePickles(source.path, bytes);
    } catch (error) {
      // What is refused for other reasons is read a few times more; that is rare.
      if (!(error instanceof WeightFileError) || window < length) throw error;
    }
  }
}

function parsePickles(path: string, bytes: Uint8Array): Pickles {
  let end = 0;
  const next = (place: string): PickleValue => {
    const read = readPickleAt(path, place, bytes, end);
    end = read.end;
    return read.value;
  };
  if (next('first pickle') !== MAGIC_NUMBER) {
    throw new WeightFileError(path, '', 'is a pickle, but not one that torch.save wrote; load it in Python and save the arrays with numpy.savez, or as safetensors');
  }
  const version = next('pickle of the version');
  if (version !== PROTOCOL_VERSION) throw new WeightFileError(path, 'pickle of the version', `says ${typeof version === 'number' ? version : 'something else'} instead of ${PROTOCOL_VERSION}`);
  if (!(next('pickle of machine facts') instanceof PickleDict)) throw new WeightFileError(path, 'pickle of machine facts', 'is not a dict');
  const root = next('pickle of the objects');
  const listed = next('pickle of the storage keys');
  const keys = listed instanceof PickleSequence ? listed.items.filter((key) => typeof key === 'string') : [];
  if (!(listed instanceof PickleSequence) || keys.length !== listed.items.length) throw new WeightFileError(path, 'pickle of the storage keys', 'is not a list of texts');
  return { root, keys, end };
}

/** Bytes an element of every storage that the objects refer to; the values are free of cycles, and each distinct one is visited once. */
function storageWidths(path: string, root: PickleValue): ReadonlyMap<string, number> {
  const widths = new Map<string, number>();
  const seen = new Set<PickleValue>();
  const pending: PickleValue[] = [root];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (value === null || typeof value !== 'object' || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof PickleSequence) for (const item of value.items) pending.push(item);
    else if (value instanceof PickleDict) for (const [key, item] of value.entries) pending.push(key, item);
    else if (value instanceof PickleCall) {
      for (const arg of value.args) pending.push(arg);
      pending.push(value.state);
    } else if (value instanceof PicklePersistent) {
      const reference = readStorageReference(value);
      const width = reference === undefined ? undefined : storageWidth(reference.type);
      if (reference === undefined || width === undefined) throw new WeightFileError(path, 'pickle of the objects', 'refers to a storage of an unknown type, so that its bytes cannot be found');
      const known = widths.get(reference.key) ?? width;
      if (known !== width) throw new WeightFileError(path, `storage ${showName(reference.key)}`, `is to have elements of ${known} bytes and of ${width}`);
      widths.set(reference.key, width);
    }
  }
  return widths;
}

/** The storages follow each other in the order of their keys. */
async function locateStorages(source: ByteSource, keys: readonly string[], widths: ReadonlyMap<string, number>, start: number): Promise<{ readonly storages: ReadonlyMap<string, Storage>; readonly dataEnd: number }> {
  const storages = new Map<string, Storage>();
  let at = start;
  for (const key of keys) {
    const fail = (problem: string): never => { throw new WeightFileError(source.path, `storage ${showName(key)}`, problem); };
    const width = widths.get(key);
    if (width === undefined) return fail('is not one that the objects refer to');
    if (storages.has(key)) return fail('is listed twice');
    if (source.size - at < COUNT_BYTES) return fail(`begins at byte ${at}, but the file is only ${source.size} bytes long; it is truncated`);
    const count = Buffer.from(await source.read(at, COUNT_BYTES)).readBigInt64LE();
    const position = at + COUNT_BYTES;
    if (count < 0n) return fail(`is to have ${count.toString()} elements`);
    if (count * BigInt(width) > BigInt(source.size - position)) {
      return fail(`is to have ${count.toString()} elements of ${width} bytes from byte ${position}, but the file is only ${source.size} bytes long; it is truncated`);
    }
    storages.set(key, { position, bytes: Number(count) * width });
    at = position + Number(count) * width;
  }
  return { storages, dataEnd: at };
}
