/** State vectors from the tensors of a file and back: transposed and squeezed tensors, buffers, draws. */
import { describe, expect, test } from 'vitest';
import type { Network } from '../../../src/network/network.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';
import { parameterName, parameterPosition, readState, tensorValues } from '../../../src/network/parameters.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';

/** A Keras-like network: transposed kernels, squeezed slopes, running statistics. */
function network(): Network {
  const builder = new NetworkBuilder();
  const conv = builder.conv('c', builder.input([2, 3, 3]), { tensor: 'k', shape: [2, 1, 2, 3], fileAxes: [2, 3, 1, 0] }, undefined, { stride: [1, 1], padding: [[0, 0], [0, 0]], dilation: [1, 1], groups: 1 });
  const norm = builder.batchnorm('n', conv, { mean: { tensor: 'mean', shape: [3] }, variance: { tensor: 'variance', shape: [3] } }, 1e-3);
  const slopes = builder.prelu('p', norm, { tensor: 'alpha', shape: [1, 1, 3], squeeze: true });
  return builder.finish(builder.dense('d', builder.globalPool('g', slopes, 'globalavgpool'), { tensor: 'w', shape: [3, 2], fileAxes: [1, 0] }, { tensor: 'b', shape: [2] }));
}

/** A file whose element k of draw m of tensor number t is 1000 t + 100 m + k. */
function fileOf(net: Network, change: (value: number) => number = (value) => value): WeightFile {
  return {
    path: 'model.h5', format: 'test', fileBytes: 0, tensors: [], metadata: {}, warnings: [],
    tensor: () => undefined,
    read: (name, start = 0, end = 0) => {
      const t = net.blocks.findIndex(({ tensor }) => tensor === name);
      const { length } = net.blocks[t]!;
      return Promise.resolve(Float64Array.from({ length: end - start }, (_, k) => change(1000 * t + 100 * Math.floor((start + k) / length) + ((start + k) % length))));
    },
    close: () => Promise.resolve(),
  };
}

describe('parameters of a network', () => {
  test('are put into PyTorch order, buffers last', async () => {
    const net = network();
    expect(net.blocks.map(({ tensor }) => tensor)).toEqual(['k', 'alpha', 'w', 'b', 'mean', 'variance']);
    const state = await readState(fileOf(net), net);
    // k in the file is h × w × in × out: element ((h·1 + w)·2 + i)·3 + o; in the block o × i × h × w.
    expect([...state.subarray(0, 12)]).toEqual([0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11]);
    expect([...state.subarray(12, 15)]).toEqual([1000, 1001, 1002]);
    expect([...state.subarray(15, 21)]).toEqual([2000, 2002, 2004, 2001, 2003, 2005]);
    expect([...state.subarray(23)]).toEqual([4000, 4001, 4002, 5000, 5001, 5002]);
  });

  test('go back to the order of the file', async () => {
    const net = network();
    const state = await readState(fileOf(net), net);
    net.blocks.forEach((block, t) => { expect([...tensorValues(state, block)]).toEqual(Array.from({ length: block.length }, (_, k) => 1000 * t + k)); });
  });

  test('are named by their index in the file', () => {
    const net = network();
    const names = Array.from({ length: net.parameters }, (_, k) => parameterName(net, k));
    expect(names).toHaveLength(23);
    expect(new Set(names).size).toBe(23);
    names.forEach((name, k) => { expect(parameterPosition(net, name)).toBe(k); });
    for (const name of ['w[3,0]', 'w[0]', 'w[00,0]', 'mean[0]', 'w', 'alpha[0,0,3]']) expect(parameterPosition(net, name)).toBeUndefined();
    expect(() => parameterName(net, 23)).toThrow(RangeError);
    expect(names.slice(0, 3)).toEqual(['k[0,0,0,0]', 'k[1,0,0,0]', 'k[0,0,1,0]']);
    expect(names.slice(12, 17)).toEqual(['alpha[0,0,0]', 'alpha[0,0,1]', 'alpha[0,0,2]', 'w[0,0]', 'w[1,0]']);
  });

  test('of a range of draws', async () => {
    const net = network();
    const states = await readState(fileOf(net), net, 2, 4);
    expect(states).toHaveLength(2 * net.stateSize);
    const one = await readState(fileOf(net), net);
    expect([...states.subarray(net.stateSize)]).toEqual([...one].map((value) => value + 300));
  });

  test('must be finite: the tensor and the element are named', async () => {
    const net = network();
    await expect(readState(fileOf(net, (value) => (value === 2003 ? Number.NaN : value)), net)).rejects.toThrow('tensor "w": holds NaN at element 3; the analysis needs finite weights');
  });
});
