/** Every layer that TensorFlow.js has under Keras' name for it: what it computes there is what TensorFlow computes, or it is refused. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { context } from '../analyses/workspace.ts';
import { layersTopology } from '../../../src/tensorflow/layersTopology.ts';
import { TensorflowSession } from '../../../src/tensorflow/session.ts';

interface Figure {
  readonly config: unknown;
  readonly input: readonly number[];
  /** In Keras' order of the model's weights. */
  readonly weights: readonly (readonly number[])[];
  /** Of three examples. */
  readonly outputs: readonly number[];
}

const figures = JSON.parse(readFileSync(path.join(import.meta.dirname, '../../fixtures/tensorflow/layers.json'), 'utf8')) as Readonly<Record<string, Figure>>;

let session: TensorflowSession;
beforeAll(async () => { session = await TensorflowSession.start(context, 'wasm'); });
afterAll(() => { session.close(); });

async function outputs({ config, input, weights }: Figure): Promise<{ readonly values: Float32Array; readonly head: string }> {
  const { json, head } = layersTopology(JSON.stringify(config));
  const { slots } = await session.load('model', { kind: 'layers', topology: json }, []);
  expect(slots.map(({ shape }) => shape.reduce((product, length) => product * length, 1))).toEqual(weights.map(({ length }) => length));
  await session.assign('model', slots.map(({ name, shape }, k) => ({ name, shape, dtype: 'float32' as const, values: Float32Array.from(weights[k]!) })));
  const x = Float32Array.from({ length: 3 * input.reduce((product, length) => product * length, 1) }, (_, k) => Math.cos(1.3 * (k + 1)));
  const { values } = await session.run('model', x, [3, ...input], { dropoutSeed: null, measure: false });
  return { values, head };
}

/** What ends in one of these is compared before it. */
const heads: Readonly<Record<string, (row: Float64Array) => Float64Array>> = {
  sigmoid: (row) => row.map((f) => 1 / (1 + Math.exp(-f))),
  softmax(row) {
    const exponentials = row.map(Math.exp);
    const sum = exponentials.reduce((a, b) => a + b, 0);
    return exponentials.map((e) => e / sum);
  },
};

const refused: Readonly<Record<string, string>> = {
  ELU: 'Non-default alpha value (0.7) is not supported',
  'Activation-hard_sigmoid': 'is hard_sigmoid as Keras 3 defines it, which TensorFlow.js does not have, or has in another way',
  'Activation-leaky_relu': 'has the activation leakyRelu, which TensorFlow.js does not have',
  'Activation-exponential': 'has the activation exponential, which TensorFlow.js does not have',
  Conv1D: 'CAUSAL padding mode',
  'Conv2D-groups': 'is Conv2D in 2 groups',
  'Conv2DTranspose-padded': 'is Conv2DTranspose with output padding',
  Conv3DTranspose: 'is Conv3DTranspose',
  SeparableConv1D: 'has the layer SeparableConv1D, which TensorFlow.js does not have',
  'UpSampling2D-bilinear': 'is UpSampling2D with interpolation "bilinear"',
  Subtract: 'has the layer Subtract, which TensorFlow.js does not have',
  'GlobalMaxPooling2D-keeps': 'is GlobalMaxPooling2D that keeps its axes',
  'LSTM-options': 'is hard_sigmoid as Keras 3 defines it',
  'GRU-after': 'reset_after parameter set to true',
  StackedRNNCells: 'is StackedRNNCells',
  Resizing: 'is Resizing',
  CenterCrop: 'is CenterCrop',
  Attention: 'has the layer Attention, which TensorFlow.js does not have',
  MultiHeadAttention: 'has the layer MultiHeadAttention, which TensorFlow.js does not have',
};

describe('layers alone', () => {
  it.each(Object.entries(figures).filter(([name]) => refused[name] === undefined))('%s', async (_, figure) => {
    const { values, head } = await outputs(figure);
    expect(values.length).toBe(figure.outputs.length);
    const width = values.length / 3;
    const rows = [0, 1, 2].flatMap((n) => {
      const row = Float64Array.from(values.subarray(n * width, (n + 1) * width));
      return [...(heads[head]?.(row) ?? row)];
    });
    const largest = figure.outputs.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    // A few roundings of float32.
    rows.forEach((value, k) => { expect(Math.abs(value - figure.outputs[k]!)).toBeLessThan(2e-6 * largest); });
  });

  it.each(Object.entries(refused))('%s is refused by name', async (name, sentence) => {
    await expect(outputs(figures[name]!)).rejects.toThrow(sentence);
  });
});
