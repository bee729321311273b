/** GGN spectra and ranks against SciPy's SVD of PyTorch's Jacobian on fifty networks; both routes against each other; refusals. */
import { describe, expect, test } from 'vitest';
import { likelihoodModel } from '../../../src/curvature/likelihood.ts';
import { rankEstimate } from '../../../src/curvature/rank.ts';
import { fits, gramSpectrum, planSpectrum } from '../../../src/curvature/spectrum.ts';
import type { CurvatureProblem } from '../../../src/curvature/problem.ts';
import { sharedEngine } from '../../../src/linalg/engine/engine.ts';
import { MemoryLimitError } from '../../../src/protocol/userError.ts';
import { distance } from '../linalg/matrices.ts';
import { context, figures, lehmer, network, normal, type Figures } from './problems.ts';

function problemOf({ widths, activation, likelihood, inputs, seed }: Figures['spectra'][number]): CurvatureProblem {
  const net = network(widths, activation);
  const draw = lehmer(seed);
  const state = Float64Array.from({ length: net.parameters }, () => 2 * draw());
  const x = Float64Array.from({ length: inputs * net.inputs }, () => 3 * draw());
  return { network: net, state, x, likelihood: likelihoodModel(likelihood, 0.5, net.outputs), weighting: 'likelihood' };
}

function plain(widths: readonly number[], activation: string, inputs: number, seed = 1): CurvatureProblem {
  const net = network(widths, activation);
  return { network: net, state: normal(seed, net.parameters), x: normal(seed + 1, inputs * net.inputs), likelihood: { kind: 'gaussian', noise: 1 }, weighting: 'likelihood' };
}

