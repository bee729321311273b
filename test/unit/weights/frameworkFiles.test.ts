/** Files that PyTorch 2.7 and 1.13 and NumPy 2.2 wrote, against the values that they read from them, bit for bit. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';

interface Expected {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Little-endian float64 in row-major order; absent for complex numbers. */
  readonly float64?: string;
}

const fixtures = join(import.meta.dirname, '../../fixtures');
const files = ['pytorch', 'numpy'].flatMap((folder) => readdirSync(join(fixtures, folder)).filter((name) => !name.endsWith('.json')).map((name) => `${folder}/${name}`));
const refused = new Set(['pytorch/torchscript.pt']);

function doubles(hex: string): Float64Array {
  return new Float64Array(new Uint8Array(Buffer.from(hex, 'hex')).buffer);
}

/** Equal bits, except that every NaN counts as the same one: which NaN a conversion gives is left to the processor. */
function expectSameNumbers(read: Float64Array, expected: Float64Array): void {
  expect(read.length).toBe(expected.length);
  for (let i = 0; i < read.length; i++) expect(Object.is(read[i], expected[i]), `element ${i}: ${read[i]!} for ${expected[i]!}`).toBe(true);
}

describe.each(files.filter((file) => !refused.has(file)))('%s', (file) => {
  const expected = JSON.parse(readFileSync(join(fixtures, file.replace(/\.\w+$/, '.json')), 'utf8')) as readonly Expected[];

  it('has the tensors that the framework wrote', async () => {
    const opened = await openWeightFile(join(fixtures, file));
    expect(opened.tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }))).toEqual(expected.map(({ name, dtype, shape }) => ({ name, dtype, shape })));
    await opened.close();
  });

  it('gives the values that the framework reads', async () => {
    const opened = await openWeightFile(join(fixtures, file));
    for (const { name, float64 } of expected) {
      if (float64 === undefined) await expect(opened.read(name)).rejects.toThrow(/holds complex numbers/);
      else expectSameNumbers(await opened.read(name), doubles(float64));
    }
    await opened.close();
  });

  it('gives the same values in ranges of any length and order', async () => {
    const opened = await openWeightFile(join(fixtures, file));
    for (const { name, float64 } of expected) {
      if (float64 === undefined) continue;
      const whole = doubles(float64);
      for (const length of [1, 3, 7, 64]) {
        for (let end = whole.length; end > 0; end -= length) {
          const start = Math.max(0, end - length);
          expectSameNumbers(await opened.read(name, start, end), whole.subarray(start, end));
        }
      }
    }
    await opened.close();
  });
});

describe('what a file holds besides its tensors', () => {
  it('shows numbers and short texts of a checkpoint, and says which tensors are an optimiser\'s', async () => {
    const opened = await openWeightFile(join(fixtures, 'pytorch/checkpoint.pt'));
    expect(opened.metadata).toEqual({ epoch: '12', best: '0.125', done: 'True', name: 'täst', 'config.layers.0': '3', 'config.layers.1': '4', 'config.layers.2': '2' });
    expect(opened.warnings).toEqual(['The 12 tensors whose names begin with "optimizer." are an optimiser\'s state, not weights.']);
    await opened.close();
  });

  it('warns of tensors that cannot be listed', async () => {
    const opened = await openWeightFile(join(fixtures, 'pytorch/left-out.pt'));
    expect(opened.warnings).toEqual([
      'Tensor "sparse" is left out: it is sparse.',
      'Tensor "meta" is left out: it was saved without values (device "meta").',
      'Tensor "quantised" is left out: it is quantised.',
    ]);
    await opened.close();
  });

  it('warns of arrays that hold no numbers', async () => {
    const opened = await openWeightFile(join(fixtures, 'numpy/mixed.npz'));
    expect(opened.warnings).toEqual([
      'Array "names" is left out: it holds texts (dtype "<U1"), not numbers of a supported type.',
      'Array "objects" is left out: it holds Python objects, which only unpickling could restore; save numbers instead.',
      'Array "table" is left out: it is a structured array (fields a, b), which is not supported; save each field as an array of its own.',
    ]);
    await opened.close();
  });

  it('warns when PyTorch was told to leave checksums out', async () => {
    const opened = await openWeightFile(join(fixtures, 'pytorch/no-checksums.pt'));
    expect(opened.warnings).toEqual(['The file was written without checksums, so damaged bytes would go unnoticed.']);
    await opened.close();
  });

  it('refuses a TorchScript program with what to do', async () => {
    await expect(openWeightFile(join(fixtures, 'pytorch/torchscript.pt'))).rejects.toThrow(/is a TorchScript program, not a checkpoint; load it in PyTorch and save its weights with torch\.save\(model\.state_dict\(\), path\)$/);
  });

  it('names what is not there', async () => {
    const opened = await openWeightFile(join(fixtures, 'pytorch/state-dict.pt'));
    await expect(opened.read('1.weight')).rejects.toThrow(/state-dict\.pt: tensor "1\.weight": is not there$/);
    await expect(opened.read('0.weight', 3, 13)).rejects.toThrow(/tensor "0\.weight": elements 3 to 13 were asked for, but it has 12$/);
    await opened.close();
  });
});
