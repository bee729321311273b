/** NumPy's `.npy`: one array, read as a file of one tensor. */
import { basename } from 'node:path';
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement } from './dtype.ts';
import { readNpyHeader } from './npyHeader.ts';
import type { NpyHeader } from './npyHeader.ts';
import { columnMajorStrides, readStridedElements, rowMajorStrides } from './stridedElements.ts';
import { WeightFileError, showName } from './weightFileError.ts';
import type { TensorInfo, WeightFile } from './weightFile.ts';

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
  const strides = header.fortranOrder ? columnMajorStrides(header.shape) : rowMajorStrides(header.shape);
  return readStridedElements(source, tensor, { position: header.dataOffset, strides, littleEndian: header.littleEndian }, start, end);
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
    close: () => source.close(),
  };
}
