/**
 * Element types, under their safetensors names, and their conversion to and from float64.
 *
 * To float64: 64-bit integers beyond ±2⁵³ are rounded to the nearest double (ties to even), and a NaN keeps neither its payload nor its
 * sign; everything else is exact. From float64: floating-point types round to nearest, ties to even, once (never by way of
 * float32); what lies outside the range becomes ±Infinity, or NaN in a format without infinities.
 */
import type { PackedDtype } from './packedDtype.ts';
import { decodeSmallFloats, encodeSmallFloats, smallFloatFormats } from './smallFloat.ts';

export type Dtype =
  | 'BOOL' | 'U8' | 'I8' | 'U16' | 'I16' | 'U32' | 'I32' | 'U64' | 'I64'
  | 'F8_E4M3' | 'F8_E5M2' | 'F8_E8M0' | 'F8_E4M3FNUZ' | 'F8_E5M2FNUZ' | 'F16' | 'BF16' | 'F32' | 'F64'
  | 'C64' | 'C128';

/** Everything that a file may list: packed types have a name and a size, but their elements are not read. */
export type StoredDtype = Dtype | PackedDtype;

/** Types whose elements are real numbers, each with bytes of its own. */
export type RealDtype = Exclude<Dtype, 'C64' | 'C128'>;

export const bytesPerElement: Readonly<Record<Dtype, number>> = {
  BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, U32: 4, I32: 4, U64: 8, I64: 8,
  F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1, F8_E4M3FNUZ: 1, F8_E5M2FNUZ: 1, F16: 2, BF16: 2, F32: 4, F64: 8,
  C64: 8, C128: 16,
};

/** Spacing of a type's numbers at 1, in which its rounding errors are measured; 0 for types that are not floating-point. */
export const machineEpsilon: Readonly<Record<Dtype, number>> = {
  BOOL: 0, U8: 0, I8: 0, U16: 0, I16: 0, U32: 0, I32: 0, U64: 0, I64: 0,
  F8_E4M3: 2 ** -3, F8_E5M2: 2 ** -2, F8_E8M0: 1, F8_E4M3FNUZ: 2 ** -3, F8_E5M2FNUZ: 2 ** -2, F16: 2 ** -10, BF16: 2 ** -7, F32: 2 ** -23, F64: 2 ** -52,
  C64: 0, C128: 0,
};

/** False for complex numbers, which a float64 cannot hold, and for packed types. */
export function isReal(dtype: StoredDtype): dtype is RealDtype {
  return !isComplex(dtype) && Object.hasOwn(bytesPerElement, dtype);
}

export function isComplex(dtype: StoredDtype): dtype is 'C64' | 'C128' {
  return dtype === 'C64' || dtype === 'C128';
}

/**
 * Elements as stored, to float64. The result is memory of its own; `bytes` is left as it is.
 * @param bytes a whole number of elements, at any alignment
 * @throws RangeError when `bytes` is not a whole number of elements
 */
export function decodeElements(dtype: RealDtype, bytes: Uint8Array, littleEndian = true): Float64Array<ArrayBuffer> {
  const width = bytesPerElement[dtype];
  if (bytes.length % width !== 0) throw new RangeError(`${bytes.length} bytes are not a whole number of ${dtype} elements of ${width} bytes`);
  const count = bytes.length / width;
  const { buffer, byteOffset } = aligned(bytes, width, littleEndian);
  switch (dtype) {
    case 'BOOL': return new Float64Array(bytes).map((byte) => (byte === 0 ? 0 : 1));
    case 'U8': return new Float64Array(bytes);
    case 'I8': return new Float64Array(new Int8Array(buffer, byteOffset, count));
    case 'U16': return new Float64Array(new Uint16Array(buffer, byteOffset, count));
    case 'I16': return new Float64Array(new Int16Array(buffer, byteOffset, count));
    case 'U32': return new Float64Array(new Uint32Array(buffer, byteOffset, count));
    case 'I32': return new Float64Array(new Int32Array(buffer, byteOffset, count));
    case 'F32': return new Float64Array(new Float32Array(buffer, byteOffset, count));
    case 'F64': return new Float64Array(new Float64Array(buffer, byteOffset, count));
    case 'U64': return combineWords(new Uint32Array(buffer, byteOffset, 2 * count), new Uint32Array(buffer, byteOffset, 2 * count));
    case 'I64': return combineWords(new Uint32Array(buffer, byteOffset, 2 * count), new Int32Array(buffer, byteOffset, 2 * count));
    case 'F16':
    case 'BF16': return decodeSmallFloats(smallFloatFormats[dtype], new Uint16Array(buffer, byteOffset, count));
    default: return decodeSmallFloats(smallFloatFormats[dtype], bytes);
  }
}

