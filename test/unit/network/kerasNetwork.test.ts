/** Keras configurations as networks, with outputs that Keras gives. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { recognizeKerasWeights } from '../../../src/network/kerasChain.ts';
import { recognizeKeras } from '../../../src/network/kerasNetwork.ts';
import { listedWeights, namedWeights } from '../../../src/network/kerasWeights.ts';

const layer = (className: string, config: object, inbound?: unknown) => ({ class_name: className, config, ...(inbound === undefined ? {} : { inbound_nodes: inbound }) });
const input = (...shape: (number | null)[]) => layer('InputLayer', { batch_input_shape: [null, ...shape], name: 'in' });
const sequential = (...layers: object[]): string => JSON.stringify({ class_name: 'Sequential', config: { layers } });
const dense = (name: string, units: number, more: object = {}) => layer('Dense', { name, units, ...more });
const tensors = [
  { name: 'a/kernel', shape: [3, 4] }, { name: 'a/bias', shape: [4] }, { name: 'b/kernel', shape: [4, 2] }, { name: 'b/bias', shape: [2] }, { name: 's/kernel', shape: [3, 3] }, { name: 's/bias', shape: [3] },
  { name: 'c/kernel', shape: [3, 3, 2, 4] }, { name: 'c/bias', shape: [4] }, { name: 'd/depthwise_kernel', shape: [3, 3, 2, 2] }, { name: 'd/bias', shape: [4] },
];
const read = (config: string) => recognizeKeras(config, namedWeights(tensors));
const reason = (config: string): string => {
  const found = read(config);
  return found.kind === 'unrecognised' ? found.reason : found.kind;
};
const ops = (config: string): unknown => {
  const found = read(config);
  return found.kind === 'network' ? found.network.nodes.map(({ op, shape }) => `${op} ${shape.join('×')}`) : found;
};

describe('Keras configurations as networks', () => {
  it('are read where the first layer says the shape of the input, and where the configuration is a list', () => {
    const layers = [dense('a', 4, { batch_input_shape: [null, 3], activation: 'relu' }), dense('b', 2)];
    const expected = ['input 3', 'dense 4', 'activation 4', 'dense 2'];
    expect(ops(sequential(...layers))).toEqual(expected);
    expect(ops(JSON.stringify({ class_name: 'Sequential', config: layers }))).toEqual(expected);
    expect(ops(JSON.stringify({ keras_version: '2.1', model_config: { class_name: 'Sequential', config: { layers } } }))).toEqual(expected);
  });

  it('tie the weights of a layer that is called twice, and leave out what does not lead to the output', () => {
    const config = JSON.stringify({
      class_name: 'Model',
      config: {
        layers: [
          { ...layer('InputLayer', { batch_input_shape: [null, 3] }, []), name: 'x' },
          { ...dense('s', 3), inbound_nodes: [[['x', 0, 0, {}]], [['s', 0, 0, {}]]], name: 's' },
          { ...layer('Add', {}, [[['s', 1, 0, {}], ['x', 0, 0, {}]]]), name: 'sum' },
          { ...dense('a', 4), inbound_nodes: [[['x', 0, 0, {}]]], name: 'a' },
        ],
        output_layers: [['sum', 0, 0]],
      },
    });
    const found = read(config);
    expect(found).toMatchObject({ kind: 'network', network: { parameters: 12 } });
    expect(ops(config)).toEqual(['input 3', 'dense 3', 'dense 3', 'add 3']);
  });

  it('find the folders of layers that the file does not name by their classes', () => {
    const config = sequential(input(3), dense('first', 4), layer('BatchNormalization', { name: 'n', scale: false, center: false }), dense('last', 2, { use_bias: false }));
    const shapes = [{ name: 'k', shape: [3, 4] }, { name: 'b', shape: [4] }, { name: 'k1', shape: [4, 2] }, { name: 'm', shape: [4] }, { name: 'v', shape: [4] }];
    const found = recognizeKeras(config, listedWeights([{ group: 'x/dense_1', weights: ['k1'] }, { group: 'x/dense', weights: ['k', 'b'] }, { group: 'x/batch_normalization', weights: ['m', 'v'] }], shapes));
    expect(found.kind === 'network' ? found.network.blocks.map(({ tensor }) => tensor) : found).toEqual(['k', 'b', 'k1', 'm', 'v']);
  });

  it('keep zeros in front of a maximum only where they cannot be seen', () => {
    const padded = (...before: object[]) => sequential(input(4, 4, 2), ...before, layer('ZeroPadding2D', { name: 'z', padding: 1 }), layer('MaxPooling2D', { name: 'p', pool_size: 3, strides: 1 }), layer('Flatten', { name: 'f' }));
    expect(ops(padded(layer('ReLU', { name: 'r' })))).toEqual(['input 2×4×4', 'activation 2×4×4', 'maxpool 2×4×4', 'flatten 32']);
    expect(reason(padded())).toBe('layer "p" of class "MaxPooling2D" behind zero padding is not supported');
  });

  it.each<[string, string, string]>([
    ['a lambda', sequential(input(3), layer('Lambda', { name: 'l', function: 'import os' })), 'layer "l" of class "Lambda" is not supported; it holds code, which is never run'],
    ['another layer', sequential(input(3), layer('LSTM', { name: 'l' })), 'layer "l" of class "LSTM" is not supported'],
    ['an activation', sequential(input(3), dense('a', 4, { activation: 'mish' })), 'activation "mish" of layer "a" is not supported'],
    ['an activation of one’s own', sequential(input(3), dense('a', 4, { activation: { class_name: 'Custom>Mine', config: {} } })), 'activation "Custom>Mine" of layer "a" is not supported'],
    ['a softmax within', sequential(input(3), dense('a', 4, { activation: 'softmax' }), dense('b', 2)), 'layer "a" of class "Dense" with a softmax that is not the last layer of a vector is not supported'],
    ['rescaled data', sequential(input(3), layer('Rescaling', { name: 'r', scale: 0.004, offset: 0 })), 'layer "r" of class "Rescaling" of data is not supported'],
    ['a depth multiplier', sequential(input(8, 8, 2), layer('DepthwiseConv2D', { name: 'd', kernel_size: [3, 3], depth_multiplier: 2 })), 'layer "d" of class "DepthwiseConv2D" with a depth multiplier of 2 is not supported'],
    ['an open size', sequential(input(null, null, 3), layer('Flatten', { name: 'f' })), 'its input of shape [N, ?, ?, 3] leaves a length open; save the model with a fixed size of input'],
    ['a missing shape', sequential(dense('a', 4)), 'its Keras configuration does not say the shape of the input'],
    ['a missing tensor', sequential(input(3), dense('q', 4)), 'layer "q" should have a tensor "q/kernel", which the file does not have'],
    ['a misfit', sequential(input(5), dense('a', 4)), 'layer "a": takes 3 inputs, what comes before it gives 5'],
    ['a subclassed model', JSON.stringify({ class_name: 'MyModel', config: {} }), 'a Keras model of class "MyModel" is code and not layers, and is not supported'],
    ['no JSON', '{', 'its Keras configuration is not JSON (Expected property name or \'}\' in JSON at position 1 (line 1 column 2))'],
    ['a cycle', JSON.stringify({ class_name: 'Model', config: { layers: [{ ...input(3), name: 'x' }, { ...dense('s', 3), name: 's', inbound_nodes: [[['s', 0, 0, {}]]] }], output_layers: [['s', 0, 0]] } }), 'in its Keras configuration, layer "s": takes its own value'],
    ['an unknown layer', JSON.stringify({ class_name: 'Model', config: { layers: [{ ...input(3), name: 'x' }], output_layers: [['q', 0, 0]] } }), 'its Keras configuration names a layer "q" that it does not have'],
  ])('name %s', (_, config, message) => {
    expect(reason(config)).toBe(message);
  });

  it('never end in anything but a network or a reason, whatever the configuration', () => {
    const random = seededRandom(3);
    const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
    const classes = ['Dense', 'Conv2D', 'Conv1D', 'DepthwiseConv2D', 'SeparableConv2D', 'MaxPooling2D', 'AveragePooling2D', 'GlobalAveragePooling2D', 'BatchNormalization', 'LayerNormalization', 'Flatten', 'Reshape', 'Dropout', 'Add', 'Concatenate', 'ReLU', 'LeakyReLU', 'PReLU', 'ELU', 'Softmax', 'Activation', 'ZeroPadding2D', 'Rescaling', 'Lambda', 'constructor', '__proto__'];
    const values = (): unknown => pick<unknown>([null, 0, 1, 2, -1, 3.5, 1e300, 'same', 'valid', 'relu', 'softmax', true, false, [1, 2], [[1, 1], [0, 1]], [3, 3], {}, [], '__proto__', { class_name: 'x' }, ['a', 0, 0]]);
    let recognised = 0;
    for (let run = 0; run < 5000; run++) {
      const layers = Array.from({ length: 1 + random.below(5) }, () => {
        const config: Record<string, unknown> = { name: pick(['a', 'b', 'c', 'd', 's']) };
        for (const key of ['activation', 'kernel_size', 'strides', 'padding', 'use_bias', 'axis', 'pool_size', 'groups', 'data_format', 'epsilon', 'rate', 'target_shape', 'keepdims']) if (random.below(8) === 0) config[key] = values();
        return { ...layer(pick(classes), random.below(30) === 0 ? values() as object : config), ...(random.below(3) === 0 ? { inbound_nodes: values() } : {}), name: pick(['a', 'b', 'c', 'd', 's']) };
      });
      const shape = pick([input(3), input(8, 8, 2), input(8, 2), input(null)]);
      const config = random.below(3) > 0 ? sequential(shape, ...layers) : JSON.stringify({ class_name: 'Functional', config: { layers: [shape, ...layers], output_layers: random.below(3) === 0 ? values() : [['a', 0, 0]] } });
      if (read(config).kind === 'network') recognised++;
    }
    expect(recognised).toBeGreaterThan(100);
  });
});

describe('Keras weights without a configuration', () => {
  const layers = [{ name: 'in', group: 'in', weights: [] }, { name: 'first', group: 'first', weights: ['k1', 'b1'] }, { group: 'layers/dense_1', weights: ['k2'] }];
  const shapes = [{ name: 'k1', shape: [3, 4] }, { name: 'b1', shape: [4] }, { name: 'k2', shape: [4, 2] }];
  const untold = { kind: 'unrecognised', reason: 'it holds Keras weights without the configuration that says what its layers do; save the whole model, or describe it in a NAME.network.json' };

  it('are a chain where they are kernels that fit, whose activation is asked for', () => {
    const found = recognizeKerasWeights(layers, shapes);
    expect(found).toMatchObject({ kind: 'activation-needed', outline: '3 → 4 → 2' });
    if (found.kind !== 'activation-needed') return;
    expect(found.withActivation(activationNamed('tanh')).nodes).toMatchObject([{ op: 'input' }, { name: 'first', weight: { shape: [4, 3], fileAxes: [1, 0] } }, { op: 'activation' }, { name: 'layers/dense_1', bias: undefined }]);
  });

  it('are not guessed at otherwise', () => {
    expect(recognizeKerasWeights(layers, shapes.map((tensor) => (tensor.name === 'k2' ? { ...tensor, shape: [5, 2] } : tensor)))).toEqual(untold);
    expect(recognizeKerasWeights([{ name: 'n', group: 'n', weights: ['b1', 'b1', 'b1', 'b1'] }], shapes)).toEqual(untold);
    expect(recognizeKerasWeights([], shapes)).toEqual(untold);
  });
});

it('takes the shape of the input from what the first layer was built on, where nothing else says it', () => {
  const built = { ...dense('a', 4, { activation: 'relu' }), build_config: { input_shape: [null, 3] } };
  expect(ops(sequential(built, dense('b', 2)))).toEqual(['input 3', 'dense 4', 'activation 4', 'dense 2']);
  expect(reason(sequential({ ...dense('a', 4), build_config: {} }))).toContain('does not say the shape of the input');
});
