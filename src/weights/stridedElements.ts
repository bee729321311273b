/**
 * Row-major reading of elements that are stored in another order: transposed and sliced PyTorch tensors, Fortran-ordered NumPy arrays.
 * Element (i₁, …, i_d) lies at offset + Σ iₖ·strideₖ. The range asked for is cut into boxes; a box whose elements lie close
 * together is fetched in one read and picked apart in memory, any other box is halved along its widest axis, lower half first,
 * so that the source is read in ascending order and besides the result only one read is in memory.
 */
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement, decodeElements, isReal } from './dtype.ts';
import type { RealDtype } from './dtype.ts';
import { plainElements, readStoredElements, requireRange } from './storedElements.ts';
import type { PlainElements, TensorInfo } from './weightFile.ts';
import { WeightFileError, showName } from './weightFileError.ts';

export interface StridedLayout {
  /** Of the first element, in bytes of the source. */
  readonly position: number;
  /** In elements, not negative, one an axis. */
  readonly strides: readonly number[];
  readonly littleEndian: boolean;
}

// Measured on a transposed matrix of 80 MB read in ranges: up to about this span, one read with gaps is faster than several without.
const SMALL_SPAN_BYTES = 256 * 1024;
const LARGEST_SPAN_BYTES = 4 * 2 ** 20;

/** Strides, in elements, of an array in row-major (C) order. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let k = shape.length - 2; k >= 0; k--) strides[k] = strides[k + 1]! * Math.max(1, shape[k + 1]!);
  return strides;
}

/** Strides, in elements, of an array in column-major (Fortran) order. */
export function columnMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let k = 1; k < shape.length; k++) strides[k] = strides[k - 1]! * Math.max(1, shape[k - 1]!);
  return strides;
}

/**
 * Elements [start, end) in row-major order, as float64.
 * @throws WeightFileError when the dtype holds no real numbers, the range is none of the tensor, or the bytes cannot be read
 */
export async function readStridedElements(source: ByteSource, tensor: TensorInfo, layout: StridedLayout, start: number, end: number): Promise<Float64Array> {
  const { shape, dtype } = tensor;
  const contiguous = rowMajorStrides(shape);
  if (isRowMajor(shape, layout.strides) || tensor.elements === 0 || !isReal(dtype)) return readStoredElements(source, tensor, layout.position, start, end, layout.littleEndian);
  requireRange(source.path, tensor, start, end);
  const values = allocate(source.path, tensor, end - start);
  const gather = new BoxReader(source, dtype, layout, values);
  for (const box of boxesOf(start, end, shape, layout.strides, contiguous)) await gather.read(box);
  return values;
}

/** For `WeightFile.plain`. */
export function plainStridedElements(source: ByteSource, tensor: TensorInfo, { position, strides, littleEndian }: StridedLayout): PlainElements | undefined {
  return isRowMajor(tensor.shape, strides) ? plainElements(source, tensor, position, littleEndian) : undefined;
}

/** The stride of an axis of length 1 is never used, and writers leave anything there. */
function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  const contiguous = rowMajorStrides(shape);
  return shape.every((length, k) => length <= 1 || strides[k] === contiguous[k]);
}

/** Some axes of the array, from one element on: `from` in the source (elements after the position), `to` in the result. */
interface Box {
  readonly from: number;
  readonly to: number;
  readonly lengths: readonly number[];
  readonly strides: readonly number[];
  readonly targetStrides: readonly number[];
}

/** A row-major range as boxes: along each axis an incomplete part at the beginning, whole ones, an incomplete part at the end. */
function* boxesOf(start: number, end: number, shape: readonly number[], strides: readonly number[], rowStrides: readonly number[]): Generator<Box> {
  let at = start;
  while (at < end) {
    // The outermost axis along which a step of whole sub-arrays begins here and still fits.
    let axis = shape.length - 1;
    for (; axis > 0; axis--) {
      const wider = rowStrides[axis - 1]!;
      if (at % wider !== 0 || at + wider > end) break;
    }
    const step = rowStrides[axis]!;
    const index = Math.floor(at / step) % shape[axis]!;
    const count = Math.min(shape[axis]! - index, Math.floor((end - at) / step));
    let from = 0;
    for (let k = 0; k < shape.length; k++) from += (Math.floor(at / rowStrides[k]!) % shape[k]!) * strides[k]!;
    yield { from, to: at - start, lengths: [count, ...shape.slice(axis + 1)], strides: strides.slice(axis), targetStrides: rowStrides.slice(axis) };
    at += count * step;
  }
}

class BoxReader {
  readonly #source: ByteSource;
  readonly #dtype: RealDtype;
  readonly #layout: StridedLayout;
  readonly #values: Float64Array;

  constructor(source: ByteSource, dtype: RealDtype, layout: StridedLayout, values: Float64Array) {
    this.#source = source;
    this.#dtype = dtype;
    this.#layout = layout;
    this.#values = values;
  }

  async read(box: Box): Promise<void> {
    const width = bytesPerElement[this.#dtype];
    let count = 1;
    let span = 1;
    let widest = 0;
    for (let k = 0; k < box.lengths.length; k++) {
      const extent = (box.lengths[k]! - 1) * box.strides[k]!;
      count *= box.lengths[k]!;
      span += extent;
      if (extent > (box.lengths[widest]! - 1) * box.strides[widest]!) widest = k;
    }
    const spanBytes = span * width;
    if (spanBytes <= SMALL_SPAN_BYTES || span === 1 || (spanBytes <= LARGEST_SPAN_BYTES && span <= 4 * count)) {
      const bytes = await this.#source.read(this.#layout.position + box.from * width, spanBytes);
      scatter(decodeElements(this.#dtype, bytes, this.#layout.littleEndian), 0, this.#values, box.to, box, 0);
      return;
    }
    const half = Math.floor(box.lengths[widest]! / 2);
    const part = (first: number, length: number): Box => ({
      ...box,
      from: box.from + first * box.strides[widest]!,
      to: box.to + first * box.targetStrides[widest]!,
      lengths: box.lengths.with(widest, length),
    });
    await this.read(part(0, half));
    await this.read(part(half, box.lengths[widest]! - half));
  }
}

function scatter(read: Float64Array, from: number, values: Float64Array, to: number, box: Box, axis: number): void {
  const length = box.lengths[axis]!;
  const stride = box.strides[axis]!;
  const targetStride = box.targetStrides[axis]!;
  if (axis === box.lengths.length - 1) {
    for (let i = 0; i < length; i++) values[to + i * targetStride] = read[from + i * stride]!;
    return;
  }
  for (let i = 0; i < length; i++) scatter(read, from + i * stride, values, to + i * targetStride, box, axis + 1);
}

function allocate(file: string, tensor: TensorInfo, elements: number): Float64Array {
  try {
    return new Float64Array(elements);
  } catch {
    throw new WeightFileError(file, `tensor "${showName(tensor.name)}"`, `its ${elements} elements do not fit into memory at once`);
  }
}
