/** ONNX graphs as networks, with outputs that their exporters give. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { forward } from '../../../src/network/forward.ts';
import { recognizeOnnx } from '../../../src/network/onnxNetwork.ts';
import { readState } from '../../../src/network/parameters.ts';
import type { OnnxFile } from '../../../src/weights/onnx.ts';
import type { OnnxAttribute, OnnxNode } from '../../../src/weights/onnxGraph.ts';

type Attributes = Readonly<Record<string, OnnxAttribute>>;
const ints = (...values: number[]): OnnxAttribute => ({ kind: 'ints', values });
const int = (value: number): OnnxAttribute => ({ kind: 'int', value });
const float = (value: number): OnnxAttribute => ({ kind: 'float', value: Math.fround(value) });

function node(operator: string, inputs: readonly string[], output: string, attributes: Attributes = {}, domain = ''): OnnxNode {
  return { name: `${output}_node`, operator, domain, inputs, outputs: [output], attributes: new Map(Object.entries(attributes)) };
}

interface Weight {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: 'F32' | 'I64';
}

/** A model in memory with input "x" and output "y". */
function model(input: readonly (number | string)[], nodes: readonly OnnxNode[], weights: Readonly<Record<string, Weight>> = {}, outputs = ['y']): OnnxFile {
  const infos = Object.entries(weights).map(([name, { shape, values, dtype = 'F32' as const }]) => ({ name, dtype, shape, elements: values.length, bytes: 4 * values.length }));
  return {
    path: 'm.onnx', format: 'ONNX', fileBytes: 0, tensors: infos.filter(({ dtype }) => dtype === 'F32'), metadata: {}, warnings: [],
    graph: { name: 'g', nodes, inputs: [{ name: 'x', dtype: 'F32', shape: input }], outputs: outputs.map((name) => ({ name, dtype: 'F32', shape: undefined })) },
    tensor: (name) => infos.find((info) => info.name === name),
    read: (name, start = 0, end) => Promise.resolve(Float64Array.from(weights[name]!.values.slice(start, end))),
    close: () => Promise.resolve(),
  };
}

const some = (...shape: number[]): Weight => ({ shape, values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => Math.sin(k + 1)) });

async function network(file: OnnxFile) {
  const found = await recognizeOnnx(file);
  if (found.kind !== 'network') throw new Error(found.kind === 'unrecognised' ? found.reason : found.kind);
  return found.network;
}

async function outputs(file: OnnxFile, x: readonly number[]): Promise<number[]> {
  const found = await network(file);
  return [...forward(found, await readState(file, found), Float64Array.from(x))];
}

async function reason(file: OnnxFile): Promise<string> {
  const found = await recognizeOnnx(file);
  return found.kind === 'unrecognised' ? found.reason : 'recognised';
}

