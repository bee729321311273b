/** Data files: x and y of every format, and the sentence for what is not data. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { classLabels, readData, requireInputs, requireInputWidth, type DataSet } from '../../../src/network/data.ts';
import type { AxisOrder } from '../../../src/network/network.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';
import { writeNpz, type NamedArray } from '../../../src/weights/npzWriter.ts';
import { temporaryFolder } from '../analyses/workspace.ts';

async function npz(...arrays: NamedArray[]): Promise<string> {
  const file = path.join(await temporaryFolder(), 'data.npz');
  await writeNpz(file, arrays, { overwrite: false });
  return file;
}
async function csv(text: string): Promise<string> {
  const file = path.join(await temporaryFolder(), 'data.csv');
  await writeFile(file, text);
  return file;
}
const array = (name: string, shape: readonly number[], values?: readonly number[]): NamedArray => ({
  name, shape, values: Float64Array.from(values ?? Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i)),
});
const labelled = (y: readonly number[], targets: number): DataSet => ({ source: 'd.npz', rows: y.length / targets, inputs: 1, x: new Float64Array(y.length / targets), y: Float64Array.from(y), targets });

describe('data', () => {
  it('is x and y; further axes of x are flattened', async () => {
    expect(await readData(await npz(array('x', [2, 3, 2]), array('y', [2])))).toMatchObject({ rows: 2, inputs: 6, targets: 1, y: Float64Array.of(0, 1) });
    expect((await readData(await npz(array('x', [4, 1])))).y).toBeUndefined();
  });

  it('may come with a weight a point, in an array or a column', async () => {
    expect(await readData(await npz(array('x', [2, 3]), array('sample_weight', [2], [0.5, 2])))).toMatchObject({ inputs: 3, sampleWeights: Float64Array.of(0.5, 2) });
    expect(await readData(await csv('a,sample_weight,y\n1,2,3\n4,0,6\n'))).toMatchObject({ inputs: 1, targets: 1, x: Float64Array.of(1, 4), y: Float64Array.of(3, 6), sampleWeights: Float64Array.of(2, 0) });
    await expect(readData(await csv('a,sample_weight\n1,2\n4,-1\n'))).rejects.toThrow('line 3, sample_weight: is -1; weights are zero or positive');
    await expect(readData(await npz(array('x', [2, 3]), array('sample_weight', [3])))).rejects.toThrow('sample_weight: expected one weight for each of the 2 rows of x, its shape is [3]');
    await expect(readData(await npz(array('x', [2, 3]), array('sample_weight', [2], [0, 0])))).rejects.toThrow('holds zeros only');
  });

  it('may be one array of classes, whose index is the label', async () => {
    const data = await readData(await npz(array('points', [3, 2, 2])));
    expect(data).toMatchObject({ rows: 6, inputs: 2, y: Float64Array.of(0, 0, 1, 1, 2, 2) });
  });

  it('is the same from .csv, whatever the order of its columns', async () => {
    const row = fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
    await fc.assert(fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 5 }), async (rows) => {
      const folder = await csv(`"a",y,b\r\n${rows.map((cells) => cells.map(String).join(' , ')).join('\r\n')}\r\n`);
      const data = await readData(folder);
      expect([...data.x]).toEqual(rows.flatMap(([a, , b]) => [a, b]).map((value) => Number(String(value))));
      expect([...data.y!]).toEqual(rows.map(([, y]) => y));
    }), { numRuns: 30 });
  });

  it.each([
    ['rows that differ', () => npz(array('x', [3, 2]), array('y', [4])), 'x has 3 rows and y has 4; they should have the same number'],
    ['NaN in the inputs', () => npz(array('x', [2, 2], [0, 1, 2, Number.NaN])), 'x[1]: holds a value that is not a number; data must be finite'],
    ['an infinite target', () => npz(array('x', [2, 1]), array('y', [2], [0, Number.NEGATIVE_INFINITY])), 'y[1]: holds -Infinity; data must be finite'],
    ['no inputs', () => npz(array('x', [0, 2])), 'x: expected at least one row of inputs, its shape is [0, 2]'],
    ['other names', () => npz(array('inputs', [3, 2])), 'expected an array "x" (N × d), optionally "y", or one array classes × points × d; found "inputs" [3, 2]'],
    ['a .csv without header', () => csv('1,2\n3,4\n'), 'line 1: expected a header row; name target columns y, y1, …, and input columns anything else'],
    ['a short line', () => csv('a,b,y\n1,2,0\n1,2\n'), 'line 3: has 2 values, the header names 3 columns'],
    ['a word among numbers', () => csv('a,y\n1,0\nx,1\n'), 'line 3, x: holds a value that is not a number; data must be finite'],
    ['an empty cell', () => csv('a,y\n,0\n'), 'line 2, x: holds a value that is not a number; data must be finite'],
    ['targets only', () => csv('y\n1\n'), 'expected at least one row and one input column'],
    ['an empty .csv', () => csv(''), 'line 1: expected a header row; name target columns y, y1, …, and input columns anything else'],
  ])('says what is wrong with %s', async (_, make, message) => {
    const file = await make();
    await expect(readData(file)).rejects.toThrow(new RegExp(`^${`${file}: ${message}`.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`));
  });

  it.each(['points.txt', 'points.tsv', 'points.json'])('says what can be read when it is something else (%s)', async (name) => {
    const file = path.join(await temporaryFolder(), name);
    await writeFile(file, '[[0.5, 1], [2, 3]]');
    await expect(readData(file)).rejects.toThrow(`${file}: is not a file of data that can be read; give an .npz, .safetensors or .pt file with arrays "x" (N × d) and "y"`);
  });

  it('says both widths when it does not fit a network', async () => {
    const data = await readData(await npz(array('x', [3, 2])));
    expect(() => { requireInputWidth(data, 5); }).toThrow(`${data.source}: x: has 2 values a row, the network takes 5`);
  });
});

describe('class labels', () => {
  it('are whole numbers, or the place of the one in one-hot rows', () => {
    expect([...classLabels(labelled([0, 2, 1], 1), 3)!]).toEqual([0, 2, 1]);
    expect([...classLabels(labelled([0, 1, 0, 0, 0, 1], 3), 3)!]).toEqual([1, 2]);
  });

  it.each([
    [labelled([0, 3], 1), 'd.npz: y[1]: expected a class 0 … 2, found 3'],
    [labelled([-1], 1), 'd.npz: y[0]: expected a class 0 … 2, found -1'],
    [labelled([0.5], 1), 'd.npz: y[0]: expected a class 0 … 2, found 0.5'],
    [labelled([0, 1, 1], 3), 'd.npz: y[0]: expected a class 0 … 2 or a one-hot row of 3, found 0, 1, 1'],
    [labelled([1, 0], 2), 'd.npz: y[0]: expected a class 0 … 2 or a one-hot row of 3, found 1, 0'],
  ])('are nothing else', (data, message) => {
    expect(() => classLabels(data, 3)).toThrow(message);
  });

  describe('for networks of images', () => {
    const network = (order: AxisOrder) => {
      const builder = new NetworkBuilder();
      return builder.finish(builder.flatten('f', builder.input([3, 4, 5], order), order));
    };
    const images = async (...shape: number[]) => readData(await npz(array('x', [2, ...shape])));

    it('have the shape of its input in its order; axes of length 1 and flat rows do not matter', async () => {
      for (const shape of [[3, 4, 5], [1, 3, 4, 5], [60]]) requireInputs(await images(...shape), network('channel-first'));
      for (const shape of [[4, 5, 3], [60]]) requireInputs(await images(...shape), network('channel-last'));
      requireInputs(await images(3, 4, 5), denseNetwork([60, 2], activationNamed('relu')));
      expect(await images(3, 4, 5)).toMatchObject({ shape: [3, 4, 5], inputs: 60 });
    });

    it.each<[number[], AxisOrder, string]>([
      [[4, 5, 3], 'channel-first', 'x: has inputs of shape [4, 5, 3], the network takes [3, 4, 5], channels first; move its channels to the front'],
      [[3, 4, 5], 'channel-last', 'x: has inputs of shape [3, 4, 5], the network takes [4, 5, 3], channels last; move its channels to the end'],
      [[3, 5, 4], 'channel-first', 'x: has inputs of shape [3, 5, 4], the network takes [3, 4, 5], channels first'],
      [[28, 28], 'channel-last', 'x: has inputs of shape [28, 28], the network takes [4, 5, 3], channels last'],
      [[59], 'channel-first', 'x: has 59 values a row, the network takes 60'],
    ])('%j for %s are refused with both shapes', async (shape, order, message) => {
      const data = await images(...shape);
      expect(() => { requireInputs(data, network(order)); }).toThrow(`${data.source}: ${message}`);
    });
  });
});
