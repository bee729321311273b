/** Streamed and in-memory draws give the same; what stands for draws that are not held keeps their distances on average. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { betaQuantile } from '../../../src/posterior/betaQuantile.ts';
import { planDraws, type DrawPlan } from '../../../src/posterior/drawPlan.ts';
import { openDraws } from '../../../src/posterior/draws.ts';
import { throughStages, type DrawFunctions } from '../../../src/posterior/drawStages.ts';
import { RunningMoments } from '../../../src/posterior/runningMoments.ts';
import { evenly, submatrix, twoSets } from '../../../src/posterior/selection.ts';
import { countSketch, sketchError } from '../../../src/posterior/sketch.ts';
import type { CanonicalOptions } from '../../../src/symmetry/canonicalForm.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from '../analyses/workspace.ts';
import { figures } from './figures.ts';

const none: CanonicalOptions = { countBiases: false, scaling: 'none', sign: 'none', permutation: 'none' };
const steps = [undefined, { ...none, scaling: 'unit' }, { ...none, sign: 'fixed', permutation: 'sorted' }] as const;

interface Seen {
  readonly features: Float64Array;
  readonly coordinates: number;
  readonly columns: readonly number[][];
  readonly means: readonly number[];
  readonly spread: number;
}

async function run(files: readonly string[], mode: DrawPlan['mode'], coordinates: number): Promise<{ readonly stages: readonly Seen[]; readonly functions: DrawFunctions }> {
  const source = await openDraws([files], { activation: 'relu', draws: 10, seed: 0, least: 2 }, context);
  try {
    const stages: Seen[] = [];
    const plan: DrawPlan = { mode, coordinates, selected: 10, bytes: 0, seconds: 0 };
    const inputs = Float64Array.from({ length: 15 }, (_, i) => Math.sin(i));
    const functions = await throughStages(source, { steps, kept: Int32Array.of(0, 7, 40), inputs, plan, random: seededRandom(3) }, context, (stage) => {
      stages.push({
        features: stage.features.slice(), coordinates: stage.coordinates, columns: stage.columns.map((column) => Array.from(column)),
        means: Array.from(stage.moments.means), spread: stage.moments.spread(0, source.network.parameters),
      });
      return Promise.resolve();
    });
    return { stages, functions };
  } finally {
    await source.close();
  }
}

describe('draws brought through canonical forms', () => {
  it('are the same streamed as in memory; the sketches are those of the draws', async () => {
    const folder = await temporaryFolder();
    const files = Array.from({ length: 9 }, (_, m) => path.join(folder, `${m}.safetensors`));
    for (const [m, file] of files.entries()) {
      const { network, theta } = randomNetwork([3, 8, 6, 2], 'relu', m);
      await writeNetwork(file, network, theta);
    }
    const { parameters } = randomNetwork([3, 8, 6, 2], 'relu', 0).network;
    const memory = await run(files, 'memory', parameters);
    const streamed = await run(files, 'streamed', 16);
    expect(streamed.functions).toEqual(memory.functions);
    expect(memory.functions.functionError).toBeLessThan(1e-12);
    const sketch = countSketch(parameters, 16, seededRandom(3));
    expect(memory.stages).toHaveLength(3);
    memory.stages.forEach((exact, s) => {
      const { features, coordinates, ...same } = streamed.stages[s]!;
      expect(same).toEqual({ columns: exact.columns, means: exact.means, spread: exact.spread });
      const expected = new Float64Array(9 * 16);
      sketch.apply(exact.features, expected, 0);
      expect(coordinates).toBe(16);
      expect(features).toEqual(expected);
    });
    expect(memory.stages[1]!.spread).not.toBeCloseTo(memory.stages[0]!.spread, 3);
  });
});

describe('a count sketch', () => {
  it('is linear, and keeps squared norms on average, with the standard deviation that it states', () => {
    const [size, coordinates] = [300, 32];
    const x = Float64Array.from({ length: size }, (_, i) => Math.sin(i) / (1 + (i % 7)));
    const norm = x.reduce((sum, value) => sum + value * value, 0);
    const ratios = Array.from({ length: 2000 }, (_, seed) => {
      const sketch = countSketch(size, coordinates, seededRandom(seed));
      const [a, b] = [new Float64Array(coordinates), new Float64Array(coordinates)];
      sketch.apply(x, a, 0);
      sketch.apply(x.map((value) => 4 * value), b, 0);
      expect(b).toEqual(a.map((value) => 4 * value));
      return a.reduce((sum, value) => sum + value * value, 0) / norm;
    });
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    const deviation = Math.sqrt(ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / ratios.length);
    expect(Math.abs(mean - 1)).toBeLessThan((4 * sketchError(coordinates)) / Math.sqrt(ratios.length));
    expect(deviation).toBeLessThan(1.1 * sketchError(coordinates));
    expect(deviation).toBeGreaterThan(0.7 * sketchError(coordinates));
  });
});

describe('running moments', () => {
  it('are the mean and the deviation of all draws, however they come', () => {
    const random = seededRandom(1);
    const [draws, size] = [23, 4];
    const theta = Float64Array.from({ length: draws * size }, () => 1e6 + random.normal());
    const moments = new RunningMoments(size);
    moments.add(theta.subarray(0, 5 * size));
    moments.add(theta.subarray(5 * size));
    let total = 0;
    for (let k = 0; k < size; k++) {
      const column = Array.from({ length: draws }, (_, m) => theta[m * size + k]!);
      const mean = column.reduce((a, b) => a + b, 0) / draws;
      expect(moments.means[k]! / mean - 1).toBeCloseTo(0, 14);
      const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (draws - 1);
      expect(moments.spread(k, k + 1)).toBeCloseTo(Math.sqrt(variance), 8);
      total += variance;
    }
    expect(moments.spread(0, size)).toBeCloseTo(Math.sqrt(total / size), 8);
  });
});

describe('the plan', () => {
  const work = { draws: 10_000, parameters: 1_000_000, stages: 3, aligned: false, columns: 202, inputs: 24, predictions: 24 };

  it('streams what does not fit, within the limit, with the longest sketch that does', () => {
    for (const limit of [2 ** 30, 2 ** 31, 2 ** 33]) {
      const plan = planDraws(work, limit);
      expect(plan.mode).toBe('streamed');
      expect(plan.bytes).toBeLessThanOrEqual(limit);
      expect(plan.coordinates === 16_384 || plan.bytes + 3 * 8 * work.draws * plan.coordinates > 0.9 * limit).toBe(true);
    }
  });

  it('holds in memory what fits, exactly', () => {
    expect(planDraws({ ...work, parameters: 9 }, 2 ** 31)).toMatchObject({ mode: 'memory', coordinates: 9, selected: 1000 });
    expect(planDraws({ ...work, draws: 200, parameters: 80_000 }, 2 ** 31)).toMatchObject({ mode: 'memory', coordinates: 80_000, selected: 200 });
  });

  it('refuses what would not even fit as sketches', () => {
    expect(() => planDraws(work, 2 ** 26)).toThrow(/^10,000 draws of 1,000,000 parameters need about [0-9.]+ MiB, the limit is 64 MiB; pass fewer draws/);
  });
});

describe('selections', () => {
  it('are evenly spaced, ascending, without repeats', () => {
    for (const [n, most] of [[10, 20], [10, 3], [1000, 7], [5, 5]] as const) {
      const chosen = [...evenly(n, most)];
      expect(chosen).toHaveLength(Math.min(n, most));
      expect(new Set(chosen).size).toBe(chosen.length);
      expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
      expect(chosen.every((k) => k >= 0 && k < n)).toBe(true);
    }
  });

  it('divide at the border between chains that is nearest to the middle, into sets of equal size', () => {
    const all = evenly(12, 12);
    expect(twoSets([12], all)).toMatchObject({ border: 6, each: 6, natural: false });
    expect(twoSets([4, 4, 4], all)).toMatchObject({ border: 4, each: 4, natural: true });
    expect(twoSets([2, 10], all)).toMatchObject({ border: 2, each: 2, natural: true });
    const { positions } = twoSets([2, 10], all);
    expect([...positions.subarray(0, 2)]).toEqual([0, 1]);
    expect(positions.subarray(2).every((position) => position >= 2)).toBe(true);
    expect([...submatrix(Float64Array.from({ length: 9 }, (_, k) => k), 3, Int32Array.of(2, 0))]).toEqual([8, 6, 2, 0]);
  });
});

describe('quantiles of the beta distribution', () => {
  it.each(figures.betaQuantiles)('are those of SciPy: level $p of Beta($a, $b)', ({ p, a, b, x }) => {
    expect(Math.abs(betaQuantile(p, a, b) / x - 1)).toBeLessThan(1e-10);
  });
});
