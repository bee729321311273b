/**
 * The GGN of networks that are no chains: fifty random ones against SciPy's SVD of PyTorch's Jacobian; kernels of random convolutional networks, counted by hand; the structured Gram matrix of
 * every operation against explicit rows; weights of inputs; units of convolutions.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { kernelAccounting } from '../../../src/curvature/kernel.ts';
import { likelihoodModel, type LikelihoodModel } from '../../../src/curvature/likelihood.ts';
import type { CurvatureProblem } from '../../../src/curvature/problem.ts';
import { rankEstimate } from '../../../src/curvature/rank.ts';
import { gramSpectrum } from '../../../src/curvature/spectrum.ts';
import { eachPieceGram, planGram, structuredGram } from '../../../src/curvature/structuredGram.ts';
import { unitReports } from '../../../src/curvature/units.ts';
import { weightedRows } from '../../../src/curvature/weightedJacobian.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Network } from '../../../src/network/network.ts';
import type { Likelihood } from '../../../src/protocol/service.ts';
import { distance, gaussian, timesTransposed } from '../linalg/matrices.ts';
import { Layers, operations, ruledState } from '../network/networks.ts';
import { context, lehmer } from './problems.ts';

function problemOf(network: Network, inputs: number, likelihood: LikelihoodModel = { kind: 'gaussian', noise: 1 }, seed = 1): CurvatureProblem {
  const state = gaussian(seededRandom(seed), network.stateSize, 1);
  for (const node of network.nodes) if (node.op === 'batchnorm') for (let c = node.variance.offset; c < node.variance.offset + node.variance.length; c++) state[c] = 0.5 + state[c]! ** 2;
  return { network, state, x: gaussian(seededRandom(seed + 1), inputs, network.inputs), likelihood, weighting: 'likelihood' };
}

function lowerTriangle(a: Float64Array, n: number): Float64Array {
  return a.map((value, k) => (k % n <= Math.floor(k / n) ? value : 0));
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
    expect(complete(unitReports(network, state, x, seededRandom(1))).every(({ status }) => status === 'mixed')).toBe(true);
    expect(await rankOf(problem)).toEqual([D - kernel, D - kernel, D - kernel]);
    // All of it is known symmetry.
    const accounting = await kernelAccounting({ network, state, x, likelihood: problem.likelihood, generic: true, genericInputs: 300, random: seededRandom(3) }, context());
    expect(accounting).toMatchObject({ dimension: kernel, symmetry: kernel, remainder: { kind: 'separated', hidden: 0, dataLimited: 0 }, warnings: [] });
  });

  test('a channel that is always on adds a shift, which the next layer undoes', async () => {
    const problem = problemOf(convolutional(true, true), 200, undefined, 9);
    const { network, state, x } = problem;
    expect(complete(unitReports(network, state, x, seededRandom(1))).map(({ status }) => status)).toEqual(['always-on', 'mixed', 'mixed', 'mixed', 'mixed', 'mixed']);
    expect(network.parameters - (await rankOf(problem))[0]!).toBe(18 + 1);
  });
});

type LayerFigure = readonly [op: string, ...rest: readonly unknown[]];

interface ArchitectureFigure {
  readonly layers: readonly LayerFigure[];
  readonly shape: readonly number[];
  readonly likelihood: Likelihood;
  readonly inputs: number;
  readonly seed: number;
  readonly parameters: number;
  readonly rank: number;
  readonly eigenvalues: readonly number[];
}

const architectures = JSON.parse(readFileSync(new URL('architectures.json', import.meta.url), 'utf8')) as readonly ArchitectureFigure[];

/** As `build` in architectures.py. */
function addLayers(layers: Layers, figures: readonly LayerFigure[]): void {
  for (const [op, ...rest] of figures) {
    const shape = layers.builder.shapeOf(layers.at);
    const spatial = shape.length - 1;
    switch (op) {
      case 'conv': {
        const [outputs, kernel, stride, pad, groups, bias] = rest as [number, number, number, number, number, boolean];
        const each = (value: number): number[] => new Array<number>(spatial).fill(value);
        layers.conv(outputs, each(kernel), { stride: each(stride), padding: each(pad), groups, bias });
        break;
      }
      case 'dense': layers.dense(rest[0] as number, { bias: rest[1] as boolean }); break;
      case 'batchnorm': layers.batchnorm(); break;
      case 'layernorm': layers.layernorm(rest[0] as 'all' | 'channels', 1e-5, { centred: rest[1] as boolean }); break;
      case 'activation': layers.activation(rest[0] as string); break;
      case 'prelu': layers.prelu(shape[0]!); break;
      case 'maxpool': case 'avgpool': layers.pool(op, new Array<number>(spatial).fill(2), new Array<number>(spatial).fill(2)); break;
      case 'globalavgpool': case 'globalmaxpool': layers.globalPool(op); break;
      case 'flatten': layers.flatten(); break;
      case 'concat': layers.concat((inner) => { addLayers(inner, rest[0] as LayerFigure[]); }); break;
      case 'residual': layers.residual((inner) => { addLayers(inner, rest[0] as LayerFigure[]); }, rest[1] === undefined ? undefined : (inner) => { addLayers(inner, rest[1] as LayerFigure[]); }); break;
      default: throw new Error(`the figures have a layer "${op}"`);
    }
  }
}

