/**
 * Oracles of the functional dimension: a generic ReLU network with many inputs has rank at most D − #hidden units, tanh D, a
 * deep linear one that of its product; and the three parts of every kernel add up.
 */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { standardNormalInputs } from '../../../src/curvature/genericInputs.ts';
import { kernelAccounting, type KernelAccounting } from '../../../src/curvature/kernel.ts';
import { likelihoodModel } from '../../../src/curvature/likelihood.ts';
import { symmetryDimension } from '../../../src/curvature/symmetryDimension.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Likelihood } from '../../../src/protocol/service.ts';
import { context, network, normal } from './problems.ts';

const gaussian = { kind: 'gaussian', noise: 1 } as const;

interface Case { readonly widths: readonly number[]; readonly activation: string; readonly likelihood?: Likelihood; readonly data?: number; readonly seed?: number; readonly inputs?: number }

function account({ widths, activation, likelihood = 'gaussian', data, seed = 1, inputs = 2000 }: Case): Promise<KernelAccounting> {
  const net = network(widths, activation);
  const state = normal(seed, net.parameters);
  const model = likelihoodModel(likelihood, 1, net.outputs);
  const random = seededRandom(seed + 2);
  return kernelAccounting({
    network: net,
    state,
    likelihood: model,
    x: data === undefined ? standardNormalInputs(inputs, net.inputs, random) : normal(seed + 1, data * net.inputs),
    generic: data === undefined,
    genericInputs: inputs,
    random,
  }, context());
}

describe('rank and kernel of generic networks, 2,000 generic inputs', () => {
  test.each<Case & { rank: number; of: number; symmetry: number }>([
    { widths: [3, 5, 2], activation: 'relu', rank: 27, of: 32, symmetry: 5 },
    { widths: [4, 6, 6, 3], activation: 'relu', rank: 81, of: 93, symmetry: 12 },
    { widths: [8, 16, 16, 4], activation: 'relu', rank: 452, of: 484, symmetry: 32 },
    { widths: [8, 16, 16, 4], activation: 'tanh', rank: 484, of: 484, symmetry: 0 },
    { widths: [8, 16, 16, 4], activation: 'linear', rank: 36, of: 484, symmetry: 448 },
    { widths: [2, 3, 3], activation: 'tanh', likelihood: 'categorical', rank: 17, of: 21, symmetry: 4 },
    { widths: [3, 6, 4], activation: 'tanh', likelihood: 'categorical', rank: 45, of: 52, symmetry: 7 },
  ])('$widths $activation: $rank of $of', async ({ rank, of, symmetry, ...oracle }) => {
    const result = await account(oracle);
    expect(result.spectrum.parameters).toBe(of);
    expect([result.rank.rank, ...result.rank.bracket]).toEqual([rank, rank, rank]);
    expect(result).toMatchObject({ dimension: of - rank, symmetry, remainder: { hidden: 0, dataLimited: 0 }, warnings: [] });
  });
});

