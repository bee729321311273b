/** safetensors: files of the reference implementation, value for value, and what is unusual but valid. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryByteSource, type ByteSource } from '../../../src/weights/byteSource.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { openSafetensors } from '../../../src/weights/safetensors.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';
import { safetensorsBytes } from '../../fixtures/makeBadSafetensors.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/weights');
const folder = mkdtempSync(join(tmpdir(), 'quotient-safetensors-'));
afterAll(() => { rmSync(folder, { recursive: true }); });

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | string)[];
}
const { files } = JSON.parse(readFileSync(join(fixtures, 'safetensors.json'), 'utf8')) as { readonly files: Readonly<Record<string, Readonly<Record<string, Expected>>>> };

/** Equal as numbers, −0 apart from 0, NaN equal to NaN. */
function expectSame(values: Float64Array, expected: readonly (number | string)[]): void {
  expect([...values]).toEqual(expected.map(Number));
}

describe.each(Object.entries(files))('%s, written by the reference implementation', (name, tensors) => {
  it('has the same names, types, shapes and values', async () => {
    const file = await openWeightFile(join(fixtures, name));
    expect(file.tensors.map((tensor) => tensor.name).sort()).toEqual(Object.keys(tensors).sort());
    expect(file.warnings).toEqual([]);
    expect(file.metadata['format']).toBe(name === 'edges.safetensors' ? undefined : 'pt');
    for (const [key, { dtype, shape, values }] of Object.entries(tensors)) {
      expect(file.tensor(key)).toMatchObject({ name: key, dtype, shape, elements: values.length });
      expectSame(await file.read(key), values);
    }
    await file.close();
  });

  it('reads any range of elements as that part of the whole', async () => {
    const file = await openWeightFile(join(fixtures, name));
    for (const [key, { values }] of Object.entries(tensors)) {
      const middle = values.length >> 1;
      for (const [start, end] of [[0, middle], [middle, values.length], [1, middle], [middle, middle]] as const) {
        if (start <= end) expectSame(await file.read(key, start, end), values.slice(start, end));
      }
      await expect(file.read(key, 0, values.length + 1)).rejects.toThrow(`elements 0 to ${values.length + 1} were asked for, but it has ${values.length}`);
      await expect(file.read(key, -1, 0)).rejects.toThrow('elements -1 to 0 were asked for');
    }
    await file.close();
  });
});

describe('valid, if unusual', () => {
  const open = (header: string, dataBytes = 0): ReturnType<typeof openSafetensors> => openSafetensors(memoryByteSource('memory', safetensorsBytes(header, dataBytes)));

  it('no tensors at all', async () => {
    expect((await open('{}')).tensors).toEqual([]);
  });

  it('white space inside and after the header, unknown fields, any order of fields', async () => {
    const file = await open(' { "a" :\t{ "data_offsets" : [ 0 , 2 ],\r\n"note": {"x": [1, -2.5e3, null, true, {"y": ""}]}, "shape":[2], "dtype":"U8"} }  \n'.trimStart(), 2);
    expectSame(await file.read('a'), [0, 1]);
  });

  it('data in another order than the header, which gives the order of tensors', async () => {
    const file = await open('{"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"c":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}', 3);
    expect(file.tensors.map((tensor) => tensor.name)).toEqual(['b', 'a', 'c']);
    expectSame(await file.read('b'), [1, 2]);
    expectSame(await file.read('a'), [0]);
    expectSame(await file.read('c'), []);
  });

  it('an axis of length 0 beside long ones', async () => {
    const file = await open('{"a":{"dtype":"F64","shape":[9007199254740991,9007199254740991,0],"data_offsets":[0,0]}}');
    expect(file.tensors).toEqual([{ name: 'a', dtype: 'F64', shape: [2 ** 53 - 1, 2 ** 53 - 1, 0], elements: 0, bytes: 0 }]);
  });

  it('names that mean something to JavaScript, to HTML or to a terminal', async () => {
    const names = ['__proto__', 'constructor', 'toString', '<img src=x onerror=alert(1)>', '\u202egnp', '\u0000', '', '0', 'a"b\\c', '\u{1f600}'];
    const file = await open(`{"__metadata__":{"__proto__":"x","constructor":"y"},${names.map((name, i) => `${JSON.stringify(name)}:{"dtype":"U8","shape":[],"data_offsets":[${i},${i + 1}]}`).join(',')}}`, names.length);
    expect(file.tensors.map((tensor) => tensor.name)).toEqual(names);
    for (const [i, name] of names.entries()) expectSame(await file.read(name), [i]);
    expect(file.tensor('hasOwnProperty')).toBeUndefined();
    expect(Object.entries(file.metadata)).toEqual([['__proto__', 'x'], ['constructor', 'y']]);
    await expect(file.read('valueOf')).rejects.toThrow('memory: tensor "valueOf": is not in the file');
  });

  it('complex numbers are listed, and refused when they are read', async () => {
    const file = await open('{"a":{"dtype":"C64","shape":[2],"data_offsets":[0,16]}}', 16);
    expect(file.tensors).toEqual([{ name: 'a', dtype: 'C64', shape: [2], elements: 2, bytes: 16 }]);
    await expect(file.read('a')).rejects.toThrow('memory: tensor "a": holds complex numbers (C64), which are not supported');
  });
});

