/** The rank that is decided without an SVD is the SVD's, also where only one row of many or a singular value far below √ε sees a direction; where there is doubt it abstains. */
import { describe, expect, test } from 'vitest';
import { decidedRank } from '../../../src/curvature/decidedRank.ts';
import type { CurvatureProblem } from '../../../src/curvature/problem.ts';
import { rankEstimate, type RankEstimate } from '../../../src/curvature/rank.ts';
import { gramSpectrum } from '../../../src/curvature/spectrum.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { context, network, normal } from './problems.ts';

interface Case { readonly widths: readonly number[]; readonly activation: string; readonly inputs: number; readonly seed?: number }

function problemOf({ widths, activation, inputs, seed = 1 }: Case, change: (theta: Float64Array) => void = () => undefined): CurvatureProblem {
  const net = network(widths, activation);
  const state = normal(seed, net.parameters);
  change(state);
  return { network: net, state, x: normal(seed + 1, inputs * net.inputs), likelihood: { kind: 'gaussian', noise: 1 }, weighting: 'uniform' };
}

const decided = (problem: CurvatureProblem, bound = problem.network.parameters): Promise<number | undefined> => decidedRank(problem, bound, seededRandom(1), context());

async function bySvd(problem: CurvatureProblem): Promise<RankEstimate> {
  const { singularValues, rows, parameters, resolution, floor } = await gramSpectrum(problem, context(), { method: 'svd' });
  return rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound: parameters });
}

describe('rank without an SVD', () => {
  test.each<Case & { rank: number }>([
    { widths: [3, 5, 2], activation: 'relu', inputs: 2000, rank: 27 },
    { widths: [4, 6, 6, 3], activation: 'relu', inputs: 2000, rank: 81 },
    { widths: [8, 16, 16, 4], activation: 'relu', inputs: 1000, rank: 452 },
    { widths: [8, 16, 16, 4], activation: 'tanh', inputs: 600, rank: 484 },
    // Fewer rows than are worth mixing.
    { widths: [4, 6, 6, 3], activation: 'relu', inputs: 80, rank: 76 },
  ])('$widths $activation on $inputs inputs: $rank, with the bound and without', async ({ rank, ...oracle }) => {
    const problem = problemOf(oracle);
    expect([await decided(problem, rank), await decided(problem)]).toEqual([rank, rank]);
    expect(await bySvd(problem)).toMatchObject({ rank, bracket: [rank, rank] });
  });

  test('a direction that a single one of many inputs sees counts, and is gone without that input', async () => {
    // Unit 0 of [2, 3, 1] is on beyond x₀ = 50 only. Weights 0–5, biases 6–8, outgoing 9–11.
    const problem = problemOf({ widths: [2, 3, 1], activation: 'relu', inputs: 3000, seed: 4 }, (theta) => { theta.set([1, 0], 0); theta[6] = -50; });
    const x = problem.x.slice();
    x.set([53, 0.5], 2 * 1234);
    const without = await decided(problem);
    expect(without).toBe((await bySvd(problem)).rank);
    expect(await decided({ ...problem, x })).toBe((without ?? Number.NaN) + 1);
    expect((await bySvd({ ...problem, x })).rank).toBe((without ?? Number.NaN) + 1);
  });

  test.each([1e-4, 1e-6, 1e-8])('a unit that matters %f times as much as the others has all its directions, though squares of them drown in rounding', async (share) => {
    const problem = problemOf({ widths: [3, 8, 2], activation: 'tanh', inputs: 1000, seed: 2 }, (theta) => { for (const k of [0, 8]) theta[32 + k]! *= share; });
    const reference = await bySvd(problem);
    expect(reference).toMatchObject({ rank: 50, bracket: [50, 50] });
    expect(await decided(problem)).toBe(50);
    // What the Gram matrix alone resolves.
    const gram = await gramSpectrum(problem, context(), { method: 'gram' });
    if (share < 1e-7) expect(gram.singularValues.filter((value) => value > gram.resolution * gram.singularValues[0]!).length).toBeLessThan(50);
  });

  test('directions that no input sees are found by what they leave of all rows', async () => {
    // Unit 0 is dead: of its 3 + 1 incoming and 2 outgoing parameters none is seen; each other unit has its scaling.
    const problem = problemOf({ widths: [3, 8, 2], activation: 'relu', inputs: 2000, seed: 3 }, (theta) => { theta.fill(0, 0, 3); theta[24] = -1; });
    expect(await decided(problem, 42)).toBe(50 - 6 - 7);
    expect(await bySvd(problem)).toMatchObject({ rank: 37, bracket: [37, 37] });
  });

  test('singular values that run into rounding without a gap are left to the SVD; so are few rows, and a Jacobian of zeros', async () => {
    const narrow = problemOf({ widths: [1, 16, 1], activation: 'tanh', inputs: 400, seed: 7 });
    const { bracket } = await bySvd(narrow);
    expect(bracket[0]).toBeLessThan(bracket[1]);
    expect(await decided(narrow)).toBeUndefined();
    expect(await decided(problemOf({ widths: [3, 5, 2], activation: 'relu', inputs: 20 }))).toBeUndefined();
    expect(await decided({ ...problemOf({ widths: [3, 5, 2], activation: 'relu', inputs: 200 }), x: new Float64Array(600), state: new Float64Array(32) })).not.toBe(32);
  });

  test('whenever it decides on a random network, the SVD has the same rank and no bracket', async () => {
    let count = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const below = (n: number): number => 1 + random.below(n);
      const widths = [below(4), 1 + below(8), ...(random.uniform() < 0.5 ? [1 + below(6)] : []), below(3)];
      const activation = ['relu', 'tanh', 'leaky_relu:0.2', 'sigmoid', 'elu'][seed % 5] ?? 'relu';
      const scale = 10 ** (-3 * random.uniform());
      const problem = problemOf({ widths, activation, inputs: 400, seed }, (theta) => { for (let k = 0; k < theta.length; k++) if (random.uniform() < 0.3) theta[k]! *= scale; });
      const rank = await decided(problem);
      if (rank === undefined) continue;
      count++;
      expect({ seed, ...await bySvd(problem) }).toMatchObject({ seed, rank, bracket: [rank, rank] });
    }
    expect(count).toBeGreaterThan(15);
  });
});
