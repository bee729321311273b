/**
 * Flax checkpoints: nested dicts of arrays in MessagePack, with extensions for arrays and scalars (`flax/serialization.py`, "On-the-wire /
 * disk serialization format"). Opening reads the tree; an array's elements stay in the file. Names of nested dicts are joined by dots.
 */
import { basename } from 'node:path';
import { ByteCursor } from './byteCursor.ts';
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement, type Dtype } from './dtype.ts';
import { joinRanges } from './joinedSource.ts';
import { readMsgpack, type MsgpackValue } from './msgpack.ts';
import { elementsOf, showShape } from './shape.ts';
import { plainElements, readStoredElements } from './storedElements.ts';
import type { TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';

/** `_MsgpackExtType` of `flax/serialization.py`. */
const NDARRAY = 1;
const NATIVE_COMPLEX = 2;
const NP_SCALAR = 3;
const CHUNKED = '__msgpack_chunked_array__';

const MOST_DIMENSIONS = 64;
const LONGEST_DTYPE = 64;
const LONGEST_NAME = 4096;
const LONGEST_SCALAR = 200;
const MOST_SCALARS = 1000;
const MOST_WARNINGS = 20;

/** NumPy's and ml_dtypes' names; the bytes are those of the machine that wrote them, which JAX requires to be little-endian. */
const dtypes: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ['bool', 'BOOL'], ['uint8', 'U8'], ['int8', 'I8'], ['uint16', 'U16'], ['int16', 'I16'], ['uint32', 'U32'], ['int32', 'I32'], ['uint64', 'U64'], ['int64', 'I64'],
  ['float16', 'F16'], ['bfloat16', 'BF16'], ['float32', 'F32'], ['float64', 'F64'], ['complex64', 'C64'], ['complex128', 'C128'],
  ['float8_e4m3fn', 'F8_E4M3'], ['float8_e5m2', 'F8_E5M2'], ['float8_e4m3fnuz', 'F8_E4M3FNUZ'], ['float8_e5m2fnuz', 'F8_E5M2FNUZ'], ['float8_e8m0fnu', 'F8_E8M0'],
]);

interface StoredArray {
  readonly kind: 'array';
  readonly dtypeName: string;
  readonly shape: readonly number[];
  readonly position: number;
  readonly bytes: number;
}

/** Undefined: an extension that holds no array. */
type Extension = StoredArray | undefined;
type Value = MsgpackValue<Extension>;

interface FlaxTensor {
  readonly info: TensorInfo;
  readonly source: ByteSource;
  readonly position: number;
}

/** @throws WeightFileError naming the byte, or the tensor; `source` is then left to the caller */
export async function openFlax(source: ByteSource): Promise<WeightFile> {
  const { path } = source;
  const cursor = new ByteCursor(source, { littleEndian: false });
  // The name of a lone array: that of the file.
  const rootName = basename(path).replace(/\.msgpack$/i, '');
  const root = await readMsgpack(cursor, readArray);
  if (cursor.remaining > 0) throw cursor.error(`the value ends here, but ${cursor.remaining} bytes follow`);
  const tensors = new Map<string, FlaxTensor>();
  const metadata = Object.create(null) as Record<string, string>;
  let scalars = 0;
  const leftOut: string[] = [];

  const add = (name: string, chunks: readonly StoredArray[], shape: readonly number[]): void => {
    const tensor = flaxTensor(source, name, chunks, shape);
    if ('leftOut' in tensor) leftOut.push(`Array "${showName(name)}" is left out: ${tensor.leftOut}.`);
    else if (tensors.has(name)) throw new WeightFileError(path, `tensor "${showName(name)}"`, 'is there twice once the names of nested dicts are joined by dots');
    else tensors.set(name, tensor);
  };
  const visit = (value: Value, name: string): void => {
    if (name.length > LONGEST_NAME) throw new WeightFileError(path, `tensor "${showName(name)}"`, `its name has more than ${LONGEST_NAME} characters`);
    const array = arrayOf(value);
    if (array !== undefined) add(name === '' ? rootName : name, [array], array.shape);
    else if (value === null || typeof value !== 'object') {
      const text = scalarText(value);
      if (name !== '' && text !== undefined && text.length <= LONGEST_SCALAR && ++scalars <= MOST_SCALARS) metadata[name] = text;
    } else if (value.kind === 'map') {
      const chunked = value.entries.has(CHUNKED) ? joinChunks(path, name, value.entries) : undefined;
      if (chunked !== undefined) add(name === '' ? rootName : name, chunked.chunks, chunked.shape);
      else for (const [key, item] of value.entries) visit(item, join(name, key));
    } else if (value.kind === 'list') {
      value.items.forEach((item, i) => { visit(item, join(name, String(i))); });
    }
  };
  visit(root, '');
  if (tensors.size === 0 && leftOut.length === 0) throw new WeightFileError(path, '', 'is MessagePack without arrays, so it is not a Flax checkpoint');

  return {
    path,
    format: 'Flax msgpack',
    fileBytes: source.size,
    tensors: [...tensors.values()].map(({ info }) => info),
    metadata,
    warnings: [...leftOut.slice(0, MOST_WARNINGS), ...(leftOut.length > MOST_WARNINGS ? [`${leftOut.length - MOST_WARNINGS} more arrays are left out for reasons like these.`] : [])],
    // A `TrainState` keeps the optimiser's state beside `params`.
    optimizerPrefixes: [...tensors.keys()].some((name) => name.startsWith('opt_state.')) ? ['opt_state.'] : [],
    tensor: (name) => tensors.get(name)?.info,
    async read(name, start = 0, end) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new WeightFileError(path, `tensor "${showName(name)}"`, 'is not there');
      return readStoredElements(tensor.source, tensor.info, tensor.position, start, end ?? tensor.info.elements);
    },
    plain(name) {
      const tensor = tensors.get(name);
      return tensor === undefined ? undefined : plainElements(tensor.source, tensor.info, tensor.position);
    },
    close: () => source.close(),
  };
}

