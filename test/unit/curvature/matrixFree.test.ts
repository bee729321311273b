/** The matrix-free spectrum against the factorised one on networks where both can be had. */
import { describe, expect, test } from 'vitest';
import { effectiveDimension, halfLogDeterminant, matrixFreeSpectrum, planMatrixFree } from '../../../src/curvature/matrixFree.ts';
import { GgnOperators } from '../../../src/curvature/operators.ts';
import { rowCount, rowsPerInput, type CurvatureProblem } from '../../../src/curvature/problem.ts';
import { gramSpectrum } from '../../../src/curvature/spectrum.ts';
import { weightedRows } from '../../../src/curvature/weightedJacobian.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Network } from '../../../src/network/network.ts';
import { MemoryLimitError } from '../../../src/protocol/userError.ts';
import { distance, gaussian } from '../linalg/matrices.ts';
import { Layers, operations, ruledState } from '../network/networks.ts';
import { context, network as dense, normal } from './problems.ts';

function problemOf(network: Network, inputs: number, likelihood: CurvatureProblem['likelihood'] = { kind: 'categorical' }): CurvatureProblem {
  const state = normal(4, network.stateSize, 0.5);
  ruledState(network).subarray(network.parameters).forEach((value, k) => { state[network.parameters + k] = value; });
  return { network, state, x: gaussian(seededRandom(2), inputs, network.inputs), likelihood, weighting: 'likelihood', sampleWeights: Float64Array.from({ length: inputs }, (_, n) => 0.5 + (n % 3)) };
}

const wide = problemOf(operations['residual']!().build(), 20);
const tall = { ...problemOf(dense([3, 6, 3], 'tanh'), 60), state: normal(5, 45) };

describe('operators', () => {
  test.each([['kept', 1e9], ['evaluated again', 0]] as const)('are products with the rows of H^{1/2}J, values %s', (_, bytes) => {
    for (const problem of [wide, tall]) {
      const n = rowCount(problem);
      const D = problem.network.parameters;
      const rows = new Float64Array(n * D);
      weightedRows(problem, 0, n / rowsPerInput(problem), rows);
      const operators = new GgnOperators(problem, bytes);
      const v = normal(3, D);
      const push = Float64Array.from({ length: n }, (_, r) => v.reduce((sum, value, i) => sum + value * rows[r * D + i]!, 0));
      expect(distance(complete(operators.pushDirection(v)), push)).toBeLessThan(1e-12 * Math.hypot(...push));
      const u = normal(4, n);
      const pull = Float64Array.from({ length: D }, (_, i) => u.reduce((sum, value, r) => sum + value * rows[r * D + i]!, 0));
      expect(distance(complete(operators.pullRows(u)), pull)).toBeLessThan(1e-12 * Math.hypot(...pull));
      const { operator } = operators;
      expect(operator.size).toBe(Math.min(n, D));
      const x = normal(6, operator.size);
      const twice = complete(operator.side === 'rows' ? operators.pushDirection(complete(operators.pullRows(x))) : operators.pullRows(complete(operators.pushDirection(x))));
      expect(distance(complete(operator.apply(x)), twice)).toBeLessThan(1e-12 * Math.hypot(...twice));
    }
  });
});

