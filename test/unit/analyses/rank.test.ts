/** The analysis `rank`: ranks that theorems give, kernels divided by their causes, and what is said where memory does not suffice. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { rank } from '../../../src/analyses/rank.ts';
import { standardNormalInputs } from '../../../src/curvature/genericInputs.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { RankRequest } from '../../../src/protocol/service.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { trace } from '../../../src/network/forward.ts';
import { addVectorJacobianProduct } from '../../../src/network/parameterGradients.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from './workspace.ts';

const defaults: Omit<RankRequest, 'file'> = { inputs: 2000, likelihood: 'gaussian', noise: 1, priorPrecision: 1, seed: 0 };

interface RankResult {
  readonly parameters: number;
  readonly rank: number;
  readonly rankBracket: readonly [number, number];
  readonly rankBound: number;
  readonly kernelDimension: number;
  readonly kernel: { readonly symmetry: number; readonly hidden: number; readonly dataLimited: number };
  readonly symmetry: { readonly scaling: number; readonly permutationLog10: number; readonly signFlips: number };
  readonly spectrum: readonly number[];
  readonly logMarginalLikelihood: number | null;
  readonly plane?: { readonly lossAtMode: number; readonly image: string; readonly imageShares: readonly { readonly share: number }[]; readonly curvature: number } | null;
}

async function rankOf(widths: readonly number[], activation: string, request: Partial<RankRequest> = {}, seed = 2): Promise<RankResult> {
  const { network: net, theta } = randomNetwork(widths, activation, seed);
  const file = path.join(await temporaryFolder(), 'network.safetensors');
  await writeNetwork(file, net, theta);
  return (await rank({ ...defaults, file, activation, ...request }, context)).result as unknown as RankResult;
}

/** 2,000 standard normal points, as a data file. */
async function standardNormalData(width: number): Promise<string> {
  const file = path.join(await temporaryFolder(), 'data.npz');
  await writeNpz(file, [{ name: 'x', shape: [2000, width], values: standardNormalInputs(2000, width, seededRandom(0)) }], { overwrite: false });
  return file;
}

