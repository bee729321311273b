/** Every Gaussian method on Bayesian linear regression, where its answer is known in closed form: a network of one linear layer is this model. */
import { describe, expect, it } from 'vitest';
import type { CurvatureProblem } from '../../../src/curvature/problem.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { bayesianLastLayer } from '../../../src/posterior/bayesianLastLayer.ts';
import { diagonalPrecision } from '../../../src/posterior/diagonalLaplace.ts';
import { laplace, laplaceDisplacements, posteriorSolve } from '../../../src/posterior/laplace.ts';
import { laplaceDiffusion } from '../../../src/posterior/laplaceDiffusion.ts';
import { lastLayerProblem } from '../../../src/posterior/lastLayer.ts';
import { linearisedPredictive } from '../../../src/posterior/linearised.ts';
import { logPosterior } from '../../../src/posterior/logPosterior.ts';
import { modeCheck } from '../../../src/posterior/modeCheck.ts';
import { gaussianPredictive } from '../../../src/posterior/predictive.ts';
import { scores } from '../../../src/posterior/scores.ts';
import { context } from '../analyses/workspace.ts';
import { inverse, linearModel, type LinearModel } from './linearModel.ts';

const [noise, priorPrecision] = [0.4, 1.7];
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const row = (matrix: Float64Array, size: number, i: number): Float64Array => matrix.subarray(i * size, (i + 1) * size);
const identity = (d: number): Float64Array => Float64Array.from({ length: d * d }, (_, k) => (k % (d + 1) === 0 ? 1 : 0));
const curvature = ({ problem: { network, x, likelihood } }: LinearModel, state: Float64Array): CurvatureProblem => ({ network, state, x, likelihood, weighting: 'likelihood' });

describe.each([['more data than weights', 25, 3], ['fewer', 4, 6]])('Bayesian linear regression, %s', (_, rows, inputs) => {
  const model = linearModel(seededRandom(3), rows, inputs, { noise, priorPrecision });
  const d = inputs + 1;
  const approximation = laplace(curvature(model, model.mean), priorPrecision, context);

  it('has its covariance as what solves with GGN + αI', async () => {
    const solved = await posteriorSolve(await approximation, identity(d));
    solved.forEach((value, k) => { expect(Math.abs(value - model.covariance[k]!)).toBeLessThan(1e-11); });
  });

  it('has the exact predictive density', async () => {
    const { mean, variance } = await linearisedPredictive(await approximation, model.problem.x, context);
    const predictive = gaussianPredictive(model.problem.likelihood, mean, variance, 1);
    let exact = 0;
    for (let n = 0; n < rows; n++) {
      const phi = row(model.features, d, n);
      const total = dot(phi, Float64Array.from({ length: d }, (__, i) => dot(row(model.covariance, d, i), phi))) + noise ** 2;
      exact += 0.5 * ((model.problem.targets[n]! - dot(phi, model.mean)) ** 2 / total + Math.log(2 * Math.PI * total)) / rows;
    }
    expect(Math.abs(scores(model.problem.likelihood, predictive, model.problem.targets, 1).nll.value - exact)).toBeLessThan(1e-9);
  });

  it('projected has the part of the covariance in the span of the features, and the kernel part is the prior’s beside it', async () => {
    // P = Φᵀ (ΦΦᵀ)⁺ Φ; with more data than weights it is the identity.
    const few = rows < d;
    const gram = Float64Array.from({ length: rows * rows }, (__, k) => dot(row(model.features, d, Math.floor(k / rows)), row(model.features, d, k % rows)));
    const solve = few ? inverse(gram, rows).matrix : undefined;
    const projector = solve === undefined ? identity(d) : Float64Array.from({ length: d * d }, (__, k) => {
      let sum = 0;
      for (let m = 0; m < rows; m++) for (let n = 0; n < rows; n++) sum += model.features[m * d + Math.floor(k / d)]! * solve[m * rows + n]! * model.features[n * d + (k % d)]!;
      return sum;
    });
    const factors = await Promise.all((['image', 'kernel'] as const).map(async (part) => laplaceDisplacements(await approximation, identity(d), part)));
    const [image, kernel] = factors.map((root) => Float64Array.from({ length: d * d }, (__, k) => {
      let sum = 0;
      for (let e = 0; e < d; e++) sum += root[e * d + Math.floor(k / d)]! * root[e * d + (k % d)]!;
      return sum;
    })) as [Float64Array, Float64Array];
    for (let k = 0; k < d * d; k++) {
      const outside = ((k % (d + 1) === 0 ? 1 : 0) - projector[k]!) / priorPrecision;
      expect(Math.abs(kernel[k]! - outside)).toBeLessThan(1e-10);
      expect(Math.abs(image[k]! - (model.covariance[k]! - outside))).toBeLessThan(1e-10);
    }
  });

  it('diagonal has the diagonal of the precision', async () => {
    const diagonal = await diagonalPrecision(curvature(model, model.mean), context);
    for (let i = 0; i < d; i++) {
      let exact = 0;
      for (let n = 0; n < rows; n++) exact += model.features[n * d + i]! ** 2 / noise ** 2;
      expect(Math.abs(diagonal[i]! / exact - 1)).toBeLessThan(1e-12);
    }
  });

  it('as a diffusion of several steps is the same Gaussian, within its Monte Carlo error', async () => {
    const start = await approximation;
    const draws: Float64Array[] = [];
    const walks = (['ito', 'stratonovich'] as const).map((sense) => laplaceDiffusion(start, { steps: 3, part: 'whole', sense }, context));
    for (let s = 0; s < 1500; s++) draws.push((await walks[s % 2]!(seededRandom(s))).map((w, i) => w - model.mean[i]!));
    for (let i = 0; i < d; i++) {
      for (let j = 0; j <= i; j++) {
        const exact = model.covariance[i * d + j]!;
        const error = Math.sqrt((exact ** 2 + model.covariance[i * (d + 1)]! * model.covariance[j * (d + 1)]!) / draws.length);
        expect(Math.abs(draws.reduce((sum, draw) => sum + draw[i]! * draw[j]!, 0) / draws.length - exact)).toBeLessThan(4.5 * error);
      }
    }
  });

  it('says how far a place is from its mode: the gain of a Newton step and the lowest curvature are exact', async () => {
    const random = seededRandom(8);
    const away = model.mean.map((w) => w + 0.3 * random.normal());
    const moved = await laplace(curvature(model, away), priorPrecision, context);
    const { gain, lowestCurvature, gradientNorm } = await modeCheck(model.problem, away, moved, context);
    const scratch = new Float64Array(d);
    const exact = logPosterior(model.problem, model.mean, scratch).value - logPosterior(model.problem, away, scratch).value;
    expect(Math.abs(gain / exact - 1)).toBeLessThan(1e-9);
    expect(gradientNorm).toBeGreaterThan(1);
    // 1 over the largest eigenvalue of Σ, by powers of it.
    let v = Float64Array.from({ length: d }, () => random.normal());
    let size = 0;
    for (let k = 0; k < 3000; k++) {
      const next = Float64Array.from({ length: d }, (__, i) => dot(row(model.covariance, d, i), v));
      size = Math.sqrt(dot(next, next));
      v = next.map((w) => w / size);
    }
    // By differences of gradients, which are of the size of the largest curvature.
    expect(Math.abs(lowestCurvature - 1 / size)).toBeLessThan(1e-6 / size + 1e-6);
    expect((await modeCheck(model.problem, model.mean, await approximation, context)).gain).toBeLessThan(1e-12);
  });
});

