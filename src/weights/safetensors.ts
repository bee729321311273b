/**
 * Reads safetensors files (https://huggingface.co/docs/safetensors/index, "Format"): 8 bytes of header length N, N bytes of JSON that
 * name each tensor's dtype, shape and byte range, then the tensors' bytes, little-endian and in C order. Everything that the
 * format's reference implementation refuses is refused here, and repeated keys too.
 */
import { isUtf8 } from 'node:buffer';
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement, type Dtype } from './dtype.ts';
import { JsonScanner } from './jsonScanner.ts';
import { NameIndex } from './nameIndex.ts';
import { PlainEntryReader } from './plainEntry.ts';
import { elementsOf, showShape } from './shape.ts';
import { plainElements, readStoredElements } from './storedElements.ts';
import type { PlainElements, TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';

/** The format's own limit for the header, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;
// NumPy and PyTorch stop at 64 dimensions.
const MAX_RANK = 64;
// Of the header, about; so that no table has to grow.
const ENTRY_BYTES = 100;
// Metadata is for people. Seven million keys, which 100 MB could hold, would take a gigabyte of memory.
const MAX_METADATA = 100_000;

/** Element types of the format; those smaller than a byte are known by name only. */
const dtypeOf: ReadonlyMap<string, Dtype> = new Map((
  ['BOOL', 'U8', 'I8', 'U16', 'I16', 'U32', 'I32', 'U64', 'I64', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'F16', 'BF16', 'F32', 'F64', 'C64'] as const
).map((name) => [name, name]));
const packedDtypes = ['F4', 'F6_E2M3', 'F6_E3M2'];

/** @throws WeightFileError when the header is not a valid one or does not fit the file; `source` is then left to the caller */
export async function openSafetensors(source: ByteSource): Promise<WeightFile> {
  const { path, size } = source;
  if (size < 8) throw new WeightFileError(path, '', `is ${size} bytes long; a safetensors file begins with 8 bytes that give its header's length`);
  const length = new DataView((await source.read(0, 8)).buffer).getBigUint64(0, true);
  const refuse = (problem: string): never => { throw new WeightFileError(path, 'header', `its length is given as ${length.toString()} bytes, ${problem}`); };
  if (length > MAX_HEADER_BYTES) refuse('more than the 100,000,000 that the format allows; this is not a safetensors file, or a damaged one');
  if (length < 2) refuse('too few for the JSON that belongs there');
  const headerBytes = Number(length);
  if (headerBytes > size - 8) refuse(`but only ${size - 8} follow; the file is truncated, or not a safetensors file`);
  const header = parseHeader(path, await source.read(8, headerBytes));
  const dataStart = 8 + headerBytes;
  requireContiguous(path, header, dataStart, size);
  return new SafetensorsFile(source, header, dataStart);
}

class SafetensorsFile implements WeightFile {
  readonly path: string;
  readonly format = 'safetensors';
  readonly fileBytes: number;
  readonly tensors: readonly TensorInfo[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly warnings: readonly string[] = [];
  readonly #source: ByteSource;
  readonly #header: Header;
  readonly #dataStart: number;

  constructor(source: ByteSource, header: Header, dataStart: number) {
    this.path = source.path;
    this.fileBytes = source.size;
    this.tensors = header.tensors;
    this.metadata = header.metadata;
    this.#source = source;
    this.#header = header;
    this.#dataStart = dataStart;
  }

  tensor(name: string): TensorInfo | undefined {
    const index = this.#header.index.get(name);
    return index === undefined ? undefined : this.tensors[index];
  }

  async read(name: string, start = 0, end?: number): Promise<Float64Array> {
    const index = this.#header.index.get(name);
    const tensor = this.tensor(name);
    if (index === undefined || tensor === undefined) throw new WeightFileError(this.path, `tensor "${showName(name)}"`, 'is not in the file');
    return readStoredElements(this.#source, tensor, this.#dataStart + this.#header.begins[index]!, start, end ?? tensor.elements);
  }

  plain(name: string): PlainElements | undefined {
    const index = this.#header.index.get(name);
    return index === undefined ? undefined : plainElements(this.#source, this.tensors[index]!, this.#dataStart + this.#header.begins[index]!);
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

interface Header {
  readonly tensors: readonly TensorInfo[];
  /** Position of each name in `tensors`. */
  readonly index: NameIndex;
  /** First byte of each tensor, counted from the end of the header. */
  readonly begins: readonly number[];
  readonly metadata: Readonly<Record<string, string>>;
}

function parseHeader(path: string, bytes: Uint8Array): Header {
  const refuse = (place: string, problem: string): never => { throw new WeightFileError(path, place, problem); };
  const [first] = bytes;
  if (first !== 0x7b) refuse('header', `begins with byte 0x${(first ?? 0).toString(16).padStart(2, '0')} instead of "{"`);
  if (!isUtf8(bytes)) refuse('header', 'is not valid UTF-8');

  // What is being read, for messages; put into words only when one is needed.
  let reading: (() => string) | undefined;
  const scanner = new JsonScanner(bytes, (position, problem) => refuse(`header, byte ${8 + position}${reading === undefined ? '' : `, ${reading()}`}`, problem));
  const tensors: TensorInfo[] = [];
  const begins: number[] = [];
  const index = new NameIndex(bytes.length / ENTRY_BYTES);
  const plain = new PlainEntryReader(bytes, dtypeOf);
  let metadata: Record<string, string> | undefined;
  const readEntry = (name: string): void => {
    const place = (): string => `tensor "${showName(name)}"`;
    reading = place;
    const { tensor, begin } = parseTensor(name, scanner, (problem) => refuse(place(), problem));
    reading = undefined;
    tensors.push(tensor);
    begins.push(begin);
  };
  scanner.object('header', (name) => {
    if (name === '__metadata__') {
      if (metadata !== undefined) refuse('header', 'holds "__metadata__" twice');
      metadata = parseMetadata(scanner, refuse);
      return;
    }
    if (!index.add(name)) refuse('header', `holds tensor "${showName(name)}" twice`);
    const end = plain.read(scanner.position);
    if (end < 0) {
      readEntry(name);
      return;
    }
    scanner.goOn(end);
    tensors.push({ name, dtype: plain.dtype, shape: plain.shape, elements: plain.elements, bytes: plain.bytes });
    begins.push(plain.begin);
  });
  scanner.end();
  return { tensors, index, begins, metadata: metadata ?? {} };
}

function parseMetadata(scanner: JsonScanner, refuse: (place: string, problem: string) => never): Record<string, string> {
  // Without a prototype: "__proto__" is a key like any other.
  const metadata = Object.create(null) as Record<string, string>;
  let count = 0;
  scanner.object('__metadata__', (key) => {
    if (++count > MAX_METADATA) refuse('header', `holds more than ${MAX_METADATA} entries in __metadata__`);
    if (key in metadata) refuse('header', `holds __metadata__ "${showName(key)}" twice`);
    if (scanner.next() !== 'a string') refuse('header', `__metadata__ "${showName(key)}": expected a string, found ${scanner.next()}`);
    metadata[key] = scanner.string('__metadata__');
  });
  return metadata;
}

/** @param refuse ends the reading with an error about this tensor */
function parseTensor(name: string, scanner: JsonScanner, refuse: (problem: string) => never): { readonly tensor: TensorInfo; readonly begin: number } {
  let dtype: Dtype | undefined;
  let shape: readonly number[] | undefined;
  let range: readonly [number, number] | undefined;
  scanner.object('its entry', (field) => {
    if (field === 'dtype') {
      if (dtype !== undefined) refuse('has two dtypes');
      dtype = parseDtype(scanner, refuse);
    } else if (field === 'shape') {
      if (shape !== undefined) refuse('has two shapes');
      shape = parseShape(scanner, refuse);
    } else if (field === 'data_offsets') {
      if (range !== undefined) refuse('has two data_offsets');
      range = parseRange(scanner, refuse);
    } else scanner.skip();
  });
  if (dtype === undefined) return refuse('has no dtype');
  if (shape === undefined) return refuse('has no shape');
  if (range === undefined) return refuse('has no data_offsets');
  const elements = elementsOf(shape);
  const bytes = elements * bytesPerElement[dtype];
  const [begin, end] = range;
  if (bytes > Number.MAX_SAFE_INTEGER) refuse(`its shape ${showShape(shape)} has more than 2^53 bytes`);
  if (end < begin) refuse(`its data_offsets [${begin}, ${end}] run backwards`);
  if (end - begin !== bytes) refuse(`its shape ${showShape(shape)} of ${dtype} takes ${bytes} bytes, but its data_offsets [${begin}, ${end}] hold ${end - begin}`);
  return { tensor: { name, dtype, shape, elements, bytes }, begin };
}

function parseDtype(scanner: JsonScanner, refuse: (problem: string) => never): Dtype {
  const name = scanner.string('dtype');
  const dtype = dtypeOf.get(name);
  if (dtype !== undefined) return dtype;
  if (packedDtypes.includes(name)) return refuse(`its dtype ${name} packs several elements into a byte, which is not supported yet`);
  return refuse(`its dtype "${showName(name)}" is unknown`);
}

function parseShape(scanner: JsonScanner, refuse: (problem: string) => never): readonly number[] {
  const shape: number[] = [];
  scanner.array('shape', (axis) => {
    if (axis === MAX_RANK) refuse(`has more than ${MAX_RANK} dimensions`);
    shape.push(scanner.wholeNumber('shape'));
  });
  return shape;
}

function parseRange(scanner: JsonScanner, refuse: (problem: string) => never): readonly [number, number] {
  const offsets: number[] = [];
  scanner.array('data_offsets', (position) => {
    if (position === 2) refuse('data_offsets: expected two numbers, found more');
    offsets.push(scanner.wholeNumber('data_offsets'));
  });
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined) return refuse(`data_offsets: expected two numbers, found ${offsets.length}`);
  return [begin, end];
}

/** The tensors must fill the bytes after the header one after another, in whatever order the header names them. */
function requireContiguous(path: string, { tensors, begins }: Header, dataStart: number, size: number): void {
  const end = (i: number): number => begins[i]! + tensors[i]!.bytes;
  let order: Uint32Array | undefined;
  for (let i = 1; i < begins.length && order === undefined; i++) if (begins[i]! < end(i - 1)) order = new Uint32Array(begins.keys());
  // Tensors without elements come first where several begin at one byte.
  order?.sort((a, b) => begins[a]! - begins[b]! || end(a) - end(b));
  const tensorAt = (k: number): string => `tensor "${showName(tensors[order?.[k] ?? k]!.name)}"`;
  let filled = 0;
  for (let k = 0; k < begins.length; k++) {
    const i = order?.[k] ?? k;
    const begin = begins[i]!;
    if (begin < filled) throw new WeightFileError(path, tensorAt(k), `begins at byte ${dataStart + begin}, inside ${tensorAt(k - 1)}, which ends at byte ${dataStart + filled}`);
    if (begin > filled) {
      throw new WeightFileError(path, tensorAt(k), `begins at byte ${dataStart + begin}, but ${k === 0 ? 'the data begins' : `${tensorAt(k - 1)} ends`} at byte ${dataStart + filled}: the bytes between belong to no tensor`);
    }
    if (dataStart + end(i) > size) throw new WeightFileError(path, tensorAt(k), `ends at byte ${dataStart + end(i)}, but the file is only ${size} bytes long; it is truncated`);
    filled = end(i);
  }
  if (dataStart + filled < size) throw new WeightFileError(path, `byte ${dataStart + filled}`, `the tensors end here, but the file is ${size} bytes long`);
}