describe('the rank analysis', () => {
  // Functional dimension: at most D minus hidden units for ReLU (Grigsby et al. 2023), reached by networks without dead or
  // always-on units (the seeds), and D for tanh.
  it.each([
    [[3, 5, 2], 'relu', 27, 32, 1],
    [[4, 6, 6, 3], 'relu', 81, 93, 1],
    [[8, 16, 16, 4], 'relu', 452, 484, 2],
    [[8, 16, 16, 4], 'tanh', 484, 484, 2],
    [[8, 16, 16, 4], 'linear', 36, 484, 2],
  ] as const)('%j %s with generic weights has rank %d of %d on 2,000 generic inputs', async (widths, activation, expected, parameters, seed) => {
    const result = await rankOf(widths, activation, {}, seed);
    expect(result).toMatchObject({ rank: expected, rankBracket: [expected, expected], parameters, kernelDimension: parameters - expected });
    const { symmetry, hidden, dataLimited } = result.kernel;
    expect(symmetry + hidden + dataLimited).toBe(result.kernelDimension);
    expect({ hidden, dataLimited }).toEqual({ hidden: 0, dataLimited: 0 });
    expect(result.spectrum).toHaveLength(parameters);
  });

  it('plans memory for what is done on generic inputs too', async () => {
    const few = path.join(await temporaryFolder(), 'few.npz');
    await writeNpz(few, [{ name: 'x', shape: [5, 8], values: standardNormalInputs(5, 8, seededRandom(0)) }], { overwrite: false });
    const { peakBytes } = (await rankOf([8, 16, 16, 4], 'relu', { data: few })) as RankResult & { readonly peakBytes: number };
    expect(peakBytes).toBeGreaterThanOrEqual(8 * 10 * 484 ** 2);
  });

  it('says that a unit which is always on adds a direction on these data, its bias moves into the next layer’s, and that other inputs would see it', async () => {
    const onData = await rankOf([8, 16, 16, 4], 'relu', { data: await standardNormalData(8) }, 1);
    expect(onData).toMatchObject({ rank: 451, kernel: { symmetry: 32, hidden: 0, dataLimited: 1 }, units: [{ layer: '2', unit: 5, status: 'always-on' }] });
    expect(await rankOf([8, 16, 16, 4], 'relu', {}, 1)).toMatchObject({ rank: 452, kernel: { symmetry: 32, hidden: 0 }, units: [] });
  });

  it('names a unit that is on for too few of the inputs to be seen whole', async () => {
    // Unit 12 of the second hidden layer is on for one input of 2,000, which shows 4 (one an output) of its 17 + 4 − 1 directions;
    // unit 8 is off for 14, which is enough.
    const { rank: shown, kernel, ...onData } = await rankOf([8, 16, 16, 4], 'relu', { data: await standardNormalData(8) }, 3);
    expect(onData).toMatchObject({ units: [{ layer: '2', unit: 8, status: 'rare' }, { layer: '2', unit: 12, status: 'rare' }] });
    expect(shown).toBe(436);
    expect(kernel.hidden + kernel.dataLimited).toBe(16);
    // Generic inputs are looked for where it is on.
    expect(kernel.dataLimited).toBeGreaterThan(10);
  });

  it('gives curves that end at its own figures, and a plane beside them', async () => {
    const folder = await temporaryFolder();
    const data = path.join(folder, 'data.npz');
    await writeNpz(data, [
      { name: 'x', shape: [40, 2], values: Float64Array.from({ length: 80 }, (_, i) => 2 * Math.sin(1 + i * i)) },
      { name: 'y', shape: [40], values: Float64Array.from({ length: 40 }, (_, i) => i % 2) },
    ], { overwrite: false });
    const result = (await rankOf([2, 2, 1], 'relu', { data, likelihood: 'bernoulli', priorPrecision: 0.3 }, 2)) as RankResult & {
      effectiveDimension: number;
      effectiveDimensions: { priorPrecision: number[]; value: number[] };
      rankByData: { data: number; rank: number; bound: number }[];
      plane: { across: { layer: string; unit: number }; data: number; lossOnCurve: number } & RankResult['plane'];
    };
    expect(result.rankByData.at(-1)).toMatchObject({ data: 40, rank: result.rank });
    expect(result.effectiveDimensions.value[result.effectiveDimensions.priorPrecision.indexOf(0.3)]).toBe(result.effectiveDimension);
    expect(result.plane).toMatchObject({ across: { layer: '0' }, image: 'growth', data: 40 });
    expect(result.plane.lossOnCurve).toBeCloseTo(result.plane.lossAtMode, 12);
  });

  it('counts what too few data leave open, and bounds the rank by N·O', async () => {
    const folder = await temporaryFolder();
    const data = path.join(folder, 'data.npz');
    await writeNpz(data, [{ name: 'x', shape: [4, 3], values: Float64Array.from({ length: 12 }, (_, i) => Math.sin(1 + i)) }], { overwrite: false });
    const result = await rankOf([3, 5, 2], 'tanh', { data });
    expect(result).toMatchObject({ rank: 8, rankBound: 8, kernelDimension: 24, kernel: { symmetry: 0, hidden: 0, dataLimited: 24 }, logMarginalLikelihood: null });
    expect(result.symmetry).toEqual({ scaling: 0, permutationLog10: Math.log10(120), signFlips: 5 });
  });

  it('gives the evidence when there are targets, and says when the weights are no mode', async () => {
    const folder = await temporaryFolder();
    const data = path.join(folder, 'data.npz');
    await writeNpz(data, [
      { name: 'x', shape: [10, 3], values: Float64Array.from({ length: 30 }, (_, i) => Math.sin(1 + i)) },
      { name: 'y', shape: [10, 2], values: new Float64Array(20).fill(3) },
    ], { overwrite: false });
    const { network: net, theta } = randomNetwork([3, 5, 2], 'tanh', 1);
    const file = path.join(folder, 'network.safetensors');
    await writeNetwork(file, net, theta);
    const report = await rank({ ...defaults, file, activation: 'tanh', data }, context);
    expect(Number.isFinite((report.result as unknown as RankResult).logMarginalLikelihood)).toBe(true);
    expect(report.warnings.join(' ')).toContain('far from a mode');
  });

  it('counts a point of weight k as k points', async () => {
    const folder = await temporaryFolder();
    const random = seededRandom(8);
    const x = Array.from({ length: 6 }, () => [random.normal(), random.normal(), random.normal()]);
    const y = x.map(([a, b, c]) => [a! - b!, c!]);
    const weights = [1, 3, 0, 2, 1, 2];
    const repeated = (rows: readonly (readonly number[])[]): number[] => rows.flatMap((row, n) => Array.from({ length: weights[n]! }, () => row)).flat();
    const write = async (name: string, points: number, xs: readonly number[], ys: readonly number[], counted: readonly number[] | undefined): Promise<string> => {
      const file = path.join(folder, name);
      await writeNpz(file, [
        { name: 'x', shape: [points, 3], values: Float64Array.from(xs) }, { name: 'y', shape: [points, 2], values: Float64Array.from(ys) },
        ...(counted === undefined ? [] : [{ name: 'sample_weight', shape: [points], values: Float64Array.from(counted) }]),
      ], { overwrite: false });
      return file;
    };
    const weighted = await rankOf([3, 5, 2], 'tanh', { data: await write('weighted.npz', 6, x.flat(), y.flat(), weights) });
    const copies = await rankOf([3, 5, 2], 'tanh', { data: await write('repeated.npz', 9, repeated(x), repeated(y), undefined) });
    expect(weighted.rank).toBe(10);
    expect(copies.rank).toBe(10);
    weighted.spectrum.slice(0, 10).forEach((value, k) => { expect(value / copies.spectrum[k]!).toBeCloseTo(1, 9); });
    expect(weighted.logMarginalLikelihood).toBeCloseTo(copies.logMarginalLikelihood ?? Number.NaN, 9);
    const plane = ({ plane }: RankResult): number => plane?.lossAtMode ?? Number.NaN;
    expect(plane(weighted)).toBeCloseTo(plane(copies), 9);
    // tanh has no scaling: the plane's image direction is the eigenvector of the largest eigenvalue.
    expect(weighted.plane).toMatchObject({ image: 'most' });
    expect(weighted.plane?.curvature).toBeCloseTo(weighted.spectrum[0]!, 9);
    expect(weighted.plane?.imageShares.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
    await expect(rankOf([3, 5, 2], 'tanh', { data: await write('negative.npz', 6, x.flat(), y.flat(), [1, -1, 1, 1, 1, 1]) })).rejects.toThrow('sample_weight[1]: is -1; weights are zero or positive');
  });

  it('says both widths when data and network do not fit', async () => {
    const folder = await temporaryFolder();
    const data = path.join(folder, 'data.npz');
    await writeNpz(data, [{ name: 'x', shape: [4, 2], values: new Float64Array(8) }], { overwrite: false });
    await expect(rankOf([3, 5, 2], 'tanh', { data })).rejects.toThrow(`${data}: x: has 2 values a row, the network takes 3`);
  });

  it('says that class numbers want the categorical likelihood', async () => {
    const folder = await temporaryFolder();
    const data = path.join(folder, 'data.npz');
    const write = (y: readonly number[]): Promise<void> => writeNpz(data, [{ name: 'x', shape: [3, 3], values: new Float64Array(9) }, { name: 'y', shape: [3], values: Float64Array.from(y) }], { overwrite: true });
    await write([0, 1, 1]);
    await expect(rankOf([3, 5, 2], 'tanh', { data })).rejects.toThrow(`${data}: y: has class numbers, one a row; choose the categorical likelihood`);
    await write([0, 1, 2]);
    await expect(rankOf([3, 5, 2], 'tanh', { data })).rejects.toThrow(`${data}: y: has 1 values a row, the network gives 2`);
  });

  it('takes the likelihood that targets are made for when none is named', async () => {
    const folder = await temporaryFolder();
    const data = path.join(folder, 'data.npz');
    const { network: net, theta } = randomNetwork([3, 5, 2], 'tanh', 2);
    const file = path.join(folder, 'network.safetensors');
    await writeNetwork(file, net, theta);
    const ranked = async (y: readonly number[], shape: readonly number[], named: Partial<RankRequest> = {}): Promise<RankResult> => {
      const x = standardNormalInputs(3, 3, seededRandom(5));
      await writeNpz(data, [{ name: 'x', shape: [3, 3], values: x }, { name: 'y', shape: [...shape], values: Float64Array.from(y) }], { overwrite: true });
      return (await rank({ inputs: 2000, noise: 1, priorPrecision: 1, seed: 0, ...named, file, activation: 'tanh', data }, context)).result as unknown as RankResult;
    };
    const classes = await ranked([0, 1, 1], [3]);
    expect(classes).toMatchObject({ likelihood: 'categorical', rankBound: 3 });
    expect(classes.spectrum).toEqual((await ranked([0, 1, 1], [3], { likelihood: 'categorical' })).spectrum);
    expect(await ranked([0, 1, 1, 0, 1, 0], [3, 2])).toMatchObject({ likelihood: 'gaussian', rankBound: 6 });
    // 2 is no class of two outputs: neither likelihood can be meant.
    await expect(ranked([0, 1, 2], [3])).rejects.toThrow('has 1 values a row, the network gives 2');
  });

  it.each([
    // A constant and, for each of five features, a vector that all three logits have in common; a scale of each of five units.
    ['categorical', 'directions along the continuous symmetries, 5 of the network and 6 of the softmax, which does not see what all logits have in common', 11],
    ['gaussian', 'directions along the continuous symmetries', 5],
  ] as const)('tells the symmetries of the likelihood from those of the network: %s', async (likelihood, meaning, symmetry) => {
    const folder = await temporaryFolder();
    const [file, data] = [path.join(folder, 'network.safetensors'), path.join(folder, 'data.npz')];
    const { network: net, theta } = randomNetwork([4, 5, 3], 'relu', 2);
    await writeNetwork(file, net, theta);
    await writeNpz(data, [{ name: 'x', shape: [40, 4], values: standardNormalInputs(40, 4, seededRandom(5)) }], { overwrite: true });
    const { sections } = await rank({ inputs: 2000, noise: 1, priorPrecision: 1, seed: 0, file, activation: 'relu', data, likelihood }, context);
    const steps = sections.flatMap((section) => (section.kind === 'waterfall' ? section.steps : []));
    expect(steps).toContainEqual({ label: 'symmetry', value: symmetry, meaning });
  });

  it('takes convolutional networks: the kernel of conv 1→3→3, pool, dense 2 is one scaling a channel', async () => {
    const folder = await temporaryFolder();
    const file = path.join(folder, 'network.npz');
    const random = seededRandom(2);
    const tensor = (name: string, shape: readonly number[]) => ({ name, shape, values: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()) });
    await writeNpz(file, [tensor('a.weight', [3, 1, 3, 3]), tensor('a.bias', [3]), tensor('b.weight', [3, 3, 3, 3]), tensor('b.bias', [3]), tensor('c.weight', [2, 3]), tensor('c.bias', [2])], { overwrite: false });
    await writeFile(path.join(folder, 'network.network.json'), JSON.stringify({ input: [1, 8, 8], layers: [{ conv2d: 'a', activation: 'relu' }, { conv2d: 'b', activation: 'relu' }, { globalavgpool: {} }, { dense: 'c' }] }));
    const report = await rank({ ...defaults, file, inputs: 200 }, context);
    expect(report.result).toMatchObject({ parameters: 122, rank: 116, rankBracket: [116, 116], kernel: { symmetry: 6, hidden: 0, dataLimited: 0 } });
    const layers = (report.result as { layers: { tensors: string[]; parameters: number; image: number; kernel: number }[] }).layers;
    expect(layers.flatMap(({ tensors }) => tensors)).toEqual(['a.weight', 'a.bias', 'b.weight', 'b.bias', 'c.weight', 'c.bias']);
    expect(layers.reduce((sum, { image }) => sum + image, 0)).toBeCloseTo(116, 8);
    expect(report.sections.map(({ id }) => id)).toEqual(['overview', 'kernel', 'spectrum', 'growth', 'effective-dimension', 'plane', 'layers', 'directions', 'units']);
  });

  it('estimates what is too large to be factorised, with error bars', async () => {
    const { network: net, theta } = randomNetwork([8, 16, 16, 4], 'tanh', 2);
    const file = path.join(await temporaryFolder(), 'network.safetensors');
    await writeNetwork(file, net, theta);
    const whole = (await rank({ ...defaults, file, activation: 'tanh', inputs: 500 }, context)).result as unknown as RankResult;
    const told: string[] = [];
    const report = await rank({ ...defaults, file, activation: 'tanh', inputs: 500 }, { ...context, memoryLimitBytes: 6e6, progress: ({ message }) => { told.push(message); } });
    const result = report.result as unknown as RankResult & { method: string; trace: { value: number; standardError: number }; spectrumErrors: number[] };
    expect(result.method).toBe('lanczos');
    expect(result.spectrum).toHaveLength(50);
    result.spectrum.forEach((value, k) => { expect(Math.abs(value - whole.spectrum[k]!)).toBeLessThan(result.spectrumErrors[k]! + 1e-9 * whole.spectrum[0]!); });
    const trace = whole.spectrum.reduce((sum, value) => sum + value, 0);
    expect(Math.abs(result.trace.value - trace)).toBeLessThan(4 * result.trace.standardError);
    const { priorPrecision, value, standardError } = (report.result as unknown as { effectiveDimensions: Readonly<Record<'priorPrecision' | 'value' | 'standardError', readonly number[]>> }).effectiveDimensions;
    priorPrecision.forEach((alpha, k) => {
      const exact = whole.spectrum.reduce((sum, eigenvalue) => sum + eigenvalue / (eigenvalue + alpha), 0);
      // Eigenvalues that the quadrature cannot tell from its tolerance count for α of that size only.
      if (alpha > 1e-3) expect(Math.abs(value[k]! - exact)).toBeLessThan(4 * standardError[k]! + 0.01 * exact);
      if (k > 0) expect(value[k]!).toBeLessThanOrEqual(value[k - 1]!);
    });
    expect(result.rankBracket[0]).toBeLessThanOrEqual(whole.rank);
    expect(result.rankBracket[1]).toBeGreaterThanOrEqual(whole.rank);
    expect(report.sections.map(({ id }) => id)).toEqual(['overview', 'kernel', 'spectrum', 'density', 'growth', 'effective-dimension', 'directions', 'units']);
    // tanh has no scaling orbit, and a kernel direction takes a factorisation.
    expect(report.warnings.at(-1)).toMatch(/^The loss over a plane through ŵ is left out: its directions are eigenvectors/);
    expect(report.warnings[0]).toContain('estimates from random probes');
    // What runs and what it takes is said before it does, and on every line of it.
    expect(told[0]).toMatch(/^By Lanczos and stochastic quadrature, with about [\d.]+ MiB of memory$/);
    expect(told[1]).toMatch(/^Product 1 of at most \d+ with the GGN; Lanczos, about [\d.]+ MiB$/);
    // The parts of the kernel add up here too, and the panel has the error bars that the result has.
    const parts = report.sections.find((section) => section.kind === 'waterfall');
    expect(parts?.steps.reduce((sum, { value }) => sum + value, 0)).toBe(result.kernelDimension);
    expect(parts?.remainder.value).toBe(result.rank);
    expect(parts?.total.value).toBe(484);
    const density = report.sections.find((section) => section.kind === 'histogram');
    expect(density?.series[0]?.errors).toEqual((report.result as unknown as { density: { counts: { standardError: number }[] } }).density.counts.map(({ standardError }) => standardError));
    expect(report.sections[0]).toMatchObject({ figures: expect.arrayContaining([expect.objectContaining({ label: 'Random probes', value: '8', detail: expect.stringContaining('seed 0') as string }), expect.objectContaining({ label: 'Memory planned', detail: expect.stringMatching(/^beside the program itself and the network, about 150 MiB$/) as string })]) as unknown });
    const pictures = report.sections.find(({ id }) => id === 'directions');
    expect(pictures?.kind === 'fields' && pictures.panels.map(({ title }) => title.split(',')[0])).toEqual(['most constrained', 'most constrained']);
  });

  it('refuses beforehand, with the estimate, what would not fit into memory', async () => {
    const { network: net, theta } = randomNetwork([8, 16, 16, 4], 'tanh', 1);
    const file = path.join(await temporaryFolder(), 'network.safetensors');
    await writeNetwork(file, net, theta);
    await expect(rank({ ...defaults, file, activation: 'tanh' }, { ...context, memoryLimitBytes: 1e6 })).rejects.toThrow(/would need about .* [MG]iB, more than the limit/);
  });
});