describe('kernel on few data', () => {
  test.each([[2, 4], [5, 10]])('softmax on %i data points has rank N(O − 1) = %i', async (data, rank) => {
    const result = await account({ widths: [4, 8, 3], activation: 'tanh', likelihood: 'categorical', data });
    expect(result.rank).toMatchObject({ rank, bracket: [rank, rank], bound: rank });
    expect(result).toMatchObject({ dimension: 67 - rank, symmetry: 9, remainder: { hidden: 0, dataLimited: 58 - rank } });
  });

  test('more of the same data adds no rank; the generic rank does not depend on it', async () => {
    const few = await account({ widths: [3, 5, 2], activation: 'relu', data: 6 });
    expect(few).toMatchObject({ symmetry: 5, remainder: { kind: 'separated', hidden: 0, dataLimited: 27 - few.rank.rank, genericRank: { rank: 27 } } });
    expect(few.rank.rank).toBeLessThanOrEqual(12);
  });

  test('what is decided without an SVD of the generic inputs comes to the same: units of known scaling, two of them dead', async () => {
    const net = network([8, 16, 16, 4], 'relu');
    const state = normal(1, net.parameters);
    // Units 0 and 1 of the first layer: weights zero, biases negative.
    state.fill(0, 0, 16);
    state.fill(-1, 128, 130);
    const messages: string[] = [];
    const result = await kernelAccounting({ network: net, state, likelihood: gaussian, x: normal(2, 20 * net.inputs), generic: false, genericInputs: 1000, random: seededRandom(3) }, { ...context(), progress: ({ message }) => { messages.push(message); } });
    expect(messages).toContain('On generic inputs: Eigenvectors of the Gram matrix');
    expect(messages.some((message) => message.startsWith('On generic inputs: Singular values'))).toBe(false);
    // Of a dead unit 8 + 1 incoming and 16 outgoing parameters, one direction of them its scaling.
    expect(result).toMatchObject({ symmetry: 32, remainder: { kind: 'separated', hidden: 48, dataLimited: 484 - 32 - 48 - result.rank.rank }, warnings: [] });
  });

  test('a unit that no input switches on is a hidden kernel: its row and bias, less its scaling, and its outgoing column', async () => {
    const net = network([2, 3, 1], 'relu');
    const theta = normal(1, net.parameters);
    // Unit 0: weights zero, bias negative. Kernel: w (2), b (1), v (1); one of the four is its scaling.
    theta.set([0, 0], 0);
    theta[6] = -1;
    const result = await kernelAccounting({ network: net, state: theta, likelihood: gaussian, x: standardNormalInputs(2000, 2, seededRandom(1)), generic: true, genericInputs: 2000, random: seededRandom(2) }, context());
    expect(result).toMatchObject({ symmetry: 3, remainder: { hidden: 3, dataLimited: 0 }, dimension: 6 });
  });

  test('where J on generic inputs would not fit into memory, hidden and data-limited directions are counted together, and the report says so', async () => {
    const net = network([40, 20, 2], 'relu');
    const state = normal(1, net.parameters);
    const question = { network: net, state, likelihood: gaussian, x: normal(2, 5 * net.inputs), generic: false, genericInputs: 1, random: seededRandom(3) } as const;
    const result = await kernelAccounting(question, { ...context(), memoryLimitBytes: 8e6 });
    expect(result).toMatchObject({ rank: { rank: 10 }, symmetry: 20, remainder: { kind: 'together', dimension: net.parameters - 30 } });
    expect(result.warnings).toEqual([expect.stringMatching(/^Hidden and data-limited directions are counted together: .* [KMG]iB /)]);
    // With room for it they come apart, and add up to the same.
    const { remainder } = await kernelAccounting({ ...question, random: seededRandom(3) }, context());
    expect(remainder).toMatchObject({ kind: 'separated', hidden: 0, dataLimited: net.parameters - 30 });
  });

  test('tanh 1-16-1 runs into rounding: the bracket holds the functional dimension 49 and the report says so', async () => {
    const result = await account({ widths: [1, 16, 1], activation: 'tanh', data: 100, seed: 7 });
    const [low, high] = result.rank.bracket;
    expect(low).toBeLessThan(45);
    expect(high).toBe(49);
    expect(result.warnings[0]).toContain(`The rank lies between ${low} and 49`);
  });

  test('the parts are those of any network: never negative without a warning, and their sum is D − rank', async () => {
    const anyCase = fc.record({
      widths: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 }), activation: fc.constantFrom('relu', 'tanh', 'sigmoid', 'leaky_relu:0.2', 'linear', 'elu'),
      likelihood: fc.constantFrom<Likelihood>('gaussian', 'categorical', 'bernoulli'), data: fc.integer({ min: 1, max: 30 }), seed: fc.nat(1e6),
    });
    await fc.assert(fc.asyncProperty(anyCase, async (drawn) => {
      const widths = drawn.likelihood === 'categorical' ? [...drawn.widths.slice(0, -1), 3] : drawn.widths;
      const result = await account({ ...drawn, widths, inputs: 200 });
      if (result.remainder.kind !== 'separated') throw new Error('networks this small always fit');
      const { hidden, dataLimited } = result.remainder;
      expect(result.symmetry + hidden + dataLimited).toBe(result.dimension);
      expect(result.dimension).toBe(result.spectrum.parameters - result.rank.rank);
      if (result.warnings.length === 0) expect(Math.min(hidden, dataLimited)).toBeGreaterThanOrEqual(0);
    }), { seed: 9, numRuns: 60 });
  });
});

describe('symmetry dimension', () => {
  test('counts the span, not the vectors; leaves out and names tangents that J does not annihilate', async () => {
    const net = network([2, 2, 1], 'relu');
    const theta = normal(3, net.parameters);
    const problem = { network: net, state: theta, x: normal(4, 100), likelihood: { kind: 'gaussian', noise: 1 }, weighting: 'uniform' } as const;
    // Layout: W₁ 0–3, b₁ 4–5, W₂ 6–7, b₂ 8.
    const scaling = new Float64Array(9);
    scaling.set([theta[0]!, theta[1]!]);
    scaling[4] = theta[4]!;
    scaling[6] = -theta[6]!;
    const wrong = new Float64Array(9).fill(1);
    const result = await symmetryDimension(problem, [scaling, scaling.map((entry) => -3 * entry), new Float64Array(9), wrong], context().signal);
    expect(result).toEqual({ dimension: 1, bracket: [1, 1], rejected: [3] });
    expect(await symmetryDimension(problem, [], context().signal)).toEqual({ dimension: 0, bracket: [0, 0], rejected: [] });
  });
});
