/**
 * The GGN of networks that are no chains: kernels of random convolutional networks, counted by hand; the structured Gram matrix of
 * every operation against explicit rows; weights of inputs; units of convolutions.
 */
import { describe, expect, test } from 'vitest';
import { likelihoodModel, type LikelihoodModel } from '../../../src/curvature/likelihood.ts';
import type { CurvatureProblem } from '../../../src/curvature/problem.ts';
import { rankEstimate } from '../../../src/curvature/rank.ts';
import { gramSpectrum } from '../../../src/curvature/spectrum.ts';
import { eachPieceGram, planGram, structuredGram } from '../../../src/curvature/structuredGram.ts';
import { unitReports } from '../../../src/curvature/units.ts';
import { weightedRows } from '../../../src/curvature/weightedJacobian.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Network } from '../../../src/network/network.ts';
import { distance, gaussian, timesTransposed } from '../linalg/matrices.ts';
import { Layers, operations, ruledState } from '../network/networks.ts';
import { context } from './problems.ts';

function problemOf(network: Network, inputs: number, likelihood: LikelihoodModel = { kind: 'gaussian', noise: 1 }, seed = 1): CurvatureProblem {
  const state = gaussian(seededRandom(seed), network.stateSize, 1);
  for (const node of network.nodes) if (node.op === 'batchnorm') for (let c = node.variance.offset; c < node.variance.offset + node.variance.length; c++) state[c] = 0.5 + state[c]! ** 2;
  return { network, state, x: gaussian(seededRandom(seed + 1), inputs, network.inputs), likelihood, weighting: 'likelihood' };
}

function frobenius(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

async function rankOf(problem: CurvatureProblem): Promise<readonly number[]> {
  const { singularValues, rows, parameters, resolution, floor } = await gramSpectrum(problem, context());
  const { rank, bracket } = rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound: Math.min(rows, parameters) });
  return [rank, ...bracket];
}

/** conv 1→3→3 (3×3) with ReLU, global average pool, dense 2. */
function convolutional(norm: boolean, bias: boolean): Network {
  const layers = new Layers([1, 8, 8]);
  for (let l = 0; l < 2; l++) {
    layers.conv(3, [3, 3], { bias });
    if (norm) layers.batchnorm();
    layers.activation('relu');
  }
  return layers.globalPool('globalavgpool').dense(2).build();
}

describe('kernels of convolutional networks on many inputs', () => {
  // One scaling a channel; batch normalisation adds a scaling of each channel's weights, and with a bias a shift that its own shift undoes.
  test.each([
    ['without normalisation', false, true, 6], ['with batch normalisation and bias', true, true, 18], ['with batch normalisation, no bias', true, false, 12],
  ] as const)('%s: D − rank, batch normalisation %s, bias %s, is %i', async (_, norm, bias, kernel) => {
    const problem = problemOf(convolutional(norm, bias), 300, undefined, 2);
    const { network: { parameters: D }, network, state, x } = problem;
    expect(unitReports(network, state, x, seededRandom(1)).every(({ status }) => status === 'mixed')).toBe(true);
    expect(await rankOf(problem)).toEqual([D - kernel, D - kernel, D - kernel]);
  });

  test('a channel that is always on adds a shift, which the next layer undoes', async () => {
    const problem = problemOf(convolutional(true, true), 200, undefined, 9);
    const { network, state, x } = problem;
    expect(unitReports(network, state, x, seededRandom(1)).map(({ status }) => status)).toEqual(['always-on', 'mixed', 'mixed', 'mixed', 'mixed', 'mixed']);
    expect(network.parameters - (await rankOf(problem))[0]!).toBe(18 + 1);
  });
});

