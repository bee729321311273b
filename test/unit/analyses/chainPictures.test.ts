// Chains that sit in different copies of one function: apart as weights, together once symmetries are removed, and as predictions.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { worstMixing } from '../../../src/analyses/chainPictures.ts';
import { posterior } from '../../../src/analyses/posterior.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { diagnose } from '../../../src/posterior/chainDiagnostics.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { context, temporaryFolder } from './workspace.ts';

const CHAINS = 4;
const DRAWS = 80;

async function fourChains(together: boolean): Promise<string> {
  const network = denseNetwork([2, 3, 1], activationNamed('relu'));
  const random = seededRandom(12);
  const centre = Float64Array.from({ length: network.parameters }, () => random.normal());
  const group = symmetryGroup(network);
  const states = new Float64Array(CHAINS * DRAWS * network.parameters);
  for (let c = 0; c < CHAINS; c++) {
    const element = randomElement(group, random);
    for (let m = 0; m < DRAWS; m++) {
      const state = centre.map((weight) => weight + 0.01 * random.normal());
      if (!together) applyElement(network, state, element);
      states.set(state, (c * DRAWS + m) * network.parameters);
    }
  }
  const folder = await temporaryFolder();
  const file = path.join(folder, 'chains.npz');
  await writeNpz(file, network.blocks.map(({ tensor, offset, length, shape }) => ({
    name: tensor, shape: [CHAINS, DRAWS, ...shape], values: Float64Array.from({ length: CHAINS * DRAWS * length }, (_, k) => states[Math.floor(k / length) * network.parameters + offset + (k % length)]!),
  })), { overwrite: true });
  await writeFile(path.join(folder, 'chains.network.json'), JSON.stringify({ input: [2], layers: [{ dense: '0', activation: 'relu' }, { dense: '2' }] }));
  return file;
}

it('shows traces and rank plots of the worst weight before and after, and of the worst prediction, and says so', async () => {
  const report = await posterior({ files: [await fourChains(false)], scaling: 'unit', seed: 0 }, context);
  const result = report.result as unknown as { readonly chains: number; readonly stages: readonly { readonly rhatMax: number }[]; readonly predictions: { readonly rhatMax: number } };
  expect(result.chains).toBe(4);
  expect(result.stages[0]!.rhatMax).toBeGreaterThan(2);
  expect(result.stages.at(-1)!.rhatMax).toBeLessThan(1.05);
  expect(result.predictions.rhatMax).toBeLessThan(1.05);
  const [traces, ranks] = ['traces', 'ranks'].map((id) => {
    const section = report.sections.find((other) => other.id === id);
    if (section?.kind !== 'lines') throw new Error(`no ${id}`);
    return section;
  }) as [Extract<typeof report.sections[number], { kind: 'lines' }>, Extract<typeof report.sections[number], { kind: 'lines' }>];
  expect(traces.panels.map(({ title }) => title.replace(/:.*/, ''))).toEqual(['weights, as drawn', 'weights, scaling and permutation removed', 'predictions']);
  for (const { series, meaning } of traces.panels) {
    expect(series.map(({ label }) => label)).toEqual(['chain 1', 'chain 2', 'chain 3', 'chain 4']);
    expect(meaning).toMatch(/^R̂ [\d.]+, bulk ESS [\d.]+, tail ESS [\d.]+; Monte-Carlo error of the mean [\d.]+, of quantiles up to [\d.]+ standard deviations\.$/);
  }
  // In standard deviations from the mean: mean 0, deviation 1 over all chains.
  const all = traces.panels[0]!.series.flatMap(({ y }) => y);
  expect(all.reduce((sum, value) => sum + value, 0) / all.length).toBeCloseTo(0, 10);
  expect(all.reduce((sum, value) => sum + value * value, 0) / (all.length - 1)).toBeCloseTo(1, 10);
  // Flat as predictions, in one's own place as weights.
  const roughness = (panel: number): number => Math.max(...ranks.panels[panel]!.series.slice(0, 4).flatMap(({ y }) => y.map((value) => Math.abs(value - 1))));
  expect(roughness(0)).toBeGreaterThan(2);
  expect(roughness(2)).toBeLessThan(1.6);
  expect(report.sections.find(({ id }) => id === 'diagnostics')?.meaning).toMatch(/^The weights do not mix \(R̂ up to [\d.]+, 1(\.0\d+)? without the symmetries\) while the predictions do \(1(\.0\d+)?\)/);
});

it('says so when all agree', async () => {
  const report = await posterior({ files: [await fourChains(true)], scaling: 'unit', seed: 0 }, context);
  expect(report.sections.find(({ id }) => id === 'diagnostics')?.meaning).toMatch(/^The chains agree, as weights/);
});

it('takes for worst what has the largest R̂, or with one chain the least effective size', () => {
  const random = seededRandom(1);
  const good = Float64Array.from({ length: 200 }, () => random.normal());
  const apart = good.map((value, k) => value + (k < 100 ? 0 : 3));
  expect(worstMixing([good, apart, good].map((values) => diagnose(values, 2, 100)))).toBe(1);
  expect(worstMixing([good, apart, good].map((values) => diagnose(values, 1, 200)))).toBe(1);
});
