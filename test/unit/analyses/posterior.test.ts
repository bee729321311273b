/** The analysis `posterior` on the two-neuron example: the last stage has one copy of each function, and what is reported agrees with it. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { example } from '../../../src/analyses/example.ts';
import { posterior } from '../../../src/analyses/posterior.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { DensitySection, Report } from '../../../src/protocol/report.ts';
import type { PosteriorRequest } from '../../../src/protocol/service.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from './workspace.ts';

afterEach(() => { vi.unstubAllEnvs(); });

const defaults: Omit<PosteriorRequest, 'files'> = { scaling: 'unit', seed: 0 };

interface Stage {
  readonly stage: string;
  readonly distance: { readonly median: number; readonly q95: number };
  readonly rhatMax: number | null;
}

const stages = (report: Report): readonly Stage[] => (report.result as unknown as { stages: Stage[] }).stages;
const density = (report: Report): DensitySection => {
  const section = report.sections.find(({ kind }) => kind === 'density');
  if (section?.kind !== 'density') throw new Error('no density section');
  return section;
};

async function twoNeurons(networks: number): Promise<string> {
  const out = path.join(await temporaryFolder(), 'example');
  await example({ name: 'two-neurons', out, networks, seed: 0, overwrite: false }, context);
  return out;
}

describe('the posterior of the two-neuron example', () => {
  it('is three densities of the same draws; the last has one copy of each function', async () => {
    const folder = await twoNeurons(300);
    const report = await posterior({ ...defaults, files: [path.join(folder, 'draws.npz')] }, context);
    const section = density(report);
    expect(section.panels.map(({ title }) => title)).toEqual(['Original posterior', 'Scaling removed', 'Scaling and permutation removed']);
    for (const { counts, total, outside } of section.panels) {
      expect(counts.reduce((a, b) => a + b, 0) + outside).toBe(total);
    }
    const [original, , all] = section.panels;
    expect(original!.total).toBe((report.result as unknown as { draws: number }).draws);
    // v1 ≥ v2: nothing above the diagonal.
    const { x, y } = all!;
    all!.counts.forEach((count, i) => {
      const [ix, iy] = [i % x.bins, Math.floor(i / x.bins)];
      if (iy > ix) expect(count).toBe(0);
    });
    // The original is mirror-symmetric in distribution: about as many draws on either side.
    const above = original!.counts.filter((_, i) => Math.floor(i / y.bins) > i % x.bins).reduce((a, b) => a + b, 0);
    expect(Math.abs(above / (original!.total - original!.outside) - 0.5)).toBeLessThan(0.15);
    expect((report.result as unknown as { functionError: number }).functionError).toBeLessThan(1e-12);
  });

  it('has three modes, each twice until the order of its units is removed, and no difference between its halves', async () => {
    const folder = await twoNeurons(1000);
    const { stages: [original, , all], functions } = resultOf(await posterior({ ...defaults, files: [path.join(folder, 'draws.npz')] }, context));
    expect(all!.modes).toMatchObject({ count: 3, leastCount: 3 });
    expect(functions.modes).toMatchObject({ count: 3, leastCount: 3 });
    expect(original!.modes!.count).toBe(6);
    for (const { mmd } of [original!, all!, functions]) expect(mmd!.pValue).toBeGreaterThan(0.01);
  });

  it('writes the same bytes for the same seed', async () => {
    const [a, b] = [await twoNeurons(20), await twoNeurons(20)];
    for (const name of ['draws.npz', 'data.npz', 'network.safetensors', 'draws.network.json', 'README.md']) {
      expect(await readFile(path.join(a, name))).toEqual(await readFile(path.join(b, name)));
    }
  });

  it('refuses, before it trains, to write over an example', async () => {
    const folder = await twoNeurons(5);
    await expect(example({ name: 'two-neurons', out: folder, networks: 1e6, seed: 0, overwrite: false }, context)).rejects.toThrow('exists already');
  });

  it('refuses, before it trains, more networks than fit into memory', async () => {
    const out = path.join(await temporaryFolder(), 'example');
    await expect(example({ name: 'two-neurons', out, networks: 1e9, seed: 0, overwrite: false }, context)).rejects.toThrow('1,000,000,000 networks need about 209 GiB, the limit is 2 GiB; train fewer');
  });

  it('leaves no folder behind when it is cancelled, and the one that was there', async () => {
    const there = await temporaryFolder();
    const stop = new AbortController();
    const cancelling = { ...context, signal: stop.signal, progress: () => { stop.abort(); } };
    await expect(example({ name: 'two-neurons', out: path.join(there, 'a/b'), networks: 1e5, seed: 0, overwrite: false }, cancelling)).rejects.toThrow(/abort/i);
    expect(await readdir(there)).toEqual([]);
  });
});

describe('draws that are copies of one network', () => {
  it.each([['relu', ['original', 'scaling', 'all']], ['tanh', ['original', 'all']], ['gelu', ['original', 'all']]] as const)('%s: come together when the symmetries are removed, and not before', async (activation, expected) => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([3, 5, 4, 2], activation, 3);
    const group = symmetryGroup(network);
    const random = seededRandom(9);
    const files = Array.from({ length: 12 }, (_, m) => path.join(folder, `draw${m}.safetensors`));
    for (const file of files) {
      const copy = theta.slice();
      applyElement(network, copy, randomElement(group, random));
      await writeNetwork(file, network, copy);
    }
    const report = await posterior({ ...defaults, files: [folder], activation }, context);
    const found = stages(report);
    expect(found.map(({ stage }) => stage)).toEqual(expected);
    expect(found[0]!.distance.median).toBeGreaterThan(1);
    expect(found.at(-1)?.distance.q95).toBeLessThan(1e-10);
  });
});

interface Comparison {
  readonly mmd: { readonly mmd2: number; readonly pValue: number; readonly bandwidth: number; readonly each: number } | null;
  readonly modes: { readonly count: number; readonly leastCount: number; readonly sizes: readonly number[] } | null;
  readonly distance: { readonly median: number };
}

interface Result {
  readonly chains: number;
  readonly plan: { readonly mode: string; readonly bytes: number };
  readonly sets: { readonly border: number; readonly natural: boolean; readonly each: number };
  readonly stages: readonly (Comparison & { readonly stage: string })[];
  readonly functions: Comparison;
}

const resultOf = (report: Report): Result => report.result as unknown as Result;

/** `draws` files in each of two folders; which function and which copy of it a draw is, is up to the caller. */
async function twoFolders(draws: number, activation: string, widths: readonly number[], seed: (folder: number, draw: number) => number, copy: (folder: number, draw: number) => number | undefined, size = 1e-3): Promise<readonly string[]> {
  const root = await temporaryFolder();
  const noise = seededRandom(11);
  const folders = [0, 1].map((folder) => path.join(root, `chain${folder}`));
  for (const [f, folder] of folders.entries()) {
    await mkdir(folder);
    for (let m = 0; m < draws; m++) {
      const { network, theta } = randomNetwork(widths, activation, seed(f, m));
      const near = theta.map((value) => value + size * noise.normal());
      const element = copy(f, m);
      if (element !== undefined) applyElement(network, near, randomElement(symmetryGroup(network), seededRandom(element)));
      await writeNetwork(path.join(folder, `${m}.safetensors`), network, near);
    }
  }
  return folders;
}

