// Draws from a file over the loss of their data: in the posterior report, from the draw of the highest density.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { example } from '../../../src/analyses/example.ts';
import { posterior } from '../../../src/analyses/posterior.ts';
import { readData } from '../../../src/network/data.ts';
import { logPosterior } from '../../../src/posterior/logPosterior.ts';
import { twoNeuronNetwork } from '../../../src/posterior/twoNeurons.ts';
import { fullResult } from '../../../src/protocol/fullResult.ts';
import type { Report } from '../../../src/protocol/report.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { context } from './workspace.ts';

let folder: string;
let report: Report;

beforeAll(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), 'quotient-projections-')), 'example');
  await example({ name: 'two-neurons', out: folder, networks: 120, seed: 0, overwrite: false }, context);
  report = await posterior({ files: [path.join(folder, 'draws.npz')], data: path.join(folder, 'data.npz'), likelihood: 'bernoulli', priorPrecision: 0.5, scaling: 'unit', seed: 0 }, context);
});
afterAll(() => rm(path.dirname(folder), { recursive: true, force: true }));

it('shows them in every plane, before and after', () => {
  const section = report.sections.find(({ kind }) => kind === 'projections');
  if (section?.kind !== 'projections') throw new Error('no projections');
  expect(section.planes.map(({ id, stage }) => `${id} ${stage}`)).toEqual(['components drawn', 'components removed', 'image-kernel drawn', 'parameters drawn', 'image-kernel removed', 'parameters removed']);
  expect(section.meaning).toContain('ŵ is the draw of the highest posterior density.');
  // v1 ≥ v2 once units are sorted.
  const sorted = section.planes.find(({ id, stage }) => id === 'parameters' && stage === 'removed');
  sorted!.panels[0]!.x.forEach((v1, m) => { expect(v1).toBeGreaterThanOrEqual(sorted!.panels[0]!.y[m]!); });
});

it('with ŵ the best of all draws by the log-posterior itself', async () => {
  const data = await readData(path.join(folder, 'data.npz'));
  const problem = { network: twoNeuronNetwork, x: data.x, targets: data.y!, likelihood: { kind: 'bernoulli' as const }, priorPrecision: 0.5 };
  const file = await openWeightFile(path.join(folder, 'draws.npz'));
  const blocks = await Promise.all(twoNeuronNetwork.blocks.map(async (block) => ({ block, values: await file.read(block.tensor) })));
  await file.close();
  const gradient = new Float64Array(twoNeuronNetwork.parameters);
  const draws = Array.from({ length: blocks[0]!.values.length / blocks[0]!.block.length }, (_, m) => {
    const state = new Float64Array(twoNeuronNetwork.stateSize);
    for (const { block, values } of blocks) state.set(values.subarray(m * block.length, (m + 1) * block.length), block.offset);
    return { state, value: logPosterior(problem, state, gradient).value };
  });
  const best = draws.reduce((a, b) => (b.value > a.value ? b : a));
  const section = report.sections.find(({ kind }) => kind === 'projections');
  if (section?.kind !== 'projections') throw new Error('no projections');
  const plane = section.planes.find(({ id, stage }) => id === 'parameters' && stage === 'drawn')!;
  const output = twoNeuronNetwork.blocks.find(({ tensor }) => tensor === '2.weight')!;
  expect(plane.mode).toEqual([best.state[output.offset], best.state[output.offset + 1]]);
  // The median rise is that of the draws.
  const { projections } = report.result as unknown as { readonly projections: { readonly methods: { readonly draws: { readonly medianRise: number; readonly draws: number } } } };
  expect(projections.methods.draws.draws).toBe(draws.length);
  const rises = draws.map(({ value }) => best.value - value).sort((a, b) => a - b);
  expect(projections.methods.draws.medianRise).toBeGreaterThan(rises[Math.floor(0.4 * rises.length)]!);
  expect(projections.methods.draws.medianRise).toBeLessThan(rises[Math.floor(0.6 * rises.length)]!);
});

it('says in JSON where the draws lie, and without a likelihood nothing of it', async () => {
  const { projections } = fullResult(report) as unknown as { readonly projections: { readonly planes: readonly { readonly methods: { readonly draws: { readonly x: readonly number[] } } }[] } };
  for (const { methods } of projections.planes) expect(methods.draws.x.length).toBeGreaterThan(100);
  const plain = await posterior({ files: [path.join(folder, 'draws.npz')], data: path.join(folder, 'data.npz'), scaling: 'unit', seed: 0 }, context);
  expect(plain.sections.some(({ kind }) => kind === 'projections')).toBe(false);
});
