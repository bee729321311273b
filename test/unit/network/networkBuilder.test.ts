/** Networks put together layer by layer: the layout of their parameters, and what does not fit. */
import { describe, expect, it } from 'vitest';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { blocksOf, positions } from '../../../src/network/network.ts';
import { NetworkBuilder, NetworkError } from '../../../src/network/networkBuilder.ts';

const relu = activationNamed('relu');
const plain = { stride: [1, 1], padding: [[1, 1], [1, 1]] as const, dilation: [1, 1], groups: 1 };

function residualBlock(): NetworkBuilder {
  const builder = new NetworkBuilder();
  const x = builder.input([3, 8, 8]);
  const stem = builder.conv('stem', x, { tensor: 'stem.weight', shape: [4, 3, 3, 3] }, undefined, plain);
  const norm = builder.batchnorm('bn', stem, { scale: { tensor: 'bn.weight', shape: [4] }, shift: { tensor: 'bn.bias', shape: [4] }, mean: { tensor: 'bn.running_mean', shape: [4] }, variance: { tensor: 'bn.running_var', shape: [4] } }, 1e-5);
  const active = builder.activation('relu', norm, relu);
  const inner = builder.conv('conv', active, { tensor: 'conv.weight', shape: [4, 4, 3, 3] }, { tensor: 'conv.bias', shape: [4] }, plain);
  const sum = builder.add('add', [active, inner]);
  const pooled = builder.pool('pool', sum, 'maxpool', { kernel: [2, 2], stride: [2, 2], padding: [[0, 0], [0, 0]], countPadding: false });
  const flat = builder.flatten('flatten', pooled);
  builder.dense('fc', flat, { tensor: 'fc.weight', shape: [5, 64] }, { tensor: 'fc.bias', shape: [5] });
  return builder;
}

describe('network builder', () => {
  it('lays out a chain in PyTorch parameter order', () => {
    const network = denseNetwork([3, 5, 2], relu);
    expect(network.parameters).toBe(32);
    expect(network.stateSize).toBe(32);
    expect(network.blocks.map(({ tensor, offset, length }) => [tensor, offset, length])).toEqual([['0.weight', 0, 15], ['0.bias', 15, 5], ['2.weight', 20, 10], ['2.bias', 30, 2]]);
    expect([network.inputs, network.outputs]).toEqual([3, 2]);
  });

  it('puts running statistics after the parameters and infers shapes', () => {
    const network = residualBlock().finish(8, 'softmax');
    expect(network.nodes.map(({ op, shape }) => [op, positions(shape)])).toEqual([['input', 64], ['conv', 64], ['batchnorm', 64], ['activation', 64], ['conv', 64], ['add', 64], ['maxpool', 16], ['flatten', 1], ['dense', 1]]);
    expect(network.parameters).toBe(108 + 8 + 148 + 325);
    expect(network.stateSize - network.parameters).toBe(8);
    const buffers = network.blocks.filter(({ trainable }) => !trainable);
    expect(buffers.map(({ tensor }) => tensor)).toEqual(['bn.running_mean', 'bn.running_var']);
    for (const [index, block] of network.blocks.entries()) {
      expect(block.index).toBe(index);
      expect(block.offset).toBe(network.blocks.slice(0, index).reduce((sum, { length }) => sum + length, 0));
    }
    // Nodes see the final offsets.
    for (const node of network.nodes) for (const block of blocksOf(node)) expect(block).toBe(network.blocks[block.index]);
  });

  it('transposes shapes by the axes of the file, shares tied tensors, squeezes', () => {
    const builder = new NetworkBuilder();
    const x = builder.input([2, 4, 4], 'channel-last');
    const c = builder.conv('c', x, { tensor: 'k', shape: [3, 3, 2, 6], fileAxes: [2, 3, 1, 0] }, undefined, plain);
    const p = builder.prelu('p', c, { tensor: 'a', shape: [6, 1, 1], squeeze: true });
    const g = builder.globalPool('g', p, 'globalavgpool');
    const d = builder.dense('d', g, { tensor: 'w', shape: [6, 6], fileAxes: [1, 0] });
    const network = builder.finish(builder.dense('e', d, { tensor: 'w', shape: [6, 6], fileAxes: [1, 0] }));
    expect(network.blocks.map(({ tensor, shape }) => [tensor, shape])).toEqual([['k', [6, 2, 3, 3]], ['a', [6]], ['w', [6, 6]]]);
  });

  it.each<[string, (builder: NetworkBuilder) => unknown, string]>([
    ['width', (b) => b.dense('fc', b.input([3]), { tensor: 'w', shape: [2, 4] }), 'layer "fc": takes 4 inputs, what comes before it gives 3'],
    ['flatten', (b) => b.dense('fc', b.input([3, 2]), { tensor: 'w', shape: [2, 3] }), 'layer "fc": a dense layer takes a vector, what comes before it gives [3, 2]; flatten it first'],
    ['channels', (b) => b.conv('c', b.input([3, 8, 8]), { tensor: 'w', shape: [4, 4, 3, 3] }, undefined, plain), 'layer "c": takes 4 channels, what comes before it gives 3'],
    ['window', (b) => b.conv('c', b.input([3, 2, 8]), { tensor: 'w', shape: [4, 3, 5, 5] }, undefined, plain), 'layer "c": its window of 5 does not fit into 4 positions'],
    ['sum', (b) => { const x = b.input([3]); return b.add('add', [x, b.dense('fc', x, { tensor: 'w', shape: [2, 3] })]); }, 'layer "add": adds values of different shapes, [3] and [2]'],
    ['stray', (b) => { const x = b.input([3]); b.dense('aux', x, { tensor: 'v', shape: [2, 3] }); return b.finish(b.dense('fc', x, { tensor: 'w', shape: [2, 3] })); }, 'layer "aux": does not lead to the output of the network'],
    ['bias', (b) => b.dense('fc', b.input([3]), { tensor: 'w', shape: [2, 3] }, { tensor: 'b', shape: [3] }), 'layer "fc": bias "b" has length 3, the layer has 2 outputs'],
  ])('names what does not fit: %s', (_, build, message) => {
    expect(() => build(new NetworkBuilder())).toThrow(new NetworkError(...(/^layer "(.*?)": (.*)$/s.exec(message)!.slice(1) as [string, string])));
  });
});
