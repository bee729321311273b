/** Posteriors in files that are a distribution, not draws: under the names that libraries give them, with the moments of their definitions. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward, forwardWithFactors } from '../../../src/network/forward.ts';
import { openDraws, type DrawRequest, type DrawSource } from '../../../src/posterior/draws.ts';
import { requireNetwork } from '../../../src/network/readNetwork.ts';
import { dropoutNodes } from '../../../src/posterior/dropout.ts';
import { dropoutGaussian } from '../../../src/posterior/gaussianDraws.ts';
import { gaussianWeights } from '../../../src/weights/gaussianWeights.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { context, temporaryFolder, writeNetwork } from '../analyses/workspace.ts';
import { Layers } from '../network/networks.ts';

const network = denseNetwork([2, 3, 1], activationNamed('tanh'));
const random = seededRandom(1);
const normals = (length: number): Float64Array => Float64Array.from({ length }, () => random.normal());
const mean = normals(network.parameters);
const deviation = normals(network.parameters).map((z) => 0.05 + 0.3 * Math.abs(z));
const request: DrawRequest = { activation: 'tanh', draws: 4000, seed: 3, least: 2 };

interface Array_ {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

async function open<T>(arrays: readonly Array_[], options: Partial<DrawRequest>, use: (source: DrawSource, file: string) => Promise<T>): Promise<T> {
  const file = path.join(await temporaryFolder(), 'posterior.npz');
  await writeNpz(file, arrays, { overwrite: false });
  const source = await openDraws([[file]], { ...request, ...options }, context);
  try {
    return await use(source, file);
  } finally {
    await source.close();
  }
}

/** A mean and a scale of every tensor. */
function pairs(name: (layer: string, kind: string) => readonly [string, string], scale: (s: number) => number): Array_[] {
  return network.blocks.flatMap(({ tensor, shape, offset, length }) => {
    const [layer, kind] = tensor.split('.') as [string, string];
    const [m, s] = name(layer, kind);
    return [{ name: m, shape, values: mean.slice(offset, offset + length) }, { name: s, shape, values: deviation.slice(offset, offset + length).map(scale) }];
  });
}

const softplusInverse = (s: number): number => Math.log(Math.expm1(s));

/** Standard errors of mean and deviation of S normal draws: s/√S and s/√(2S). */
function expectMoments(draws: Float64Array, size: number, centre: Float64Array, spread: Float64Array): void {
  const count = draws.length / size;
  centre.forEach((m, i) => {
    const column = Float64Array.from({ length: count }, (_, k) => draws[k * size + i]!);
    const average = column.reduce((sum, v) => sum + v, 0) / count;
    const s = Math.sqrt(column.reduce((sum, v) => sum + (v - average) ** 2, 0) / (count - 1));
    expect(Math.abs(average - m)).toBeLessThan(4.5 * spread[i]! / Math.sqrt(count));
    expect(Math.abs(s / spread[i]! - 1)).toBeLessThan(4.5 / Math.sqrt(2 * count));
  });
}

