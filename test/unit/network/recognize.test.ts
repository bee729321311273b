/** Dense layers recognised by names and shapes, whatever the order in the file. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activationNamed } from '../../../src/network/activation.ts';
import { recognizeDenseLayers } from '../../../src/network/recognize.ts';
import { recognizeNormalised } from '../../../src/network/recognizeNormalised.ts';

const dense = (name: string, inputs: number, outputs: number, bias = true) => [
  { name: `${name}.weight`, shape: [outputs, inputs] },
  ...(bias ? [{ name: `${name}.bias`, shape: [outputs] }] : []),
];
const order = (tensors: Parameters<typeof recognizeDenseLayers>[0]) => {
  const found = recognizeDenseLayers(tensors);
  if (found.kind === 'unrecognised') return found.reason;
  const network = found.kind === 'network' ? found.network : found.withActivation(activationNamed('relu'));
  return network.nodes.filter(({ op }) => op === 'dense').map(({ name }) => name);
};

describe('recognising dense layers by names and shapes', () => {
  it('orders numbered layers by number, not by spelling, whatever the order in the file', () => {
    const tensors = [0, 2, 4, 6, 8, 10].flatMap((i) => dense(String(i), 5, 5));
    fc.assert(
      fc.property(fc.shuffledSubarray(tensors, { minLength: tensors.length }), (shuffled) => {
        expect(order(shuffled)).toEqual(['0', '2', '4', '6', '8', '10']);
      }),
    );
  });

  it('takes the only order that the widths allow when names give none', () => {
    expect(order([...dense('head', 8, 1), ...dense('encoder', 3, 7), ...dense('middle', 7, 8, false)])).toEqual(['encoder', 'middle', 'head']);
  });

  it('does not guess between several orders', () => {
    expect(order([...dense('a', 4, 4), ...dense('b', 4, 4)])).toBe('the names and shapes of its dense layers do not give one order; describe the network in a NAME.network.json');
  });

  it('does not take numbers for an order in which the widths do not fit', () => {
    // By number 1 (3→7) then 2 (2→3); by width the other way round.
    expect(order([...dense('fc1', 3, 7), ...dense('fc2', 2, 3)])).toEqual(['fc2', 'fc1']);
  });

  it('reads kernels of Flax, in × out, whatever stands between the names', () => {
    for (const separator of ['.', '/']) {
      const tensors = [[2, 3], [3, 1]].flatMap((shape, k) => [{ name: `params${separator}Dense_${k}${separator}kernel`, shape }, { name: `params${separator}Dense_${k}${separator}bias`, shape: [shape[1]!] }]);
      const found = recognizeDenseLayers(tensors);
      expect(found).toMatchObject({ kind: 'activation-needed', outline: '2 → 3 → 1' });
      if (found.kind === 'activation-needed') expect(found.withActivation(activationNamed('relu')).blocks).toMatchObject([{ fileAxes: [1, 0], shape: [3, 2] }, { shape: [3] }, { fileAxes: [1, 0], shape: [1, 3] }, {}]);
    }
  });

  it('accepts a bare Linear', () => {
    expect(order([{ name: 'weight', shape: [3, 2] }, { name: 'bias', shape: [3] }])).toEqual(['weight']);
  });

  it.each([
    [[{ name: 'conv.weight', shape: [8, 3, 3, 3] }], 'tensor "conv.weight" of shape [8, 3, 3, 3] is not the weight of a dense layer; if it is a convolution’s, nothing in the file tells its stride and padding, and where values are pooled'],
    [[...dense('0', 2, 3), { name: '1.running_mean', shape: [3] }], 'tensor "1.running_mean" of shape [3] does not belong to a dense layer'],
    [[{ name: '0.weight', shape: [3, 2] }, { name: '0.bias', shape: [2] }], 'bias "0.bias" of shape [2] does not fit a layer with 3 outputs'],
    [[{ name: '0.weight', shape: [0, 2] }], 'tensor "0.weight" is empty'],
    [[], 'the file holds no tensors'],
  ])('says why it does not recognise %j', (tensors, reason) => {
    expect(order(tensors)).toBe(reason);
  });

  it('gives up quickly on thousands of layers that fit in any order', () => {
    const tensors = Array.from({ length: 5000 }, (_, i) => dense(`x${String(i)}y${i % 2 === 0 ? 'a' : 'b'}`, 4, 4)).flat();
    expect(order(tensors)).toContain('do not give one order');
  });
});

describe('recognising normalised perceptrons', () => {
  const norm = (name: string, width: number, running: boolean) => ['weight', 'bias', ...(running ? ['running_mean', 'running_var'] : [])].map((part) => ({ name: `${name}.${part}`, shape: [width] }));
  const built = (tensors: Parameters<typeof recognizeNormalised>[0]) => {
    const found = recognizeNormalised(tensors);
    if (found?.kind !== 'activation-needed') return found?.kind === 'unrecognised' ? found.reason : found;
    return [found.outline, ...found.withActivation(activationNamed('relu')).nodes.slice(1).map(({ op, name }) => (op === 'activation' ? 'relu' : name))];
  };

  it('puts activations where the numbering of a Sequential has its gap', () => {
    expect(built([...dense('net.0', 3, 4), ...norm('net.1', 4, true), ...dense('net.3', 4, 5), ...norm('net.4', 5, true), ...dense('net.7', 5, 2)])).toEqual(['3 → 4 batchnorm → 5 batchnorm → 2', 'net.0', 'net.1', 'relu', 'net.3', 'net.4', 'relu', 'net.7']);
    expect(built([...dense('0', 3, 4), ...norm('2', 4, false), ...dense('3', 4, 2)])).toEqual(['3 → 4 layernorm → 2', '0', 'relu', '2', '3']);
  });

  it('puts norms behind the layers of their number', () => {
    expect(built([...norm('bn1', 4, true), ...dense('fc1', 3, 4), ...dense('fc2', 4, 4), ...dense('fc3', 4, 2)])).toEqual(['3 → 4 batchnorm → 4 → 2', 'fc1', 'bn1', 'relu', 'fc2', 'relu', 'fc3']);
  });

  it('does not guess', () => {
    const open = 'the numbers of its layers and norms leave open where the activations stand; describe the network in a NAME.network.json';
    expect(built([...dense('0', 3, 4), ...norm('2', 4, true), ...dense('4', 4, 2)])).toBe(open);
    expect(built([...dense('0', 3, 4), ...norm('1', 4, true), ...dense('2', 4, 2)])).toBe(open);
    expect(built([...dense('fc1', 3, 4), ...norm('bn2', 4, true)])).toBe(open);
    expect(built([...dense('0', 3, 4), ...norm('1', 5, true), ...dense('3', 4, 2)])).toBe('layer "1": scale "1.weight" has length 5, the layer has 4 outputs');
    expect(built([...dense('0', 3, 4), ...dense('2', 4, 2)])).toBeUndefined();
    expect(built([...dense('0', 3, 4), { name: 'alpha', shape: [4] }])).toBeUndefined();
  });
});