describe('GGN spectrum', () => {
  test('fifty figures', () => { expect(figures.spectra).toHaveLength(50); });

  test.each(figures.spectra)('$widths $activation, $likelihood, $inputs inputs: rank $rank and eigenvalues as SciPy has them', async (figure) => {
    const problem = problemOf(figure);
    const spectrum = await gramSpectrum(problem, context());
    const { singularValues, eigenvalues, rows, parameters, resolution, floor } = spectrum;
    expect(spectrum.method).toBe('svd');
    expect(eigenvalues).toHaveLength(Math.min(rows, parameters));
    const largest = eigenvalues[0]!;
    expect(largest).toBeGreaterThan(0);
    const exact = new Float64Array(eigenvalues.length);
    exact.set(figure.eigenvalues.slice(0, exact.length));
    expect(distance(eigenvalues, exact) / largest).toBeLessThan(1e-12);
    const { rank, bracket } = rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound: Math.min(rows, parameters) });
    expect(bracket[0]).toBeLessThanOrEqual(rank);
    expect(bracket[1]).toBeGreaterThanOrEqual(rank);
    if (rank !== figure.rank) expect(bracket[0] <= figure.rank && figure.rank <= bracket[1]).toBe(true);
    // The Gram route, tall and wide, gives the same eigenvalues at its own accuracy, and a rank that is no larger.
    const gram = await gramSpectrum(problem, context(), { method: 'gram' });
    expect(distance(gram.eigenvalues, exact) / largest).toBeLessThan(1e-12);
    expect(gram.eigenvalues.every((value) => value >= 0)).toBe(true);
    const coarse = rankEstimate({ singularValues: gram.singularValues, rows, columns: parameters, resolution: gram.resolution, floor: gram.floor, bound: Math.min(rows, parameters) });
    expect(coarse.rank === figure.rank || (coarse.bracket[0] <= figure.rank && figure.rank <= coarse.bracket[1])).toBe(true);
  });

  test('the sum of eigenvalues is the squared Frobenius norm of H^{1/2}J: duplicating the data doubles every eigenvalue', async () => {
    const problem = plain([3, 5, 2], 'tanh', 30);
    const twice = new Float64Array(2 * problem.x.length);
    twice.set(problem.x);
    twice.set(problem.x, problem.x.length);
    const once = await gramSpectrum(problem, context());
    const doubled = await gramSpectrum({ ...problem, x: twice }, context());
    expect(distance(doubled.eigenvalues, once.eigenvalues.map((value) => 2 * value)) / once.eigenvalues[0]!).toBeLessThan(1e-14);
  });

  test('noise σ divides eigenvalues by σ²', async () => {
    const problem = plain([3, 5, 2], 'relu', 30);
    const unit = await gramSpectrum(problem, context());
    const quarter = await gramSpectrum({ ...problem, likelihood: { kind: 'gaussian', noise: 0.5 } }, context());
    expect(distance(quarter.eigenvalues, unit.eigenvalues.map((value) => 4 * value)) / quarter.eigenvalues[0]!).toBeLessThan(1e-14);
  });

  test('no data: no eigenvalues; zero weights everywhere: rank of the output bias alone', async () => {
    expect((await gramSpectrum({ ...plain([2, 3, 1], 'relu', 1), x: new Float64Array(0) }, context())).eigenvalues).toHaveLength(0);
    const dead = plain([2, 3, 1], 'relu', 9);
    const { eigenvalues } = await gramSpectrum({ ...dead, state: dead.state.map(() => 0) }, context());
    expect(eigenvalues[0]).toBeCloseTo(9, 12);
    expect(eigenvalues.subarray(1).every((value) => value === 0)).toBe(true);
  });

  test('refuses beforehand what will not fit, with the estimate and what would', async () => {
    const problem = plain([8, 16, 16, 4], 'relu', 500);
    await expect(gramSpectrum(problem, context(1e6))).rejects.toThrow(MemoryLimitError);
    await expect(gramSpectrum(problem, context(1e6))).rejects.toThrow(/484 parameters and 2,000 rows .* would need about [\d.]+ MiB, more than the limit of 977 KiB/);
  });

  test('the SVD gives way to the Gram matrix when it would take too long or too much memory', () => {
    const method = (widths: readonly number[], inputs: number, limit = 2e9): string => planSpectrum(plain(widths, 'relu', inputs), limit).method;
    expect(method([8, 16, 16, 4], 2000)).toBe('svd');
    expect(method([8, 16, 16, 4], 2000, 6e6)).toBe('gram');
    expect(method([20, 40, 40, 4], 6000)).toBe('gram');
    expect(method([30, 300, 300, 10], 100)).toBe('svd');
    expect(method([30, 300, 300, 10], 100, 1e9)).toBe('gram');
    expect(method([30, 300, 300, 10], 200)).toBe('gram');
    expect(method([30, 300, 300, 10], 10, 9e7)).toBe('gram');
  });

  test('few rows of so many parameters that slices of them are factorised one after the other: what the Gram matrix gives, within what was planned', async () => {
    const problem = plain([800, 400, 1], 'tanh', 60);
    const plan = planSpectrum(problem, 2e9, { method: 'svd' });
    const messages: string[] = [];
    const spectrum = await gramSpectrum({ ...problem, state: problem.state.map((entry) => 0.03 * entry) }, { ...context(), progress: ({ message }) => { messages.push(message); } }, { method: 'svd' });
    const team = await sharedEngine();
    expect(team.memoryBytes).toBeLessThan(plan.engineBytes + 2 ** 25);
    expect(messages.filter((message) => message.startsWith('QR factorisation')).length).toBeGreaterThan(1);
    const gram = await gramSpectrum({ ...problem, state: problem.state.map((entry) => 0.03 * entry) }, context(), { method: 'gram' });
    expect(distance(spectrum.eigenvalues, gram.eigenvalues) / spectrum.eigenvalues[0]!).toBeLessThan(1e-13);
  });

  test('economical: the Gram matrix where all it has is well resolved, and there the SVD\'s values each to nine digits; the SVD otherwise, and where it takes little', async () => {
    const problem = plain([100, 150, 1], 'tanh', 250);
    const scaled = { ...problem, state: problem.state.map((entry) => 0.1 * entry) };
    const [economical, exact] = [await gramSpectrum(scaled, context(), { economical: true, vectors: true }), await gramSpectrum(scaled, context(), { vectors: true })];
    expect([economical.method, exact.method]).toEqual(['gram', 'svd']);
    expect(economical.eigenvalues).toHaveLength(250);
    economical.eigenvalues.forEach((value, k) => { expect(Math.abs(value / exact.eigenvalues[k]! - 1)).toBeLessThan(1e-9); });
    // Two inputs that are one: their difference is a singular value of zero.
    const x = scaled.x.slice();
    x.copyWithin(0, 100, 200);
    expect(await gramSpectrum({ ...scaled, x }, context(), { economical: true })).toMatchObject({ method: 'svd' });
    expect(await gramSpectrum(plain([3, 5, 2], 'tanh', 4), context(), { economical: true })).toMatchObject({ method: 'svd' });
  });

  test('what the engine cannot address does not fit, whatever the limit', () => {
    // Order 15,003: its eigenvectors take 7 GB of the engine, its eigenvalues 2.
    const problem = plain([3000, 5, 1], 'tanh', 1);
    const many = { ...problem, x: new Float64Array(3000 * 20_000) };
    const fitting = (vectors: boolean): boolean => fits(planSpectrum(many, 1e11, { method: 'gram', vectors }), 1e11);
    expect([fitting(false), fitting(true)]).toEqual([true, false]);
  });

  test('stops when it is cancelled', async () => {
    const stop = new AbortController();
    const job = gramSpectrum(plain([8, 24, 24, 4], 'relu', 3000), context(2e9, stop.signal));
    setTimeout(() => { stop.abort(new Error('stopped by the user')); }, 20);
    await expect(job).rejects.toThrow('stopped by the user');
  });

  test('names the tensor, the row of x, or the overflowing output', async () => {
    const problem = plain([2, 3, 1], 'relu', 4);
    await expect(gramSpectrum({ ...problem, state: problem.state.with(7, Number.NaN) }, context())).rejects.toThrow('the weights hold NaN (first in "0.bias")');
    await expect(gramSpectrum({ ...problem, x: problem.x.with(5, Number.POSITIVE_INFINITY) }, context())).rejects.toThrow('x[2] holds Infinity');
    await expect(gramSpectrum({ ...problem, state: problem.state.map(() => 1e200) }, context())).rejects.toThrow(/output for x\[0\] is Infinity/);
  });
});