describe('structured Gram matrix', () => {
  const cases = Object.entries(operations).map(([name, make]) => [name, make().build()] as const).filter(([, network]) => network.parameters > 0);

  test.each(cases)('is the product of explicit rows: %s', async (_, network) => {
    const models: LikelihoodModel[] = [{ kind: 'gaussian', noise: 0.7 }, ...(network.outputs > 1 ? [{ kind: 'categorical' } as const] : []), { kind: 'bernoulli' }];
    for (const model of models) {
      const problem = { ...problemOf(network, 7, model), sampleWeights: Float64Array.of(1, 0, 2, 0.5, 1, 3, 1) };
      const seeds = likelihoodModel(model.kind, 1, network.outputs).kind === 'categorical' ? network.outputs - 1 : network.outputs;
      const n = 7 * seeds;
      const rows = new Float64Array(n * network.parameters);
      weightedRows(problem, 0, 7, rows);
      const exact = timesTransposed(rows, rows, n, n, network.parameters);
      const gram = new Float64Array(n * n);
      await structuredGram(problem, planGram(network, 7, seeds), gram, context(), [0, 1]);
      expect(distance(gram, exact)).toBeLessThan(1e-12 * frobenius(exact));
    }
  });

  test('many inputs and layers beyond one block and one tile', async () => {
    const network = new Layers([3, 6, 6]).conv(8, [3, 3]).activation('tanh').conv(40, [3, 3]).activation('tanh').conv(60, [2, 2]).activation('relu').flatten().dense(3).build();
    const problem = problemOf(network, 240);
    const n = 720;
    const rows = new Float64Array(n * network.parameters);
    weightedRows(problem, 0, 240, rows);
    const exact = timesTransposed(rows, rows, n, n, network.parameters);
    const gram = new Float64Array(n * n);
    const plan = planGram(network, 240, 3);
    expect(plan.passes.flat().map(({ kind }) => kind)).toEqual(expect.arrayContaining(['dense', 'conv', 'rows']));
    await structuredGram(problem, plan, gram, context(), [0, 1]);
    expect(distance(gram, exact)).toBeLessThan(1e-12 * frobenius(exact));
    const sum = new Float64Array(n * n);
    await eachPieceGram(problem, plan, context(), function* (_, part) {
      part.forEach((value, k) => { sum[k]! += value; });
      yield;
    });
    expect(distance(sum, exact)).toBeLessThan(1e-12 * frobenius(exact));
  });
});

describe('weights of inputs', () => {
  test('a weight of k is the input k times, a weight of 0 leaves it out', async () => {
    const { network } = problemOf(operations['residual']!().build(), 1);
    const problem = problemOf(network, 4, { kind: 'categorical' });
    const d = network.inputs;
    const part = (n: number): Float64Array => problem.x.subarray(n * d, (n + 1) * d);
    const repeated = Float64Array.from([0, 2, 2, 2, 3, 3].flatMap((n) => [...part(n)]));
    const weighted = await gramSpectrum({ ...problem, sampleWeights: Float64Array.of(1, 0, 3, 2) }, context());
    const exact = await gramSpectrum({ ...problem, x: repeated }, context());
    expect(distance(weighted.eigenvalues, exact.eigenvalues.slice(0, weighted.eigenvalues.length)) / exact.eigenvalues[0]!).toBeLessThan(1e-13);
  });

  test('must be zero or positive, one for each row', async () => {
    const problem = problemOf(new Layers([2]).dense(1).build(), 2);
    await expect(gramSpectrum({ ...problem, sampleWeights: Float64Array.of(1, -1) }, context())).rejects.toThrow('the weight of row 1 of x is -1');
    await expect(gramSpectrum({ ...problem, sampleWeights: Float64Array.of(1) }, context())).rejects.toThrow('there are 1 weights for 2 rows of x');
  });
});

describe('units of convolutions', () => {
  test('channels are dead, always on, constant or duplicate over all positions, batch normalisation folded in', () => {
    const network = new Layers([1, 4, 4]).conv(5, [2, 2]).batchnorm().activation('relu').globalPool('globalavgpool').dense(2).build();
    const state = ruledState(network);
    const [conv, norm] = network.nodes.slice(1, 3);
    if (conv?.op !== 'conv' || norm?.op !== 'batchnorm' || conv.bias === undefined || norm.scale === undefined || norm.shift === undefined) throw new Error('the network is another');
    state.fill(1, norm.scale.offset, norm.scale.offset + 5);
    state.fill(0, norm.shift.offset, norm.shift.offset + 5);
    state.fill(0, norm.mean.offset, norm.mean.offset + 5);
    // The variance of channel 4 is another, so its weights are the same as channel 0's only after folding.
    state.fill(1 - norm.epsilon, norm.variance.offset, norm.variance.offset + 4);
    state[norm.variance.offset + 4] = 4 - norm.epsilon;
    state.set([0.3, -0.2, 0.5, 0.1, 1, 1, 1, 1, -1, 1, -1, 1, 0, 0, 0, 0, 0.6, -0.4, 1, 0.2], conv.weight.offset);
    state.set([0.1, -100, 100, 1, 0.2], conv.bias.offset);
    const reports = unitReports(network, state, gaussian(seededRandom(4), 60, 16), seededRandom(1));
    expect(reports.map(({ status }) => status)).toEqual(['mixed', 'dead', 'always-on', 'constant', 'duplicate']);
    expect(reports[4]).toMatchObject({ layer: conv.name, unit: 4, duplicateOf: 0 });
  });

  test('of a residual network, every layer but the last', () => {
    const network = operations['residual']!().build();
    const reports = unitReports(network, ruledState(network), gaussian(seededRandom(4), 6, network.inputs), seededRandom(1));
    const hidden = network.nodes.filter(({ op }) => op === 'conv');
    expect([...new Set(reports.map(({ layer }) => layer))]).toEqual(hidden.map(({ name }) => name));
    expect(reports).toHaveLength(hidden.reduce((sum, { shape }) => sum + shape[0]!, 0));
  });
});
