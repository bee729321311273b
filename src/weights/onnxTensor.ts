/**
 * `TensorProto` of ONNX (`onnx/onnx.proto`): name, element type and dimensions, and the elements in one of three places: raw bytes, a packed
 * list of numbers of a type that depends on the element type, or a range of another file. Here its description becomes one that
 * holds together: as many bytes as the shape needs.
 */
import type { ByteCursor } from './byteCursor.ts';
import { bytesPerElement, type StoredDtype } from './dtype.ts';
import { packedBytes, type PackedDtype } from './packedDtype.ts';
import { bytesField, integerField, readPair, readText, visitMessage, wrongWire, type ProtoField } from './protobuf.ts';
import { elementsOf, showShape } from './shape.ts';
import type { TensorInfo } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';

/** Where the elements lie. */
export type OnnxData =
  | { readonly kind: 'bytes'; readonly start: number }
  | { readonly kind: 'varints'; readonly start: number; readonly length: number }
  | { readonly kind: 'external'; readonly location: string; readonly offset: number; readonly length: number | undefined }
  /** No elements, or some that are not read. */
  | { readonly kind: 'none' };

export interface OnnxTensor {
  readonly info: TensorInfo;
  readonly data: OnnxData;
}

/** `texts` is a sound tensor that holds no numbers. */
export type OnnxTensorReading = { readonly tensor: OnnxTensor } | { readonly leftOut: string; readonly name: string };

const MAX_RANK = 64;
const STRING = 8;

const dtypes: ReadonlyMap<number, StoredDtype> = new Map<number, StoredDtype>([
  [1, 'F32'], [2, 'U8'], [3, 'I8'], [4, 'U16'], [5, 'I16'], [6, 'I32'], [7, 'I64'], [9, 'BOOL'], [10, 'F16'], [11, 'F64'], [12, 'U32'], [13, 'U64'],
  [14, 'C64'], [15, 'C128'], [16, 'BF16'], [17, 'F8_E4M3'], [18, 'F8_E4M3FNUZ'], [19, 'F8_E5M2'], [20, 'F8_E5M2FNUZ'], [21, 'U4'], [22, 'I4'], [23, 'F4_E2M1'], [24, 'F8_E8M0'],
  [25, 'U2'], [26, 'I2'],
]);

export function onnxDtype(type: number): StoredDtype | undefined {
  return dtypes.get(type);
}

/** The list that holds elements of a type when raw bytes do not, and its field. */
function listOf(dtype: StoredDtype): { readonly field: number; readonly name: string; readonly packedAs: 'bytes' | 'varints' } {
  switch (dtype) {
    case 'F32':
    case 'C64': return { field: 4, name: 'float_data', packedAs: 'bytes' };
    case 'F64':
    case 'C128': return { field: 10, name: 'double_data', packedAs: 'bytes' };
    case 'I64': return { field: 7, name: 'int64_data', packedAs: 'varints' };
    case 'U32':
    case 'U64': return { field: 11, name: 'uint64_data', packedAs: 'varints' };
    default: return { field: 5, name: 'int32_data', packedAs: 'varints' };
  }
}

const listNames: ReadonlyMap<number, string> = new Map([[4, 'float_data'], [5, 'int32_data'], [6, 'string_data'], [7, 'int64_data'], [9, 'raw_data'], [10, 'double_data'], [11, 'uint64_data']]);

/**
 * The tensor that is written in `field`.
 * @param fallback its name when it has none of its own
 * @throws WeightFileError naming the byte, or the tensor
 */
