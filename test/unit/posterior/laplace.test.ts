/** Laplace approximations: image and kernel parts are orthogonal, closed forms and draws agree. */
import { describe, expect, it } from 'vitest';
import type { CurvatureProblem } from '../../../src/curvature/problem.ts';
import { laplaceEvidence } from '../../../src/curvature/evidence.ts';
import { GgnOperators } from '../../../src/curvature/operators.ts';
import type { LikelihoodModel } from '../../../src/curvature/likelihood.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import { jacobian } from '../../../src/network/parameterGradients.ts';
import { effectiveDimension, kernelVarianceShare, laplace, laplaceDisplacements, posteriorSolve, standardNormal, withPriorPrecision, type Laplace } from '../../../src/posterior/laplace.ts';
import { factoredBasis, hasDenseFactors } from '../../../src/posterior/factoredBasis.ts';
import { laplaceDiffusion } from '../../../src/posterior/laplaceDiffusion.ts';
import { linearisedOutputs, linearisedPredictive } from '../../../src/posterior/linearised.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import { twoQuestions } from '../../../src/posterior/twoQuestions.ts';
import { linearModel } from './linearModel.ts';

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 30 };

function networkProblem(widths: readonly number[], activation: string, rows: number, likelihood: LikelihoodModel): CurvatureProblem {
  const network = denseNetwork(widths, activationNamed(activation));
  const random = seededRandom(11);
  return { network, state: standardNormal(network.parameters, random).map((w) => 0.7 * w), x: standardNormal(rows * widths[0]!, random), likelihood, weighting: 'likelihood' };
}

