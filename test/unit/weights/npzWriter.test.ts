/** What is written can be read back; it appears whole or not at all; the same arrays give the same bytes. */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/protocol/userError.ts';
import { writeAtomically } from '../../../src/weights/atomicWrite.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import type { NamedArray } from '../../../src/weights/npzWriter.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';

const folder = mkdtempSync(join(tmpdir(), 'quotient-npz-'));
afterAll(() => { rmSync(folder, { recursive: true }); });

const values = fc.oneof(
  fc.array(fc.double(), { maxLength: 12 }).map((list) => Float64Array.from(list)),
  fc.array(fc.float(), { maxLength: 12 }).map((list) => Float32Array.from(list)),
  fc.array(fc.integer(), { maxLength: 12 }).map((list) => Int32Array.from(list)),
);
const array = fc.record({ name: fc.string({ minLength: 1, unit: 'grapheme' }).filter((name) => !name.includes('\0')), values, split: fc.boolean() })
  .map(({ name, values: list, split }): NamedArray => ({ name, values: list, shape: split && list.length % 2 === 0 ? [2, list.length / 2] : [list.length] }));
const arrays = fc.uniqueArray(array, { selector: ({ name }) => name, maxLength: 6 }).filter((list) => list.length > 0);

describe('writeNpz', () => {
  it('is read back bit for bit', async () => {
    const path = join(folder, 'property.npz');
    await fc.assert(fc.asyncProperty(arrays, async (list) => {
      await writeNpz(path, list, { overwrite: true });
      const opened = await openWeightFile(path);
      expect(opened.tensors.map(({ name, shape }) => ({ name, shape }))).toEqual(list.map(({ name, shape }) => ({ name, shape })));
      for (const { name, values: written } of list) expect([...await opened.read(name)]).toEqual([...written]);
      await opened.close();
    }), { numRuns: 100, seed: 1 });
  });

  it('writes a scalar and an empty array', async () => {
    const path = join(folder, 'edges.npz');
    await writeNpz(path, [{ name: 's', shape: [], values: Float64Array.of(2.5) }, { name: 'e', shape: [0, 3], values: new Float64Array(0) }], { overwrite: false });
    const opened = await openWeightFile(path);
    expect(opened.tensors.map(({ shape }) => shape)).toEqual([[], [0, 3]]);
    expect([...await opened.read('s')]).toEqual([2.5]);
    expect([...await opened.read('e')]).toEqual([]);
    await opened.close();
  });

  it('gives the same bytes for the same arrays, at any time', async () => {
    const path = join(folder, 'same.npz');
    await writeNpz(path, [{ name: 'x', shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) }], { overwrite: false });
    // Pinned: a change of the bytes is a change of every file that users compare.
    expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe('1a004269f4da9de9d25055a4ac490d79ce3f777ba4b2c17782b77dae0c0f0286');
  });

  it('needs ZIP64 records for more than 65,534 arrays, and its own reader reads them', async () => {
    const path = join(folder, 'many.npz');
    const many = Array.from({ length: 65_540 }, (_, i): NamedArray => ({ name: `w${i}`, shape: [], values: Int32Array.of(i) }));
    await writeNpz(path, many, { overwrite: false });
    const opened = await openWeightFile(path);
    expect(opened.tensors.length).toBe(65_540);
    expect([...await opened.read('w65539')]).toEqual([65_539]);
    await opened.close();
  });

  const python = ['python3', '/usr/bin/python3'].find((command) => spawnSync(command, ['-c', 'import numpy']).status === 0);
  it.skipIf(python === undefined)('is read by NumPy (skipped when there is no python3 with numpy)', async () => {
    const path = join(folder, 'numpy.npz');
    await writeNpz(path, [
      { name: 'grüße.x', shape: [2, 3], values: Float64Array.of(1, 2, 3, 4, 5, Number.NaN) },
      { name: 'y', shape: [2], values: Float32Array.of(0.1, -0) },
      { name: 'n', shape: [], values: Int32Array.of(-7) },
    ], { overwrite: false });
    const script = 'import numpy, sys; z = numpy.load(sys.argv[1]); print(sorted((k, str(z[k].dtype), z[k].shape, z[k].tobytes().hex()) for k in z)); import zipfile; print(zipfile.ZipFile(sys.argv[1]).testzip())';
    const run = spawnSync(python ?? '', ['-c', script, path], { encoding: 'utf8', env: { ...process.env, PYTHONIOENCODING: 'utf-8' } });
    expect(run.stderr).toBe('');
    expect(run.stdout).toBe(
      "[('grüße.x', 'float64', (2, 3), '000000000000f03f00000000000000400000000000000840000000000000104000000000000014400000" + "00000000f87f'), "
      + "('n', 'int32', (), 'f9ffffff'), ('y', 'float32', (2,), 'cdcccc3d00000080')]\nNone\n");
  });

  it('refuses a name that occurs twice, and a shape that does not fit', async () => {
    const one = { name: 'a', shape: [1], values: Float64Array.of(1) };
    await expect(writeNpz(join(folder, 'bad.npz'), [one, one], { overwrite: false })).rejects.toThrow(/bad\.npz: "a" cannot be the name of an array: it is there already$/);
    await expect(writeNpz(join(folder, 'bad.npz'), [{ ...one, shape: [2] }], { overwrite: false })).rejects.toThrow(RangeError);
    expect(readdirSync(folder)).not.toContain('bad.npz');
  });
});

describe('writeAtomically', () => {
  const place = join(folder, 'atomic');
  mkdirSync(place);
  const target = join(place, 'result');

  it('leaves an existing file alone unless told otherwise, and says so in one sentence', async () => {
    writeFileSync(target, 'old');
    const written = writeAtomically(target, { overwrite: false }, (handle) => handle.writeFile('new'));
    await expect(written).rejects.toThrow(UserError);
    await expect(written).rejects.toThrow(/result: exists already; choose another name, or allow it with --overwrite$/);
    expect(readFileSync(target, 'utf8')).toBe('old');
    await writeAtomically(target, { overwrite: true }, (handle) => handle.writeFile('new'));
    expect(readFileSync(target, 'utf8')).toBe('new');
    expect(readdirSync(place)).toEqual(['result']);
  });

  it('lets one of two writers win when the name appears meanwhile', async () => {
    rmSync(target);
    await expect(writeAtomically(target, { overwrite: false }, async (handle) => {
      await handle.writeFile('late');
      writeFileSync(target, 'first');
    })).rejects.toThrow(/exists already/);
    expect(readFileSync(target, 'utf8')).toBe('first');
    expect(readdirSync(place)).toEqual(['result']);
  });

  it('removes what it began when writing fails or is aborted', async () => {
    await expect(writeAtomically(target, { overwrite: true }, () => Promise.reject(new RangeError('no')))).rejects.toThrow(RangeError);
    const abort = new AbortController();
    await expect(writeAtomically(target, { overwrite: true, signal: abort.signal }, async (handle) => {
      await handle.writeFile('half');
      abort.abort();
    })).rejects.toThrow(/abort/i);
    expect(readFileSync(target, 'utf8')).toBe('first');
    expect(readdirSync(place)).toEqual(['result']);
  });

  it('says what is wrong with the folder', async () => {
    await expect(writeAtomically(join(place, 'none', 'x'), { overwrite: false }, () => Promise.resolve())).rejects.toThrow(/x: cannot be written: the folder does not exist$/);
    await expect(writeAtomically(place, { overwrite: true }, () => Promise.resolve())).rejects.toThrow(/atomic: cannot be written: there is a folder of that name$/);
  });
});