describe('two folders of draws', () => {
  it('in different copies of one function: two modes and a discrepancy of weights, until the symmetries are removed; none of functions', async () => {
    const folders = await twoFolders(12, 'tanh', [3, 6, 2], () => 1, (folder) => folder);
    const { chains, sets, stages, functions } = resultOf(await posterior({ ...defaults, files: folders, activation: 'tanh' }, context));
    expect([chains, sets]).toEqual([2, { border: 12, natural: true, each: 12 }]);
    const [original, all] = stages;
    expect(original!.modes).toMatchObject({ count: 2, leastCount: 2, sizes: [12, 12] });
    expect(original!.mmd?.pValue).toBe(0.001);
    for (const after of [all!, functions]) {
      expect(after.modes).toMatchObject({ count: 1 });
      expect(after.mmd!.pValue).toBeGreaterThan(0.01);
      expect(after.mmd!.mmd2).toBeLessThan(0.1 * original!.mmd!.mmd2);
    }
    // One bandwidth as long as the unit of length stays.
    expect(all!.mmd!.bandwidth).toBe(original!.mmd!.bandwidth);
  });

  it.each(['relu', 'tanh'])('whose %s units nearly tie: sorted they fall apart, aligned to the first draw they are one mode', async (activation) => {
    // Forty units: by output weights that differ as little as they do here, noise decides their order.
    const folders = await twoFolders(8, activation, [3, 40, 1], () => 5, (folder, draw) => 100 * folder + draw + 1, 0.02);
    const { stages } = resultOf(await posterior({ ...defaults, files: folders, activation, permutation: 'aligned' }, context));
    const [sorted, aligned] = [stages.find(({ stage }) => stage === 'all')!, stages.find(({ stage }) => stage === 'aligned')!];
    expect(aligned.distance.median).toBeLessThan(0.5 * sorted.distance.median);
    expect(aligned.modes).toMatchObject({ count: 1 });
    // Who has them sorted alone is told.
    const { warnings } = await posterior({ ...defaults, files: folders, activation }, context);
    expect(warnings).toContainEqual(expect.stringMatching(/^Sorting leaves copies apart: .* 8 draws .*--permutation aligned/));
  });

  it('whose units do not tie, or which are different functions: nothing is said of sorting', async () => {
    for (const seed of [() => 1, (folder: number, draw: number) => 100 * folder + draw]) {
      const folders = await twoFolders(8, 'tanh', [3, 6, 2], seed, (folder, draw) => 10 * folder + draw);
      const { warnings } = await posterior({ ...defaults, files: folders, activation: 'tanh' }, context);
      expect(warnings.filter((warning) => warning.startsWith('Sorting'))).toEqual([]);
    }
  });

  it('with different functions stay apart in every way', async () => {
    const folders = await twoFolders(12, 'tanh', [3, 6, 2], (folder) => folder + 1, (_, draw) => draw);
    const { stages, functions } = resultOf(await posterior({ ...defaults, files: folders, activation: 'tanh' }, context));
    for (const after of [stages.at(-1)!, functions]) {
      expect(after.modes).toMatchObject({ count: 2, sizes: [12, 12] });
      expect(after.mmd!.pValue).toBe(0.001);
    }
  });

  it('give the same where they do not fit into memory, and leave no file behind', async () => {
    const temporary = await temporaryFolder();
    vi.stubEnv(process.platform === 'win32' ? 'TEMP' : 'TMPDIR', temporary);
    const request = { ...defaults, files: await twoFolders(60, 'relu', [40, 120, 60, 10], (folder, draw) => (draw % 2) + 2 * folder, () => undefined), activation: 'relu' };
    const inMemory = resultOf(await posterior(request, context));
    const { plan, ...others } = resultOf(await posterior(request, { ...context, memoryLimitBytes: inMemory.plan.bytes - 1 }));
    expect([inMemory.plan.mode, plan.mode]).toEqual(['memory', 'file']);
    expect(others).toEqual({ ...inMemory, plan: undefined });
    expect(inMemory.stages[0]!.modes!.sizes).toEqual([30, 30, 30, 30]);
    expect(inMemory.functions.modes!.sizes).toEqual([30, 30, 30, 30]);
    const cancel = new AbortController();
    await expect(posterior(request, { signal: cancel.signal, memoryLimitBytes: inMemory.plan.bytes - 1, progress: ({ message }) => { if (message === 'Scaling removed') cancel.abort(); } })).rejects.toThrow(/abort/);
    expect((await readdir(temporary)).filter((name) => !name.startsWith('quotient-') || name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('what a set of draws has to be', () => {
  it('so few that no deal of them could be seen to be unlike the others: nothing is said of a difference', async () => {
    const folder = await temporaryFolder();
    const said = async (draws: number): Promise<string> => {
      const files = await Promise.all(Array.from({ length: draws }, async (_, seed) => {
        const { network, theta } = randomNetwork([2, 3, 1], 'relu', 50 + seed);
        const file = path.join(folder, `${draws}-${seed}.safetensors`);
        await writeNetwork(file, network, theta);
        return file;
      }));
      const report = await posterior({ ...defaults, files, activation: 'relu' }, context);
      return report.sections.find(({ id }) => id === 'discrepancy')?.meaning ?? '';
    };
    // Of three and three 2 deals in 20 are as far apart at least, of four and four 2 in 70.
    expect(await said(6)).toMatch(/^6 draws are too few for a difference to be seen\./);
    expect(await said(8)).not.toMatch(/too few/);
  });

  it('says when a file holds one network only', async () => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([3, 5, 2], 'relu', 3);
    const file = path.join(folder, 'one.safetensors');
    await writeNetwork(file, network, theta);
    await expect(posterior({ ...defaults, files: [file], activation: 'relu' }, context)).rejects.toThrow(`${file}: holds one network; a posterior needs draws`);
  });

  it('says which file has another architecture', async () => {
    const folder = await temporaryFolder();
    const files = [[3, 5, 2], [3, 6, 2]].map((widths, i) => ({ widths, file: path.join(folder, `${i}.safetensors`) }));
    for (const { widths, file } of files) {
      const { network, theta } = randomNetwork(widths, 'relu', 3);
      await writeNetwork(file, network, theta);
    }
    await expect(posterior({ ...defaults, files: files.map(({ file }) => file), activation: 'relu' }, context)).rejects.toThrow('has the layer dense [6], where the first file has dense [5]; draws of one posterior share their architecture');
  });

  it('names the parameters there are when asked for another', async () => {
    const folder = await twoNeurons(10);
    await expect(posterior({ ...defaults, files: [path.join(folder, 'draws.npz')], parameters: ['0.weight[0,0]', '9.weight[0]'] }, context)).rejects.toThrow('there is no parameter "9.weight[0]"; parameters are named like 0.weight[0,0] … 2.bias[0]');
  });

  it('refuses beforehand what would not fit into memory', async () => {
    const folder = await twoNeurons(10);
    await expect(posterior({ ...defaults, files: [path.join(folder, 'draws.npz')] }, { ...context, memoryLimitBytes: 100 })).rejects.toThrow(/10 draws of 9 parameters need about [0-9]+ MiB, the limit is 100 bytes/);
  });
});
