/** Laws of the engine's symmetric eigenproblem: A V = V Λ, VᵀV = I, against the plain implementation, ml-matrix and closed forms. */
import { afterAll, describe, expect, test } from 'vitest';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { symmetricEigen, symmetricEigenvalues } from '../../../src/linalg/dense/symmetricEigen.ts';
import type { Engine } from '../../../src/linalg/engine/engine.ts';
import { eigenOnEngine } from '../../../src/linalg/engine/symmetricEigen.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { symmetricEigen as plainEigen } from '../../../src/linalg/symmetricEigen.ts';
import { engines, stopEngines } from './engines.ts';
import { distance, gaussian, identity, orthonormalRows, symmetrised, timesTransposed, transpose, wilkinson } from './matrices.ts';

afterAll(stopEngines);

/** Residual relative to ‖A‖ and orthogonality within these, whatever the matrix; the eigenvalues are returned. */
async function expectEigen(engine: Engine, a: Float64Array, n: number): Promise<Float64Array> {
  const { values, vectors } = await eigenOnEngine(engine, a, n, true);
  const scale = Math.max(...values.map(Math.abs), 0);
  const columns = transpose(vectors, n, n);
  const weighted = columns.map((entry, k) => entry * values[k % n]!);
  const bound = 1e-15 * Math.max(10, n ** 0.75);
  expect(distance(timesTransposed(weighted, columns, n, n, n), a)).toBeLessThanOrEqual(bound * scale);
  expect(distance(timesTransposed(vectors, vectors, n, n, n), identity(n))).toBeLessThanOrEqual(bound);
  expect(Array.from(values)).toEqual(Array.from(values).sort((x, y) => y - x));
  const alone = (await eigenOnEngine(engine, a, n, false)).values;
  expect(distance(values, alone)).toBeLessThanOrEqual(3 * bound * scale);
  const plain = complete(plainEigen(a, n, false)).values;
  expect(distance(values, plain)).toBeLessThanOrEqual(3 * bound * scale);
  return values;
}

function fromSpectrum(seed: number, spectrum: readonly number[]): Float64Array {
  const n = spectrum.length;
  const columns = orthonormalRows(seededRandom(seed), n, n);
  return symmetrised(timesTransposed(columns.map((entry, k) => entry * spectrum[k % n]!), columns, n, n, n), n);
}

describe.each(engines)('$name', ({ engine }) => {
  test.each([1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 97, 128, 129, 193, 257])('V Λ Vᵀ = A and VᵀV = I for a random matrix of order %i', async (n) => {
    await expectEigen(await engine, symmetrised(gaussian(seededRandom(n), n, n), n), n);
  });

  test('low rank, graded, clustered, Wilkinson, zero, diagonal and tiny matrices', async () => {
    const n = 130;
    const team = await engine;
    await expectEigen(team, timesTransposed(gaussian(seededRandom(2), n, 7), gaussian(seededRandom(2), n, 7), n, n, 7), n);
    await expectEigen(team, fromSpectrum(3, Array.from({ length: n }, (_, k) => 10 ** (-k / 8))), n);
    await expectEigen(team, fromSpectrum(4, Array.from({ length: n }, (_, k) => (k < 60 ? 1 + k * 1e-15 : k < 100 ? -1 : 0.5))), n);
    await expectEigen(team, wilkinson(n + 1), n + 1);
    expect(await expectEigen(team, new Float64Array(n * n), n)).toEqual(new Float64Array(n));
    await expectEigen(team, identity(n).map((entry, k) => entry * Math.sin(k)), n);
    const tiny = symmetrised(gaussian(seededRandom(5), n, n), n).map((entry) => entry * 1e-160);
    await expectEigen(team, tiny, n);
    // Rows of widely different scale, beyond what the squares of their entries reach.
    await expectEigen(team, symmetrised(gaussian(seededRandom(6), n, n), n).map((entry, k) => entry * 10 ** (-2 * Math.floor(k / n)) * 10 ** (-2 * (k % n))), n);
  });

  test('the second-difference matrix has eigenvalues 2 − 2 cos(kπ/(n + 1))', async () => {
    const n = 200;
    const a = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      a[i * n + i] = 2;
      if (i > 0) a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
    }
    const exact = Float64Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos(((n - k) * Math.PI) / (n + 1)));
    expect(distance(await expectEigen(await engine, a, n), exact)).toBeLessThan(1e-13);
  });

  test('the strictly upper triangle is not read', async () => {
    const n = 70;
    const a = symmetrised(gaussian(seededRandom(7), n, n), n);
    const lower = a.map((entry, k) => (k % n > Math.floor(k / n) ? 1e9 : entry));
    expect(distance((await eigenOnEngine(await engine, lower, n, true)).vectors, (await eigenOnEngine(await engine, a, n, true)).vectors)).toBe(0);
  });
});

test('agrees with ml-matrix', async () => {
  const n = 90;
  const a = symmetrised(gaussian(seededRandom(8), n, n), n);
  const rows = Array.from({ length: n }, (_, i) => Array.from(a.subarray(i * n, (i + 1) * n)));
  const theirs = Float64Array.from(new EigenvalueDecomposition(new Matrix(rows)).realEigenvalues).sort().reverse();
  expect(distance(await symmetricEigenvalues(a, n), theirs)).toBeLessThan(1e-12);
});

test('one thread and two give the same bits', async () => {
  const n = 450;
  const a = symmetrised(gaussian(seededRandom(9), n, n), n);
  for (const build of ['relaxed', 'plain']) {
    const [one, two] = await Promise.all(engines.filter((kind) => kind.build === build).map(async ({ engine }) => eigenOnEngine(await engine, a, n, true)));
    expect(one?.values).toEqual(two?.values);
    expect(distance(one?.vectors ?? new Float64Array(0), two?.vectors ?? new Float64Array(1))).toBe(0);
  }
});

test('NaN, a wrong length and too much memory are refused; a signal ends the work', async () => {
  const n = 600;
  const a = symmetrised(gaussian(seededRandom(10), n, n), n);
  const bad = a.slice();
  bad[5 * n + 3] = Number.NaN;
  await expect(symmetricEigen(bad, n)).rejects.toThrow('the matrix has NaN in row 5, column 3');
  await expect(symmetricEigen(a, n - 1)).rejects.toThrow(RangeError);
  await expect(symmetricEigen(a, n, { memoryLimitBytes: 1e6 })).rejects.toThrow(/eigenvalues and vectors of a matrix of order 600 would need about [\d.]+ MiB, more than the limit of 977 KiB/);
  const stop = new AbortController();
  const shares: number[] = [];
  // Large enough for many stretches between two looks at the signal.
  const order = 1600;
  const work = symmetricEigen(symmetrised(gaussian(seededRandom(11), order, order), order), order, {
    signal: stop.signal,
    progress: (share) => {
      shares.push(share);
      if (share > 0.2) stop.abort(new Error('enough'));
    },
  });
  await expect(work).rejects.toThrow('enough');
  expect(shares.at(-1)).toBeLessThan(1);
  // What was given up leaves nothing behind.
  await expect(symmetricEigenvalues(a, n)).resolves.toHaveLength(n);
});
