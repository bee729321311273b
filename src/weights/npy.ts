/** NumPy's `.npy`: one array, read as a file of one tensor. */
import { basename } from 'node:path';
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement } from './dtype.ts';
import { readNpyHeader } from './npyHeader.ts';
import type { NpyHeader } from './npyHeader.ts';
import { columnMajorStrides, plainStridedElements, readStridedElements, rowMajorStrides, type StridedLayout } from './stridedElements.ts';
import { WeightFileError, showName } from './weightFileError.ts';
import type { PlainElements, TensorInfo, WeightFile } from './weightFile.ts';

/** An array of a file or of an archive's entry. */
export interface NpyArray {
  readonly tensor: TensorInfo;
  readonly source: ByteSource;
  readonly header: NpyHeader;
}

export function npyArray(name: string, source: ByteSource, header: NpyHeader): NpyArray {
  const { dtype, shape, elements } = header;
  return { tensor: { name, dtype, shape, elements, bytes: elements * bytesPerElement[dtype] }, source, header };
}

/** Elements [start, end) in row-major order. @throws WeightFileError */
export function readNpyElements({ tensor, source, header }: NpyArray, start: number, end: number): Promise<Float64Array> {
  return readStridedElements(source, tensor, layoutOf(header), start, end);
}

export function plainNpyElements({ tensor, source, header }: NpyArray): PlainElements | undefined {
  return plainStridedElements(source, tensor, layoutOf(header));
}

function layoutOf({ shape, fortranOrder, dataOffset, littleEndian }: NpyHeader): StridedLayout {
  return { position: dataOffset, strides: fortranOrder ? columnMajorStrides(shape) : rowMajorStrides(shape), littleEndian };
}

export function surplusWarning(array: NpyArray): string | undefined {
  return array.header.surplus === 0 ? undefined : `"${showName(array.tensor.name)}": ${array.header.surplus} bytes behind the array are ignored, as NumPy does.`;
}

/**
 * The one tensor has the file's name without `.npy`.
 * @throws WeightFileError naming what is wrong with the header; the source is left open then
 */
export async function openNpy(source: ByteSource): Promise<WeightFile> {
  const array = npyArray(basename(source.path).replace(/\.npy$/i, ''), source, await readNpyHeader(source, ''));
  const warning = surplusWarning(array);
  const { tensor } = array;
  return {
    path: source.path,
    format: 'NumPy npy',
    fileBytes: source.size,
    tensors: [tensor],
    metadata: {},
    warnings: warning === undefined ? [] : [warning],
    tensor: (name) => (name === tensor.name ? tensor : undefined),
    read(name, start = 0, end = tensor.elements) {
      if (name !== tensor.name) return Promise.reject(new WeightFileError(source.path, `tensor "${showName(name)}"`, `is not there; the file holds "${showName(tensor.name)}" only`));
      return readNpyElements(array, start, end);
    },
    plain: (name) => (name === tensor.name ? plainNpyElements(array) : undefined),
    close: () => source.close(),
  };
}
