/**
 * The header of a `.npy` file, after NumPy's NEP 1 and `numpy/lib/format.py` (versions 1.0, 2.0 and 3.0). It is the text of a Python dict;
 * it is read by a parser of literals that knows tuples, lists, dicts, texts, whole numbers and truth values, and evaluates nothing.
 */
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement } from './dtype.ts';
import type { Dtype } from './dtype.ts';
import { parsePythonLiteral } from './pythonLiteral.ts';
import type { PythonLiteral } from './pythonLiteral.ts';
import { WeightFileError, showName } from './weightFileError.ts';

export interface NpyHeader {
  readonly dtype: Dtype;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly elements: number;
  /** Where the elements begin. */
  readonly dataOffset: number;
  /** Bytes behind the array, which NumPy ignores. */
  readonly surplus: number;
}

/** A dtype that is understood and refused: the file is sound, but holds no numbers that could be weights. */
export class UnsupportedDtypeError extends WeightFileError {}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
// NumPy's own headers have some hundred bytes, and it refuses more than 10,000 by default.
const LONGEST_HEADER = 2 ** 20;
const MOST_DIMENSIONS = 32;

/** True when the bytes begin as a .npy file does. */
export function looksLikeNpy(start: Uint8Array): boolean {
  return MAGIC.every((byte, i) => start[i] === byte);
}

/** @param place what the array is within its file, for messages: "" or "entry x.npy" @throws WeightFileError */
export async function readNpyHeader(source: ByteSource, place: string): Promise<NpyHeader> {
  const prefix = place === '' ? '' : `${place}, `;
  const fail = (at: string, problem: string): never => { throw new WeightFileError(source.path, `${prefix}${at}`, problem); };
  const start = await source.read(0, Math.min(12, source.size));
  if (!looksLikeNpy(start)) return fail('byte 0', 'does not begin with the magic bytes of a .npy array');
  const version = start[6] ?? 0;
  if (version < 1 || version > 3) return fail('byte 6', `is version ${version} of the .npy format; 1, 2 and 3 are known`);
  const headerOffset = version === 1 ? 10 : 12;
  if (start.length < headerOffset) return fail(`byte ${start.length}`, 'ends before the length of its header');
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (headerOffset + headerLength > source.size) return fail('byte 8', `the header is to have ${headerLength} bytes, but ${source.size - headerOffset} are left`);
  if (headerLength > LONGEST_HEADER) return fail('byte 8', `the header is to have ${headerLength} bytes; at most ${LONGEST_HEADER} are read`);
  const text = Buffer.from(await source.read(headerOffset, headerLength)).toString(version === 3 ? 'utf8' : 'latin1');
  const parsed = parsePythonLiteral(text);
  if ('problem' in parsed) return fail(`byte ${headerOffset + Buffer.byteLength(text.slice(0, parsed.at), version === 3 ? 'utf8' : 'latin1')}`, `the header is not a Python dict: ${parsed.problem}`);
  const header = parsed.value;
  if (typeof header !== 'object' || header.kind !== 'dict') return fail('header', 'is not a Python dict');
  const keys = [...header.entries.keys()].sort().join(', ');
  if (keys !== 'descr, fortran_order, shape') return fail('header', `has the keys ${showName(keys)} instead of descr, fortran_order, shape`);
  const fortranOrder = header.entries.get('fortran_order');
  if (typeof fortranOrder !== 'boolean') return fail('header', 'fortran_order is neither True nor False');
  const shape = shapeOf(header.entries.get('shape'));
  if (shape === undefined) return fail('header', 'shape is not a tuple of sizes');
  if (shape.length > MOST_DIMENSIONS) return fail('header', `has ${shape.length} dimensions; at most ${MOST_DIMENSIONS} are read`);
  if (!shape.every(Number.isSafeInteger)) return fail('header', `shape [${shape.join(', ')}] has an axis longer than 2^53`);
  const { dtype, littleEndian } = dtypeOf(source.path, `${prefix}header`, header.entries.get('descr'));
  const elements = shape.reduce((product, length) => product * length, 1);
  const dataOffset = headerOffset + headerLength;
  const surplus = source.size - dataOffset - elements * bytesPerElement[dtype];
  // A product beyond 2⁵³ is inexact, but as far beyond the end of any file.
  if (!(surplus >= 0)) return fail('header', `shape [${shape.join(', ')}] of ${dtype} needs ${elements * bytesPerElement[dtype]} bytes, but ${source.size - dataOffset} are there`);
  return { dtype, littleEndian, fortranOrder, shape, elements, dataOffset, surplus };
}

function shapeOf(value: PythonLiteral | undefined): readonly number[] | undefined {
  if (typeof value !== 'object' || value.kind !== 'tuple') return undefined;
  const shape = value.items.filter((length): length is number => typeof length === 'number' && Number.isInteger(length) && length >= 0);
  return shape.length === value.items.length ? shape : undefined;
}

const dtypes: Readonly<Record<string, Dtype>> = {
  b1: 'BOOL', u1: 'U8', i1: 'I8', u2: 'U16', i2: 'I16', u4: 'U32', i4: 'I32', u8: 'U64', i8: 'I64',
  f2: 'F16', f4: 'F32', f8: 'F64', c8: 'C64', c16: 'C128',
};

const refused: Readonly<Record<string, string>> = {
  S: 'byte strings', a: 'byte strings', U: 'texts', V: 'raw bytes', M: 'dates', m: 'durations', f: 'long doubles', c: 'complex long doubles',
};

/** NumPy's array-protocol type string: byte order, kind, bytes. */
function dtypeOf(path: string, place: string, descr: PythonLiteral | undefined): { readonly dtype: Dtype; readonly littleEndian: boolean } {
  if (typeof descr === 'object' && descr.kind !== 'dict') {
    const fields = descr.items.map((field) => (typeof field === 'object' && field.kind !== 'dict' && typeof field.items[0] === 'string' ? field.items[0] : '?'));
    throw new UnsupportedDtypeError(path, place, `is a structured array (fields ${showName(fields.join(', '))}), which is not supported; save each field as an array of its own`);
  }
  if (typeof descr !== 'string') throw new WeightFileError(path, place, 'descr is not a dtype');
  const [, order = '', kind = '', size = ''] = /^([<>|=]?)([a-zA-Z])(\d*)/.exec(descr) ?? [];
  if (kind === 'O') throw new UnsupportedDtypeError(path, place, 'holds Python objects, which only unpickling could restore; save numbers instead');
  const dtype = descr === `${order}${kind}${size}` ? dtypes[`${kind}${size}`] : undefined;
  if (dtype !== undefined) return { dtype, littleEndian: order !== '>' };
  const known = refused[kind];
  if (known !== undefined) throw new UnsupportedDtypeError(path, place, `holds ${known} (dtype "${showName(descr)}"), not numbers of a supported type`);
  throw new WeightFileError(path, place, `dtype "${showName(descr)}" is unknown`);
}
