/** Sharded safetensors: one weight file out of several. (What is refused: badSafetensors.test.ts.) */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { encodeElements } from '../../../src/weights/dtype.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { safetensorsBytes } from '../../fixtures/makeBadSafetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'quotient-shards-'));
afterAll(() => { rmSync(folder, { recursive: true }); });

async function writeShard(name: string, values: Readonly<Record<string, readonly number[]>>, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
  await writeSafetensors(join(folder, name), Object.entries(values).map(([tensor, numbers]) => ({ name: tensor, dtype: 'F64' as const, shape: [numbers.length], bytes: encodeElements('F64', Float64Array.from(numbers)) })), metadata, { overwrite: true });
}

function writeIndex(name: string, index: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(index));
  return path;
}

describe('an index of shards', () => {
  it('lists the tensors in its own order, and reads each from its shard', async () => {
    mkdirSync(join(folder, 'part'));
    await writeShard('part/one.safetensors', { a: [1, 2], c: [3] }, { format: 'pt', from: 'one' });
    await writeShard('two.safetensors', { b: [4, 5, 6] }, { format: 'pt' });
    const path = writeIndex('model.safetensors.index.json', { metadata: { total_size: 48, from: 'index', more: { nested: [1] }, note: 'x' }, weight_map: { b: 'two.safetensors', c: './part/one.safetensors', a: 'part/one.safetensors' }, extra: [{}] });
    const file = await openWeightFile(path);
    expect(file.tensors.map((tensor) => tensor.name)).toEqual(['b', 'c', 'a']);
    expect(await file.read('a')).toEqual(Float64Array.of(1, 2));
    expect(await file.read('b', 1, 3)).toEqual(Float64Array.of(5, 6));
    expect(await file.read('c')).toEqual(Float64Array.of(3));
    expect({ ...file.metadata }).toEqual({ format: 'pt', from: 'index', total_size: '48', note: 'x' });
    expect(file.path).toBe(path);
    await expect(file.read('d')).rejects.toThrow(`${path}: tensor "d": is not in the index`);
    await file.close();
  });

  it('tells of tensors that it leaves out', async () => {
    await writeShard('three.safetensors', { a: [1], b: [2], c: [3] });
    const file = await openWeightFile(writeIndex('part.safetensors.index.json', { weight_map: { b: 'three.safetensors' } }));
    expect(file.tensors.map((tensor) => tensor.name)).toEqual(['b']);
    expect(file.warnings).toEqual(['The shards hold 2 tensors that the index does not list; they are left out.']);
    expect(file.format).toBe('safetensors, 1 shard');
    await file.close();
  });

  it('holds a million entries', async () => {
    // The header of a million tensors is beyond the format's 100 MB, so that they are spread over shards.
    const name = (i: number): string => `model.layers.${i}.mlp.experts.gate_proj.weight`;
    const entries: string[] = [];
    for (let shard = 0; shard < 10; shard++) {
      const tensors: string[] = [];
      for (let i = 100_000 * shard; i < 100_000 * (shard + 1); i++) {
        tensors.push(`"${name(i)}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`);
        entries.push(`"${name(i)}":"million-${shard}.safetensors"`);
      }
      writeFileSync(join(folder, `million-${shard}.safetensors`), safetensorsBytes(`{${tensors.join(',')}}`));
    }
    const path = join(folder, 'million.safetensors.index.json');
    writeFileSync(path, `{"weight_map":{${entries.join(',')}}}`);
    const file = await openWeightFile(path);
    expect(file.tensors.length).toBe(1_000_000);
    expect(file.tensor(name(999_999))).toEqual({ name: name(999_999), dtype: 'U8', shape: [0], elements: 0, bytes: 0 });
    await file.close();
  });

  it.runIf(process.platform === 'linux')('closes every file, also when a shard is bad', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    await writeShard('good.safetensors', { a: [1] });
    const before = open();
    await expect(openWeightFile(writeIndex('bad.safetensors.index.json', { weight_map: { a: 'good.safetensors', b: 'none.safetensors' } }))).rejects.toThrow('shard "none.safetensors": there is no such file');
    expect(open()).toBe(before);
    const file = await openWeightFile(writeIndex('good.safetensors.index.json', { weight_map: { a: 'good.safetensors' } }));
    expect(open()).toBe(before + 1);
    await file.close();
    expect(open()).toBe(before);
  });
});