const norm = (v: Float64Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** (GGN + αI)⁻¹ applied by the draws' own square root: Σ = A Aᵀ where a draw is A ε. */
async function covariance(model: Awaited<ReturnType<typeof laplace>>): Promise<Float64Array> {
  const d = model.problem.network.parameters;
  const identity = Float64Array.from({ length: d * d }, (_, k) => (k % (d + 1) === 0 ? 1 : 0));
  const root = await laplaceDisplacements(model, identity, 'whole');
  return Float64Array.from({ length: d * d }, (_, k) => dot(root.subarray(Math.floor(k / d) * d, (Math.floor(k / d) + 1) * d), root.subarray((k % d) * d, ((k % d) + 1) * d)));
}

describe('Laplace', () => {
  it.each([[25, 3], [4, 6]])('is exact for linear regression: %i points, %i inputs', async (rows, inputs) => {
    const oracle = linearModel(seededRandom(3), rows, inputs, { noise: 0.4, priorPrecision: 1.7 });
    const { problem } = oracle;
    const approximation = await laplace({ network: problem.network, state: oracle.mean, x: problem.x, likelihood: problem.likelihood, weighting: 'likelihood' }, 1.7, context);
    const sigma = await covariance(approximation);
    sigma.forEach((value, k) => { expect(Math.abs(value - oracle.covariance[k]!)).toBeLessThan(1e-11); });
    const evidence = laplaceEvidence(approximation.problem, problem.targets, 1.7, approximation.eigenvalues);
    expect(evidence.logMarginalLikelihood).toBeCloseTo(oracle.logEvidence, 9);
    expect(evidence.gradientNorm).toBeLessThan(1e-9);
    // Predictive: mean φ·μ, variance φᵀΣφ.
    const random = seededRandom(4);
    const x = standardNormal(10 * inputs, random);
    const { mean, variance } = await linearisedPredictive(approximation, x, context);
    for (let n = 0; n < 10; n++) {
      const phi = Float64Array.from({ length: inputs + 1 }, (_, i) => (i === inputs ? 1 : x[n * inputs + i]!));
      let v = 0;
      phi.forEach((a, i) => { phi.forEach((b, j) => { v += a * b * oracle.covariance[i * (inputs + 1) + j]!; }); });
      expect(mean[n]).toBeCloseTo(dot(phi, oracle.mean), 10);
      expect(variance[n]).toBeCloseTo(v, 10);
    }
  });

  const cases: readonly (readonly [string, CurvatureProblem])[] = [
    ['tanh, more parameters than rows', networkProblem([2, 12, 2], 'tanh', 7, { kind: 'gaussian', noise: 0.3 })],
    ['relu, more rows than parameters', networkProblem([2, 4, 1], 'relu', 60, { kind: 'gaussian', noise: 0.3 })],
    ['softmax', networkProblem([3, 8, 4], 'tanh', 6, { kind: 'categorical' })],
    ['bernoulli', networkProblem([2, 9, 1], 'relu', 8, { kind: 'bernoulli' })],
  ];

  describe.each(cases)('%s', (_, problem) => {
    it('splits a draw into orthogonal parts, one of which the data do not see', async () => {
      const approximation = await laplace(problem, 0.5, context);
      const d = problem.network.parameters;
      const noise = standardNormal(3 * d, seededRandom(1));
      const [whole, image, kernel] = [await laplaceDisplacements(approximation, noise.slice(), 'whole'), await laplaceDisplacements(approximation, noise.slice(), 'image'), await laplaceDisplacements(approximation, noise.slice(), 'kernel')];
      const rows = jacobian(problem.network, problem.state, problem.x);
      for (let s = 0; s < 3; s++) {
        const part = (v: Float64Array): Float64Array => v.subarray(s * d, (s + 1) * d);
        part(whole).forEach((w, i) => { expect(Math.abs(w - part(image)[i]! - part(kernel)[i]!)).toBeLessThan(1e-10 * norm(part(whole))); });
        expect(Math.abs(dot(part(image), part(kernel)))).toBeLessThan(1e-10 * norm(part(image)) * norm(part(kernel)));
        // For the softmax the kernel of H^{1/2}J is larger than that of J: all logits may move alike.
        if (problem.likelihood.kind === 'categorical') continue;
        const seen = Float64Array.from({ length: rows.length / d }, (__, r) => dot(rows.subarray(r * d, (r + 1) * d), part(kernel)));
        expect(norm(seen)).toBeLessThan(1e-9 * norm(rows) * norm(part(kernel)));
      }
    });

    it('has the covariance (GGN + αI)⁻¹', async () => {
      const alpha = 0.5;
      const approximation = await laplace(problem, alpha, context);
      const sigma = await covariance(approximation);
      const d = problem.network.parameters;
      // (GGN + αI) Σ v = v, with GGN v from the eigenvectors' definition: U Λ Uᵀ.
      const v = standardNormal(d, seededRandom(2));
      const sv = Float64Array.from({ length: d }, (__, i) => dot(sigma.subarray(i * d, (i + 1) * d), v));
      const along = await approximation.basis.coefficients(sv, 1);
      const ggn = await approximation.basis.combinations(along.map((c, i) => c * approximation.eigenvalues[i]!), 1);
      v.forEach((value, i) => { expect(Math.abs(ggn[i]! + alpha * sv[i]! - value)).toBeLessThan(1e-9); });
      const trace = Array.from({ length: d }, (__, i) => sigma[i * (d + 1)]!).reduce((a, b) => a + b, 0);
      const kernel = (d - approximation.rank.rank) / alpha;
      expect(kernelVarianceShare(approximation)).toBeCloseTo(kernel / trace, 10);
      expect(effectiveDimension(approximation)).toBeCloseTo(d - alpha * trace, 8);
    });

    it('is the same without forming its eigenvectors', async () => {
      const approximation = await laplace(problem, 0.5, context);
      if (approximation.spectrum.vectors?.side === 'parameters') return;
      const { imageBasis } = await import('../../../src/posterior/imageBasis.ts');
      const basis = await imageBasis(problem, approximation.spectrum, approximation.rank.rank, { ...context, memoryLimitBytes: 1 });
      const noise = standardNormal(2 * problem.network.parameters, seededRandom(5));
      const [formed, free] = [await laplaceDisplacements(approximation, noise.slice(), 'whole'), await laplaceDisplacements({ ...approximation, basis }, noise.slice(), 'whole')];
      formed.forEach((w, i) => { expect(Math.abs(w - free[i]!)).toBeLessThan(1e-9); });
      // And by the factors of its dense layers.
      const { singularValues, rows, vectors } = approximation.spectrum;
      const weights = Float64Array.from({ length: approximation.rank.rank * rows }, (_, k) => vectors!.vectors[k]! / singularValues[Math.floor(k / rows)]!);
      expect(hasDenseFactors(problem.network)).toBe(true);
      const factored = await laplaceDisplacements({ ...approximation, basis: await factoredBasis(problem, weights, approximation.rank.rank, context) }, noise.slice(), 'whole');
      formed.forEach((w, i) => { expect(Math.abs(w - factored[i]!)).toBeLessThan(1e-9); });
    });

    it('linearised variances agree by three routes', async () => {
      const approximation = await laplace(problem, 0.5, context);
      const d = problem.network.parameters;
      const x = standardNormal(4 * problem.network.inputs, seededRandom(6));
      const { variance, mean } = await linearisedPredictive(approximation, x, context);
      // Weight space: J* Σ J*ᵀ.
      const sigma = await covariance(approximation);
      const rows = jacobian(problem.network, problem.state, x);
      variance.forEach((value, r) => {
        const row = rows.subarray(r * d, (r + 1) * d);
        const sr = Float64Array.from({ length: d }, (__, i) => dot(sigma.subarray(i * d, (i + 1) * d), row));
        expect(Math.abs(value - dot(row, sr))).toBeLessThan(1e-9 * (1 + value));
      });
      // Sampling, within its Monte Carlo error.
      const draws = 4000;
      const displacements = await laplaceDisplacements(approximation, standardNormal(draws * d, seededRandom(7)), 'whole');
      const sampled = linearisedOutputs(problem, displacements, x);
      variance.forEach((value, k) => {
        const deviations = Float64Array.from({ length: draws }, (__, s) => sampled[s * variance.length + k]! - mean[k]!);
        const estimate = deviations.reduce((sum, e) => sum + e * e, 0) / draws;
        expect(Math.abs(estimate / value - 1)).toBeLessThan(4.5 * Math.sqrt(2 / draws));
        expect(Math.abs(deviations.reduce((sum, e) => sum + e, 0) / draws)).toBeLessThan(4.5 * Math.sqrt(value / draws));
      });
    });

    it('on the training inputs the kernel does not count once linearised', async () => {
      if (problem.likelihood.kind === 'categorical') return;
      const approximation = await laplace(problem, 0.5, context);
      const { kernelVariance, imageVariance } = await linearisedPredictive(approximation, problem.x, context);
      kernelVariance.forEach((value, k) => { expect(value).toBeLessThan(1e-12 * (1 + imageVariance[k]!)); });
      const noise = standardNormal(5 * problem.network.parameters, seededRandom(8));
      const [whole, image] = [linearisedOutputs(problem, await laplaceDisplacements(approximation, noise.slice(), 'whole'), problem.x), linearisedOutputs(problem, await laplaceDisplacements(approximation, noise.slice(), 'image'), problem.x)];
      const size = norm(whole);
      whole.forEach((f, k) => { expect(Math.abs(f - image[k]!)).toBeLessThan(1e-10 * size); });
    });
  });

  it('the two questions of a softmax are about what probabilities show: logits that move alike are not a change', async () => {
    // One linear layer: J is the same everywhere, so that nothing but common shifts of the logits lies in the kernel.
    const problem = networkProblem([3, 4], 'linear', 40, { kind: 'categorical' });
    const { linearisedRelative, sampledChange, linearisedDeviation } = await twoQuestions(await laplace(problem, 0.5, context), 16, 1, context);
    expect(linearisedRelative).toBeLessThan(1e-9);
    expect(sampledChange).toBeLessThan(1e-9);
    expect(linearisedDeviation).toBeGreaterThan(0.01);
  });

  it('solves with the posterior precision through the factors of the layers: of several outputs, in any number of directions', async () => {
    const problem = networkProblem([6, 40, 40, 3], 'relu', 200, { kind: 'categorical' });
    const plain = await laplace(problem, 0.8, context);
    const weights = Float64Array.from({ length: plain.basis.rank * plain.spectrum.rows }, (_, k) => plain.spectrum.vectors!.vectors[k]! / plain.spectrum.singularValues[Math.floor(k / plain.spectrum.rows)]!);
    const factored: Laplace = { ...plain, basis: await factoredBasis(problem, weights, plain.basis.rank, context) };
    const v = standardNormal(3 * problem.network.parameters, seededRandom(3));
    const solved = await posteriorSolve(factored, v);
    const operators = new GgnOperators(problem, 2 ** 28);
    for (let m = 0; m < 3; m++) {
      const own = solved.subarray(m * problem.network.parameters, (m + 1) * problem.network.parameters);
      const back = complete(operators.pullRows(complete(operators.pushDirection(own))));
      const wanted = v.subarray(m * own.length, (m + 1) * own.length);
      // Directions of the smallest eigenvalues have lost digits to the Gram matrix.
      expect(norm(back.map((value, i) => value + 0.8 * own[i]! - wanted[i]!))).toBeLessThan(1e-6 * norm(wanted));
    }
  });

  it('of many rows and parameters keeps its eigenvectors orthonormal, and takes the factors of the layers for them', async () => {
    const problem = networkProblem([6, 130, 130, 1], 'tanh', 500, { kind: 'gaussian', noise: 0.3 });
    const approximation = await laplace(problem, 1, context);
    const { rank, parameters, bytes } = approximation.basis;
    expect(bytes).toBeLessThan(8 * rank * parameters);
    // Uᵀ(U c) = c, and the parts of a draw are orthogonal, of which the data see one.
    const c = standardNormal(3 * rank, seededRandom(1));
    const back = await approximation.basis.coefficients(await approximation.basis.combinations(c.slice(), 3), 3);
    // By the Gram matrix: ε (σ₁/σ_r)² at the smallest.
    const smallest = approximation.eigenvalues.at(-1)! / approximation.eigenvalues[0]!;
    back.forEach((value, k) => { expect(Math.abs(value - c[k]!)).toBeLessThan(1e-13 / smallest); });
    const noise = standardNormal(parameters, seededRandom(2));
    const kernel = await laplaceDisplacements(approximation, noise.slice(), 'kernel');
    const seen = linearisedOutputs(problem, kernel, problem.x);
    const f = forward(problem.network, problem.state, problem.x);
    const unseen = linearisedOutputs(problem, noise, problem.x);
    const size = (v: Float64Array): number => norm(v.map((value, k) => value - f[k]!));
    expect(size(seen)).toBeLessThan(1e-7 * size(unseen));
  });

  it('another prior needs no new spectrum', async () => {
    const problem = networkProblem([2, 5, 1], 'tanh', 9, { kind: 'gaussian', noise: 0.3 });
    const [moved, anew] = [withPriorPrecision(await laplace(problem, 0.5, context), 8), await laplace(problem, 8, context)];
    const noise = standardNormal(problem.network.parameters, seededRandom(1));
    expect(await laplaceDisplacements(moved, noise.slice(), 'whole')).toEqual(await laplaceDisplacements(anew, noise.slice(), 'whole'));
    await expect(laplace(problem, 0, context)).rejects.toThrow('the prior precision is a positive number, not 0');
  });
});

describe('Laplace diffusion', () => {
  const problem = networkProblem([1, 10, 1], 'tanh', 8, { kind: 'gaussian', noise: 0.2 });

  it('of one step is the Laplace draw', async () => {
    const start = await laplace(problem, 2, context);
    for (const part of ['whole', 'image', 'kernel'] as const) {
      const walked = await laplaceDiffusion(start, { steps: 1, part, sense: 'ito' }, context)(seededRandom(3));
      const drawn = await laplaceDisplacements(start, standardNormal(problem.network.parameters, seededRandom(3)), part);
      walked.forEach((w, i) => { expect(w).toBe(problem.state[i]! + drawn[i]!); });
    }
  });

  /** Mean square change of the training predictions over seeds, with its standard error. */
  async function squaredChange(start: Laplace, steps: number, sense: 'ito' | 'stratonovich', seeds = 24): Promise<{ readonly mean: number; readonly error: number }> {
    const f = forward(problem.network, problem.state, problem.x);
    const squares: number[] = [];
    const walk = laplaceDiffusion(start, { steps, part: 'kernel', sense }, context);
    for (let seed = 0; seed < seeds; seed++) {
      const state = await walk(seededRandom(seed));
      squares.push(forward(problem.network, state, problem.x).reduce((sum, value, n) => sum + (value - f[n]!) ** 2, 0));
    }
    const mean = squares.reduce((a, b) => a + b, 0) / seeds;
    return { mean, error: Math.sqrt(squares.reduce((sum, square) => sum + (square - mean) ** 2, 0) / seeds / (seeds - 1)) };
  }
  const predictionError = async (start: Laplace, steps: number, sense: 'ito' | 'stratonovich'): Promise<number> => Math.sqrt((await squaredChange(start, steps, sense)).mean);

  it('in the kernel keeps the training predictions as its steps shrink', async () => {
    const start = await laplace(problem, 40, context);
    const errors: number[] = [];
    for (const steps of [1, 4, 16, 64]) errors.push(await predictionError(start, steps, 'stratonovich'));
    // Measured from 1 to 128 steps: order 0.97 to 1.24 between doublings, 1.0 on average.
    const orders = errors.slice(1).map((value, k) => Math.log(errors[k]! / value) / Math.log(4));
    for (const order of orders) expect(Math.abs(order - 1)).toBeLessThan(0.3);
  });

  it('in the sense of Itô keeps them only up to a drift that no step size removes', async () => {
    const start = await laplace(problem, 40, context);
    const [one, many, more] = [await squaredChange(start, 1, 'ito', 60), await squaredChange(start, 32, 'ito', 60), await squaredChange(start, 128, 'ito', 60)];
    expect(many.mean).toBeLessThan(0.25 * one.mean);
    // Four times the steps, and no less: of order 1 it would be a sixteenth.
    expect(Math.abs(more.mean - many.mean)).toBeLessThan(4 * Math.hypot(more.error, many.error));
    expect(more.mean - 4 * more.error).toBeGreaterThan(many.mean / 4);
    expect(Math.sqrt(more.mean)).toBeGreaterThan(10 * (await predictionError(start, 32, 'stratonovich')));
  });
});
