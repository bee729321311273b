/** Many weights at once against one after the other, which PyTorch's figures check (forward.test.ts). */
import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import { forwardDraws } from '../../../src/network/forwardDraws.ts';
import type { Network } from '../../../src/network/network.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';
import { randomGraph } from './randomNetworks.ts';

const { signal } = new AbortController();

function drawsOf(network: Network, draws: number, rows: number): { readonly states: Float64Array; readonly x: Float64Array } {
  const random = seededRandom(5);
  // Variances are positive, so that batch normalisation has roots.
  const states = random.normals(new Float64Array(draws * network.stateSize)).map((value, k) => (k % network.stateSize >= network.parameters ? Math.abs(value) : 0.3 * value));
  return { states, x: random.normals(new Float64Array(rows * network.inputs)) };
}

async function requireSame(network: Network, draws: number, rows: number): Promise<void> {
  const { states, x } = drawsOf(network, draws, rows);
  const together = await forwardDraws(network, states, x, signal);
  const size = rows * network.outputs;
  expect(together).toHaveLength(draws * size);
  for (let s = 0; s < draws; s++) {
    const alone = forward(network, states.subarray(s * network.stateSize, (s + 1) * network.stateSize), x);
    const scale = alone.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    alone.forEach((value, k) => { expect(Math.abs(together[s * size + k]! - value)).toBeLessThanOrEqual(1e-13 * scale); });
  }
}

test.each(['relu', 'leaky_relu:0.2', 'tanh', 'linear'])('a chain of dense layers with %s', async (name) => {
  await requireSame(denseNetwork([5, 33, 18, 3], activationNamed(name)), 4, 101);
  await requireSame(denseNetwork([5, 33, 18, 3], activationNamed(name), undefined, false), 3, 40);
});

test('more inputs than are taken at a time, and a single output', () => requireSame(denseNetwork([3, 600, 1], activationNamed('relu')), 2, 1000));

test('pictures that are flattened, dropout, and two activations in a row', async () => {
  const builder = new NetworkBuilder();
  const flat = builder.flatten('flat', builder.input([3, 4, 5]), 'channel-first');
  const hidden = builder.dense('one', flat, { tensor: 'w', shape: [20, 60] }, { tensor: 'b', shape: [20] });
  const node = builder.activation('twice', builder.dropout('drop', builder.activation('relu', hidden, activationNamed('relu')), 0.5), activationNamed('tanh'));
  await requireSame(builder.finish(builder.dense('two', node, { tensor: 'v', shape: [2, 20] })), 3, 50);
});

test('every other network', async () => {
  for (let seed = 0; seed < 12; seed++) await requireSame(randomGraph(seed), 3, 9);
});

test('a unit whose input overflows below is off, not undefined', async () => {
  const network = denseNetwork([4, 40, 1], activationNamed('relu'));
  const { states, x } = drawsOf(network, 2, 300);
  states.fill(-1e308, 0, 4);
  const together = await forwardDraws(network, states, x.map((value) => 1 + Math.abs(value)), signal);
  expect(together.every(Number.isFinite)).toBe(true);
});

test('ends when it is cancelled', async () => {
  const network = denseNetwork([4, 40, 1], activationNamed('relu'));
  const { states, x } = drawsOf(network, 2, 300);
  await expect(forwardDraws(network, states, x, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
});
