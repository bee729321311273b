/** `predict` of models that only TensorFlow.js runs: scores against a direct computation from TensorFlow's own outputs. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { predict } from '../../../src/analyses/predict.ts';
import type { Report } from '../../../src/protocol/report.ts';
import type { PredictRequest } from '../../../src/protocol/service.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { context, temporaryFolder } from './workspace.ts';

const fixtures = path.join(import.meta.dirname, '../../fixtures/tensorflow');
const expected = JSON.parse(readFileSync(path.join(fixtures, 'expected.json'), 'utf8')) as Readonly<Record<string, { readonly outputs: readonly number[] }>>;

async function predicted(files: readonly string[], y: readonly number[], options: Partial<PredictRequest> = {}): Promise<Report> {
  const folder = await temporaryFolder();
  const data = path.join(folder, 'data.npz');
  await writeNpz(data, [
    { name: 'x', shape: [3, 6, 6, 2], values: Float64Array.from({ length: 216 }, (_, k) => Math.cos(1.3 * (k + 1))) }, { name: 'y', shape: [3], values: Float64Array.from(y) },
  ], { overwrite: false });
  return predict({ files: files.map((file) => path.join(fixtures, file)), data, likelihood: 'gaussian', noise: 1, priorPrecision: 1, draws: 20, diffusionSteps: 1, seed: 0, ...options }, context);
}

interface Result {
  readonly backend: { readonly kind: string };
  readonly precision: string;
  readonly methods: Readonly<Record<string, { readonly nll: number; readonly mean: readonly (readonly number[])[]; readonly underfit: number }>>;
}

const softmax = (row: readonly number[]): number[] => {
  const sum = row.reduce((total, f) => total + Math.exp(f), 0);
  return row.map((f) => Math.exp(f) / sum);
};

it('averages the probabilities of the draws of a graph’s weights', async () => {
  const classes = [0, 1, 2];
  const report = await predicted(['graph/model.json', 'graph-draws.npz'], classes, { likelihood: 'categorical' });
  const result = report.result as unknown as Result;
  const probabilities = Array.from({ length: 5 }, (_, s) => classes.map((n) => softmax(expected['graph-draws']!.outputs.slice(9 * s + 3 * n, 9 * s + 3 * n + 3))));
  const mean = classes.map((n) => classes.map((k) => probabilities.reduce((sum, draw) => sum + draw[n]![k]! / 5, 0)));
  const { ensemble, map } = result.methods;
  mean.forEach((row, n) => { row.forEach((p, k) => { expect(ensemble!.mean[n]![k]).toBeCloseTo(p, 5); }); });
  expect(ensemble!.nll).toBeCloseTo(classes.reduce((sum, n) => sum - Math.log(mean[n]![n]!) / 3, 0), 5);
  expect(map!.nll).toBeCloseTo(classes.reduce((sum, n) => sum - Math.log(softmax(expected['graph']!.outputs.slice(3 * n, 3 * n + 3))[n]!) / 3, 0), 4);
  expect(result).toMatchObject({ precision: 'float32', parameters: 106, head: 'softmax' });
  expect(report.summary).toContain('in float32');
  expect(report.warnings).toEqual([]);
});

it('draws MC dropout by default where there is dropout, the same bytes for the same seed', async () => {
  const first = (await predicted(['image.keras'], [0, 0.1, 0.2])).result as unknown as Result;
  expect(Object.keys(first.methods)).toEqual(['map', 'dropout']);
  expect(JSON.stringify((await predicted(['image.keras'], [0, 0.1, 0.2])).result)).toBe(JSON.stringify(first));
  const other = (await predicted(['image.keras'], [0, 0.1, 0.2], { seed: 1 })).result as unknown as Result;
  expect(other.methods['dropout']!.nll).not.toBe(first.methods['dropout']!.nll);
});

it('refuses what needs derivatives, and says what there is', async () => {
  await expect(predicted(['image.keras'], [0, 0.1, 0.2], { methods: ['sampled'] })).rejects.toThrow('sampled Laplace needs derivatives, which there are for the layers that Quotient knows; image.keras runs on TensorFlow.js, forwards only: take ensemble, of several networks or draws, or dropout');
  await expect(predicted(['graph/model.json'], [0, 1, 2], { methods: ['dropout'], likelihood: 'categorical' })).rejects.toThrow('model.json has no dropout layer that could be switched on');
});

it('warns where the outputs are taken as logits without a sign that they are', async () => {
  const report = await predicted(['image.keras'], [0, 1, 1], { likelihood: 'bernoulli' });
  expect(report.warnings.join(' ')).toContain('does not end in a sigmoid that could be recognised; its outputs are taken as logits');
});
