// The picture of a classification of two inputs: what the network says in the middle of each bin.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { forward } from '../../../src/network/forward.ts';
import { readState } from '../../../src/network/parameters.ts';
import { twoNeuronNetwork } from '../../../src/posterior/twoNeurons.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { context } from './workspace.ts';

it('is the predictive at the middles of bins, with the data of both classes on it', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotient-surface-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await analyses.example({ name: 'two-neurons', out: path.join(folder, 'two'), networks: 5, seed: 2, overwrite: false }, context);
  const network = path.join(folder, 'two/network.safetensors');
  const report = await analyses.predict({ files: [network], data: path.join(folder, 'two/data.npz'), methods: ['linearized', 'diagonal'], likelihood: 'bernoulli', noise: 1, priorPrecision: 1, draws: 20, diffusionSteps: 1, seed: 0 }, context);
  const section = report.sections.find(({ id }) => id === 'surface');
  if (section?.kind !== 'fields') throw new Error('no surface');
  expect(section.panels.map(({ title }) => title)).toEqual(['linearised Laplace', 'diagonal Laplace', 'mode ŵ']);
  const { x, y, values, points } = section.panels[2]!;
  const file = await openWeightFile(network);
  const state = await readState(file, twoNeuronNetwork);
  await file.close();
  for (const [ix, iy] of [[0, 0], [20, 20], [40, 3], [7, 33]] as const) {
    const at = Float64Array.of(x.min + ((ix + 0.5) * (x.max - x.min)) / x.bins, y.min + ((iy + 0.5) * (y.max - y.min)) / y.bins);
    expect(values[iy * x.bins + ix]).toBeCloseTo(1 / (1 + Math.exp(-forward(twoNeuronNetwork, state, at)[0]!)), 12);
  }
  expect(points.map(({ label }) => label)).toEqual(['data of class 0', 'data of class 1']);
  expect(points.reduce((sum, each) => sum + each.x.length, 0)).toBe(400);
  // Averaging over a posterior moves probabilities towards a half: the side stays, the certainty shrinks.
  section.panels[0]!.values.forEach((p, k) => { expect(Math.abs((p ?? NaN) - 0.5)).toBeLessThanOrEqual(Math.abs((values[k] ?? NaN) - 0.5) + 1e-12); });
  // The JSON is of the data, not of the picture's grid.
  const { methods, predictedAt } = report.result as unknown as { readonly predictedAt: string; readonly methods: { readonly linearized: { readonly mean: readonly unknown[] } } };
  expect([predictedAt, methods.linearized.mean.length]).toEqual(['data', 400]);
});
