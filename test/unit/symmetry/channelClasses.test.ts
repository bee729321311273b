/** Which axes move together, against couplings that are known from the literature or can be written down by hand. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import type { Network } from '../../../src/network/network.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';
import { type ChannelClass, channelClasses } from '../../../src/symmetry/channelClasses.ts';
import { permutationScratch, permuteUnits } from '../../../src/symmetry/permuteUnits.ts';
import { conv, dense, densenet, mobilenet, relu, resnet18 } from './architectures.ts';

/** "conv1.weight:0" for rows, ":1" for columns. */
const places = ({ uses }: ChannelClass): string[] => uses.map(({ block, axis }) => `${block.tensor}:${axis}`);
const summary = (network: Network): string[] => channelClasses(network).map(({ name, units, kind }) => `${name} ${units}${kind === 'groups' ? ' groups' : ''}`);
const norm = (name: string): string[] => ['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${name}.${part}:0`);

describe('channel classes', () => {
  it('of a chain: rows and bias of a layer with the columns of the next; input and output have none', () => {
    const classes = channelClasses(denseNetwork([3, 5, 4, 2], relu));
    expect(classes.map(places)).toEqual([['0.weight:0', '0.bias:0', '2.weight:1'], ['2.weight:0', '2.bias:0', '4.weight:1']]);
    expect(classes.map(({ units }) => units)).toEqual([5, 4]);
    expect(classes[0]!.uses.map(({ outer, length, inner, role }) => [outer, length, inner, role])).toEqual([[1, 5, 3, 'producer'], [1, 5, 1, 'producer'], [4, 5, 1, 'consumer']]);
  });

  it('of ResNet-18: the first residual stream ties what the skip connections join (as Torch-Pruning prints it)', () => {
    const classes = channelClasses(resnet18());
    const stream = classes[0]!;
    expect(stream.name).toBe('conv1');
    expect(stream.units).toBe(64);
    expect(places(stream).sort()).toEqual([
      'conv1.weight:0', 'layer1.0.conv2.weight:0', 'layer1.1.conv2.weight:0',
      ...norm('bn1'), ...norm('layer1.0.bn2'), ...norm('layer1.1.bn2'),
      'layer1.0.conv1.weight:1', 'layer1.1.conv1.weight:1', 'layer2.0.conv1.weight:1', 'layer2.0.downsample.0.weight:1',
    ].sort());
    // Four streams and the inside of eight blocks.
    expect(classes.map(({ units }) => units).sort((a, b) => a - b)).toEqual([64, 64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512]);
  });

  it('of a dense block: each layer its own class, at its place within every concatenation', () => {
    const classes = channelClasses(densenet());
    expect(summary(densenet())).toEqual(['conv0 5', 'conv1 3', 'conv2 2', 'conv3 4']);
    const second = classes[1]!;
    expect(places(second)).toEqual(['conv1.weight:0', 'conv1.bias:0', 'conv2.weight:1', 'conv3.weight:1', 'fc.weight:1']);
    // After conv0's five channels; flattened, sixteen positions each.
    expect(Array.from(second.uses[3]!.members)).toEqual([5, 6, 7]);
    expect(second.uses[4]!.multiplicity).toBe(16);
    expect(Array.from(second.uses[4]!.members.subarray(0, 17))).toEqual(Array.from({ length: 17 }, (_, k) => 80 + k));
  });

  it('of depthwise convolutions: inputs and outputs are one class', () => {
    expect(summary(mobilenet())).toEqual(['conv0 4 groups', 'block1.pointwise 6 groups', 'block2.pointwise 5']);
    expect(places(channelClasses(mobilenet())[0]!)).toEqual(['conv0.weight:0', ...norm('bn0'), 'block1.depthwise.weight:0', ...norm('block1.bn1'), 'block1.pointwise.weight:1']);
  });

  it('of grouped convolutions: channels within a group, and whole groups', () => {
    const b = new NetworkBuilder();
    const wide = b.activation('r1', conv(b, 'a', b.input([2, 4, 4]), 6, 1), relu);
    const middle = b.activation('r2', conv(b, 'g', wide, 9, 3, { groups: 3, bias: true }), relu);
    const classes = channelClasses(b.finish(dense(b, 'fc', b.globalPool('p', middle, 'globalavgpool'), 2)));
    expect(classes.map(({ name, units, kind }) => [name, units, kind])).toEqual([
      ['a[0…1]', 2, 'channels'], ['a[2…3]', 2, 'channels'], ['a[4…5]', 2, 'channels'], ['a', 3, 'groups'],
      ['g[0…2]', 3, 'channels'], ['g[3…5]', 3, 'channels'], ['g[6…8]', 3, 'channels'],
    ]);
    expect(places(classes[1]!)).toEqual(['a.weight:0', 'g.weight:1']);
    expect([classes[1]!.uses[1]!.groups, ...classes[1]!.uses[1]!.members]).toEqual([3, 2, 3]);
    expect(places(classes[3]!)).toEqual(['a.weight:0', 'g.weight:0', 'g.bias:0', 'fc.weight:1']);
    expect(classes[3]!.uses.map(({ multiplicity }) => multiplicity)).toEqual([2, 3, 3, 3]);
  });

  it('of tied weights: both ends of a recurrent map are one class', () => {
    const b = new NetworkBuilder();
    let h = b.activation('r0', dense(b, 'in', b.input([3]), 4), relu);
    for (let step = 1; step <= 2; step++) h = b.activation(`r${step}`, b.dense(`step${step}`, h, { tensor: 'w', shape: [4, 4] }, { tensor: 'c', shape: [4] }), relu);
    const classes = channelClasses(b.finish(dense(b, 'out', h, 2)));
    expect(classes.map(places)).toEqual([['in.weight:0', 'in.bias:0', 'w:1', 'w:0', 'c:0', 'out.weight:1']]);
  });

  it('of flattened values in TensorFlow order: strided columns', () => {
    const b = new NetworkBuilder();
    const c = b.activation('r', conv(b, 'c', b.input([1, 2, 2], 'channel-last'), 3, 1), relu);
    const [only] = channelClasses(b.finish(dense(b, 'fc', b.flatten('f', c, 'channel-last'), 2)));
    expect(Array.from(only!.uses[1]!.members)).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
  });

  it('of normalised values and PReLU: their entries move along, one common slope does not', () => {
    const b = new NetworkBuilder();
    const c = conv(b, 'c', b.input([1, 2, 2]), 3, 1);
    const n = b.layernorm('ln', c, 'all', true, { tensor: 'ln.w', shape: [3, 2, 2] }, { tensor: 'ln.b', shape: [3, 2, 2] }, 1e-5);
    const p = b.prelu('p', b.prelu('q', n, { tensor: 'q', shape: [1] }), { tensor: 'p', shape: [3] });
    const [only] = channelClasses(b.finish(dense(b, 'fc', b.globalPool('g', p, 'globalmaxpool'), 2)));
    expect(places(only!)).toEqual(['c.weight:0', 'ln.w:0', 'ln.b:0', 'p:0', 'fc.weight:1']);
    expect(Array.from(only!.uses[1]!.members)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('of a sum of flattened values in two orders: what gets mixed is one unit', () => {
    const b = new NetworkBuilder();
    const x = b.input([1, 1, 2]);
    const flat = (name: string, order: 'channel-first' | 'channel-last'): number => b.flatten(`${name}.flat`, b.activation(`${name}.relu`, conv(b, name, x, 3, 1), activationNamed('tanh')), order);
    const classes = channelClasses(b.finish(dense(b, 'fc', b.add('add', [flat('a', 'channel-first'), flat('b', 'channel-last')]), 2)));
    // Indices 0 … 5: channels {0,1}, {2,3}, {4,5} of a meet {0,3}, {1,4}, {2,5} of b, which joins all.
    expect(classes.map(({ units }) => units)).toEqual([1]);
  });
});

describe('reordering units', () => {
  const shuffled = (network: Network, state: Float64Array, seed: number): Float64Array => {
    const classes = channelClasses(network);
    const random = seededRandom(seed);
    const moved = state.slice();
    for (const found of classes) permuteUnits(moved, found, random.permutation(found.units), permutationScratch(classes));
    return moved;
  };

  it.each([['mobilenet', mobilenet()], ['densenet', densenet()], ['resnet', resnet18(2)]])('moves every entry of a %s once', (_, network) => {
    const state = Float64Array.from({ length: network.stateSize }, (__, i) => i);
    const moved = shuffled(network, state, 3);
    expect(moved).not.toEqual(state);
    expect(moved.toSorted()).toEqual(state);
  });

  it.each([['chain', denseNetwork([3, 6, 5, 2], relu)], ['mobilenet', mobilenet()], ['densenet', densenet()], ['resnet', resnet18(2)]])('keeps the function of a %s', (_, network) => {
    const random = seededRandom(4);
    const state = Float64Array.from({ length: network.stateSize }, () => 0.5 + random.uniform());
    const x = Float64Array.from({ length: 2 * network.inputs }, () => random.normal());
    const [before, after] = [forward(network, state, x), forward(network, shuffled(network, state, 5), x)];
    before.forEach((value, i) => { expect(after[i]! / value).toBeCloseTo(1, 12); });
  });
});
