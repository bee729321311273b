import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { example } from '../../../src/analyses/example.ts';
import { posterior } from '../../../src/analyses/posterior.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { DensitySection, Report } from '../../../src/protocol/report.ts';
import type { PosteriorRequest } from '../../../src/protocol/service.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from './workspace.ts';

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

  it('writes the same bytes for the same seed', async () => {
    const [a, b] = [await twoNeurons(20), await twoNeurons(20)];
    for (const name of ['draws.npz', 'data.npz', 'network.safetensors', 'draws.network.json', 'README.md']) {
      expect(await readFile(path.join(a, name))).toEqual(await readFile(path.join(b, name)));
    }
  });

  it('refuses, before it trains, to write over an example', async () => {
    const folder = await twoNeurons(5);
    await expect(example({ name: 'two-neurons', out: folder, networks: 1e6, seed: 0, overwrite: false }, context)).rejects.toThrow('is there already');
  });

  it('refuses, before it trains, more networks than fit into memory', async () => {
    const out = path.join(await temporaryFolder(), 'example');
    await expect(example({ name: 'two-neurons', out, networks: 1e9, seed: 0, overwrite: false }, context)).rejects.toThrow('1,000,000,000 networks need about 209 GiB, the limit is 2 GiB; train fewer');
  });
});

describe('draws that are copies of one network', () => {
  it.each([['relu', ['original', 'scaling', 'all']], ['tanh', ['original', 'all']], ['gelu', ['original', 'all']]] as const)('%s: come together when the symmetries are removed, and not before', async (activation, expected) => {
    const folder = await temporaryFolder();
    const { chain, theta } = randomNetwork([3, 5, 4, 2], activation, 3);
    const group = symmetryGroup(chain);
    const random = seededRandom(9);
    const files = Array.from({ length: 12 }, (_, m) => path.join(folder, `draw${m}.safetensors`));
    for (const file of files) {
      const copy = theta.slice();
      applyElement(chain, copy, randomElement(group, random));
      await writeNetwork(file, chain, copy);
    }
    const report = await posterior({ ...defaults, files: [folder], activation }, context);
    const found = stages(report);
    expect(found.map(({ stage }) => stage)).toEqual(expected);
    expect(found[0]!.distance.median).toBeGreaterThan(1);
    expect(found.at(-1)?.distance.q95).toBeLessThan(1e-10);
  });
});

describe('what a set of draws has to be', () => {
  it('says when a file holds one network only', async () => {
    const folder = await temporaryFolder();
    const { chain, theta } = randomNetwork([3, 5, 2], 'relu', 3);
    const file = path.join(folder, 'one.safetensors');
    await writeNetwork(file, chain, theta);
    await expect(posterior({ ...defaults, files: [file], activation: 'relu' }, context)).rejects.toThrow(`${file}: holds one network; a posterior needs draws`);
  });

  it('says which file has another architecture', async () => {
    const folder = await temporaryFolder();
    const files = [[3, 5, 2], [3, 6, 2]].map((widths, i) => ({ widths, file: path.join(folder, `${i}.safetensors`) }));
    for (const { widths, file } of files) {
      const { chain, theta } = randomNetwork(widths, 'relu', 3);
      await writeNetwork(file, chain, theta);
    }
    await expect(posterior({ ...defaults, files: files.map(({ file }) => file), activation: 'relu' }, context)).rejects.toThrow('is a network 3 → 6 (relu) → 2, the first file 3 → 5 (relu) → 2');
  });

  it('names the parameters there are when asked for another', async () => {
    const folder = await twoNeurons(10);
    await expect(posterior({ ...defaults, files: [path.join(folder, 'draws.npz')], parameters: ['0.weight[0,0]', '9.weight[0]'] }, context)).rejects.toThrow('there is no parameter "9.weight[0]"; parameters are named like 0.weight[0,0] … 2.bias[0]');
  });

  it('refuses beforehand what would not fit into memory', async () => {
    const folder = await twoNeurons(10);
    await expect(posterior({ ...defaults, files: [path.join(folder, 'draws.npz')] }, { ...context, memoryLimitBytes: 100 })).rejects.toThrow(/draws of 9 parameters need about 1 MiB/);
  });
});
