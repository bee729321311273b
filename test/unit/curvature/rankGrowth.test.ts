// Ranks of nested parts of the data: counts that are known beforehand, and the laws that every such curve obeys.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernelAccounting } from '../../../src/curvature/kernel.ts';
import { likelihoodModel } from '../../../src/curvature/likelihood.ts';
import { rankEstimate } from '../../../src/curvature/rank.ts';
import { nestedSizes, rankGrowth, type RankGrowth } from '../../../src/curvature/rankGrowth.ts';
import { gramSpectrum } from '../../../src/curvature/spectrum.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Likelihood } from '../../../src/protocol/service.ts';
import { context, network, normal } from './problems.ts';

async function growthOf(widths: readonly number[], activation: string, inputs: number, { kind = 'gaussian', seed = 1, operations = 1e9 }: { kind?: Likelihood; seed?: number; operations?: number } = {}): Promise<RankGrowth & { whole: number }> {
  const net = network(widths, activation);
  const [state, x, likelihood] = [normal(seed, net.parameters), normal(seed + 1, inputs * net.inputs), likelihoodModel(kind, 1, net.outputs)];
  const accounting = await kernelAccounting({ network: net, state, likelihood, x, generic: false, genericInputs: 100, random: seededRandom(3) }, context());
  const growth = await rankGrowth({ problem: { network: net, state, x, likelihood, weighting: 'likelihood' }, rank: accounting.rank, symmetry: accounting.symmetry, sizes: 8, operations, random: seededRandom(4) }, context());
  return { ...growth, whole: accounting.rank.rank };
}

describe('rank against the number of data', () => {
  // A generic tanh network has a Jacobian of full rank; under a softmax one logit and, here, nothing else of a few points is lost.
  it.each([
    [[3, 5, 2], 'tanh', 'gaussian', 60, (n: number) => Math.min(2 * n, 32)],
    [[4, 8, 3], 'tanh', 'categorical', 12, (n: number) => 2 * n],
    [[8, 16, 16, 4], 'tanh', 'gaussian', 20, (n: number) => 4 * n],
  ] as const)('of %j %s under a %s likelihood is what counting says', async (widths, activation, kind, inputs, expected) => {
    const { points, omitted } = await growthOf(widths, activation, inputs, { kind });
    expect(omitted).toEqual([]);
    expect(points.length).toBeGreaterThan(4);
    expect(points.map(({ rank }) => rank)).toEqual(points.map(({ data }) => expected(data)));
    expect(points.every(({ bracket, rank }) => bracket[0] === rank && bracket[1] === rank)).toBe(true);
  });

  it('never falls, stays below its bound and ends at the rank of the whole', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 }), fc.constantFrom('relu', 'tanh', 'linear'), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1000 }), async (inputs, hidden, outputs, activation, data, seed) => {
      const { points, whole } = await growthOf([inputs, hidden, outputs], activation, data, { seed });
      points.forEach(({ rank, bracket, bound, data: size }, k) => {
        expect(rank).toBeGreaterThanOrEqual(points[k - 1]?.rank ?? 0);
        expect(bracket[0]).toBeGreaterThanOrEqual(points[k - 1]?.bracket[0] ?? 0);
        expect(bracket[0]).toBeLessThanOrEqual(rank);
        expect(bracket[1]).toBeGreaterThanOrEqual(rank);
        expect(rank).toBeLessThanOrEqual(bound);
        expect(size).toBeGreaterThan(points[k - 1]?.data ?? 0);
      });
      expect(points.at(-1)).toMatchObject({ data, rank: whole });
    }), { numRuns: 25 });
  });

  it.each([[[30, 40, 40, 4], 'tanh', 60], [[30, 40, 40, 4], 'relu', 60], [[8, 16, 16, 4], 'relu', 100]] as const)('of %j %s: what the SVD of each part says, also where a Gram matrix was enough', async (widths, activation, inputs) => {
    const { points } = await growthOf(widths, activation, inputs, { operations: 1e11 });
    const net = network(widths, activation);
    const [state, x, order] = [normal(1, net.parameters), normal(2, inputs * net.inputs), seededRandom(4).permutation(inputs)];
    for (const { data, rank, bracket } of points) {
      const part = Float64Array.from({ length: data * net.inputs }, (_, k) => x[order[Math.floor(k / net.inputs)]! * net.inputs + (k % net.inputs)]!);
      const { singularValues, rows, parameters, resolution, floor } = await gramSpectrum({ network: net, state, x: part, likelihood: { kind: 'gaussian', noise: 1 }, weighting: 'likelihood' }, context(), { method: 'svd' });
      const exact = rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound: Math.min(rows, parameters) });
      expect({ data, rank, bracket }).toEqual({ data, rank: exact.rank, bracket: exact.bracket });
    }
  });

  it('leaves out, by name, what would take too long', async () => {
    const { points, omitted } = await growthOf([8, 16, 16, 4], 'tanh', 60, { operations: 2e6 });
    expect(omitted.length).toBeGreaterThan(0);
    expect([...points.map(({ data }) => data), ...omitted].sort((a, b) => a - b)).toEqual(nestedSizes(60, 121, 8));
  });

  it('sizes end at the whole and begin at a sixteenth of what could reach the bound', () => {
    expect(nestedSizes(2000, 121, 8).at(-1)).toBe(2000);
    expect(nestedSizes(2000, 121, 8)[0]).toBe(8);
    expect(nestedSizes(1, 121, 8)).toEqual([1]);
    expect(nestedSizes(3, 1000, 8)).toEqual([1, 2, 3]);
  });
});
