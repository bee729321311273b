/** The Laplace evidence against Bayesian linear regression in closed form (Bishop 2006, eq. 3.86), where it is exact. */
import { describe, expect, test } from 'vitest';
import { laplaceEvidence } from '../../../src/curvature/evidence.ts';
import { logLikelihood } from '../../../src/curvature/likelihood.ts';
import { gramSpectrum } from '../../../src/curvature/spectrum.ts';
import { forward } from '../../../src/network/forward.ts';
import { context, network, normal } from './problems.ts';

/** Solves M z = r and gives log det M, by Gaussian elimination without pivoting (M positive definite). */
function solve(matrix: Float64Array, right: Float64Array): { solution: Float64Array; logDeterminant: number } {
  const n = right.length;
  const m = matrix.slice();
  const z = right.slice();
  let logDeterminant = 0;
  for (let k = 0; k < n; k++) {
    logDeterminant += Math.log(m[k * n + k]!);
    for (let i = k + 1; i < n; i++) {
      const factor = m[i * n + k]! / m[k * n + k]!;
      for (let j = k; j < n; j++) m[i * n + j]! -= factor * m[k * n + j]!;
      z[i]! -= factor * z[k]!;
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let j = k + 1; j < n; j++) z[k]! -= m[k * n + j]! * z[j]!;
    z[k]! /= m[k * n + k]!;
  }
  return { solution: z, logDeterminant };
}

describe('Laplace evidence', () => {
  test.each([[20, 0.3, 2], [3, 1.7, 0.01], [50, 0.05, 30]])('is log N(y; 0, σ²I + α⁻¹ΦΦᵀ) for a linear model: N = %i, σ = %d, α = %d', async (count, noise, alpha) => {
    const net = network([4, 1], 'linear');
    const d = net.parameters;
    const x = normal(1, count * 4);
    const y = normal(2, count);
    const features = Float64Array.from({ length: count * d }, (_, k) => (k % d < 4 ? x[Math.floor(k / d) * 4 + (k % d)]! : 1));
    // The mode: (ΦᵀΦ/σ² + αI) w = Φᵀy/σ².
    const precision = Float64Array.from({ length: d * d }, (_, k) => {
      let sum = k % (d + 1) === 0 ? alpha : 0;
      for (let n = 0; n < count; n++) sum += (features[n * d + Math.floor(k / d)]! * features[n * d + (k % d)]!) / noise ** 2;
      return sum;
    });
    const theta = solve(precision, Float64Array.from({ length: d }, (_, i) => y.reduce((sum, target, n) => sum + (target * features[n * d + i]!) / noise ** 2, 0))).solution;
    const covariance = Float64Array.from({ length: count * count }, (_, k) => {
      const [n, m] = [Math.floor(k / count), k % count];
      let sum = n === m ? noise ** 2 : 0;
      for (let i = 0; i < d; i++) sum += (features[n * d + i]! * features[m * d + i]!) / alpha;
      return sum;
    });
    const { solution, logDeterminant } = solve(covariance, y);
    const quadratic = y.reduce((sum, target, n) => sum + target * solution[n]!, 0);
    const exact = -0.5 * (quadratic + logDeterminant + count * Math.log(2 * Math.PI));

    const problem = { network: net, state: theta, x, likelihood: { kind: 'gaussian', noise }, weighting: 'likelihood' } as const;
    const { eigenvalues } = await gramSpectrum(problem, context());
    const evidence = laplaceEvidence(problem, y, alpha, eigenvalues);
    expect(Math.abs(evidence.logMarginalLikelihood - exact) / Math.abs(exact)).toBeLessThan(1e-9);
    expect(evidence.gradientNorm).toBeLessThan(1e-8);
  });

  test('the gradient norm is that of central differences of the log-posterior, away from a mode', () => {
    const net = network([2, 4, 3], 'tanh');
    const theta = normal(3, net.parameters);
    const x = normal(4, 14);
    const labels = Float64Array.of(0, 1, 2, 2, 1, 0, 1);
    const likelihood = { kind: 'categorical' } as const;
    const logPosterior = (w: Float64Array): number => logLikelihood(likelihood, forward(net, w, x), 3, labels).value - 0.5 * 0.7 * w.reduce((sum, value) => sum + value * value, 0);
    const slopes = theta.map((_, i) => (logPosterior(theta.with(i, theta[i]! + 1e-5)) - logPosterior(theta.with(i, theta[i]! - 1e-5))) / 2e-5);
    const { gradientNorm } = laplaceEvidence({ network: net, state: theta, x, likelihood, weighting: 'likelihood' }, labels, 0.7, new Float64Array(0));
    expect(gradientNorm).toBeCloseTo(Math.hypot(...slopes), 7);
  });

  test('refuses a prior precision that is not positive', () => {
    const net = network([1, 1], 'linear');
    const problem = { network: net, state: normal(1, 2), x: normal(2, 1), likelihood: { kind: 'bernoulli' }, weighting: 'likelihood' } as const;
    for (const alpha of [0, -1, Number.NaN]) expect(() => laplaceEvidence(problem, Float64Array.of(1), alpha, new Float64Array(0))).toThrow('prior precision is a positive number');
  });
});