/**
 * Float64 to elements as stored, little-endian.
 * @throws RangeError when an integer type cannot hold a value exactly
 */
export function encodeElements(dtype: RealDtype, values: Float64Array): Uint8Array<ArrayBuffer> {
  switch (dtype) {
    case 'BOOL': return new Uint8Array(exactly(dtype, values, new Uint8Array(values), 0, 1).buffer);
    case 'U8': return exactly(dtype, values, new Uint8Array(values), 0, 255);
    case 'I8': return new Uint8Array(exactly(dtype, values, new Int8Array(values), -128, 127).buffer);
    case 'U16': return new Uint8Array(exactly(dtype, values, new Uint16Array(values), 0, 65535).buffer);
    case 'I16': return new Uint8Array(exactly(dtype, values, new Int16Array(values), -32768, 32767).buffer);
    case 'U32': return new Uint8Array(exactly(dtype, values, new Uint32Array(values), 0, 2 ** 32 - 1).buffer);
    case 'I32': return new Uint8Array(exactly(dtype, values, new Int32Array(values), -(2 ** 31), 2 ** 31 - 1).buffer);
    case 'U64': return new Uint8Array(splitWords(dtype, values, 0, 2 ** 64).buffer);
    case 'I64': return new Uint8Array(splitWords(dtype, values, -(2 ** 63), 2 ** 63).buffer);
    case 'F32': return new Uint8Array(new Float32Array(values).buffer);
    case 'F64': return new Uint8Array(new Float64Array(values).buffer);
    case 'F16':
    case 'BF16': return new Uint8Array(encodeSmallFloats(smallFloatFormats[dtype], values, new Uint16Array(values.length)).buffer);
    default: return encodeSmallFloats(smallFloatFormats[dtype], values, new Uint8Array(values.length));
  }
}

/** The bytes in little-endian order where a typed array of `width`-byte elements may lie; a copy only where one is needed. */
function aligned(bytes: Uint8Array, width: number, littleEndian: boolean): Uint8Array {
  // Typed arrays follow the processor, and every processor that VS Code and Node 24 run on here is little-endian.
  const swap = !littleEndian && width > 1;
  if (!swap && bytes.byteOffset % width === 0) return bytes;
  const copy = new Uint8Array(bytes);
  if (swap) {
    const view = Buffer.from(copy.buffer);
    if (width === 2) view.swap16();
    else if (width === 4) view.swap32();
    else view.swap64();
  }
  return copy;
}

/** high · 2³² + low: the product is exact, so the sum rounds once, to nearest even. */
function combineWords(low: Uint32Array, high: Uint32Array | Int32Array): Float64Array<ArrayBuffer> {
  const values = new Float64Array(low.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = high[2 * i + 1]! * 4294967296 + low[2 * i]!;
  return values;
}

function exactly<T extends Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array>(
  dtype: Dtype, values: Float64Array, stored: T, min: number, max: number,
): T {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (stored[i] !== value || value < min || value > max) throw new RangeError(`${dtype} cannot hold ${value}`);
  }
  return stored;
}

/** The inverse of `combineWords`; a negative number's words are those of its two's complement. */
function splitWords(dtype: Dtype, values: Float64Array, min: number, end: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isInteger(value) || value < min || value >= end) throw new RangeError(`${dtype} cannot hold ${value}`);
    const high = Math.floor(value / 4294967296);
    words[2 * i] = value - high * 4294967296;
    words[2 * i + 1] = high;
  }
  return words;
}
