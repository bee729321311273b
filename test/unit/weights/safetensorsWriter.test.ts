/** The safetensors writer: what goes in comes out, the same bytes every time, whole or not at all. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/protocol/userError.ts';
import { bytesPerElement, decodeElements, isReal, type Dtype } from '../../../src/weights/dtype.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { writeSafetensors, type TensorToWrite } from '../../../src/weights/safetensorsWriter.ts';

const folder = mkdtempSync(join(tmpdir(), 'quotient-writer-'));
afterAll(() => { rmSync(folder, { recursive: true }); });

const dtypes = (Object.keys(bytesPerElement) as Dtype[]).filter((dtype) => dtype !== 'C128');
const tensor = fc.record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }) }).chain(({ dtype, shape }) => {
  const length = shape.reduce((product, axis) => product * axis, bytesPerElement[dtype]);
  return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ dtype, shape, bytes }));
});
const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', '0', '10', '1', 'a.weight', '"\\\n', '')).filter((text) => text.isWellFormed() && text !== '__metadata__');
const tensors = fc.dictionary(name, tensor, { maxKeys: 8, noNullPrototype: true }).map((all) => Object.entries(all).map(([key, value]): TensorToWrite => ({ name: key, ...value })));
const metadata = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true });

describe('writing and reading again', () => {
  it('keeps names, order, types, shapes, metadata and every byte', async () => {
    const path = join(folder, 'round.safetensors');
    await fc.assert(fc.asyncProperty(tensors, metadata, async (written, notes) => {
      await writeSafetensors(path, written, notes, { overwrite: true });
      const file = await openWeightFile(path);
      expect(file.tensors.map(({ name: key, dtype, shape }) => ({ key, dtype, shape }))).toEqual(written.map(({ name: key, dtype, shape }) => ({ key, dtype, shape })));
      expect(Object.entries(file.metadata).sort()).toEqual(Object.entries(notes).sort());
      for (const { name: key, dtype, bytes } of written) if (isReal(dtype)) expect(await file.read(key)).toEqual(decodeElements(dtype, bytes));
      await file.close();
      const stored = readFileSync(path);
      const header = Number(stored.readBigUInt64LE(0));
      expect((8 + header) % 8).toBe(0);
      expect(stored.subarray(8 + header)).toEqual(Buffer.concat(written.map(({ bytes }) => bytes)));
    }), { seed: 11, numRuns: 150 });
  });

  it('gives the same bytes whatever the order of the metadata', async () => {
    const one: TensorToWrite = { name: 'a', dtype: 'F32', shape: [1], bytes: Uint8Array.of(0, 0, 128, 63) };
    await writeSafetensors(join(folder, 'x'), [one], { b: '2', a: '1' }, { overwrite: true });
    await writeSafetensors(join(folder, 'y'), [one].values(), { a: '1', b: '2' }, { overwrite: true });
    const bytes = readFileSync(join(folder, 'x'));
    expect(bytes.equals(readFileSync(join(folder, 'y')))).toBe(true);
    expect(bytes.subarray(8).toString('latin1')).toBe('{"__metadata__":{"a":"1","b":"2"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} \0\0\x80?');
  });
});

describe('refusing', () => {
  const one: TensorToWrite = { name: 'a', dtype: 'U8', shape: [1], bytes: Uint8Array.of(1) };
  const path = join(folder, 'refused.safetensors');
  const refused = async (written: readonly TensorToWrite[], message: string): Promise<void> => {
    await expect(writeSafetensors(path, written, {}, { overwrite: false })).rejects.toThrow(new UserError(`${path}: ${message}`));
    expect(readdirSync(folder).filter((file) => file.includes('refused'))).toEqual([]);
  };

  it('what the format cannot hold, before anything is written', async () => {
    await refused([one, one], 'tensor "a": there are two of that name');
    await refused([{ ...one, name: '__metadata__' }], 'tensor "__metadata__": safetensors keeps this name for itself');
    await refused([{ ...one, name: 'a\ud800' }], 'tensor "a\\u{d800}": its name is not valid Unicode, which safetensors asks for');
    await refused([{ ...one, dtype: 'C128', bytes: new Uint8Array(16) }], 'tensor "a": safetensors has no dtype C128');
    await expect(writeSafetensors(path, [{ ...one, bytes: new Uint8Array(3) }], {}, { overwrite: false })).rejects.toThrow(new RangeError('tensor "a": 3 bytes, but U8 [1] takes 1'));
    expect(readdirSync(folder).filter((file) => file.includes('refused'))).toEqual([]);
  });

  it('to replace a file, unless it is asked to', async () => {
    const taken = join(folder, 'taken.safetensors');
    writeFileSync(taken, 'precious');
    await expect(writeSafetensors(taken, [one], {}, { overwrite: false })).rejects.toThrow(new UserError(`${taken}: exists already; choose another name, or allow it with --overwrite`));
    expect(readFileSync(taken, 'utf8')).toBe('precious');
    await writeSafetensors(taken, [one], {}, { overwrite: true });
    const file = await openWeightFile(taken);
    expect(await file.read('a')).toEqual(Float64Array.of(1));
    await file.close();
  });

  it.runIf(process.platform === 'win32')('to replace what another program has open: it is left as it was, and replaced once it is let go of', async () => {
    const path = join(folder, 'held');
    writeFileSync(path, 'mine');
    const reader = openSync(path, 'r');
    await expect(writeSafetensors(path, [one], {}, { overwrite: true })).rejects.toThrow(new UserError(`${path}: cannot be written: another program has it open, or permission is denied`));
    expect(readFileSync(path, 'utf8')).toBe('mine');
    setTimeout(() => { closeSync(reader); }, 100);
    await writeSafetensors(path, [one], {}, { overwrite: true });
    expect(readFileSync(path).length).toBeGreaterThan(8);
    expect(readdirSync(folder).filter((name) => name.includes('held'))).toEqual(['held']);
  });

  it('half files: an abort leaves the old file and nothing beside it', async () => {
    const old = join(folder, 'old.safetensors');
    writeFileSync(old, 'precious');
    const abort = new AbortController();
    const large = Array.from({ length: 4 }, (_, i): TensorToWrite => ({ name: `${i}`, dtype: 'U8', shape: [5_000_000], bytes: new Uint8Array(5_000_000) }));
    const writing = writeSafetensors(old, large, {}, { overwrite: true, signal: abort.signal });
    setImmediate(() => { abort.abort(new Error('enough')); });
    await expect(writing).rejects.toThrow('enough');
    expect(readFileSync(old, 'utf8')).toBe('precious');
    expect(readdirSync(folder).filter((file) => file.endsWith('.part'))).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('a full disk', () => {
  it('leaves nothing behind', () => {
    // A process of its own, whose files may not grow beyond a megabyte: write(2) fails there as it does on a full disk.
    const program = `
      process.on('SIGXFSZ', () => undefined);
      const { writeSafetensors } = await import(${JSON.stringify(join(import.meta.dirname, '../../../src/weights/safetensorsWriter.ts'))});
      await writeSafetensors('full.safetensors', [{ name: 'a', dtype: 'U8', shape: [8000000], bytes: new Uint8Array(8000000) }], {}, { overwrite: false })
        .then(() => console.log('written'), (error) => console.log(error.message));`;
    const inner = mkdtempSync(join(folder, 'full-'));
    const said = execFileSync('sh', ['-c', 'ulimit -f 1024; exec "$0" --no-warnings --input-type=module -e "$1"', process.execPath, program], { cwd: inner, encoding: 'utf8' });
    expect(said).toMatch(/^full\.safetensors: cannot be written: /);
    expect(readdirSync(inner)).toEqual([]);
  });
});