describe('size', () => {
  it('reads beyond 4 GiB of a sparse file, and only what is asked for', async () => {
    const path = join(folder, 'sparse.safetensors');
    const elements = 5 * 2 ** 30;
    const header = safetensorsBytes(`{"a":{"dtype":"U8","shape":[${elements}],"data_offsets":[0,${elements}]}}`);
    const fd = openSync(path, 'w');
    writeSync(fd, header);
    ftruncateSync(fd, header.length + elements);
    writeSync(fd, Uint8Array.of(7, 8, 9), 0, 3, header.length + elements - 3);
    closeSync(fd);
    const file = await openWeightFile(path);
    expect(file.fileBytes).toBe(header.length + elements);
    expectSame(await file.read('a', elements - 4, elements), [0, 7, 8, 9]);
    await expect(file.read('a')).rejects.toThrow(/do not fit into memory at once$/);
    await file.close();
  });

  it('puts pieces of a large tensor together without a seam', async () => {
    const elements = 40_000_001;
    const header = safetensorsBytes(`{"a":{"dtype":"U8","shape":[${elements}],"data_offsets":[0,${elements}]}}`);
    const data = Uint8Array.from({ length: elements }, (_, i) => i % 253);
    const file = await openSafetensors(memoryByteSource('memory', Buffer.concat([header, data])));
    const values = await file.read('a', 5);
    expect(values.length).toBe(elements - 5);
    expect(values.every((value, i) => value === (i + 5) % 253)).toBe(true);
  });

  it('opens 100,000 tensors, and a header just below the limit, reading no byte of data', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `"model.layers.${i}.weight":{"dtype":"F32","shape":[1],"data_offsets":[${4 * i},${4 * i + 4}]}`);
    const named = await openSafetensors(memoryByteSource('many', safetensorsBytes(`{${many.join(',')}}`, 400_000)));
    expect(named.tensors.length).toBe(100_000);
    expect(named.tensor('model.layers.99999.weight')?.elements).toBe(1);

    const header = Buffer.from(`{"__metadata__":{"a":"${'x'.repeat(99_000_000)}"},${many.slice(0, 9_000).join(',')}}`);
    expect(header.length).toBeLessThan(100_000_000);
    const bytes = safetensorsBytes(header, 36_000);
    const asked: [number, number][] = [];
    const source: ByteSource = { ...memoryByteSource('long', bytes), read: (offset, length) => { asked.push([offset, length]); return memoryByteSource('long', bytes).read(offset, length); } };
    const long = await openSafetensors(source);
    expect(long.tensors.length).toBe(9_000);
    expect(asked).toEqual([[0, 8], [8, header.length]]);
  });
});

describe('what else a file may turn out to be', () => {
  it.each([
    ['classic.nc', 'CDF\x01', 'is a NetCDF file of the classic format, which is not supported; convert it with "nccopy -k netCDF-4"'],
    ['old.tar', 'x'.padEnd(257, '\0') + 'ustar', 'is a tar archive, perhaps of PyTorch 0.1; load it in PyTorch and save it again with torch.save, or as safetensors'],
    ['model.tflite', '\x1c\0\0\0TFL3', 'is a TensorFlow Lite file, which is not supported yet'],
    ['pointer.safetensors', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'is a Git LFS pointer, not the weights themselves; fetch them with "git lfs pull"'],
    ['page.safetensors', '<!DOCTYPE html><html>', 'is a web page, not weights; the download went wrong'],
    ['weights.pt.gz', '\x1f\x8b\x08\0', 'is compressed with gzip; unpack it first'],
    ['notes.txt', 'Dear diary', 'is not a weight file of a known format (its first bytes are 44 65 61 72 20 64 69 61)'],
    ['x', 'x', 'is not a weight file of a known format (its first bytes are 78)'],
  ])('%s', async (name, content, problem) => {
    const path = join(folder, name.replace('/', '-'));
    writeFileSync(path, Buffer.from(content, 'latin1'));
    await expect(openWeightFile(path)).rejects.toThrow(new WeightFileError(path, '', problem));
  });

  it('safetensors under any name', async () => {
    const path = join(folder, 'weights.bin');
    writeFileSync(path, readFileSync(join(fixtures, 'edges.safetensors')));
    const file = await openWeightFile(path);
    expect(file.format).toBe('safetensors');
    await file.close();
  });
});