/** Within an extension of an array: MessagePack once more, of shape, dtype's name and bytes. */
async function readArray(type: number, cursor: ByteCursor, length: number): Promise<Extension> {
  if (type === NATIVE_COMPLEX) return undefined;
  if (type !== NDARRAY && type !== NP_SCALAR) throw cursor.error(`an extension of type ${type}, which is not one of Flax's (1 array, 2 complex number, 3 scalar)`);
  const at = cursor.position;
  const bad = (problem: string): never => { throw cursor.error(problem, at); };
  const content = await readMsgpack<undefined>(cursor, () => bad('an extension within an array'));
  if (cursor.position !== at + length) return bad(`an array takes ${cursor.position - at} bytes, but its extension has ${length}`);
  const [sizes, dtype, data] = content !== null && typeof content === 'object' && content.kind === 'list' && content.items.length === 3 ? content.items : [];
  if (sizes === null || typeof sizes !== 'object' || sizes.kind !== 'list' || data === null || typeof data !== 'object' || data.kind !== 'bytes' || typeof dtype !== 'string') return bad('an array is not of the form shape, dtype, bytes');
  const shape = sizes.items.filter((size) => typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) as number[];
  if (shape.length !== sizes.items.length) return bad('the shape of an array is not of whole numbers from 0 on');
  if (shape.length > MOST_DIMENSIONS) return bad(`an array has ${shape.length} dimensions; at most ${MOST_DIMENSIONS} are read`);
  if (dtype.length > LONGEST_DTYPE) return bad('the dtype of an array has a name that is too long to be one');
  return { kind: 'array', dtypeName: dtype, shape, position: data.position, bytes: data.length };
}

/** An array of more than 2^30 bytes is cut into pieces: a dict of the mark, the shape and the pieces, these two dicts with the keys 0, 1, … */
function joinChunks(path: string, name: string, entries: ReadonlyMap<string, Value>): { readonly shape: readonly number[]; readonly chunks: readonly StoredArray[] } {
  const fail = (problem: string): never => { throw new WeightFileError(path, `tensor "${showName(name)}"`, problem); };
  const shape: number[] = [];
  for (const size of listed(entries.get('shape')) ?? fail('is in chunks, but has no shape')) {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return fail('is in chunks, and its shape is not of whole numbers from 0 on');
    shape.push(size);
  }
  if (shape.length > MOST_DIMENSIONS) fail(`has ${shape.length} dimensions; at most ${MOST_DIMENSIONS} are read`);
  const chunks: StoredArray[] = [];
  for (const chunk of listed(entries.get('chunks')) ?? fail('is in chunks, but has none')) {
    const array = arrayOf(chunk) ?? fail(`its chunk ${chunks.length} is not an array`);
    if (array.dtypeName !== (chunks[0] ?? array).dtypeName) fail(`its chunk ${chunks.length} has dtype ${showName(array.dtypeName)}, the first ${showName(chunks[0]?.dtypeName ?? '')}`);
    chunks.push(array);
  }
  return chunks.length === 0 ? fail('is in chunks, but has none') : { shape, chunks };
}

function flaxTensor(source: ByteSource, name: string, chunks: readonly StoredArray[], shape: readonly number[]): FlaxTensor | { readonly leftOut: string } {
  const [first] = chunks;
  const dtypeName = first?.dtypeName ?? '';
  const dtype = dtypes.get(dtypeName);
  if (dtype === undefined) return { leftOut: `its element type "${showName(dtypeName)}" is not supported` };
  const elements = elementsOf(shape);
  const bytes = elements * bytesPerElement[dtype];
  const fail = (problem: string): never => { throw new WeightFileError(source.path, `tensor "${showName(name)}"`, problem); };
  for (const chunk of chunks) {
    const own = elementsOf(chunk.shape) * bytesPerElement[dtype];
    if (own !== chunk.bytes) fail(`its shape ${showShape(chunk.shape)} of ${dtype} takes ${own} bytes, but ${chunk.bytes} are stored`);
  }
  const stored = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
  if (bytes !== stored) fail(`its shape ${showShape(shape)} of ${dtype} takes ${bytes} bytes, but its chunks have ${stored}`);
  const info = { name, dtype, shape, elements, bytes };
  if (first !== undefined && chunks.length === 1) return { info, source, position: first.position };
  return { info, source: joinRanges(source.path, chunks.map((chunk) => ({ source, start: chunk.position, length: chunk.bytes }))), position: 0 };
}

function arrayOf(value: Value): StoredArray | undefined {
  return value !== null && typeof value === 'object' && value.kind === 'extension' ? value.value : undefined;
}

/** A tuple as Flax writes it: a dict with the keys "0", "1", …; undefined when it is none. */
function listed(value: Value | undefined): readonly Value[] | undefined {
  if (value === undefined || value === null || typeof value !== 'object' || value.kind !== 'map') return undefined;
  const items = Array.from({ length: value.entries.size }, (_, i) => value.entries.get(String(i)));
  return items.some((item) => item === undefined) ? undefined : items as readonly Value[];
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function scalarText(value: null | boolean | number | bigint | string): string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value.toString();
}