describe('the way to another network', () => {
  it('along a scaling orbit lies in the kernel to first order, along a gradient step in the image; the parts add up', async () => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([2, 5, 1], 'relu', 4);
    const file = path.join(folder, 'here.safetensors');
    await writeNetwork(file, network, theta);
    const random = seededRandom(1);
    const x = Float64Array.from({ length: 120 }, () => random.normal());
    const data = path.join(folder, 'data.npz');
    await writeNpz(data, [{ name: 'x', shape: [60, 2], values: x }], { overwrite: false });
    const way = async (name: string, other: Float64Array): Promise<{ readonly squaredLength: number; readonly squaredImage: number; readonly squaredKernel: number; readonly curvature: number }> => {
      const toward = path.join(folder, `${name}.safetensors`);
      await writeNetwork(toward, network, other);
      return ((await rank({ file, data, toward, activation: 'relu', inputs: 100, likelihood: 'gaussian', noise: 1, priorPrecision: 1, seed: 0 }, context)).result as unknown as { readonly direction: Awaited<ReturnType<typeof way>> }).direction;
    };
    // Unit 0 scaled by 1 + ε and undone behind it: the way leaves the tangent by O(ε), so that its image share is O(ε²).
    const share = async (epsilon: number): Promise<number> => {
      const scaled = theta.slice();
      for (const k of [0, 1, 10]) scaled[k]! *= 1 + epsilon;
      scaled[15]! /= 1 + epsilon;
      const { squaredImage, squaredLength, squaredKernel } = await way(`scaled-${epsilon}`, scaled);
      expect(squaredImage + squaredKernel).toBeCloseTo(squaredLength, 12);
      return squaredImage / squaredLength;
    };
    const [coarse, fine] = [await share(0.1), await share(0.01)];
    expect(fine).toBeLessThan(1e-3);
    expect(Math.log10(coarse / fine)).toBeCloseTo(2, 0);
    // A gradient is a combination of rows of the Jacobian.
    const gradient = new Float64Array(network.parameters);
    const values = trace(network, theta, x);
    addVectorJacobianProduct(network, theta, values, Float64Array.from({ length: 60 }, () => random.normal()), gradient);
    const step = await way('step', theta.map((value, i) => value - 0.01 * gradient[i]!));
    expect(step.squaredKernel).toBeLessThan(1e-18 * step.squaredLength);
    expect(step.curvature).toBeGreaterThan(0);
  });
});
