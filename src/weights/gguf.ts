/**
 * GGUF, the container of llama.cpp and its kin (`docs/gguf.md` of the ggml project, versions 2 and 3): magic, version, counts, keys with typed
 * values, one description a tensor, then the tensors' bytes at aligned offsets. The header is walked once; vocabularies, which are most of it,
 * are counted and not kept. Quantised blocks are listed with their stored size and are not decoded.
 */
import { ByteCursor } from './byteCursor.ts';
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement, isReal, type StoredDtype } from './dtype.ts';
import { skipGgufValue } from './ggufMetadata.ts';
import { blockElements, packedBytes, type PackedDtype } from './packedDtype.ts';
import { elementsOf, showShape } from './shape.ts';
import { plainElements, readStoredElements } from './storedElements.ts';
import type { TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';

const DEFAULT_ALIGNMENT = 32;
// The format's own bound for keys; tensors' names are shorter still.
const LONGEST_NAME = 65_535;
// ggml itself stops at 4.
const MOST_DIMENSIONS = 8;

/** `enum ggml_type`; the numbers that are missing were given up. */
const ggmlTypes: ReadonlyMap<number, StoredDtype> = new Map<number, StoredDtype>([
  [0, 'F32'], [1, 'F16'], [24, 'I8'], [25, 'I16'], [26, 'I32'], [27, 'I64'], [28, 'F64'], [30, 'BF16'],
  [2, 'Q4_0'], [3, 'Q4_1'], [6, 'Q5_0'], [7, 'Q5_1'], [8, 'Q8_0'], [9, 'Q8_1'], [10, 'Q2_K'], [11, 'Q3_K'], [12, 'Q4_K'], [13, 'Q5_K'], [14, 'Q6_K'], [15, 'Q8_K'],
  [16, 'IQ2_XXS'], [17, 'IQ2_XS'], [18, 'IQ3_XXS'], [19, 'IQ1_S'], [20, 'IQ4_NL'], [21, 'IQ3_S'], [22, 'IQ2_S'], [23, 'IQ4_XS'], [29, 'IQ1_M'],
  [34, 'TQ1_0'], [35, 'TQ2_0'], [39, 'MXFP4'], [40, 'NVFP4'], [41, 'Q1_0'],
]);

interface GgufTensor {
  readonly info: TensorInfo;
  /** First byte, counted from where the data begins. */
  readonly offset: number;
}

export function looksLikeGguf(start: Uint8Array): boolean {
  return start[0] === 0x47 && start[1] === 0x47 && start[2] === 0x55 && start[3] === 0x46;
}

/**
 * Shapes are given outermost axis first, as NumPy and PyTorch do; the file has them the other way round.
 * @throws WeightFileError naming the byte of the header, or the tensor; `source` is then left to the caller
 */
export async function openGguf(source: ByteSource): Promise<WeightFile> {
  const { path, size } = source;
  const { cursor, version } = await openHeader(source);
  await cursor.load(16, 'the numbers of tensors and of keys');
  const countsAt = cursor.position;
  const tensorCount = cursor.u64();
  const keyCount = cursor.u64();
  // The smallest description takes 24 bytes, the smallest key with its value 13.
  if (tensorCount * 24n + keyCount * 13n > BigInt(cursor.remaining)) {
    throw cursor.error(`promises ${tensorCount.toString()} tensors and ${keyCount.toString()} keys, which do not fit into the ${cursor.remaining} bytes that follow`, countsAt);
  }

  const metadata = Object.create(null) as Record<string, string>;
  let alignment = DEFAULT_ALIGNMENT;
  for (let i = 0; i < Number(keyCount); i++) {
    const at = cursor.position;
    const key = await readName(cursor, 'a key');
    if (key in metadata) throw cursor.error(`the key "${showName(key)}" is there twice`, at);
    await cursor.load(4, 'the type of a value');
    const value = await skipGgufValue(cursor, cursor.u32());
    metadata[key] = value.text;
    if (key === 'general.alignment') {
      if (value.number === undefined || value.number < 1 || value.number > 2 ** 20 || !Number.isInteger(Math.log2(value.number))) throw cursor.error(`general.alignment is ${showName(value.text)}, not a power of two`, at);
      alignment = value.number;
    }
  }

  const tensors = new Map<string, GgufTensor>();
  for (let i = 0; i < Number(tensorCount); i++) {
    const at = cursor.position;
    const name = await readName(cursor, 'the name of a tensor');
    if (tensors.has(name)) throw cursor.error(`tensor "${showName(name)}" is there twice`, at);
    tensors.set(name, await readDescription(cursor, name, alignment));
  }
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  requireInside(path, tensors, dataStart, size);

  const packed = new Set<StoredDtype>([...tensors.values()].flatMap(({ info }) => (isReal(info.dtype) ? [] : [info.dtype])));
  const packedCount = [...tensors.values()].filter(({ info }) => packed.has(info.dtype)).length;
  return {
    path,
    format: `GGUF ${version}${cursor.littleEndian ? '' : ', big-endian'}`,
    fileBytes: size,
    tensors: [...tensors.values()].map(({ info }) => info),
    metadata,
    warnings: packedCount === 0 ? [] : [`${packedCount} of ${tensors.size} tensors are quantised (${[...packed].join(', ')}); they are listed, but their values are not decoded.`],
    tensor: (name) => tensors.get(name)?.info,
    async read(name, start = 0, end) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new WeightFileError(path, `tensor "${showName(name)}"`, 'is not in the file');
      return readStoredElements(source, tensor.info, dataStart + tensor.offset, start, end ?? tensor.info.elements, cursor.littleEndian);
    },
    plain(name) {
      const tensor = tensors.get(name);
      return tensor === undefined ? undefined : plainElements(source, tensor.info, dataStart + tensor.offset, cursor.littleEndian);
    },
    close: () => source.close(),
  };
}

