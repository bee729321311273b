// The digits example: a real classification set, trained here, and what the posterior's methods make of it.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { readData } from '../../../src/network/data.ts';
import type { Report } from '../../../src/protocol/report.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 31 };
let folder: string;
let made: Report;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quotient-digits-'));
  made = await analyses.example({ name: 'digits', out: path.join(folder, 'a'), networks: 1, seed: 4, overwrite: false }, context);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('trains a network that reads digits, and writes it with its data', async () => {
  const { testAccuracy, trainAccuracy, gradientNorm } = made.result as { readonly testAccuracy: number; readonly trainAccuracy: number; readonly gradientNorm: number };
  expect(testAccuracy).toBeGreaterThan(0.82);
  expect(trainAccuracy).toBe(1);
  // A small share of the prior's own pull: near a mode.
  expect(gradientNorm).toBeLessThan(2);
  const [data, test] = [await readData(path.join(folder, 'a/data.npz')), await readData(path.join(folder, 'a/test.npz'))];
  expect([data.rows, data.inputs, data.shape, test.rows]).toEqual([100, 64, [8, 8], 350]);
  // Ten of each digit; pixels from 0 to 1.
  for (let digit = 0; digit < 10; digit++) expect(data.y?.filter((y) => y === digit)).toHaveLength(10);
  expect([Math.min(...data.x), Math.max(...data.x)]).toEqual([0, 1]);
  expect(await readFile(path.join(folder, 'a/README.md'), 'utf8')).toContain('CC BY 4.0');
  // The pictures are the file's.
  const images = made.sections.find(({ id }) => id === 'images');
  if (images?.kind !== 'fields') throw new Error('no pictures');
  expect(images.panels[0]?.values.filter((value) => value !== null)).toHaveLength(30 * 64);
  expect(images.panels[0]?.values.slice(0, 8)).toEqual([...data.x.subarray(0, 8)]);
});

it('gives the same bytes by seed, and refuses data of others', async () => {
  await analyses.example({ name: 'digits', out: path.join(folder, 'b'), networks: 1, seed: 4, overwrite: false }, context);
  for (const name of await readdir(path.join(folder, 'a'))) expect(await readFile(path.join(folder, 'b', name)), name).toEqual(await readFile(path.join(folder, 'a', name)));
  await expect(analyses.example({ name: 'digits', out: folder, data: 'x.npz', networks: 1, seed: 4, overwrite: false }, context)).rejects.toThrow('brings its own data');
});

it('sampled Laplace underfits more than linearised, by the kernel that is half of the posterior', async () => {
  const report = await analyses.predict({
    files: [path.join(folder, 'a/network.safetensors')], data: path.join(folder, 'a/data.npz'), test: path.join(folder, 'a/test.npz'), methods: ['sampled', 'linearized'], likelihood: 'categorical', noise: 1, priorPrecision: 1, draws: 40,
    diffusionSteps: 1, seed: 0,
  }, context);
  const { methods, rank, questions, mode } = report.result as unknown as { readonly methods: Readonly<Record<string, { readonly underfit: number; readonly accuracy: number; readonly ece: number; readonly mean: readonly (readonly number[])[] }>>; readonly rank: number; readonly mode: { readonly lowestCurvature: number; readonly descent: number }; readonly questions: { readonly kernelVarianceShare: number; readonly linearisedRelative: number } };
  expect(methods['sampled']!.underfit).toBeGreaterThan(2 * methods['linearized']!.underfit);
  expect(methods['linearized']!.accuracy).toBeGreaterThan(methods['sampled']!.accuracy + 0.2);
  // N (O − 1) at most, and no symmetry makes it less with as many images.
  expect(rank).toBeLessThanOrEqual(900);
  expect(rank).toBeGreaterThan(600);
  expect(questions.kernelVarianceShare).toBeGreaterThan(0.4);
  expect(questions.linearisedRelative).toBeLessThan(1e-9);
  // The mode lies on kinks of relu, beside which the curvature is negative and nothing is to gain.
  expect(mode.lowestCurvature).toBeGreaterThan(-1);
  expect(mode.descent).toBeLessThan(0.1);
  expect(report.warnings.join(' ')).not.toMatch(/mode|saddle/);
  // The diagram and the error are of the same bins; the pictures are of the test data.
  const reliability = report.sections.find(({ id }) => id === 'reliability');
  if (reliability?.kind !== 'lines') throw new Error('no reliability');
  expect(reliability.panels.map(({ title }) => title)).toEqual(['sampled Laplace', 'linearised Laplace', 'mode ŵ']);
  expect(reliability.panels[1]?.meaning).toContain(`ECE ${methods['linearized']!.ece.toPrecision(3).replace(/0+$/, '')}`);
  const probabilities = report.sections.find(({ id }) => id === 'probabilities');
  if (probabilities?.kind !== 'fields') throw new Error('no probabilities');
  for (const { values } of probabilities.panels) for (let n = 0; n < 20; n++) expect(values.slice(10 * n, 10 * n + 10).reduce<number>((sum, p) => sum + (p ?? NaN), 0)).toBeCloseTo(1, 10);
  for (const { mean } of Object.values(methods)) for (const row of mean) expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 10);
});
