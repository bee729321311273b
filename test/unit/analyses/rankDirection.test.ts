/** Laws of ways in weight space, split into image and kernel: draws, steps of training. The way to one checkpoint is in rank.test.ts. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { rank } from '../../../src/analyses/rank.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { forward } from '../../../src/network/forward.ts';
import type { Network } from '../../../src/network/network.ts';
import { tensorValues } from '../../../src/network/parameters.ts';
import type { Report } from '../../../src/protocol/report.ts';
import type { RankRequest } from '../../../src/protocol/service.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from './workspace.ts';

interface Direction {
  readonly file: string;
  readonly draws: number;
  readonly squaredLength: number;
  readonly squaredImage: number;
  readonly squaredKernel: number;
  readonly curvature: number;
  readonly tensors: readonly { readonly squaredImage: number; readonly squaredKernel: number }[];
  readonly ways: readonly { readonly draw: number; readonly squaredImage: number; readonly squaredKernel: number; readonly curvature: number }[];
}

interface Workspace {
  readonly folder: string;
  readonly network: Network;
  readonly theta: Float64Array;
  readonly ask: (request: Partial<RankRequest>) => Promise<Direction>;
  readonly report: (request: Partial<RankRequest>) => Promise<Report>;
}

/** A ReLU network and forty data, with which it has a kernel. */
async function workspace(): Promise<Workspace> {
  const folder = await temporaryFolder();
  const { network, theta } = randomNetwork([3, 8, 2], 'relu', 4);
  const file = path.join(folder, 'here.safetensors');
  await writeNetwork(file, network, theta);
  const random = seededRandom(1);
  const x = Float64Array.from({ length: 40 * 3 }, () => random.normal());
  const y = forward(network, theta, x).map((value) => value + 0.3 * random.normal());
  const data = path.join(folder, 'data.npz');
  await writeNpz(data, [{ name: 'x', shape: [40, 3], values: x }, { name: 'y', shape: [40, 2], values: y }], { overwrite: false });
  const report = (request: Partial<RankRequest>): Promise<Report> => rank({ file, data, activation: 'relu', inputs: 100, likelihood: 'gaussian', noise: 0.5, priorPrecision: 1, seed: 0, ...request }, context);
  return { folder, network, theta, report, ask: async (request) => ((await report(request)).result as unknown as { readonly direction: Direction }).direction };
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

describe('towards draws', () => {
  it('each draw is split as a checkpoint of its own would be, and the sums are theirs', async () => {
    const { folder, network, theta, ask, report } = await workspace();
    const random = seededRandom(2);
    const draws = Array.from({ length: 3 }, () => theta.map((value) => value + 0.1 * random.normal()));
    const set = path.join(folder, 'draws.npz');
    await writeNpz(set, network.blocks.map((block) => ({ name: block.tensor, shape: [3, ...block.fileShape], values: Float64Array.from(draws.flatMap((draw) => Array.from(tensorValues(draw, block)))) })), { overwrite: false });
    const all = await ask({ toward: set });
    expect(all).toMatchObject({ file: set, draws: 3 });
    expect(all.ways.map(({ draw }) => draw)).toEqual([1, 2, 3]);
    const single = await ask({ toward: set, draw: 2 });
    expect(single.ways).toEqual([all.ways[1]]);
    const alone = path.join(folder, 'alone.safetensors');
    await writeNetwork(alone, network, draws[1]!);
    const checkpoint = await ask({ toward: alone });
    expect(checkpoint.squaredKernel).toBeCloseTo(single.squaredKernel, 12);
    expect(checkpoint.squaredLength).toBeCloseTo(sum(Array.from(draws[1]!, (value, i) => (value - theta[i]!) ** 2)), 12);
    expect(all.squaredKernel).toBeCloseTo(sum(all.ways.map(({ squaredKernel }) => squaredKernel)), 12);
    expect(all.squaredKernel + all.squaredImage).toBeCloseTo(all.squaredLength, 12);
    expect(sum(all.tensors.map(({ squaredKernel }) => squaredKernel))).toBeCloseTo(all.squaredKernel, 12);
    expect(all.curvature).toBeCloseTo(sum(all.ways.map(({ curvature }) => curvature)) / 3, 10);
    const { sections } = await report({ toward: set });
    expect(sections.map(({ id }) => id)).toEqual(expect.arrayContaining(['direction', 'direction-layers', 'direction-draws']));
    await expect(ask({ toward: set, draw: 4 })).rejects.toThrow(/draws\.npz.*holds 3 draws; there is no draw 4/);
  });

  it('isotropic draws have the kernel’s share of dimensions in it, and a folder of checkpoints is a set of draws', async () => {
    const { folder, network, theta, report } = await workspace();
    const random = seededRandom(3);
    const many = 60;
    await mkdir(path.join(folder, 'chain'));
    for (let m = 0; m < many; m++) await writeNetwork(path.join(folder, 'chain', `draw-${m}.safetensors`), network, theta.map((value) => value + 1e-3 * random.normal()));
    const { result } = await report({ toward: path.join(folder, 'chain') });
    const { direction, kernelDimension, parameters } = result as unknown as { readonly direction: Direction; readonly kernelDimension: number; readonly parameters: number };
    expect(direction.draws).toBe(many);
    // Squared lengths are χ² with kernelDimension and rank degrees of freedom for each draw: four standard errors of their ratio.
    const expected = kernelDimension / parameters;
    expect(kernelDimension).toBeGreaterThan(5);
    expect(Math.abs(direction.squaredKernel / direction.squaredLength - expected)).toBeLessThan(4 * Math.sqrt((2 * expected * (1 - expected)) / (many * parameters)));
  });

  it('a set of draws of another network is refused', async () => {
    const { folder, ask } = await workspace();
    const { network, theta } = randomNetwork([3, 7, 2], 'relu', 4);
    const other = path.join(folder, 'other.safetensors');
    await writeNetwork(other, network, theta);
    await expect(ask({ toward: other })).rejects.toThrow(/other\.safetensors.*does not hold the same network as/);
    await expect(ask({ draw: 1 })).rejects.toThrow('a draw is named, but nothing that holds draws');
    await expect(ask({ toward: other, step: 'gradient' })).rejects.toThrow('two questions; ask for one at a time');
  });
});

describe('along a step of training', () => {
  it('of a gradient step only the prior’s pull lies in the kernel: α² times the kernel part of the weights themselves', async () => {
    const { folder, network, ask } = await workspace();
    const origin = path.join(folder, 'origin.safetensors');
    await writeNetwork(origin, network, new Float64Array(network.parameters));
    const { squaredKernel: ofWeights } = await ask({ toward: origin });
    expect(ofWeights).toBeGreaterThan(1e-3);
    for (const priorPrecision of [1e-6, 0.1, 7]) {
      const step = await ask({ step: 'gradient', priorPrecision });
      expect(step.squaredKernel / (priorPrecision ** 2 * ofWeights)).toBeCloseTo(1, 6);
      expect(step.squaredImage).toBeGreaterThan(0);
    }
  });

  it('a gradient step needs targets, and an optimiser’s one its state', async () => {
    const { ask } = await workspace();
    const { network, theta } = randomNetwork([3, 8, 2], 'relu', 4);
    const bare = path.join(await temporaryFolder(), 'bare.safetensors');
    await writeNetwork(bare, network, theta);
    await expect(rank({ file: bare, activation: 'relu', inputs: 100, likelihood: 'gaussian', noise: 1, priorPrecision: 1, seed: 0, step: 'gradient' }, context)).rejects.toThrow('a gradient step needs data with targets y');
    await expect(ask({ step: 'optimizer' })).rejects.toThrow(/here\.safetensors.*holds no optimiser’s state/);
  });

  it('an Adam checkpoint’s next step, of one unit length a parameter after its first', async () => {
    const file = path.join(import.meta.dirname, '../../fixtures/pytorch/checkpoint.pt');
    const { result } = await rank({ file, activation: 'tanh', inputs: 100, likelihood: 'categorical', noise: 1, priorPrecision: 1, seed: 0, step: 'optimizer' }, context);
    const { direction, parameters } = result as unknown as { readonly direction: Direction; readonly parameters: number };
    expect(direction.squaredLength).toBeCloseTo(parameters, 4);
    // Of a softmax over two logits the kernel is what moves both alike, whatever the hidden units: rows of the last layer, and its biases.
    expect(direction.squaredKernel).toBeCloseTo(await bothAlike(file), 4);
    expect(direction.squaredImage + direction.squaredKernel).toBeCloseTo(direction.squaredLength, 10);
  });
});

/** Of the step −sign(g), ‖(row 0 + row 1) / √2‖² over the last layer's weights and biases. */
async function bothAlike(file: string): Promise<number> {
  const opened = await openWeightFile(file);
  try {
    const [weight, bias] = [await opened.read('optimizer.state.2.exp_avg'), await opened.read('optimizer.state.3.exp_avg')];
    const pairs = [...Array.from({ length: 4 }, (_, j) => [weight[j]!, weight[4 + j]!] as const), [bias[0]!, bias[1]!] as const];
    return sum(pairs.map(([first, second]) => (Math.sign(first) + Math.sign(second)) ** 2 / 2));
  } finally {
    await opened.close();
  }
}
