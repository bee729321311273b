/** Committed data files and network descriptions that no analysis may accept, each with the one sentence that it must give. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { classLabels, readData, requireInputWidth } from '../../../src/network/data.ts';
import { readDescription } from '../../../src/network/description.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';
import { badData, badDescriptions } from '../../fixtures/makeBadData.ts';

const folder = join(import.meta.dirname, '../../fixtures/bad');
const tensors = [{ name: '0.weight', shape: [3, 2] }, { name: '0.bias', shape: [3] }, { name: '2.weight', shape: [1, 3] }, { name: '2.bias', shape: [1] }, { name: 'kernel', shape: [1, 2] }];

async function messageOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(WeightFileError);
    return (error as WeightFileError).message;
  }
  return 'is accepted';
}

describe('data, for a network with two inputs and two classes', () => {
  const messages: Readonly<Record<string, string>> = {
    'rowsDiffer.npz': 'x has 3 rows and y has 4; they should have the same number',
    'nanInput.npz': 'x[1]: holds a value that is not a number; data must be finite',
    'infiniteInput.safetensors': 'x[0]: holds Infinity; data must be finite',
    'infiniteTarget.csv': 'line 3, y: holds Infinity; data must be finite',
    'nanInput.csv': 'line 3, x: holds a value that is not a number; data must be finite',
    'shortLine.csv': 'line 3: has 2 values, the header names 3 columns',
    'noHeader.csv': 'line 1: expected a header row; name target columns y, y1, …, and input columns anything else',
    'otherNames.npz': 'expected an array "x" (N × d), optionally "y", or one array classes × points × d; found "inputs" [3, 2]',
    'labelOutside.npz': 'y[1]: expected a class 0 … 1, found 2',
    'labelFraction.npz': 'y[1]: expected a class 0 … 1, found 0.5',
    'wrongWidth.npz': 'x: has 5 values a row, the network takes 2',
    'table.txt': 'is not a file of data that can be read; give an .npz, .safetensors or .pt file with arrays "x" (N × d) and "y", an .npy file of one array classes × points × d, or a .csv file with a header row',
  };

  it.each(Object.keys(badData))('%s', async (name) => {
    const file = join(folder, 'data', name);
    expect(readFileSync(file).equals(badData[name] ?? new Uint8Array())).toBe(true);
    expect(await messageOf(async () => {
      const data = await readData(file);
      requireInputWidth(data, 2);
      classLabels(data, 2);
    })).toBe(`${file}: ${messages[name] ?? ''}`);
  });
});

describe('network descriptions', () => {
  const messages: Readonly<Record<string, string>> = {
    'twice.network.json': 'layers[2]: tensor "2.weight" is already used by layers[1]; say "tied": true where layers share their weights',
    'missing.network.json': 'layers[1]: there is no tensor "4.weight" in the weight file',
    'wrongShape.network.json': 'layers[0]: takes 3 inputs, what comes before it gives 2',
    'wrongBias.network.json': 'layers[0]: bias "2.bias" has length 1, the layer has 3 outputs',
    'cycle.network.json': 'layers[1]: takes its own value: a cycle through layers[0], layers[1]',
    'activation.network.json': 'layers[0]: unknown activation "swish"; expected one of relu, ',
    'dropsOut.network.json': 'layers[0]: does not lead to the output, which is the last layer',
    'layer.network.json': 'layers[0]: "lstm" layers are not supported; expected one of dense, conv1d, conv2d, ',
    'notJson.network.json': 'is not JSON (',
  };

  it.each(Object.keys(badDescriptions))('%s', async (name) => {
    const file = join(folder, 'network', name);
    const text = readFileSync(file, 'utf8');
    expect(text).toBe(Buffer.from(badDescriptions[name] ?? []).toString('utf8'));
    const message = await messageOf(() => readDescription(text, file, tensors));
    const expected = `${file}: ${messages[name] ?? 'has no message'}`;
    // Lists of what is known grow, and engines word syntax errors in their own ways.
    expect(/, $|\($/.test(expected) ? message.slice(0, expected.length) : message).toBe(expected);
  });
});
