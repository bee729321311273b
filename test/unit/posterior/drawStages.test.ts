/** Draws come through the stages as if they were all in memory, wherever they are kept; what is planned grows with their number and their length. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { forward } from '../../../src/network/forward.ts';
import { betaQuantile } from '../../../src/posterior/betaQuantile.ts';
import { drawGram } from '../../../src/posterior/drawGram.ts';
import { planDraws, type DrawWork } from '../../../src/posterior/drawPlan.ts';
import { everyRow } from '../../../src/posterior/drawRows.ts';
import { openDraws } from '../../../src/posterior/draws.ts';
import { throughStages, type StagedDraws, type StageStep } from '../../../src/posterior/drawStages.ts';
import { fileStore, memoryStore, spoolFolder, type DrawStore } from '../../../src/posterior/drawStore.ts';
import { principalComponents, type ComponentAxes } from '../../../src/posterior/principalComponents.ts';
import { evenly, submatrix, twoSets } from '../../../src/posterior/selection.ts';
import { canonicaliseMany } from '../../../src/symmetry/canonicalDraws.ts';
import type { CanonicalOptions } from '../../../src/symmetry/canonicalForm.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from '../analyses/workspace.ts';
import { figures } from './figures.ts';

afterEach(() => { vi.unstubAllEnvs(); });

const none: CanonicalOptions = { countBiases: false, scaling: 'none', sign: 'none', permutation: 'none' };
const steps = [undefined, { ...none, scaling: 'unit' }, { ...none, sign: 'fixed', permutation: 'sorted' }] as const;
const widths = [3, 8, 6, 2];
const DRAWS = 9;
const columns = Int32Array.of(0, 7, 40);
const inputs = Float64Array.from({ length: 15 }, (_, i) => Math.sin(i));

async function files(): Promise<readonly string[]> {
  const folder = await temporaryFolder();
  const paths = Array.from({ length: DRAWS }, (_, m) => path.join(folder, `${m}.safetensors`));
  for (const [m, file] of paths.entries()) {
    const { network, theta } = randomNetwork(widths, 'relu', m);
    await writeNetwork(file, network, theta);
  }
  return paths;
}

interface Run extends StagedDraws {
  readonly components: readonly ComponentAxes[];
}

async function run(paths: readonly string[], stored: Int32Array, storeOf: (rows: number, size: number) => DrawStore, through: readonly StageStep[] = steps): Promise<Run> {
  const source = await openDraws([paths], { activation: 'relu', draws: 10, seed: 0, least: 2 }, context);
  const { network: { blocks, stateSize } } = source;
  const store = storeOf(stored.length, stateSize);
  try {
    const components: ComponentAxes[] = [];
    const stretches = blocks.map(({ offset, length }) => [offset, offset + length] as const);
    const staged = await throughStages(source, { steps: through, columns, stretches, inputs, stored, store }, context, (rows) => {
      const all = everyRow(stored.length);
      const found = complete(principalComponents(rows, all, complete(drawGram(rows, all)), seededRandom(1)));
      components.push(found);
      return Promise.resolve(found);
    });
    return { ...staged, components };
  } finally {
    store.close();
    await source.close();
  }
}

describe('draws brought through canonical forms', () => {
  it.each([['all', everyRow(DRAWS)], ['some', Int32Array.of(1, 4, 5, 8)]])('with %s of them stored: their parameters, predictions, spreads and places are those of all draws in memory', async (_, stored) => {
    const { stages, predictions, functionError, components } = await run(await files(), stored, memoryStore);
    const { network } = randomNetwork(widths, 'relu', 0);
    const size = network.parameters;
    const states = new Float64Array(DRAWS * size);
    for (let m = 0; m < DRAWS; m++) {
      const { theta } = randomNetwork(widths, 'relu', m);
      states.set(theta, m * size);
      forward(network, theta, inputs).forEach((value, k) => { expect(predictions[m * 10 + k]).toBeCloseTo(value, 12); });
    }
    expect(functionError).toBeLessThan(1e-12);
    expect(functionError).toBeGreaterThan(0);
    expect(stages).toHaveLength(3);
    for (const [s, step] of steps.entries()) {
      if (step !== undefined) await canonicaliseMany(network, states, step, context);
      const stage = stages[s]!;
      columns.forEach((position, c) => { expect([...stage.columns[c]!]).toEqual(Array.from({ length: DRAWS }, (__, m) => states[m * size + position]!)); });
      network.blocks.forEach(({ offset, length }, t) => {
        let variance = 0;
        for (let i = offset; i < offset + length; i++) {
          let mean = 0;
          for (let m = 0; m < DRAWS; m++) mean += states[m * size + i]! / DRAWS;
          for (let m = 0; m < DRAWS; m++) variance += (states[m * size + i]! - mean) ** 2 / (DRAWS - 1) / length;
        }
        expect(stage.spreads[t]! / Math.sqrt(variance)).toBeCloseTo(1, 12);
      });
      const { axes, mean } = components[s]!;
      for (const [k, places] of [stage.x, stage.y].entries()) {
        places.forEach((place, m) => {
          let product = 0;
          for (let i = 0; i < size; i++) product += (states[m * size + i]! - mean[i]!) * axes[k]![i]!;
          expect(place).toBeCloseTo(product, 11);
        });
      }
    }
    expect(stages[1]!.spreads[0]).not.toBeCloseTo(stages[0]!.spreads[0]!, 3);
  });

  it('are aligned to the first one, whichever are stored', async () => {
    const paths = await files();
    const through = [undefined, { aligned: true, signed: false }] as const;
    const [all, some] = [await run(paths, everyRow(DRAWS), memoryStore, through), await run(paths, Int32Array.of(1, 4, 5, 8), memoryStore, through)];
    expect(some.stages[1]!.columns).toEqual(all.stages[1]!.columns);
    const { theta } = randomNetwork(widths, 'relu', 0);
    expect(all.stages[1]!.columns.map((column) => column[0])).toEqual(Array.from(columns, (position) => theta[position]));
    expect(all.stages[1]!.columns).not.toEqual(all.stages[0]!.columns);
    expect(all.functionError).toBeLessThan(1e-12);
  });

  it('come out of a file bit for bit as out of memory', async () => {
    const paths = await files();
    const folder = await temporaryFolder();
    for (const stored of [everyRow(DRAWS), Int32Array.of(1, 4, 5, 8)]) {
      const inMemory = await run(paths, stored, memoryStore);
      expect(await run(paths, stored, (rows, size) => fileStore(rows, size, folder))).toEqual(inMemory);
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a store of draws', () => {
  const rows = Array.from({ length: 5 }, (_, m) => Float64Array.from({ length: 7 }, (__, k) => 10 * m + k));

  it.each(['memory', 'file'])('in %s gives back what was saved last, whole and in tiles', async (where) => {
    const store = where === 'memory' ? memoryStore(5, 7) : fileStore(5, 7, await temporaryFolder());
    for (const [m, row] of rows.entries()) store.save(m, row.map((value) => -value));
    for (const [m, row] of rows.entries()) store.save(4 - m, rows[4 - m] ?? row);
    const loaded = new Float64Array(7);
    store.load(3, loaded);
    expect(loaded).toEqual(rows[3]);
    for (const coordinates of [7, 4]) {
      const view = store.view(coordinates);
      expect([view.rows, view.coordinates]).toEqual([5, coordinates]);
      for (const chosen of [[0, 1, 2, 3, 4], [1, 2, 4], [3]]) {
        for (const [from, to] of [[0, coordinates], [1, 3], [2, coordinates]] as const) {
          const into = new Float64Array(40).fill(Number.NaN);
          view.tile(Int32Array.from(chosen), from, to, into);
          expect([...into.subarray(0, chosen.length * (to - from))]).toEqual(chosen.flatMap((m) => [...rows[m]!.subarray(from, to)]));
          expect(into[chosen.length * (to - from)]).toBeNaN();
        }
      }
    }
    store.close();
  });

  it.skipIf(process.platform === 'win32')('has no name from the beginning, so that nothing of it is left whatever happens', async () => {
    const folder = await temporaryFolder();
    const store = fileStore(2, 7, folder);
    store.save(1, rows[1]!);
    expect(await readdir(folder)).toEqual([]);
    store.close();
  });

  it('says when its folder cannot be used, and when there is no room', async () => {
    const folder = path.join(await temporaryFolder(), 'none');
    expect(() => fileStore(2, 7, folder)).toThrow(`temporary files of draws cannot be kept in ${folder}: ENOENT`);
    vi.stubEnv(process.platform === 'win32' ? 'TEMP' : 'TMPDIR', await temporaryFolder());
    expect(() => spoolFolder(2 ** 70)).toThrow(/^the draws that are compared need [0-9.e]+ PiB of temporary files, but .* has .*; set (TMPDIR|TEMP) to a folder with more room/);
  });
});

describe('the plan', () => {
  const work: DrawWork = { draws: 10_000, parameters: 1_000_000, stateSize: 1_000_000, held: 0, stages: 3, aligned: false, columns: 202, inputs: 24, outputs: 10 };
  const GIB = 2 ** 30;

  it('takes a file for the compared draws when they do not fit into memory; which draws are compared does not depend on it', () => {
    const [large, small] = [planDraws(work, 8 * GIB), planDraws(work, GIB)];
    expect([large.mode, small.mode]).toEqual(['memory', 'file']);
    expect([large.selected, large.storesAll]).toEqual([small.selected, small.storesAll]);
    expect(large.fileBytes).toBe(0);
    expect(small.fileBytes).toBe(8 * small.selected * work.stateSize);
    expect(large.bytes - small.bytes).toBe(small.fileBytes);
    expect(small.bytes).toBeLessThan(GIB);
  });

  it('needs memory for the draws and for the parameters, not for their product', () => {
    const bytes = (draws: number, parameters: number): number => planDraws({ ...work, draws, parameters, stateSize: parameters }, GIB).bytes;
    // As many are compared in all four cases.
    const [m, d] = [2000, 100_000];
    expect(bytes(2 * m, 2 * d) - bytes(2 * m, d) - bytes(m, 2 * d) + bytes(m, d)).toBe(0);
  });

  it('compares all draws where that takes seconds, and stores all where they are short', () => {
    expect(planDraws({ ...work, parameters: 9, stateSize: 9 }, 2 * GIB)).toMatchObject({ mode: 'memory', storesAll: true, selected: 1000 });
    expect(planDraws({ ...work, draws: 200, parameters: 80_000, stateSize: 80_000 }, 2 * GIB)).toMatchObject({ mode: 'memory', storesAll: false, selected: 200 });
    expect(planDraws({ ...work, draws: 500 }, 8 * GIB).selected).toBe(500);
  });

  it('refuses what would not even fit with a file', () => {
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
