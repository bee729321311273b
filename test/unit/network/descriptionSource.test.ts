/** A network said by another file than its weights. */
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forward } from '../../../src/network/forward.ts';
import { readState } from '../../../src/network/parameters.ts';
import { readNetwork, requireNetwork } from '../../../src/network/readNetwork.ts';
import type { NetworkOptions } from '../../../src/protocol/service.ts';
import { stackedStateDicts } from '../../../src/weights/stackedStateDicts.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';

const fixtures = path.join(import.meta.dirname, '../../fixtures/graphBeside');
const fixture = (name: string): string => path.join(fixtures, name);

let folder = '';
beforeEach(async () => { folder = await mkdtemp(path.join(tmpdir(), 'quotient-')); });
afterEach(async () => { await rm(folder, { recursive: true }); });

async function opened<T>(file: string, use: (file: WeightFile) => Promise<T>): Promise<T> {
  const weights = await openWeightFile(file);
  try {
    return await use(weights);
  } finally {
    await weights.close();
  }
}

/** Outputs of the state dict of PyTorch at the fixture's inputs. */
const outputsWith = (file: string, options: NetworkOptions): Promise<Float64Array> => opened(file, async (weights) => {
  const { network } = await requireNetwork(weights, options);
  const { x } = JSON.parse(await readFile(fixture('net.json'), 'utf8')) as { x: number[] };
  return forward(network, await readState(weights, network), Float64Array.from(x));
});

async function expectOutputsOfPytorch(outputs: Float64Array): Promise<void> {
  const { outputs: expected } = JSON.parse(await readFile(fixture('net.json'), 'utf8')) as { outputs: number[] };
  expect(outputs).toHaveLength(expected.length);
  outputs.forEach((value, k) => { expect(value).toBeCloseTo(expected[k]!, 12); });
}

describe('a state dict whose names and shapes tell no network', () => {
  it('is the network of an ONNX file that is named and has its tensors: outputs as PyTorch gives them', async () => {
    await copyFile(fixture('net.pt'), path.join(folder, 'weights.pt'));
    await expect(outputsWith(path.join(folder, 'weights.pt'), {})).rejects.toThrow(/not recognised as a network: .*; a description in .*weights\.network\.json can say what it is, and so can an ONNX export/);
    await expectOutputsOfPytorch(await outputsWith(path.join(folder, 'weights.pt'), { network: fixture('net.onnx') }));
  });

  it('is that of NAME.onnx beside it', async () => {
    await expectOutputsOfPytorch(await outputsWith(fixture('net.pt'), {}));
    const reading = await opened(fixture('net.pt'), (file) => readNetwork(file, {}));
    expect(reading).toMatchObject({ kind: 'network', source: `${fixture('net.onnx')} (the file’s graph)`, assumptions: ['What lies between the layers is taken from net.onnx, whose tensors have the same names and shapes.'] });
  });

  it('is not that of a NAME.onnx with other tensors, nor of a damaged one', async () => {
    await copyFile(fixture('net.pt'), path.join(folder, 'net.pt'));
    await copyFile(fixture('folded.onnx'), path.join(folder, 'net.onnx'));
    expect(await opened(path.join(folder, 'net.pt'), (file) => readNetwork(file, {}))).toMatchObject({ kind: 'unrecognised' });
    await copyFile(fixture('net.json'), path.join(folder, 'net.onnx'));
    expect(await opened(path.join(folder, 'net.pt'), (file) => readNetwork(file, {}))).toMatchObject({ kind: 'unrecognised' });
  });

  it('can be a set of draws', async () => {
    const reading = await opened(fixture('draws.pt'), (file) => readNetwork(stackedStateDicts(file), { network: fixture('net.onnx') }));
    expect(reading).toMatchObject({ kind: 'network', leading: [3] });
  });

  it('says what is wrong with a file that is named', async () => {
    await expect(outputsWith(fixture('net.pt'), { network: fixture('folded.onnx') })).rejects.toThrow(/net\.pt: does not hold the tensors of folded\.onnx: there is no tensor "[^"]+" in the weight file; name an export that keeps names and shapes/);
    await expect(outputsWith(fixture('net.pt'), { network: fixture('net.pt') })).rejects.toThrow('net.pt: holds tensors and no graph');
    await expect(outputsWith(fixture('net.pt'), { network: path.join(folder, 'none.onnx') })).rejects.toThrow('none.onnx');
  });
});
