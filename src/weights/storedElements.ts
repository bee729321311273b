/**
 * Elements that lie one after another in a byte source, as float64. The bytes pass through in pieces, so that besides the result only
 * one piece is in memory.
 */
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement, decodeElements, isComplex, isReal } from './dtype.ts';
import type { PlainElements, TensorInfo } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';

const PIECE_BYTES = 16 * 1024 * 1024;

/**
 * Elements [start, end) of `tensor`, whose first element begins at byte `position` of `source`.
 * @throws WeightFileError when the dtype holds no real numbers, the result does not fit into memory, or the bytes cannot be read
 */
export async function readStoredElements(
  source: ByteSource, tensor: TensorInfo, position: number, start: number, end: number, littleEndian = true,
): Promise<Float64Array<ArrayBuffer>> {
  const { dtype } = tensor;
  const place = `tensor "${showName(tensor.name)}"`;
  if (isComplex(dtype)) throw new WeightFileError(source.path, place, `holds complex numbers (${dtype}), which are not supported`);
  if (!isReal(dtype)) throw new WeightFileError(source.path, place, `is quantised or packed (${dtype}), which is listed but not decoded`);
  requireRange(source.path, tensor, start, end);
  const width = tensor.elements === 0 ? 1 : tensor.bytes / tensor.elements;
  const pieceElements = PIECE_BYTES / width;
  if (end - start <= pieceElements) return decodeElements(dtype, await source.read(position + start * width, (end - start) * width), littleEndian);
  const values = allocate(source.path, place, end - start);
  for (let from = start; from < end; from += pieceElements) {
    const to = Math.min(end, from + pieceElements);
    values.set(decodeElements(dtype, await source.read(position + from * width, (to - from) * width), littleEndian), from - start);
  }
  return values;
}

/** For `WeightFile.plain`: where the elements begin, when they are real numbers in this machine's byte order. */
export function plainElements(source: ByteSource, { dtype }: TensorInfo, position: number, littleEndian = true): PlainElements | undefined {
  return isReal(dtype) && (littleEndian || bytesPerElement[dtype] === 1) ? { source, position } : undefined;
}

/** @throws WeightFileError when [start, end) is not a range of the tensor's elements */
export function requireRange(file: string, tensor: TensorInfo, start: number, end: number): void {
  if (Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end <= tensor.elements) return;
  throw new WeightFileError(file, `tensor "${showName(tensor.name)}"`, `elements ${start} to ${end} were asked for, but it has ${tensor.elements}`);
}

function allocate(file: string, place: string, elements: number): Float64Array<ArrayBuffer> {
  try {
    return new Float64Array(elements);
  } catch {
    throw new WeightFileError(file, place, `its ${elements} elements do not fit into memory at once`);
  }
}