function figureProblem({ layers: figures, shape, likelihood, inputs, seed }: ArchitectureFigure): CurvatureProblem {
  const layers = new Layers(shape);
  addLayers(layers, figures);
  const network = layers.build();
  const u = lehmer(seed);
  const state = new Float64Array(network.stateSize);
  for (let k = 0; k < network.parameters; k++) state[k] = 1.2 * u();
  const norms = network.nodes.filter((node) => node.op === 'batchnorm');
  for (const { variance } of norms) for (let c = 0; c < variance.length; c++) state[variance.offset + c] = 0.5 + u() ** 2;
  for (const { mean } of norms) for (let c = 0; c < mean.length; c++) state[mean.offset + c] = 0.3 * u();
  const x = Float64Array.from({ length: inputs * network.inputs }, () => 2 * u());
  return { network, state, x, likelihood: likelihoodModel(likelihood, 0.5, network.outputs), weighting: 'likelihood' };
}

describe('fifty random networks of mixed architecture', () => {
  test('fifty figures', () => { expect(architectures).toHaveLength(50); });

  test.each(architectures.map((figure, k) => [k + 1, figure] as const))('network %i: rank and eigenvalues as SciPy has them on PyTorch’s Jacobian', async (_, figure) => {
    const problem = figureProblem(figure);
    expect(problem.network.parameters).toBe(figure.parameters);
    for (const method of ['svd', 'gram'] as const) {
      const { eigenvalues, singularValues, rows, parameters, resolution, floor } = await gramSpectrum(problem, context(), { method });
      const exact = new Float64Array(eigenvalues.length);
      exact.set(figure.eigenvalues.slice(0, exact.length));
      expect(distance(eigenvalues, exact) / eigenvalues[0]!).toBeLessThan(1e-11);
      const { rank, bracket } = rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound: Math.min(rows, parameters) });
      if (rank !== figure.rank) expect(bracket[0] <= figure.rank && figure.rank <= bracket[1], `rank ${rank} in [${bracket.join(', ')}], SciPy ${figure.rank}, by ${method}`).toBe(true);
    }
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
      expect(distance(lowerTriangle(gram, n), lowerTriangle(exact, n))).toBeLessThan(1e-12 * frobenius(exact));
    }
  });

  test.each([1, 2, 3, 10])('of dense layers, in several blocks of rows, for %i rows an input', async (outputs) => {
    const inputs = Math.ceil(600 / outputs);
    const network = new Layers([5]).dense(24).activation('tanh').dense(19, { bias: false }).activation('tanh').dense(outputs).build();
    const problem = problemOf(network, inputs);
    const n = inputs * outputs;
    const rows = new Float64Array(n * network.parameters);
    weightedRows(problem, 0, inputs, rows);
    const exact = timesTransposed(rows, rows, n, n, network.parameters);
    const gram = new Float64Array(n * n);
    await structuredGram(problem, planGram(network, inputs, outputs), gram, context(), [0, 1]);
    expect(distance(lowerTriangle(gram, n), lowerTriangle(exact, n))).toBeLessThan(1e-12 * frobenius(exact));
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
    await expect(gramSpectrum({ ...problem, sampleWeights: Float64Array.of(1, -1) }, context())).rejects.toThrow('the weight of x[1] is -1');
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
    const reports = complete(unitReports(network, state, gaussian(seededRandom(4), 60, 16), seededRandom(1)));
    expect(reports.map(({ status }) => status)).toEqual(['mixed', 'dead', 'always-on', 'constant', 'duplicate']);
    expect(reports[4]).toMatchObject({ layer: conv.name, unit: 4, duplicateOf: 0 });
  });

  test('of a residual network, every layer but the last', () => {
    const network = operations['residual']!().build();
    const reports = complete(unitReports(network, ruledState(network), gaussian(seededRandom(4), 6, network.inputs), seededRandom(1)));
    const hidden = network.nodes.filter(({ op }) => op === 'conv');
    expect([...new Set(reports.map(({ layer }) => layer))]).toEqual(hidden.map(({ name }) => name));
    expect(reports).toHaveLength(hidden.reduce((sum, { shape }) => sum + shape[0]!, 0));
  });
});
