/** Well-known families of state dicts are recognised by names and shapes, and nothing else is. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { recognizeFamily } from '../../../src/network/families.ts';
import { isCounter } from '../../../src/network/recognizeNetwork.ts';
import type { NamedShape } from '../../../src/network/tensorUses.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';

const folder = path.join(import.meta.dirname, '../../fixtures/architectures');
const files = new Map<string, WeightFile>();
const names = ['lenet', 'vgg-bn', 'resnet18', 'resnet50', 'resnet20', 'mobilenet', 'densenet'];

beforeAll(async () => {
  for (const name of names) files.set(name, await openWeightFile(path.join(folder, `family-${name}.pt`)));
});
afterAll(async () => {
  for (const file of files.values()) await file.close();
});

const tensors = (name: string): NamedShape[] => files.get(name)!.tensors.filter((tensor) => !isCounter(tensor.name)).map((tensor) => ({ name: tensor.name, shape: tensor.shape }));
const reason = (list: readonly NamedShape[]): string | undefined => {
  const found = recognizeFamily(list);
  return found?.kind === 'unrecognised' ? found.reason : found?.kind;
};
const without = (list: readonly NamedShape[], pattern: RegExp): NamedShape[] => list.filter(({ name }) => !pattern.test(name));
const lenet = (channels: number, kernel: number, width: number): NamedShape[] => [
  { name: 'conv1.weight', shape: [6, channels, kernel, kernel] }, { name: 'conv2.weight', shape: [16, 6, kernel, kernel] }, { name: 'fc1.weight', shape: [10, 16 * width * width] }, { name: 'fc2.weight', shape: [3, 10] },
];

describe('families of state dicts', () => {
  it('are recognised within one or two modules around them, whatever the order of the tensors', () => {
    for (const name of names.slice(1)) {
      const list = tensors(name);
      const order = seededRandom(1).permutation(list.length);
      const found = recognizeFamily([...order].map((k) => ({ name: `module.net.${list[k]!.name}`, shape: list[k]!.shape })));
      expect(found).toMatchObject({ kind: 'network' });
      if (found?.kind !== 'network') continue;
      expect(found.network.blocks.length).toBe(list.length);
      expect(found.network.blocks.every(({ tensor }) => tensor.startsWith('module.net.'))).toBe(true);
      expect(found.assumptions).toHaveLength(1);
    }
  });

  it('say what they take for granted', () => {
    const found = recognizeFamily(tensors('resnet20'));
    expect(found?.kind === 'network' ? found.assumptions : []).toEqual(['The state dict was read as a ResNet by its names and shapes, with inputs of 3×32×32, relu, ε 1e-5, no pooling at the beginning, stride 2 in the first block of each later stage, average pooling over all positions, which it does not say; a description in NAME.network.json overrides this.']);
  });

  it('take the input of a LeNet from its first dense layer where that leaves one reading, and ask for the activation', () => {
    const found = recognizeFamily(lenet(3, 5, 5));
    expect(found).toMatchObject({ kind: 'activation-needed', outline: '3×32×32 → conv 6 → conv 16 → 10 → 3' });
    if (found?.kind === 'activation-needed') expect(found.withActivation(activationNamed('tanh')).nodes.filter(({ op }) => op === 'activation')).toHaveLength(3);
    expect(reason(lenet(1, 5, 4))).toBe('activation-needed');
  });

  it.each<[string, () => NamedShape[], string]>([
    ['a tensor that has no place', () => [...tensors('resnet18'), { name: 'head.weight', shape: [3, 3] }], 'it looks like a ResNet, but tensor "head.weight" would have no place in it'],
    ['shortcuts without weights', () => without(tensors('resnet20'), /shortcut/), 'it looks like a ResNet, but the shortcut of "layer2.0" changes the number of channels without weights of its own (option A of the paper), which is not supported'],
    ['a missing tensor', () => without(tensors('resnet18'), /layer2\.1\.bn2\.running_var/), 'it looks like a ResNet, but there is no tensor "layer2.1.bn2.running_var"'],
    ['a tensor of another shape', () => tensors('resnet18').map((tensor) => (tensor.name === 'fc.weight' ? { ...tensor, shape: [3, 9] } : tensor)), 'it looks like a ResNet, but layer "fc": takes 9 inputs, what comes before it gives 7'],
    ['numbers that count nothing', () => tensors('resnet18').map(({ name, shape }) => ({ name: name.replace('layer4', 'layer99999999999'), shape })), 'it looks like a ResNet, but "layer99999999999" is one of too few tensors'],
    ['a short MobileNet', () => without(tensors('mobilenet'), /^features\.1[0-8]\./), 'it looks like a MobileNetV2, but it has 8 blocks, MobileNetV2 has 17; nothing says their strides'],
    ['a VGG of another width', () => tensors('vgg-bn').map((tensor) => (tensor.name === 'classifier.0.weight' ? { ...tensor, shape: [4, 99] } : tensor)), 'it looks like a VGG network, but the width of its first dense layer is not that of square feature maps'],
    ['a LeNet with two readings', () => lenet(1, 5, 5), 'it looks like a LeNet, but inputs of 28×28 with padding 2 and 0 or 32×32 with padding 0 and 0 give the width of "fc1"; describe the network in a NAME.network.json'],
    ['a LeNet with none', () => lenet(3, 5, 9), 'it looks like a LeNet, but no usual size of input gives the width of "fc1"; describe the network in a NAME.network.json'],
  ])('name %s', (_, list, message) => {
    expect(reason(list())).toBe(message);
  });

  it('never end in anything but a network or a reason, whatever is missing or of another shape', () => {
    const random = seededRandom(2);
    let recognised = 0;
    for (let run = 0; run < 3000; run++) {
      const list = tensors(names[random.below(names.length)]!);
      const changed = list.filter(() => random.below(200) > 0).map(({ name, shape }) => (random.below(150) === 0
        ? { name: random.below(2) === 0 ? name : name.replace(/\d+/, String(random.below(40))), shape: shape.map((length) => [length, 0, 1, 2 ** 40, length + 1][random.below(5)]!).slice(random.below(2)) }
        : { name, shape }));
      if (['network', 'activation-needed'].includes(reason(changed) ?? '')) recognised++;
    }
    expect(recognised).toBeGreaterThan(100);
  });
});