describe('the last layer of a network', () => {
  const network = denseNetwork([2, 5, 5, 2], activationNamed('tanh'));
  const random = seededRandom(5);
  const state = random.normals(new Float64Array(network.parameters));
  const x = random.normals(new Float64Array(30 * 2));
  const targets = random.normals(new Float64Array(30 * 2));
  const problem: CurvatureProblem = { network, state, x, likelihood: { kind: 'gaussian', noise }, weighting: 'likelihood' };
  const test = random.normals(new Float64Array(7 * 2));

  it('as Bayesian linear regression on the features has the closed form, whatever the weights were', async () => {
    const { features } = lastLayerProblem(problem);
    const width = 6;
    const phi = (at: Float64Array): Float64Array => {
      const values = features(at);
      return Float64Array.from({ length: (values.length / 5) * width }, (_, k) => (k % width === 5 ? 1 : values[Math.floor(k / width) * 5 + (k % width)]!));
    };
    const [train, at] = [phi(x), phi(test)];
    const covariance = inverse(Float64Array.from({ length: width * width }, (_, k) => {
      let sum = k % (width + 1) === 0 ? priorPrecision : 0;
      for (let n = 0; n < 30; n++) sum += (train[n * width + Math.floor(k / width)]! * train[n * width + (k % width)]!) / noise ** 2;
      return sum;
    }), width).matrix;
    const { posterior, features: own } = await bayesianLastLayer(problem, targets, priorPrecision, context);
    const { mean, variance } = await linearisedPredictive(posterior, own(test), context);
    for (let o = 0; o < 2; o++) {
      const projected = Float64Array.from({ length: width }, (_, i) => { let sum = 0; for (let n = 0; n < 30; n++) sum += (train[n * width + i]! * targets[n * 2 + o]!) / noise ** 2; return sum; });
      const weights = Float64Array.from({ length: width }, (_, i) => dot(row(covariance, width, i), projected));
      for (let n = 0; n < 7; n++) {
        const feature = row(at, width, n);
        expect(Math.abs(mean[n * 2 + o]! - dot(feature, weights))).toBeLessThan(1e-9);
        expect(Math.abs(variance[n * 2 + o]! - dot(feature, Float64Array.from({ length: width }, (_, i) => dot(row(covariance, width, i), feature))))).toBeLessThan(1e-9);
      }
    }
  });

  it('has no closed form for classification, and says so', async () => {
    await expect(bayesianLastLayer({ ...problem, likelihood: { kind: 'categorical' } }, Float64Array.from({ length: 30 }, (_, n) => n % 2), priorPrecision, context)).rejects.toThrow('a Bayesian last layer has a closed form for a Gaussian likelihood only');
  });
});