describe('a mean-field Gaussian in a file', () => {
  const conventions: readonly (readonly [string, (layer: string, kind: string) => readonly [string, string], (s: number) => number, RegExp])[] = [
    ['blitz', (layer, kind) => [`${layer}.${kind}_mu`, `${layer}.${kind}_rho`], softplusInverse, /mu\/rho; s = log\(1 \+ e\^ρ\)/],
    ['bayesian-torch', (layer, kind) => [`${layer}.mu_${kind}`, `${layer}.rho_${kind}`], softplusInverse, /mu\/rho/],
    ['torchbnn', (layer, kind) => [`${layer}.${kind}_mu`, `${layer}.${kind}_log_sigma`], Math.log, /mu\/log_sigma; s = e\^ρ/],
    ['log variances', (layer, kind) => [`${layer}.${kind}.mean`, `${layer}.${kind}.logvar`], (s) => 2 * Math.log(s), /mean\/logvar/],
    ['standard deviations', (layer, kind) => [`${layer}.${kind === 'weight' ? 'W' : 'b'}_mu`, `${layer}.${kind === 'weight' ? 'W' : 'b'}_sigma`], (s) => s, /taken as standard deviations/],
    ['NumPyro', (layer, kind) => [`${layer}.${kind}_auto_loc`, `${layer}.${kind}_auto_scale`], (s) => s, /auto_loc\/auto_scale/],
    ['Pyro, unconstrained', (layer, kind) => [`locs.${layer}.${kind}_unconstrained`, `scales.${layer}.${kind}_unconstrained`], softplusInverse, /locs\/untransformed_scale; s = log\(1 \+ e\^ρ\)/],
  ];
  it.each(conventions)('is read as %s names it', async (_, name, scale, said) => {
    await open(pairs(name, scale), {}, async (source, file) => {
      expect(source.origin.kind).toBe('mean-field');
      expect(source.origin.assumptions.join(' ')).toMatch(said);
      expect(source.count).toBe(4000);
      expect(source.network.blocks.map(({ tensor }) => tensor)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
      expect(source.centre).toEqual(mean);
      const opened = await openWeightFile(file);
      const gaussian = gaussianWeights(opened)!;
      for (const { tensor, offset, length } of network.blocks) {
        (await gaussian.deviation.read(tensor)).forEach((s, k) => { expect(Math.abs(s / deviation[offset + k]! - 1)).toBeLessThan(1e-12); });
        expect(length).toBe(gaussian.mean.tensor(tensor)?.elements);
      }
      await opened.close();
      expectMoments(await source.read(0, source.count), network.parameters, mean, deviation);
    });
  });

  it('has scales as the user says, where names mislead; a negative deviation is none', async () => {
    const arrays = pairs((layer, kind) => [`${layer}.${kind}_mu`, `${layer}.${kind}_sigma`], Math.log);
    await expect(open(arrays, {}, () => Promise.resolve())).rejects.toThrow(/holds -[\d.]+, which is no standard deviation; if it is what a softplus or an exponential is taken of, say so/);
    await open(arrays, { scale: 'exp' }, async (source) => {
      expect(source.origin.assumptions.join(' ')).toContain('as asked');
      expectMoments(await source.read(0, source.count), network.parameters, mean, deviation);
    });
  });

  it('may hold tensors without a scale, priors and the noise of the last pass beside it', async () => {
    const plain = pairs((layer, kind) => [`${layer}.mu_${kind}`, `${layer}.rho_${kind}`], softplusInverse);
    const arrays = [
      ...plain.filter(({ name }) => name !== '2.rho_bias'),
      { name: '0.prior_weight_mu', shape: [3, 2], values: new Float64Array(6) }, { name: '0.eps_weight', shape: [3, 2], values: new Float64Array(6) },
    ];
    await open(arrays, {}, async (source) => {
      expect(source.network.parameters).toBe(network.parameters);
      const draws = await source.read(0, 50);
      const at = network.blocks.find(({ tensor }) => tensor === '2.bias')!.offset;
      for (let m = 0; m < 50; m++) expect(draws[m * network.parameters + at]).toBe(mean[at]);
    });
  });

  it('draws do not depend on which are read together, and are others for another seed', async () => {
    const arrays = pairs((layer, kind) => [`${layer}.${kind}_mu`, `${layer}.${kind}_rho`], softplusInverse);
    const all = await open(arrays, { draws: 7 }, (source) => source.read(0, source.count));
    await open(arrays, { draws: 7 }, async (source) => { expect(await source.read(3, 5)).toEqual(all.slice(3 * network.parameters, 5 * network.parameters)); });
    expect(await open(arrays, { draws: 7, seed: 4 }, (source) => source.read(0, source.count))).not.toEqual(all);
  });

  it('is not what other networks are that have a μ', async () => {
    const folder = await temporaryFolder();
    const arrays: Readonly<Record<string, readonly (readonly [string, readonly number[]])[]>> = {
      // The heads of a variational autoencoder; the running statistics of batch normalisation; one with a prior's mean alone.
      vae: [['encoder.weight', [4, 3]], ['mu.weight', [2, 4]], ['mu.bias', [2]], ['logvar.weight', [2, 4]], ['logvar.bias', [2]]],
      norm: [['0.weight', [4]], ['0.bias', [4]], ['0.running_mean', [4]], ['0.running_var', [4]]],
      heads: [['fc_mu.weight', [2, 4]], ['fc_var.weight', [2, 4]]],
      flax: [['params.Dense_0.kernel', [3, 4]], ['params.Dense_0.bias', [4]], ['batch_stats.BatchNorm_0.mean', [4]], ['batch_stats.BatchNorm_0.var', [4]]],
      scaled: [['normalizer.mean', [3]], ['normalizer.std', [3]], ['0.weight', [4, 3]], ['0.bias', [4]]],
    };
    for (const [name, tensors] of Object.entries(arrays)) {
      const file = path.join(folder, `${name}.npz`);
      await writeNpz(file, tensors.map(([tensor, shape]) => ({ name: tensor, shape, values: normals(shape.reduce((a, b) => a * b, 1)) })), { overwrite: false });
      const opened = await openWeightFile(file);
      expect(gaussianWeights(opened), name).toBeUndefined();
      await opened.close();
    }
  });
});

describe('SWAG in files', () => {
  const rank = 6;
  const size = network.parameters;
  const deviations = normals(rank * size).map((z) => 0.2 * z);
  const squares = mean.map((m, i) => m * m + deviation[i]! ** 2);
  /** ½ diag(s²) + D̂ᵀD̂ / (2 (K − 1)): the deviations of the marginals. */
  const marginal = deviation.map((s, i) => {
    let low = 0;
    for (let k = 0; k < rank; k++) low += deviations[k * size + i]! ** 2;
    return Math.sqrt(0.5 * s * s + low / (2 * (rank - 1)));
  });
  const columns = (offset: number, length: number): Float64Array => Float64Array.from({ length: rank * length }, (_, k) => deviations[Math.floor(k / length) * size + offset + (k % length)]!);
  const buffers = network.blocks.flatMap(({ tensor, shape, offset, length }) => [
    { name: `base.${tensor}_mean`, shape, values: mean.slice(offset, offset + length) },
    { name: `base.${tensor}_sq_mean`, shape, values: squares.slice(offset, offset + length) },
    { name: `base.${tensor}_cov_mat_sqrt`, shape: [rank, length], values: columns(offset, length) },
  ]).concat([{ name: 'n_models', shape: [1], values: Float64Array.of(12) }]);

  it('is read from the buffers of its authors’ code, with the covariance of its definition', async () => {
    await open(buffers, {}, async (source) => {
      expect(source.origin).toMatchObject({ kind: 'swag', assumptions: ['A Gaussian by SWAG\'s moments (mean/sq_mean): mean, diagonal variance and 6 deviations.'] });
      const draws = await source.read(0, source.count);
      expectMoments(draws, size, mean, marginal);
      // An off-diagonal entry.
      const [i, j] = [1, 8];
      let exact = 0;
      for (let k = 0; k < rank; k++) exact += (deviations[k * size + i]! * deviations[k * size + j]!) / (2 * (rank - 1));
      const products = Float64Array.from({ length: source.count }, (_, m) => (draws[m * size + i]! - mean[i]!) * (draws[m * size + j]! - mean[j]!));
      const estimate = products.reduce((a, b) => a + b, 0) / source.count;
      const error = Math.sqrt(products.reduce((sum, p) => sum + (p - estimate) ** 2, 0)) / source.count;
      expect(Math.abs(estimate - exact)).toBeLessThan(4.5 * error);
    });
  });

  it('is read from one vector of all weights beside the network', async () => {
    const arrays = [
      ...network.blocks.map(({ tensor, shape, length }) => ({ name: tensor, shape, values: normals(length) })),
      { name: 'w_avg', shape: [size], values: mean }, { name: 'w2_avg', shape: [size], values: squares },
      { name: 'pre_D', shape: [size, rank], values: Float64Array.from({ length: size * rank }, (_, k) => deviations[(k % rank) * size + Math.floor(k / rank)]!) },
    ];
    // The same numbers as from the buffers, so the same draws.
    const fromVector = await open(arrays, { draws: 20 }, async (source) => { expect(source.centre).toEqual(mean); return source.read(0, source.count); });
    expect(fromVector).toEqual(await open(buffers, { draws: 20 }, (source) => source.read(0, source.count)));
    await expect(open(arrays.map((array) => (array.name === 'w_avg' ? { ...array, shape: [size - 1], values: mean.slice(1) } : array)), {}, () => Promise.resolve())).rejects.toThrow(`holds ${size - 1} means of weights; the network's own tensors beside it have ${size}`);
  });

  it('of several files is a mixture with equal shares', async () => {
    const folder = await temporaryFolder();
    const files = [0, 10].map((shift) => path.join(folder, `swag${shift}.npz`));
    for (const [k, file] of files.entries()) await writeNpz(file, buffers.map((array) => (array.name.endsWith('_mean') && !array.name.endsWith('_sq_mean') ? { ...array, values: array.values.map((v) => v + 10 * k) } : array)), { overwrite: false });
    // Means moved by 10 with the same mean squares: no diagonal variance is left, which is 0 and not negative.
    const source = await openDraws([files], { ...request, draws: 9 }, context);
    expect(source.sets).toEqual([4, 5]);
    const draws = await source.read(0, source.count);
    for (let m = 0; m < 9; m++) expect(Math.abs(draws[m * size]! - mean[0]! - (m < 4 ? 0 : 10))).toBeLessThan(3);
    const plain = path.join(folder, 'plain.npz');
    await writeNpz(plain, network.blocks.map(({ tensor, shape, length }) => ({ name: tensor, shape, values: normals(length) })), { overwrite: false });
    await expect(openDraws([[...files, plain]], request, context)).rejects.toThrow(`${plain}: holds no Gaussian over weights`);
  });

  it('is fitted to a trajectory of checkpoints, in order', async () => {
    const folder = await temporaryFolder();
    const files = Array.from({ length: 12 }, (_, t) => path.join(folder, `epoch${t}.safetensors`));
    const states = files.map(() => normals(size));
    for (const [t, file] of files.entries()) await writeNetwork(file, network, states[t]!);
    const source = await openDraws([files], { ...request, as: 'trajectory', draws: 100 }, context);
    expect(source.origin.kind).toBe('swag');
    source.centre?.forEach((m, i) => { expect(m).toBeCloseTo(states.reduce((sum, state) => sum + state[i]!, 0) / 12, 12); });
    // Spread is the size of its definition's, not that of a mean.
    const draws = await source.read(0, source.count);
    const spread = Math.sqrt(draws.reduce((sum, w, k) => sum + (w - source.centre![k % size]!) ** 2, 0) / draws.length);
    expect(spread).toBeGreaterThan(0.7);
    expect(spread).toBeLessThan(1.4);
  });
});

describe('posteriors that libraries saved (makePosteriorFixtures.py)', () => {
  const fixture = (name: string): string => path.join(import.meta.dirname, '../../fixtures/posteriors', name);

  it.each([['torchbnn', 'mean-field'], ['blitz', 'mean-field'], ['bayesian-torch', 'mean-field'], ['swag', 'swag']] as const)('%s: draws have its means and deviations', async (name, kind) => {
    const figures = JSON.parse(await readFile(fixture(`${name}.json`), 'utf8')) as { readonly mean: number[]; readonly sigma: number[] };
    const source = await openDraws([[fixture(`${name}.pt`)]], request, context);
    try {
      expect(source.origin.kind).toBe(kind);
      expect(source.network.parameters).toBe(13);
      expectMoments(await source.read(0, source.count), 13, Float64Array.from(figures.mean), Float64Array.from(figures.sigma));
      source.centre?.forEach((m, i) => { expect(Math.abs(m - figures.mean[i]!)).toBeLessThan(1e-12 * Math.abs(m) + 1e-15); });
    } finally {
      await source.close();
    }
  });

  it('dropout has the rates of the file’s own layers', async () => {
    const rates = async (file: string): Promise<number[]> => {
      const opened = await openWeightFile(path.join(import.meta.dirname, '../../fixtures/architectures', file));
      try {
        return dropoutNodes((await requireNetwork(opened, {})).network, undefined).map(({ rate }) => rate);
      } finally {
        await opened.close();
      }
    };
    // As makeKerasArchitectureFixtures.py gives them to SpatialDropout2D and Dropout.
    expect(await rates('keras3-chain.keras')).toEqual([0.2, 0.5]);
    expect(await rates('keras2-chain.h5')).toEqual([0.2, 0.5]);
  });
});

describe('dropout as draws of the weights', () => {
  it('is the network with masks on its hidden units', () => {
    const wide = new Layers([3]).dense(5).activation('relu').dropout(0.4).dense(4).activation('tanh').dropout(0.25).dense(2).build();
    const state = normals(wide.stateSize);
    const { draw } = dropoutGaussian(wide, state, undefined);
    const x = normals(6 * 3);
    const dropouts = wide.nodes.filter(({ op }) => op === 'dropout');
    const weights = [wide.nodes.filter(({ op }) => op === 'dense')[1]!, wide.nodes.filter(({ op }) => op === 'dense')[2]!].map((node) => (node.op === 'dense' ? node.weight : wide.blocks[0]!));
    let dropped = 0;
    for (let m = 0; m < 40; m++) {
      const drawn = new Float64Array(wide.stateSize);
      draw(drawn, seededRandom(m));
      const factors = new Map(dropouts.map((node, k) => {
        const { offset, shape: [, columns = 0] } = weights[k]!;
        return [node.index, Float64Array.from({ length: columns }, (_, c) => drawn[offset + c]! / state[offset + c]!)];
      }));
      for (const [index, mask] of factors) {
        const rate = wide.nodes[index]!.op === 'dropout' ? (wide.nodes[index] as { rate: number }).rate : 0;
        mask.forEach((factor) => { expect(factor === 0 || Math.abs(factor - 1 / (1 - rate)) < 1e-12).toBe(true); dropped += factor === 0 ? 1 : 0; });
      }
      const [asWeights, asMasks] = [forward(wide, drawn, x), forwardWithFactors(wide, state, x, factors)];
      asWeights.forEach((f, k) => { expect(Math.abs(f - asMasks[k]!)).toBeLessThan(1e-12); });
    }
    // 40 × (5 × 0.4 + 4 × 0.25) = 120 on average, with a deviation of √(40 (5 · 0.24 + 4 · 0.1875)).
    expect(Math.abs(dropped - 120)).toBeLessThan(4.5 * Math.sqrt(40 * (5 * 0.24 + 4 * 0.1875)));
  });

  it('needs a rate, and dense layers behind what is dropped', () => {
    expect(() => dropoutGaussian(network, mean, undefined)).toThrow('the network has no dropout layer');
    const conv = new Layers([2, 4, 4]).conv(3, [3, 3]).activation('relu').conv(2, [1, 1]).flatten().dense(2).build();
    expect(() => dropoutGaussian(conv, normals(conv.stateSize), 0.2)).toThrow(/which is no dense layer with weights of its own, so that no weights stand for it/);
  });
});
