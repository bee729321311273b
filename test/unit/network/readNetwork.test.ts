/** Which network a file holds, and how many draws of it. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readNetwork } from '../../../src/network/readNetwork.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';

/** A file with these tensors and nothing else. */
function file(tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]): WeightFile {
  const infos = tensors.map(({ name, shape }) => ({ name, shape, dtype: 'F32' as const, elements: shape.reduce((a, b) => a * b, 1), bytes: 0 }));
  return { path: '/nowhere/m.npz', format: 'test', fileBytes: 0, tensors: infos, metadata: {}, warnings: [], tensor: (name) => infos.find((info) => info.name === name), read: () => Promise.reject(new Error('not read')), close: () => Promise.resolve() };
}

const mlp = (...leading: number[]) => file([{ name: '0.weight', shape: [...leading, 4, 4] }, { name: '0.bias', shape: [...leading, 4] }, { name: '2.weight', shape: [...leading, 4, 4] }, { name: '2.bias', shape: [...leading, 4] }]);

describe('reading networks', () => {
  it('finds the draw axes with which the tensors are a network, the fewest', async () => {
    for (const leading of [[], [4], [7], [2, 5]]) expect(await readNetwork(mlp(...leading), { activation: 'relu' })).toMatchObject({ kind: 'network', leading, network: { parameters: 40 } });
  });

  it('finds those of a convolutional family, counters of batches included', async () => {
    const opened = await openWeightFile(path.join(import.meta.dirname, '../../fixtures/architectures/family-resnet20.pt'));
    const tensors = opened.tensors.map(({ name, shape }) => ({ name, shape }));
    await opened.close();
    const single = await readNetwork(file(tensors), {});
    expect(single).toMatchObject({ kind: 'network', leading: [] });
    for (const leading of [[6], [2, 3]]) {
      const stacked = await readNetwork(file(tensors.map(({ name, shape }) => ({ name, shape: [...leading, ...shape] }))), {});
      expect(stacked).toMatchObject({ kind: 'network', leading });
      if (stacked.kind === 'network' && single.kind === 'network') expect(stacked.network.parameters).toBe(single.network.parameters);
    }
  });

  it('takes an activation that a file names itself when it is the same, and no other', async () => {
    const described = { ...mlp(), metadata: { 'quotient.network': JSON.stringify({ input: [4], layers: [{ dense: '0', activation: 'tanh' }, { dense: '2' }] }) } };
    expect(await readNetwork(described, { activation: 'tanh' })).toMatchObject({ kind: 'network', network: { parameters: 40 } });
    await expect(readNetwork(described, { activation: 'relu' })).rejects.toThrow('/nowhere/m.npz: has tanh between its layers as /nowhere/m.npz (metadata "quotient.network") says, not relu; leave the activation out');
    const linear = { ...described, metadata: { 'quotient.network': JSON.stringify({ input: [4], layers: [{ dense: '0' }, { dense: '2' }] }) } };
    await expect(readNetwork(linear, { activation: 'relu' })).rejects.toThrow('has linear between its layers');
    const graph = await openWeightFile(path.join(import.meta.dirname, '../../fixtures/architectures/lenet-view.onnx'));
    try {
      expect(await readNetwork(graph, { activation: 'relu' })).toMatchObject({ kind: 'network' });
      await expect(readNetwork(graph, { activation: 'tanh' })).rejects.toThrow('has relu between its layers as its graph says, not tanh');
    } finally {
      await graph.close();
    }
  });

  it('says why it is none', async () => {
    expect(await readNetwork(file([{ name: 'a', shape: [3] }]), {})).toEqual({ kind: 'unrecognised', reason: 'tensor "a" of shape [3] does not belong to a dense layer' });
    expect(await readNetwork(file([]), {})).toEqual({ kind: 'unrecognised', reason: 'the file holds no tensors' });
  });
});
