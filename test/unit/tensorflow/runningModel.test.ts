/** Models that `network/` does not know, on TensorFlow.js: what TensorFlow itself computes, bad files, cancelling, and the end of the process. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { forward } from '../../../src/network/forward.ts';
import { readState } from '../../../src/network/parameters.ts';
import { requireNetwork } from '../../../src/network/readNetwork.ts';
import { RunningModel } from '../../../src/tensorflow/runningModel.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { context, temporaryFolder } from '../analyses/workspace.ts';

const fixtures = path.join(import.meta.dirname, '../../fixtures/tensorflow');

interface Expected {
  readonly input: readonly number[];
  readonly x: readonly number[] | null;
  readonly outputs: readonly number[];
}

const expected = JSON.parse(readFileSync(path.join(fixtures, 'expected.json'), 'utf8')) as Readonly<Record<string, Expected>>;

async function opened(file: string, own = context): Promise<RunningModel> {
  const model = await RunningModel.open(file, own, 'wasm');
  onTestFinished(() => { model.close(); });
  return model;
}

function examples({ input, x }: Expected): { readonly source: string; readonly x: Float64Array; readonly inputs: number } {
  const inputs = input.reduce((product, length) => product * length, 1);
  return { source: 'x', x: x === null ? Float64Array.from({ length: 3 * inputs }, (_, k) => Math.cos(1.3 * (k + 1))) : Float64Array.from(x), inputs };
}

function expectClose(values: Float64Array, wanted: readonly number[]): void {
  expect(values.length).toBe(wanted.length);
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  wanted.forEach((value, k) => { expect(Math.abs(values[k]! - value)).toBeLessThan(2e-6 * largest); });
}

describe('outputs are TensorFlow’s', () => {
  it.each([
    ['sequence', 'sequence.h5', 'softmax'], ['sequence', 'sequence.keras', 'softmax'], ['image', 'image.keras', 'none'], ['text', 'text/model.json', 'sigmoid'], ['graph', 'graph/model.json', 'softmax'],
  ])('%s in %s, before its %s', async (name, file, head) => {
    const model = await opened(path.join(fixtures, file));
    expect(model.backend).toMatchObject({ kind: 'wasm', version: '4.22.0' });
    expect(model.head).toBe(head);
    const { values } = await model.forward(examples(expected[name]!));
    expectClose(values, expected[name]!.outputs);
  });

  it('of every draw of a graph’s weights', async () => {
    const model = await opened(path.join(fixtures, 'graph/model.json'));
    const file = await openWeightFile(path.join(fixtures, 'graph-draws.npz'));
    onTestFinished(() => file.close());
    const { weights, draws, isModel } = model.drawsOf(file);
    expect([draws, isModel]).toEqual([5, false]);
    const size = expected['graph-draws']!.outputs.length / 5;
    for (const draw of [0, 4, 2]) {
      await model.assign(file, weights, draw);
      expectClose((await model.forward(examples(expected['graph-draws']!))).values, expected['graph-draws']!.outputs.slice(draw * size, (draw + 1) * size));
    }
  });
});

it.each(['architectures/tfjs-chain/model.json', 'architectures/tfjs-graph/model.json', 'keras/keras3.keras', 'keras/keras2.h5'])('what both know, both compute alike: %s', async (name) => {
  const file = path.join(import.meta.dirname, '../../fixtures', name);
  const known = await openWeightFile(file);
  onTestFinished(() => known.close());
  const { network } = await requireNetwork(known, {});
  const random = seededRandom(1);
  const x = Float64Array.from({ length: 4 * network.inputs }, () => random.normal());
  const model = await opened(file);
  const { values } = await model.forward({ source: 'x', x, inputs: network.inputs });
  expectClose(values, [...forward(network, await readState(known, network), x)]);
});

describe('MC dropout', () => {
  it('has one mask for all examples, the same for the same seed, and none without a seed', async () => {
    const model = await opened(path.join(fixtures, 'image.keras'));
    expect(model.facts.dropout).toEqual(['drop']);
    const { x, inputs, source } = examples(expected['image']!);
    const twice = { source, inputs, x: Float64Array.of(...x.subarray(0, inputs), ...x.subarray(0, inputs)) };
    const a = (await model.forward(twice, 5)).values;
    expect(a[0]).toBe(a[1]);
    expect((await model.forward(twice, 5)).values).toEqual(a);
    expect((await model.forward(twice, 6)).values[0]).not.toBe(a[0]);
    expectClose((await model.forward(examples(expected['image']!))).values, expected['image']!.outputs);
  });
});

describe('what cannot be run is said in a sentence', () => {
  it('an operation that TensorFlow.js does not have', async () => {
    const open = async (): Promise<unknown> => (await opened(path.join(fixtures, 'gamma/model.json'))).forward({ source: 'x', x: new Float64Array(2), inputs: 2 });
    await expect(open()).rejects.toThrow('uses the operation Lgamma, which TensorFlow.js does not have');
  });

  it('a shard that is cut off, or outside the folder', async () => {
    const folder = await temporaryFolder();
    await cp(path.join(fixtures, 'graph'), folder, { recursive: true });
    const shard = path.join(folder, 'group1-shard2of2.bin');
    await writeFile(shard, (await readFile(shard)).subarray(0, 100));
    await expect(opened(path.join(folder, 'model.json'))).rejects.toThrow(/model\.json/);
    const text = await readFile(path.join(folder, 'model.json'), 'utf8');
    await writeFile(path.join(folder, 'model.json'), text.replace('group1-shard2of2.bin', '../outside.bin'));
    await expect(opened(path.join(folder, 'model.json'))).rejects.toThrow('../outside.bin');
  });

  it('a Lambda layer, which is code', async () => {
    const folder = await temporaryFolder();
    const text = await readFile(path.join(fixtures, 'text/model.json'), 'utf8');
    await cp(path.join(fixtures, 'text'), folder, { recursive: true });
    await writeFile(path.join(folder, 'model.json'), text.replace('"class_name": "LSTM"', '"class_name": "Lambda"'));
    await expect(opened(path.join(folder, 'model.json'))).rejects.toThrow('is a Lambda: code within the file, which is never run');
  });

  it('inputs of another shape', async () => {
    const model = await opened(path.join(fixtures, 'graph/model.json'));
    await expect(model.forward({ source: 'data.npz', x: new Float64Array(10), inputs: 5 })).rejects.toThrow('data.npz: x: has inputs of shape [5], the model takes [6, 6, 2]');
  });
});

it('ends with the job that is cancelled', async () => {
  const abort = new AbortController();
  const model = await opened(path.join(fixtures, 'image.keras'), { ...context, signal: abort.signal });
  const running = model.forward(examples(expected['image']!));
  abort.abort(new Error('enough'));
  await expect(running).rejects.toThrow('enough');
  await expect(model.forward(examples(expected['image']!))).rejects.toThrow('enough');
});

describe('SavedModels', () => {
  it.each(['saved', 'saved-keras'])('%s is read, and wants native TensorFlow', async (name) => {
    await expect(opened(path.join(fixtures, name))).rejects.toThrow('is a SavedModel, which only native TensorFlow runs');
  });

  it('one that would write a file is refused by the operation’s name, before anything runs', async () => {
    await expect(opened(path.join(fixtures, 'saved-writes'))).rejects.toThrow('saved_model.pb: uses the operation WriteFile, which is not among the plain computations');
  });

  it('one that is cut off', async () => {
    const folder = await temporaryFolder();
    const whole = await readFile(path.join(fixtures, 'saved/saved_model.pb'));
    await writeFile(path.join(folder, 'saved_model.pb'), whole.subarray(0, whole.length / 2));
    await expect(opened(folder)).rejects.toThrow(/saved_model\.pb: byte \d+/);
  });
});
