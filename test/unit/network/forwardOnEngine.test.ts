/** The forward pass in the engine's memory: PyTorch's figures for every operation, and plain loops for sizes that meet every edge of the kernels. */
import { afterAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../../src/linalg/engine/engine.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { forward } from '../../../src/network/forward.ts';
import { forwardBetweenOn, forwardOn } from '../../../src/network/forwardOnEngine.ts';
import { forwardSteps } from '../../../src/network/forwardSteps.ts';
import type { Network } from '../../../src/network/network.ts';
import { withSmallerInputs } from '../../../src/network/smallerInputs.ts';
import { engines, stopEngines } from '../linalg/engines.ts';
import { distance, gaussian } from '../linalg/matrices.ts';
import { Layers, operationFigures, operations, ruledInputs, ruledState } from './networks.ts';
import { randomGraph } from './randomNetworks.ts';

afterAll(stopEngines);

const inner = (network: Network, state: Float64Array, x: Float64Array, engine: Engine): Float64Array => complete(forwardOn(engine, state, [{ network, x }]))[0]!;

/** Normal weights, running statistics among them, variances positive. */
function randomState(network: Network, seed: number): Float64Array {
  const random = seededRandom(seed);
  const state = Float64Array.from({ length: network.stateSize }, () => random.normal());
  for (const node of network.nodes) if (node.op === 'batchnorm') for (let c = 0; c < node.variance.length; c++) state[node.variance.offset + c] = 0.1 + random.uniform();
  return state;
}

/** Both ways agree. No engine of the process is started here, so that `forward` goes by loops. */
function expectAgreement(network: Network, rows: number, engine: Engine, seed = 1): void {
  const state = randomState(network, seed);
  const x = gaussian(seededRandom(seed + 1), rows, network.inputs);
  const expected = forward(network, state, x);
  const norm = Math.hypot(...expected);
  expect(norm).toBeGreaterThan(0);
  expect(distance(inner(network, state, x, engine), expected)).toBeLessThan(2e-14 * norm);
}

/** Each is [what, layers, rows]. */
const shapes: readonly (readonly [string, () => Layers, number])[] = [
  ['more outputs than a block of rows, several slabs of channels', () => new Layers([70, 6, 5]).conv(101, [3, 3], { padding: [1, 1] }), 5],
  ['one position an input, so that every panel is of four inputs', () => new Layers([8, 3, 3]).conv(13, [3, 3]), 37],
  ['a 1 × 1 convolution', () => new Layers([9, 7, 7]).conv(5, [1, 1]), 3],
  ['a large kernel with stride', () => new Layers([3, 29, 31]).conv(8, [7, 7], { stride: [2, 2], padding: [3, 3] }), 2],
  ['a window deeper than a slab', () => new Layers([2, 30, 30]).conv(9, [27, 27]), 2],
  ['dilation beyond the picture', () => new Layers([4, 9, 11]).conv(9, [3, 3], { padding: [8, 8], dilation: [5, 7] }), 2],
  ['windows that see padding alone', () => new Layers([3, 4, 4]).conv(7, [2, 2], { padding: [5, 5] }), 3],
  ['one axis', () => new Layers([5, 401]).conv(11, [4], { stride: [3], padding: [[2, 0]] }), 2],
  ['three axes', () => new Layers([2, 5, 6, 7]).conv(8, [2, 3, 2], { padding: [1, 0, 1] }), 2],
  ['groups of several channels', () => new Layers([12, 9, 7]).conv(15, [3, 3], { groups: 3, padding: [1, 1] }), 4],
  ['groups of one output', () => new Layers([12, 9, 7]).conv(4, [3, 3], { groups: 4 }), 4],
  ['depthwise', () => new Layers([7, 13, 11]).conv(7, [3, 3], { groups: 7, padding: [1, 1] }), 3],
  ['depthwise with stride and dilation', () => new Layers([6, 14, 15]).conv(6, [5, 3], { groups: 6, padding: [4, 1], stride: [2, 2], dilation: [2, 1] }), 3],
  ['depthwise with two outputs a channel', () => new Layers([5, 8, 9]).conv(10, [3, 3], { groups: 5, padding: [1, 1] }), 3],
  ['depthwise with nine outputs a channel', () => new Layers([2, 8, 9]).conv(18, [3, 3], { groups: 2, padding: [1, 1] }), 3],
  ['depthwise on pictures smaller than a panel', () => new Layers([5, 1, 3]).conv(5, [1, 3], { groups: 5, padding: [0, 1] }), 3],
  ['maxima of odd sizes', () => new Layers([3, 13, 9]).pool('maxpool', [3, 2], [2, 1], [1, 1]), 3],
  ['averages of odd sizes, padding counted or not', () => new Layers([3, 13, 9]).pool('avgpool', [3, 2], [2, 1], [1, 1]).pool('avgpool', [2, 3], [1, 2], [1, 1], false), 3],
  ['what follows a convolution, and a value that is read twice', () => new Layers([4, 9, 8]).conv(6, [3, 3], { padding: [1, 1] }).batchnorm().activation('relu6')
    .residual((x) => x.conv(6, [3, 3], { padding: [1, 1], bias: false }).batchnorm().prelu(6).conv(6, [1, 1]).batchnorm(1e-3, false)).activation('leaky_relu:0.2')
    .residual((x) => x.conv(8, [3, 3]).batchnorm(), (x) => x.conv(8, [3, 3], { groups: 2 }).batchnorm()).prelu(1).batchnorm().activation('relu'), 3],
  ['activations before norms, dropout and concatenation', () => new Layers([4, 9, 8]).batchnorm().activation('relu').dropout().concat((x) => x.batchnorm().activation('tanh').conv(3, [3, 3], { padding: [1, 1] })).activation('linear').concat((x) => x.conv(2, [1, 1])).globalPool('globalavgpool').dense(3), 3],
  ['a value added to itself', () => {
    const layers = new Layers([3, 5, 5]).conv(4, [3, 3]);
    layers.at = layers.builder.add('twice', [layers.at, layers.at]);
    return layers.activation('relu');
  }, 2],
];

describe.each(engines)('$name', ({ engine }) => {
  test.each(operationFigures)('$name as in PyTorch', async ({ name, outputs }) => {
    const network = operations[name]!().build();
    expect(distance(inner(network, ruledState(network), ruledInputs(network), await engine), Float64Array.from(outputs))).toBeLessThan(1e-13 * Math.hypot(...outputs));
  });

  test.each(shapes)('%s', async (_, layers, rows) => {
    expectAgreement(layers().build(), rows, await engine);
  });

  test('random networks', async () => {
    for (let seed = 1; seed <= 40; seed++) expectAgreement(randomGraph(seed), 3, await engine, seed);
  });

  test('a batch is its inputs one by one, whichever thread computes them', async () => {
    const network = new Layers([3, 33, 31]).conv(40, [3, 3], { padding: [1, 1] }).activation('relu').conv(48, [3, 3], { stride: [2, 2] }).globalPool('globalavgpool').build();
    const state = randomState(network, 5);
    const x = gaussian(seededRandom(6), 6, network.inputs);
    const all = inner(network, state, x, await engine);
    const one = Array.from({ length: 6 }, (_, n) => [...forward(network, state, x.subarray(n * network.inputs, (n + 1) * network.inputs))]).flat();
    expect(distance(all, Float64Array.from(one))).toBeLessThan(1e-14 * Math.hypot(...one));
  });

  test('several chunks of inputs', async () => {
    const network = new Layers([1, 300, 300]).conv(4, [3, 3], { padding: [1, 1] }).batchnorm().activation('relu').pool('maxpool', [2, 2], [2, 2]).globalPool('globalavgpool').dense(2).build();
    expectAgreement(network, 60, await engine);
  });

  test('what was not finite stays so: relu is 0 on NaN as in plain code, a maximum over NaN is NaN', async () => {
    const network = new Layers([1, 1, 8]).pool('maxpool', [1, 2], [1, 2]).build();
    const [nan, inf] = [Number.NaN, Number.POSITIVE_INFINITY];
    expect([...inner(network, new Float64Array(0), Float64Array.of(1, nan, nan, 2, -inf, -inf, 3, inf), await engine)]).toEqual([nan, nan, -inf, inf]);
    const rectified = new Layers([1, 1, 5]).activation('relu').build();
    const x = Float64Array.of(nan, -inf, inf, -0, 2);
    expect([...inner(rectified, new Float64Array(0), x, await engine)]).toEqual([...forward(rectified, new Float64Array(0), x)]);
  });

  test('the points of a line are networks of their own, both ends to the last bit', async () => {
    const here = await engine;
    for (const network of [operations['residual']!().build(), ...shapes.map(([, layers]) => layers().build())]) {
      const [a, b] = [randomState(network, 1), randomState(network, 2)];
      const x = gaussian(seededRandom(3), 2, network.inputs);
      const shares = Float64Array.of(1, 0.3, 0, 0.75);
      const seen: number[] = [];
      complete(forwardBetweenOn(here, { network, x }, a, b, shares, (k, outputs) => {
        const t = shares[k]!;
        const expected = inner(network, a.map((value, i) => (t === 1 ? b[i]! : value + t * (b[i]! - value))), x, here);
        if (t === 0 || t === 1) expect(outputs).toEqual(expected);
        else expect(distance(outputs, expected)).toBeLessThan(1e-13 * Math.hypot(...expected));
        seen.push(k);
      }));
      expect(seen).toEqual([0, 1, 2, 3]);
    }
  });

  test('networks for pictures of two sizes share their weights', async () => {
    const here = await engine;
    const network = new Layers([3, 21, 17]).conv(14, [3, 3], { padding: [1, 1] }).batchnorm().activation('relu').conv(5, [3, 3], { groups: 1 }).globalPool('globalavgpool').dense(4).build();
    const smaller = withSmallerInputs(network)!;
    const state = randomState(network, 4);
    const [small, large] = [gaussian(seededRandom(5), 3, smaller.inputs), gaussian(seededRandom(6), 2, network.inputs)];
    const both = complete(forwardOn(here, state, [{ network: smaller, x: small }, { network, x: large }]));
    expect(both).toEqual([inner(smaller, state, small, here), inner(network, state, large, here)]);
  });

  test('is left in the middle without a trace', async () => {
    const here = await engine;
    const network = operations['residual']!().build();
    const state = ruledState(network);
    const before = inner(network, state, ruledInputs(network), here);
    const broken = forwardOn(here, state, [{ network, x: ruledInputs(network) }]);
    for (let k = 0; k < 5; k++) broken.next();
    broken.return([]);
    expect(inner(network, state, ruledInputs(network), here)).toEqual(before);
  });
});

test('steps: what follows a convolution is part of it unless something else reads it', () => {
  const block = operations['residual']!().build();
  const said = forwardSteps(block).map(({ kind, node, result }) => `${kind} ${node.name} → ${block.nodes[result]!.name}`);
  // The sum takes the value that is ready last; the first block adds what it began with.
  expect(said).toEqual([
    'plain input → input', 'convolve conv0 → relu2', 'convolve conv3 → relu5', 'convolve conv6 → relu9', 'convolve conv10 → conv10', 'plain silu11 → silu11',
    'convolve conv12 → add13', 'plain globalavgpool14 → globalavgpool14', 'plain dense15 → dense15',
  ]);
});