describe('matrix-free spectrum', () => {
  test.each([['rows', wide], ['parameters', tall]] as const)('agrees with the factorised one, bases on the side of the %s', async (side, problem) => {
    const exact = await gramSpectrum(problem, context());
    const result = await matrixFreeSpectrum(problem, { eigenvalues: 10, probes: 30, steps: 30, random: seededRandom(1) }, context());
    expect(result.side).toBe(side);
    const [largest] = exact.eigenvalues;
    expect(distance(result.leading.values, exact.eigenvalues.slice(0, 10)) / largest!).toBeLessThan(1e-9);
    const sum = (f: (value: number) => number): number => exact.eigenvalues.reduce((total, value) => total + f(value), 0);
    const near = ({ value, standardError }: { value: number; standardError: number }, truth: number): void => { expect(Math.abs(value - truth)).toBeLessThan(4 * standardError + 1e-9 * Math.abs(truth)); };
    near(result.trace, sum((value) => value));
    near(effectiveDimension(result.measure, 0.1), sum((value) => value / (value + 0.1)));
    near(halfLogDeterminant(result.measure, 0.1), sum((value) => 0.5 * Math.log1p(value / 0.1)));
    const [low, high] = result.rankBracket;
    expect(low).toBeLessThanOrEqual(sum((value) => Number(value > result.tolerance)));
    expect(high).toBeGreaterThanOrEqual(sum((value) => Number(value > result.tolerance)));
    expect(result.rank.value).toBeLessThanOrEqual(high);
    expect(result.rank.value).toBeGreaterThanOrEqual(low);
    expect(result.rank.value + result.kernelDimension.value).toBeCloseTo(problem.network.parameters, 10);
    expect(result.rankSeen).toBeLessThanOrEqual(sum((value) => Number(value > result.tolerance)));
    const counted = result.density.counts.reduce((total, { value }) => total + value, 0);
    expect(counted).toBeGreaterThan(low - 1e-6);
    expect(counted).toBeLessThan(high + 1e-6);
  });

  test('all eigenvalues asked for: nothing is left to chance', async () => {
    const exact = await gramSpectrum(wide, context());
    const result = await matrixFreeSpectrum(wide, { eigenvalues: 40, probes: 4, steps: 30, random: seededRandom(1) }, context());
    expect(result.trace.standardError).toBe(0);
    expect(result.trace.value).toBeCloseTo(exact.eigenvalues.reduce((total, value) => total + value, 0), 10);
    expect(result.rank).toEqual({ value: exact.eigenvalues.reduce((count, value) => count + Number(value > result.tolerance), 0), standardError: 0 });
    expect(result.rankSeen).toBe(result.rank.value);
    expect(result.rankBracket).toEqual([result.rank.value, result.rank.value]);
  });

  test('a rank far below its bound, under a tail that falls into rounding, is within the bracket, and the bracket is as wide as what is not known', async () => {
    // The tail of a smooth network of one input: most singular values are rounding, and a few Lanczos steps see none of that.
    const problem: CurvatureProblem = { network: dense([1, 20, 1], 'tanh'), state: normal(7, 61), x: normal(8, 300), likelihood: { kind: 'gaussian', noise: 1 }, weighting: 'likelihood' };
    const exact = await gramSpectrum(problem, context());
    const result = await matrixFreeSpectrum(problem, { eigenvalues: 3, probes: 8, steps: 6, random: seededRandom(1) }, context());
    const truth = exact.eigenvalues.filter((value) => value > result.tolerance).length;
    const [low, high] = result.rankBracket;
    expect(truth).toBeLessThan(40);
    expect([low <= truth, truth <= high]).toEqual([true, true]);
    expect(high - low).toBeGreaterThan(20);
  });

  test('the same seed, the same numbers', async () => {
    const once = () => matrixFreeSpectrum(wide, { eigenvalues: 3, probes: 3, steps: 10, random: seededRandom(8) }, context());
    expect((await once()).trace).toEqual((await once()).trace);
  });

  test('holds a few vectors where the Gram matrix would not fit, and refuses beforehand what is too much', async () => {
    const network = new Layers([3, 12, 12]).conv(64, [3, 3], { padding: [1, 1] }).activation('relu').conv(64, [3, 3], { padding: [1, 1] }).activation('relu').globalPool('globalavgpool').dense(10).build();
    const problem = problemOf(network, 3000);
    expect(planMatrixFree(problem, { eigenvalues: 50, probes: 8, steps: 48 }, 5e8).bytes).toBeLessThan(4e8);
    await expect(matrixFreeSpectrum(problem, { eigenvalues: 50, probes: 8, steps: 48, random: seededRandom(1) }, context(5e7))).rejects.toThrow(MemoryLimitError);
  });

  test('stops when it is cancelled', async () => {
    const stop = new AbortController();
    const job = matrixFreeSpectrum(problemOf(operations['residual']!().build(), 2000), { eigenvalues: 50, probes: 8, steps: 48, random: seededRandom(1) }, context(2e9, stop.signal));
    setTimeout(() => { stop.abort(new Error('stopped by the user')); }, 20);
    await expect(job).rejects.toThrow('stopped by the user');
  });
});
