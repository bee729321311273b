/** Reading through strides gives what the definition gives: element (i₁, …, i_d) lies at offset + Σ iₖ·strideₖ. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../../src/weights/byteSource.ts';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { columnMajorStrides, readStridedElements, rowMajorStrides } from '../../../src/weights/stridedElements.ts';
import type { TensorInfo } from '../../../src/weights/weightFile.ts';

function tensorOf(shape: readonly number[]): TensorInfo {
  const elements = shape.reduce((product, length) => product * length, 1);
  return { name: 't', dtype: 'I32', shape, elements, bytes: elements * 4 };
}

/** Storage whose element k is k, so that a value says where it was read. */
function counting(elements: number): Uint8Array {
  return new Uint8Array(Int32Array.from({ length: elements }, (_, i) => i).buffer);
}

function byDefinition(shape: readonly number[], strides: readonly number[], offset: number): number[] {
  const addresses = [offset];
  let result = addresses;
  shape.forEach((length, k) => { result = result.flatMap((at) => Array.from({ length }, (_, i) => at + i * strides[k]!)); });
  return result;
}

const layout = fc.record({
  axes: fc.array(fc.record({ length: fc.integer({ min: 0, max: 6 }), stride: fc.integer({ min: 0, max: 40 }) }), { maxLength: 5 }),
  offset: fc.integer({ min: 0, max: 9 }),
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  to: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe('readStridedElements', () => {
  it('agrees with the definition for any strides and any range', async () => {
    await fc.assert(fc.asyncProperty(layout, async ({ axes, offset, from, to }) => {
      const shape = axes.map(({ length }) => length);
      const strides = axes.map(({ stride }) => stride);
      const tensor = tensorOf(shape);
      const expected = byDefinition(shape, strides, offset);
      const source = memoryByteSource('m', counting(Math.max(offset, ...expected) + 1));
      const start = Math.floor(Math.min(from, to) * tensor.elements);
      const end = Math.floor(Math.max(from, to) * tensor.elements);
      const read = await readStridedElements(source, tensor, { position: 4 * offset, strides, littleEndian: true }, start, end);
      expect([...read]).toEqual(expected.slice(start, end));
    }), { numRuns: 500, seed: 1 });
  });

  it('transposes a matrix that is too large for one read, in reads of bounded size and ascending order within a box', async () => {
    const shape = [1500, 2100];
    const tensor = tensorOf(shape);
    const whole = memoryByteSource('m', counting(tensor.elements));
    const reads: { readonly offset: number; readonly length: number }[] = [];
    const source: ByteSource = { ...whole, read: (offset, length) => { reads.push({ offset, length }); return whole.read(offset, length); } };
    const values = await readStridedElements(source, tensor, { position: 0, strides: columnMajorStrides(shape), littleEndian: true }, 0, tensor.elements);
    let wrong = 0;
    for (let i = 0; i < 1500; i++) for (let j = 0; j < 2100; j++) if (values[i * 2100 + j] !== j * 1500 + i) wrong++;
    expect(wrong).toBe(0);
    expect(Math.max(...reads.map(({ length }) => length))).toBeLessThanOrEqual(4 * 2 ** 20);
    expect(reads.every(({ offset }, k) => k === 0 || offset > reads[k - 1]!.offset)).toBe(true);
    // Every byte is read once: the matrix lies without gaps.
    expect(reads.reduce((sum, { length }) => sum + length, 0)).toBe(tensor.bytes);
  });

  it('reads a few rows of a column-major matrix without reading all of it', async () => {
    const shape = [100_000, 20];
    const tensor = tensorOf(shape);
    const whole = memoryByteSource('m', counting(tensor.elements));
    let bytes = 0;
    const source: ByteSource = { ...whole, read: (offset, length) => { bytes += length; return whole.read(offset, length); } };
    const values = await readStridedElements(source, tensor, { position: 0, strides: columnMajorStrides(shape), littleEndian: true }, 20 * 50_000, 20 * 50_010);
    expect(values[21]).toBe(100_000 + 50_001);
    expect(bytes).toBe(200 * 4);
  });

  it('orders row- and column-major strides as C and Fortran do', () => {
    expect(rowMajorStrides([2, 3, 4])).toEqual([12, 4, 1]);
    expect(columnMajorStrides([2, 3, 4])).toEqual([1, 2, 6]);
    expect([rowMajorStrides([]), columnMajorStrides([])]).toEqual([[], []]);
  });
});