export async function readOnnxTensor(cursor: ByteCursor, field: ProtoField, fallback: string): Promise<OnnxTensorReading> {
  const { start, length } = bytesField(cursor, field, 'the graph');
  const what = 'a tensor';
  const dims: bigint[] = [];
  const lists = new Map<number, { readonly start: number; readonly length: number }>();
  const external = new Map<string, string>();
  let type = 0;
  let name = '';
  const flags: { external: boolean; segmented: boolean } = { external: false, segmented: false };
  const addDim = (value: bigint): void => {
    if (dims.length === MAX_RANK) throw cursor.error(`${what} has more than ${MAX_RANK} dimensions`, field.at);
    dims.push(value);
  };
  await visitMessage(cursor, start + length, what, (part) => {
    switch (part.number) {
      case 1:
        if (part.wire === 'varint') addDim(integerField(cursor, part, what));
        else return readPackedIntegers(cursor, part, what, addDim);
        return undefined;
      case 2: type = Number(integerField(cursor, part, what)); return undefined;
      case 3: flags.segmented = true; return undefined;
      case 8: return readText(cursor, part, what).then((text) => { name = text; });
      case 13: return readPair(cursor, part, 'external data').then(([key, value]) => { external.set(key, value); });
      case 14: flags.external = integerField(cursor, part, what) === 1n; return undefined;
      default: {
        const list = listNames.get(part.number);
        if (list === undefined) return undefined;
        if (part.wire !== 'bytes') throw part.number === 6 || part.number === 9 ? wrongWire(cursor, part, what) : cursor.error(`${list} of ${what} is written number by number, which is not supported`, part.at);
        if (part.number === 6) return undefined;
        if (lists.has(part.number)) throw cursor.error(`${list} of ${what} is written in several pieces, which is not supported`, part.at);
        lists.set(part.number, part);
        return undefined;
      }
    }
  });
  const shown = name === '' ? fallback : name;
  const refuse = (problem: string): never => { throw new WeightFileError(cursor.source.path, `tensor "${showName(shown)}"`, problem); };
  if (type === STRING) return { leftOut: 'it holds texts', name: shown };
  const dtype = dtypes.get(type);
  if (dtype === undefined) return refuse(type === 0 ? 'has no element type' : `its element type ${type} is unknown`);
  if (flags.segmented) return refuse('is a segment of a larger tensor, which is not supported');
  const negative = dims.find((dim) => dim < 0n);
  if (negative !== undefined) return refuse(`has an axis of length ${negative.toString()}`);
  const shape = dims.map(Number);
  const elements = elementsOf(shape);
  if (!shape.every(Number.isSafeInteger) || !Number.isSafeInteger(elements * 16)) return refuse(`its shape ${showShape(shape)} has more than 2^53 bytes`);
  const info: TensorInfo = { name: shown, dtype, shape, elements, bytes: storedBytes(dtype, elements) };
  if (flags.external) {
    if (lists.size > 0) return refuse('has data of its own and external data');
    return { tensor: { info, data: readLocation(external, refuse) } };
  }
  return { tensor: { info, data: locate(info, lists, refuse) } };
}

function storedBytes(dtype: StoredDtype, elements: number): number {
  return isPacked(dtype) ? packedBytes(dtype, elements) : elements * bytesPerElement[dtype];
}

function isPacked(dtype: StoredDtype): dtype is PackedDtype {
  return !Object.hasOwn(bytesPerElement, dtype);
}

function locate({ dtype, shape, elements, bytes }: TensorInfo, lists: ReadonlyMap<number, { readonly start: number; readonly length: number }>, refuse: (problem: string) => never): OnnxData {
  const filled = [...lists].filter(([, { length }]) => length > 0);
  const [first, second] = filled;
  if (first === undefined) return elements === 0 ? { kind: 'none' } : refuse(`its shape ${showShape(shape)} has ${elements} elements, but there is no data`);
  const [field, { start, length }] = first;
  if (second !== undefined) return refuse(`has data twice, as ${listNames.get(field) ?? ''} and as ${listNames.get(second[0]) ?? ''}`);
  if (field === 9) return length === bytes ? { kind: 'bytes', start } : refuse(`its shape ${showShape(shape)} of ${dtype} takes ${bytes} bytes, but raw_data has ${length}`);
  const list = listOf(dtype);
  if (field !== list.field) return refuse(`is of ${dtype}, whose elements belong in ${list.name}, but has ${listNames.get(field) ?? ''}`);
  if (list.packedAs === 'bytes') return length === bytes ? { kind: 'bytes', start } : refuse(`its shape ${showShape(shape)} of ${dtype} takes ${bytes} bytes, but ${list.name} has ${length}`);
  if (isPacked(dtype)) return { kind: 'none' };
  // A number takes 1 to 10 bytes; that there are exactly as many as elements shows when they are read.
  if (length < elements || length > 10 * elements) return refuse(`its shape ${showShape(shape)} has ${elements} elements, which cannot be what the ${length} bytes of ${list.name} hold`);
  return { kind: 'varints', start, length };
}

function readLocation(external: ReadonlyMap<string, string>, refuse: (problem: string) => never): OnnxData {
  const number = (key: string): number | undefined => {
    const text = external.get(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    return /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : refuse(`the ${key} of its external data, "${showName(text)}", is not a whole number`);
  };
  const location = external.get('location');
  if (location === undefined) return refuse('its external data has no location');
  return { kind: 'external', location, offset: number('offset') ?? 0, length: number('length') };
}

/** A packed list of a message, one whole number after another; for lists that are known to be short. */
export async function readPackedIntegers(cursor: ByteCursor, field: ProtoField, what: string, add: (value: bigint) => void): Promise<void> {
  const { start, length } = bytesField(cursor, field, what);
  let value = 0n;
  let shift = 0n;
  while (cursor.position < start + length) {
    if (cursor.available < 1) await cursor.loadUpTo(start + length - cursor.position);
    const byte = cursor.u8();
    if (shift === 63n && byte > 1) throw cursor.error(`${what} holds a number of more than 64 bits`, field.at);
    value += BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    add(BigInt.asIntN(64, value));
    value = 0n;
    shift = 0n;
  }
  if (shift > 0n) throw cursor.error(`field ${field.number} of ${what} ends within a number`, field.at);
}
