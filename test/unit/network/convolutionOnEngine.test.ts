/** Convolution on the engine against plain loops, which PyTorch's figures check (forward.test.ts), and the three products as each other's transposes. */
import { beforeAll, expect, test } from 'vitest';
import { sharedEngine } from '../../../src/linalg/engine/engine.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { addConvolution, addConvolutionGradient, addConvolutionPullback } from '../../../src/network/convolution.ts';
import { type NodeOf, valueSize } from '../../../src/network/network.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';

interface Case {
  readonly what: string;
  readonly input: readonly number[];
  /** Outputs, input channels of a group, kernel. */
  readonly weight: readonly number[];
  readonly groups?: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly rows: number;
}

const cases: readonly Case[] = [
  { what: 'stretches within one input', input: [8, 60, 50], weight: [6, 8, 3, 3], padding: 1, rows: 2 },
  { what: 'stretches over several inputs', input: [16, 5, 5], weight: [12, 16, 3, 3], padding: 1, rows: 101 },
  { what: 'strides, dilation and groups', input: [12, 23, 19], weight: [20, 6, 3, 2], groups: 2, stride: 2, padding: 3, dilation: 2, rows: 7 },
  { what: 'one axis', input: [9, 400], weight: [7, 9, 5], padding: 2, rows: 3 },
  { what: 'windows that see padding alone', input: [4, 6, 6], weight: [8, 4, 2, 2], padding: 4, rows: 20 },
];

function network({ input, weight, groups = 1, stride = 1, padding = 0, dilation = 1 }: Case): NodeOf<'conv'> {
  const axes = input.slice(1);
  const builder = new NetworkBuilder();
  const conv = builder.conv('conv', builder.input([...input]), { tensor: 'w', shape: [...weight] }, undefined, {
    stride: axes.map(() => stride), padding: axes.map(() => [padding, padding + 1] as const), dilation: axes.map(() => dilation), groups,
  });
  const node = builder.finish(builder.dense('last', builder.flatten('flat', conv), { tensor: 'v', shape: [1, valueSize(builder.shapeOf(conv))] })).nodes.find(({ op }) => op === 'conv');
  if (node?.op !== 'conv') throw new Error('no convolution');
  return node;
}

/** The same three products, wherever `convolution.ts` makes them. */
function products(question: Case): { readonly y: Float64Array; readonly back: Float64Array; readonly gradient: Float64Array; readonly inner: readonly number[] } {
  const node = network(question);
  const random = seededRandom(3);
  const normals = (length: number): Float64Array => Float64Array.from({ length }, () => random.normal());
  const x = normals(question.rows * valueSize(question.input));
  const weight = normals(node.weight.length);
  const delta = normals(question.rows * valueSize(node.shape));
  const y = new Float64Array(delta.length);
  addConvolution(node, question.input, weight, x, y);
  const back = new Float64Array(x.length);
  addConvolutionPullback(node, question.input, weight, delta, back);
  const gradient = new Float64Array(weight.length);
  addConvolutionGradient(node, question.input, x, delta, gradient);
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, k) => sum + value * b[k]!, 0);
  return { y, back, gradient, inner: [dot(y, delta), dot(x, back), dot(weight, gradient)] };
}

const plain = new Map<string, ReturnType<typeof products>>();
beforeAll(async () => {
  // Before the engine of the process has been started, everything is done by loops.
  for (const question of cases) plain.set(question.what, products(question));
  await sharedEngine();
});

test.for(cases)('$what: as by loops', (question) => {
  const engine = products(question);
  const loops = plain.get(question.what);
  for (const name of ['y', 'back', 'gradient'] as const) {
    const [ours, theirs] = [engine[name], loops?.[name] ?? new Float64Array(0)];
    expect(ours.length).toBe(theirs.length);
    const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeGreaterThan(1);
    expect(ours.reduce((most, value, k) => Math.max(most, Math.abs(value - theirs[k]!)), 0)).toBeLessThan(1e-13 * largest);
  }
});

test.for(cases)('$what: ⟨W ⋆ x, δ⟩ is linear in x and W', (question) => {
  const { inner: [forwards, byInput, byWeight] } = products(question);
  expect(byInput).toBeCloseTo(forwards ?? Number.NaN, 6);
  expect(byWeight).toBeCloseTo(forwards ?? Number.NaN, 6);
});
