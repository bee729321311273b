/**
 * Generic inputs show what inputs of every scale show: in one dimension a dense grid of all scales meets every linear piece, which gives the
 * functional dimension by brute force.
 */
import { describe, expect, test } from 'vitest';
import { genericInputs, standardNormalInputs } from '../../../src/curvature/genericInputs.ts';
import { rankEstimate } from '../../../src/curvature/rank.ts';
import { gramSpectrum } from '../../../src/curvature/spectrum.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { trace } from '../../../src/network/forward.ts';
import type { Network } from '../../../src/network/network.ts';
import { context, network, normal } from './problems.ts';

async function rankOn(net: Network, state: Float64Array, x: Float64Array): Promise<number> {
  const { singularValues, rows, resolution, floor } = await gramSpectrum({ network: net, state, x, likelihood: { kind: 'gaussian', noise: 1 }, weighting: 'uniform' }, context(), { method: 'svd' });
  return rankEstimate({ singularValues, rows, columns: net.parameters, resolution, floor, bound: net.parameters }).rank;
}

describe('generic inputs', () => {
  test.each([1, 2, 3, 4, 5, 6])('1-8-6-1 relu, weights of seed %i: as many directions as a grid of all scales shows', async (seed) => {
    const net = network([1, 8, 6, 1], 'relu');
    const state = normal(seed, net.parameters);
    // 400 points in each of ten octaves of radius, both ways.
    const grid = Float64Array.from({ length: 8000 }, (_, k) => (k % 2 === 0 ? 1 : -1) * 2 ** (k / 800 - 4));
    const shown = await rankOn(net, state, complete(genericInputs(net, state, 2000, seededRandom(seed + 2))));
    expect(shown).toBeGreaterThanOrEqual(await rankOn(net, state, grid));
    expect(shown).toBeGreaterThanOrEqual(await rankOn(net, state, standardNormalInputs(2000, 1, seededRandom(seed + 2))));
  });

  test('a unit that one normal point in a thousand switches on is seen from both sides, as often as it has weights', () => {
    const net = network([8, 16, 16, 4], 'relu');
    const state = normal(3, net.parameters);
    const { values, rows } = trace(net, state, complete(genericInputs(net, state, 2000, seededRandom(5))));
    for (const node of net.nodes) {
      if (node.op !== 'activation') continue;
      const before = values[node.inputs[0]!]!;
      const width = before.length / rows;
      for (let unit = 0; unit < width; unit++) {
        const on = Array.from({ length: rows }, (_, n) => Number(before[n * width + unit]! > 0)).reduce((sum, value) => sum + value, 0);
        expect(Math.min(on, rows - on)).toBeGreaterThan(17);
      }
    }
  });

  test('same seed, same points; around data they have its mean and reach beyond it', () => {
    const net = network([2, 4, 1], 'tanh');
    const state = normal(1, net.parameters);
    const data = normal(2, 400).map((value, k) => (k % 2 === 0 ? 5 + 0.1 * value : 7));
    const draw = (): Float64Array => complete(genericInputs(net, state, 4000, seededRandom(9), data));
    const x = draw();
    expect(draw()).toEqual(x);
    const feature = (i: number): number[] => Array.from({ length: 4000 }, (_, n) => x[2 * n + i]!);
    const median = feature(0).toSorted((a, b) => a - b)[2000]!;
    expect(Math.abs(median - 5)).toBeLessThan(0.02);
    expect(Math.max(...feature(0).map((value) => Math.abs(value - 5)))).toBeGreaterThan(1);
    // A feature that does not vary is moved by one.
    expect(Math.abs(feature(1).toSorted((a, b) => a - b)[2000]! - 7)).toBeLessThan(0.2);
  });
});