describe('ONNX graphs as networks', () => {
  it('reach weights through transpositions', async () => {
    const file = model(['N', 3], [node('Transpose', ['w'], 'wT', { perm: ints(1, 0) }), node('MatMul', ['x', 'wT'], 'h'), node('Add', ['b', 'h'], 'y')], { w: some(2, 3), b: some(2) });
    const [w, b, x] = [some(2, 3).values, some(2).values, [0.3, -1, 2]];
    expect(await outputs(file, x)).toEqual([0, 1].map((o) => expect.closeTo(b[o]! + [0, 1, 2].reduce((sum, i) => sum + w[3 * o + i]! * x[i]!, 0), 12) as number));
  });

  it('share initializers that are used twice', async () => {
    const found = await network(model(['N', 2], [node('Gemm', ['x', 'w', 'b'], 'h'), node('Tanh', ['h'], 'a'), node('Gemm', ['a', 'w', 'b'], 'y')], { w: some(2, 2), b: some(2) }));
    expect(found.parameters).toBe(6);
    expect(found.nodes.map(({ op }) => op)).toEqual(['input', 'dense', 'activation', 'dense']);
  });

  it('take images with channels last, and flatten them as they lie', async () => {
    const file = model(['N', 2, 3, 2], [
      node('Transpose', ['x'], 'c', { perm: ints(0, 3, 1, 2) }), node('Relu', ['c'], 'r'), node('Transpose', ['r'], 'l', { perm: ints(0, 2, 3, 1) }),
      node('Reshape', ['l', 'shape'], 'f'), node('Gemm', ['f', 'w'], 'y'),
    ], { shape: { shape: [2], values: [-1, 12], dtype: 'I64' }, w: { shape: [12, 12], values: Array.from({ length: 144 }, (_, k) => (k % 13 === 0 ? 1 : 0)) } });
    const x = Array.from({ length: 12 }, (_, k) => k + 1);
    expect((await network(file)).nodes[0]).toMatchObject({ order: 'channel-last', shape: [2, 2, 3] });
    expect(await outputs(file, x)).toEqual(x);
  });

  it('round pooled sizes up where the node says so, and merge zeros into the convolution behind them', async () => {
    const pooled = model(['N', 1, 5], [node('MaxPool', ['x'], 'p', { kernel_shape: ints(2), strides: ints(2), ceil_mode: int(1) }), node('Flatten', ['p'], 'y')]);
    expect(await outputs(pooled, [1, 2, 3, 4, 5])).toEqual([2, 4, 5]);
    const padded = model(['N', 1, 3], [node('Pad', ['x', 'pads'], 'p'), node('Conv', ['p', 'k'], 'c'), node('Flatten', ['c'], 'y')], { pads: { shape: [6], values: [0, 0, 1, 0, 0, 0], dtype: 'I64' }, k: { shape: [1, 1, 2], values: [1, 10] } });
    expect(await outputs(padded, [1, 2, 3])).toEqual([10, 21, 32]);
  });

  it('read settings in float32 as the decimals that they stand for', async () => {
    const found = await network(model(['N', 2], [node('LeakyRelu', ['x'], 'a', { alpha: float(0.2) }), node('BatchNormalization', ['a', 's', 't', 'm', 'v'], 'y', { epsilon: float(1e-5) })], { s: some(2), t: some(2), m: some(2), v: some(2) }));
    expect(found.nodes).toMatchObject([{}, { activation: { name: 'leaky_relu:0.2' } }, { epsilon: 1e-5 }]);
  });

  it('know activations that are written out in several nodes', async () => {
    const scalars = { half: { shape: [], values: [0.5] }, one: { shape: [], values: [1] }, root: { shape: [], values: [Math.fround(Math.SQRT2)] }, six: { shape: [], values: [6] }, zero: { shape: [], values: [0] } };
    const gelu = [node('Div', ['x', 'root'], 'a'), node('Erf', ['a'], 'b'), node('Add', ['b', 'one'], 'c'), node('Mul', ['x', 'c'], 'd'), node('Mul', ['d', 'half'], 'y')];
    const named = async (nodes: OnnxNode[]): Promise<unknown> => (await network(model(['N', 2], nodes, scalars))).nodes.slice(1).map((each) => ('activation' in each ? each.activation.name : each.op));
    expect(await named(gelu)).toEqual(['gelu']);
    expect(await named([node('Sigmoid', ['x'], 's'), node('Mul', ['s', 'x'], 'y')])).toEqual(['silu']);
    expect(await named([node('Clip', ['x', 'zero', 'six'], 'y')])).toEqual(['relu6']);
    expect(await named([node('Relu', ['x'], 'a'), node('Tanh', ['a'], 'y')])).toEqual(['relu', 'tanh']);
    // A sum of a value and its activation is a residual sum, not an activation.
    expect(await named([node('Relu', ['x'], 'a'), node('Add', ['x', 'a'], 'y')])).toEqual(['relu', 'add']);
  });

  it.each<[string, OnnxFile, string]>([
    ['an operator', model(['N', 2], [node('LSTM', ['x'], 'y')]), 'operator "LSTM" at node "y_node" is not supported'],
    ['a domain', model(['N', 2], [node('Gelu', ['x'], 'y', {}, 'com.microsoft')]), 'operator "com.microsoft.Gelu" at node "y_node" is not supported'],
    ['a setting', model(['N', 2], [node('Gemm', ['x', 'w'], 'y', { alpha: float(0.5) })], { w: some(2, 2) }), 'operator "Gemm" at node "y_node" with alpha 0.5 and beta 1 is not supported'],
    ['Selu', model(['N', 2], [node('Selu', ['x'], 'h'), node('Relu', ['h'], 'y')]), 'operator "Selu" at node "h_node" is not supported'],
    ['a product of values', model(['N', 2], [node('Relu', ['x'], 'a'), node('Tanh', ['x'], 'b'), node('Mul', ['a', 'b'], 'y')]), 'operator "Mul" at node "y_node" is not supported'],
    ['a sum with a tensor', model(['N', 2], [node('Add', ['x', 'b'], 'y')], { b: some(2) }), 'operator "Add" at node "y_node" of a value and the tensor "b" is not supported'],
    ['an open size', model(['N', 3, 'height', 'width'], [node('Relu', ['x'], 'y')]), 'its input "x" leaves the length of axis 2 open ([N, 3, height, width]); export it for one size of input'],
    ['two outputs', model(['N', 2], [node('Relu', ['x'], 'y'), node('Tanh', ['x'], 'z')], {}, ['y', 'z']), 'its graph has 2 outputs, a network here has one'],
    ['no input', model(['N', 2], [node('Identity', ['b'], 'y')], { b: some(2) }), 'its output depends on no input'],
    ['a softmax within', model(['N', 2], [node('Softmax', ['x'], 'a'), node('Relu', ['a'], 'y')]), 'operator "Softmax" at node "a_node" is not supported'],
    ['a softmax over positions', model(['N', 2, 3], [node('Softmax', ['x'], 'y', { axis: int(2) })]), 'operator "Softmax" at node "y_node" along axis 2 of [N, 2, 3] is not supported'],
    ['a cycle', model(['N', 2], [node('Add', ['x', 'b'], 'a'), node('Relu', ['a'], 'b'), node('Add', ['b', 'x'], 'y')]), 'operator "Add" at node "a_node" of "b", which nothing before it computes, is not supported'],
    ['a misfit', model(['N', 3], [node('Gemm', ['x', 'w'], 'y')], { w: some(2, 2) }), 'layer "y_node": takes 2 inputs, what comes before it gives 3'],
    ['a hostile name', model(['N', 3], [node('A\u202eb', ['x'], 'y')]), 'operator "A\\u{202e}b" at node "y_node" is not supported'],
  ])('name %s', async (_, file, message) => {
    expect(await reason(file)).toBe(message);
  });

  it('never end in anything but a network or a reason, whatever the nodes', async () => {
    const operators = ['Gemm', 'MatMul', 'Conv', 'Add', 'Mul', 'Sub', 'Div', 'Pow', 'Relu', 'Sigmoid', 'Erf', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'ReduceMean', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose', 'Concat', 'Clip', 'Sqrt', 'Reciprocal', 'Pad', 'BatchNormalization', 'LayerNormalization', 'PRelu', 'Dropout', 'Identity', 'Cast', 'Shape', 'Gather', 'Slice', 'Softmax', 'Constant', 'constructor', '__proto__', 'toString'];
    const weights: Record<string, Weight> = {
      w: some(3, 3), w4: some(3, 3, 2, 2), w3: some(3, 3, 2), b: some(3), s: { shape: [], values: [2] }, eps: { shape: [], values: [1e-5] }, big: some(3, 5), zero: { shape: [0, 3], values: [] },
      i0: { shape: [], values: [0], dtype: 'I64' }, i1: { shape: [1], values: [1], dtype: 'I64' }, shape: { shape: [2], values: [0, -1], dtype: 'I64' }, pads: { shape: [8], values: [0, 0, 1, 1, 0, 0, 1, 1], dtype: 'I64' },
    };
    const random = seededRandom(1);
    const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
    let recognised = 0;
    for (let run = 0; run < 4000; run++) {
      const names = ['x', 'x'];
      const nodes: OnnxNode[] = [];
      for (let k = 0; k < 1 + random.below(8); k++) {
        const output = `v${k}`;
        const attributes: Record<string, OnnxAttribute> = {};
        for (const name of ['axis', 'transB', 'keepdims', 'group', 'ceil_mode']) if (random.below(3) === 0) attributes[name] = int(pick([-1, 0, 1, 2, 3, -7, 2 ** 40]));
        for (const name of ['axes', 'perm', 'strides', 'pads', 'kernel_shape', 'dilations']) if (random.below(3) === 0) attributes[name] = ints(...Array.from({ length: random.below(5) }, () => pick([-1, 0, 1, 2, 3, 1e9, NaN])));
        nodes.push(node(pick(operators), Array.from({ length: random.below(4) }, (_, at) => (at === 0 || random.below(2) === 0 ? pick([...names, ...names.slice(-1), 'missing']) : pick(Object.keys(weights)))), output, attributes));
        names.push(output);
      }
      nodes.push(node('Identity', [names.at(-1)!], 'y'));
      const found = await recognizeOnnx(model(pick([['N', 3], ['N', 3, 4], ['N', 3, 4, 4], [1, 3, 1, 1], ['N']]), nodes, weights));
      if (found.kind === 'network') recognised++;
    }
    expect(recognised).toBeGreaterThan(100);
  });
});