/** Magic and version; the version also tells the byte order, in which everything behind it is written. */
async function openHeader(source: ByteSource): Promise<{ readonly cursor: ByteCursor; readonly version: number }> {
  if (source.size < 24) throw new WeightFileError(source.path, '', `is ${source.size} bytes long; the header of a GGUF file has at least 24`);
  const start = await source.read(0, 8);
  if (!looksLikeGguf(start)) throw new WeightFileError(source.path, 'byte 0', 'does not begin with the magic bytes GGUF');
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const littleEndian = view.getUint16(4, true) !== 0;
  const version = view.getUint32(4, littleEndian);
  if (version === 1) throw new WeightFileError(source.path, 'byte 4', 'is version 1 of GGUF, which was in use for a few days only; convert the model again');
  if (version !== 2 && version !== 3) throw new WeightFileError(source.path, 'byte 4', `is version ${version} of GGUF; 2 and 3 are known`);
  return { cursor: new ByteCursor(source, { start: 8, littleEndian }), version };
}

async function readName(cursor: ByteCursor, what: string): Promise<string> {
  const at = cursor.position;
  await cursor.load(8, `the length of ${what}`);
  const length = cursor.u64();
  if (length > BigInt(cursor.remaining)) throw cursor.error(`${what} is to have ${length.toString()} bytes, but ${cursor.remaining} are left`, at);
  if (length > LONGEST_NAME) throw cursor.error(`${what} is to have ${length.toString()} bytes; at most ${LONGEST_NAME} are read`, at);
  await cursor.load(Number(length), what);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(cursor.bytes(Number(length)));
  } catch {
    throw cursor.error(`${what} is not valid UTF-8`, at);
  }
}

async function readDescription(cursor: ByteCursor, name: string, alignment: number): Promise<GgufTensor> {
  const refuse = (problem: string): never => { throw new WeightFileError(cursor.source.path, `tensor "${showName(name)}"`, problem); };
  await cursor.load(4, 'the number of dimensions');
  const rank = cursor.u32();
  if (rank > MOST_DIMENSIONS) return refuse(`has ${rank} dimensions; at most ${MOST_DIMENSIONS} are read`);
  await cursor.load(8 * rank + 12, 'shape, type and offset of a tensor');
  // The axis that lies closest in memory comes first in the file.
  const lengths = Array.from({ length: rank }, () => cursor.u64());
  const type = cursor.u32();
  const offset = cursor.u64();
  const shape = lengths.reverse().map(Number);
  const dtype = ggmlTypes.get(type);
  if (dtype === undefined) return refuse(`its type ${type} is unknown`);
  const elements = elementsOf(shape);
  const inBlocks = isPacked(dtype);
  if (!shape.every(Number.isSafeInteger) || !Number.isSafeInteger(elements * 8)) return refuse(`its shape ${showShape(shape)} has more than 2^53 bytes`);
  if (inBlocks && (shape.at(-1) ?? 1) % blockElements(dtype) !== 0) return refuse(`its rows of ${shape.at(-1) ?? 1} elements are not a whole number of ${dtype} blocks of ${blockElements(dtype)}`);
  if (offset % BigInt(alignment) !== 0n) return refuse(`begins ${offset.toString()} bytes into the data, which is not a multiple of the alignment, ${alignment}`);
  const bytes = inBlocks ? packedBytes(dtype, elements) : elements * bytesPerElement[dtype];
  return { info: { name, dtype, shape, elements, bytes }, offset: Number(offset) };
}

function isPacked(dtype: StoredDtype): dtype is PackedDtype {
  return !Object.hasOwn(bytesPerElement, dtype);
}

/** Every tensor lies within the file, and no two share bytes. */
function requireInside(path: string, tensors: ReadonlyMap<string, GgufTensor>, dataStart: number, size: number): void {
  let filled = 0;
  let previous = '';
  for (const { info, offset } of [...tensors.values()].sort((a, b) => a.offset - b.offset || a.info.bytes - b.info.bytes)) {
    const place = `tensor "${showName(info.name)}"`;
    if (dataStart + offset + info.bytes > size) {
      throw new WeightFileError(path, place, `its ${info.bytes} bytes begin at byte ${dataStart + offset}, but the file is only ${size} bytes long; it is truncated`);
    }
    if (offset < filled) throw new WeightFileError(path, place, `begins at byte ${dataStart + offset}, inside tensor "${showName(previous)}", which ends at byte ${dataStart + filled}`);
    filled = offset + info.bytes;
    previous = info.name;
  }
}
