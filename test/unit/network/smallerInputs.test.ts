/** Smaller pictures: the smallest that fit by the arithmetic of windows, and refusals where the size matters. */
import { expect, test } from 'vitest';
import { forward } from '../../../src/network/forward.ts';
import { inputSizeText, withSmallerInputs } from '../../../src/network/smallerInputs.ts';
import { resnet18 } from '../symmetry/architectures.ts';
import { Layers, ruledState } from './networks.ts';

const pooled = (layers: Layers): Layers => layers.globalPool('globalavgpool').dense(3);

test('ResNet-18 for 224 × 224 is looked at on 65 × 65: 3 × 3 positions in front of its last windows', () => {
  const network = resnet18(4, 224);
  const smaller = withSmallerInputs(network)!;
  expect(inputSizeText(smaller)).toBe('65×65');
  expect(inputSizeText(network)).toBe('224×224');
  expect(smaller.nodes.findLast(({ op }) => op === 'conv')!.shape.slice(1)).toEqual([3, 3]);
  expect([smaller.outputs, smaller.stateSize, smaller.blocks]).toEqual([network.outputs, network.stateSize, network.blocks]);
  expect(withSmallerInputs(network)).toBe(smaller);
});

test('every window lies within its picture somewhere, whatever padding, stride and dilation are', () => {
  // A reach of 9 behind two positions of padding that a stride of 3 cannot end on: the first window within begins at 1.
  expect(inputSizeText(withSmallerInputs(pooled(new Layers([1, 100]).conv(2, [5], { dilation: [2], padding: [2], stride: [3] })).build())!)).toBe('10');
  // Axes keep their proportion: at 29 the other, a quarter as long, is rounded up to the 8 that the kernel takes.
  expect(inputSizeText(withSmallerInputs(pooled(new Layers([1, 200, 50]).conv(2, [1, 8])).build())!)).toBe('29×8');
});

test('it computes what the whole network computes on pictures of that size', () => {
  const build = (side: number): Layers => pooled(new Layers([2, side, side]).conv(4, [3, 3], { padding: [1, 1] }).batchnorm().activation('relu').pool('maxpool', [3, 3], [2, 2], [1, 1]).concat((x) => x.conv(3, [3, 3], { padding: [1, 1] })));
  const large = build(40).build();
  const smaller = withSmallerInputs(large)!;
  const side = smaller.nodes[0]!.shape[1]!;
  const same = build(side).build();
  const state = ruledState(large);
  const x = Float64Array.from({ length: 2 * same.inputs }, (_, k) => Math.cos(1.3 * k));
  expect(forward(smaller, state, x)).toEqual(forward(same, state, x));
});

test.for<readonly [string, Layers]>([
  ['vectors', new Layers([200]).dense(3)],
  ['flattened positions', new Layers([1, 30, 30]).conv(2, [3, 3]).flatten().dense(3)],
  ['outputs with positions', new Layers([1, 30, 30]).conv(2, [3, 3])],
  ['norms over all positions', pooled(new Layers([1, 30, 30]).conv(2, [3, 3]).layernorm('all', 1e-5))],
  ['pictures that are small already', pooled(new Layers([1, 4, 4]).conv(2, [3, 3]))],
])('none for %s', ([, layers]) => {
  expect(withSmallerInputs(layers.build())).toBeUndefined();
});
