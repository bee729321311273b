/** The same numbers as laplace-torch (Daxberger et al. 2021); the figures were written by `laplaceTorch.py`. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { laplaceEvidence } from '../../../src/curvature/evidence.ts';
import type { LikelihoodModel } from '../../../src/curvature/likelihood.ts';
import type { CurvatureProblem } from '../../../src/curvature/problem.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import { jacobian } from '../../../src/network/parameterGradients.ts';
import { diagonalPrecision } from '../../../src/posterior/diagonalLaplace.ts';
import { laplace, posteriorSolve } from '../../../src/posterior/laplace.ts';
import { lastLayerProblem } from '../../../src/posterior/lastLayer.ts';
import { linearisedPredictive } from '../../../src/posterior/linearised.ts';
import { gaussianPredictive } from '../../../src/posterior/predictive.ts';
import { context } from '../analyses/workspace.ts';

interface Figures {
  readonly logMarginalLikelihood: number;
  readonly mean: readonly (readonly number[])[];
  readonly functionVariance: readonly (readonly number[])[];
  readonly probit?: readonly (readonly number[])[];
  readonly posteriorVariance: readonly number[];
}

interface Case {
  readonly name: string;
  readonly activation: string;
  readonly widths: readonly number[];
  readonly likelihood: 'regression' | 'classification';
  readonly noise: number;
  readonly alpha: number;
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[] | readonly (readonly number[])[];
  readonly test: readonly (readonly number[])[];
  readonly state: readonly number[];
  readonly figures: Readonly<Record<'full all' | 'diag all' | 'full last_layer' | 'diag last_layer', Figures>>;
}

const { cases } = JSON.parse(readFileSync(new URL('laplaceTorch.json', import.meta.url), 'utf8')) as { readonly cases: readonly Case[] };

function expectClose(found: Float64Array, expected: readonly number[], what: string): void {
  expect(found.length, what).toBe(expected.length);
  expected.forEach((value, k) => { expect(Math.abs(found[k]! - value), what).toBeLessThan(1e-6 * Math.max(Math.abs(value), 1e-3)); });
}

/** Σ of the Gaussian at what: `full` by its eigenvectors, `diag` by the diagonal of the GGN. */
async function posteriorOf(problem: CurvatureProblem, alpha: number, structure: 'full' | 'diag'): Promise<{ readonly curvature: Float64Array; readonly variance: Float64Array }> {
  const d = problem.network.parameters;
  if (structure === 'diag') {
    const curvature = await diagonalPrecision(problem, context);
    return { curvature, variance: curvature.map((value) => 1 / (value + alpha)) };
  }
  const approximation = await laplace(problem, alpha, context);
  const identity = Float64Array.from({ length: d * d }, (_, k) => (k % (d + 1) === 0 ? 1 : 0));
  const covariance = await posteriorSolve(approximation, identity);
  return { curvature: approximation.eigenvalues, variance: Float64Array.from({ length: d }, (_, i) => covariance[i * (d + 1)]!) };
}

describe.each(cases)('laplace-torch: $name', ({ activation, widths, likelihood: kind, noise, alpha, x, y, test, state, figures }) => {
  const likelihood: LikelihoodModel = kind === 'regression' ? { kind: 'gaussian', noise } : { kind: 'categorical' };
  const network = denseNetwork(widths, activationNamed(activation));
  const whole: CurvatureProblem = { network, state: Float64Array.from(state), x: Float64Array.from(x.flat()), likelihood, weighting: 'likelihood' };
  const targets = Float64Array.from(y.flat());
  const inputs = Float64Array.from(test.flat());
  const last = lastLayerProblem(whole);

  it.each(['full all', 'full last_layer'] as const)('%s', async (name) => {
    const figure = figures[name];
    const [problem, at] = name === 'full all' ? [whole, inputs] : [last.curvature, last.features(inputs)];
    const { curvature, variance } = await posteriorOf(problem, alpha, 'full');
    expectClose(Float64Array.of(laplaceEvidence(problem, targets, alpha, curvature).logMarginalLikelihood), [figure.logMarginalLikelihood], 'evidence');
    expectClose(variance, figure.posteriorVariance, 'variances of weights');
    const predictive = await linearisedPredictive(await laplace(problem, alpha, context), at, context);
    expectClose(predictive.mean, figure.mean.flat(), 'means');
    expectClose(predictive.variance, figure.functionVariance.flat(), 'variances of outputs');
    if (figure.probit !== undefined) expectClose(gaussianPredictive(likelihood, predictive.mean, predictive.variance, network.outputs).mean, figure.probit.flat(), 'probit');
  });

  it.each(['diag all', 'diag last_layer'] as const)('%s', async (name) => {
    const figure = figures[name];
    const [problem, at] = name === 'diag all' ? [whole, inputs] : [last.curvature, last.features(inputs)];
    const { curvature, variance } = await posteriorOf(problem, alpha, 'diag');
    // log det (diag GGN + α) is a sum over its entries, as over eigenvalues.
    expectClose(Float64Array.of(laplaceEvidence(problem, targets, alpha, curvature).logMarginalLikelihood), [figure.logMarginalLikelihood], 'evidence');
    expectClose(variance, figure.posteriorVariance, 'variances of weights');
    const rows = jacobian(problem.network, problem.state, at);
    const d = problem.network.parameters;
    const outputs = Float64Array.from({ length: rows.length / d }, (_, r) => rows.subarray(r * d, (r + 1) * d).reduce((sum, j, i) => sum + j * j * variance[i]!, 0));
    expectClose(outputs, figure.functionVariance.flat(), 'variances of outputs');
    if (figure.probit !== undefined) expectClose(gaussianPredictive(likelihood, forward(problem.network, problem.state, at), outputs, network.outputs).mean, figure.probit.flat(), 'probit');
  });
});
