/** The log-posterior, its gradient and its lowest curvature. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { LikelihoodModel } from '../../../src/curvature/likelihood.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { laplace } from '../../../src/posterior/laplace.ts';
import { logPosterior, logPosteriorCurvature, type PosteriorProblem } from '../../../src/posterior/logPosterior.ts';
import { modeCheck } from '../../../src/posterior/modeCheck.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { quasiNewton } from '../../../src/posterior/quasiNewton.ts';
import { train, type Optimizer } from '../../../src/posterior/training.ts';
import { context } from '../analyses/workspace.ts';
import { operations, ruledState } from '../network/networks.ts';
import { linearModel } from './linearModel.ts';

interface TorchHessian {
  readonly name: string;
  readonly widths: readonly number[];
  readonly activation: string;
  readonly likelihood: LikelihoodModel['kind'];
  readonly noise: number;
  readonly alpha: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly state: readonly number[];
  /** Of the negative log posterior with the direction sin 2, sin 4, …; and its smallest eigenvalue. */
  readonly product: readonly number[];
  readonly lowest: number;
}

/** Written by `hessian.py`. */
const { cases: hessians } = JSON.parse(readFileSync(new URL('hessian.json', import.meta.url), 'utf8')) as { readonly cases: readonly TorchHessian[] };

const likelihoods: readonly LikelihoodModel[] = [{ kind: 'gaussian', noise: 0.3 }, { kind: 'categorical' }, { kind: 'bernoulli' }];

function problemOf(name: string, likelihood: LikelihoodModel, rows: number): { readonly problem: PosteriorProblem; readonly state: Float64Array } {
  const network = operations[name]!().build();
  const random = seededRandom(1);
  const x = Float64Array.from({ length: rows * network.inputs }, () => random.normal());
  const targets = likelihood.kind === 'categorical' ? Float64Array.from({ length: rows }, () => random.below(network.outputs)) : Float64Array.from({ length: rows * network.outputs }, () => (likelihood.kind === 'bernoulli' ? random.below(2) : random.normal()));
  return { problem: { network, x, targets, likelihood, priorPrecision: 0.7 }, state: ruledState(network) };
}

describe('log-posterior', () => {
  it.each(likelihoods.flatMap((likelihood) => ['lenet', 'residual', 'mlp mixer'].map((name) => [name, likelihood.kind, likelihood] as const)))('has the gradient of its value: %s, %s', (name, _, likelihood) => {
    const { problem, state } = problemOf(name, likelihood, 3);
    const gradient = new Float64Array(problem.network.parameters);
    logPosterior(problem, state, gradient);
    const random = seededRandom(2);
    const direction = state.map((__, i) => (i < problem.network.parameters ? random.normal() : 0));
    const along = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
    const scratch = new Float64Array(gradient.length);
    const at = (t: number): number => logPosterior(problem, state.map((w, i) => w + t * direction[i]!), scratch).value;
    const h = 1e-5;
    expect(Math.abs((at(h) - at(-h)) / (2 * h) - along)).toBeLessThan(1e-5 * (1 + Math.abs(along)));
  });

  it.each(hessians)('has the Hessian that PyTorch finds, kinks a hair away from the data and all: $name', async ({ widths, activation, likelihood: kind, noise, alpha, x, y, state, product, lowest }) => {
    const likelihood: LikelihoodModel = kind === 'gaussian' ? { kind, noise } : { kind };
    const network = denseNetwork(widths, activationNamed(activation));
    const problem: PosteriorProblem = { network, x: Float64Array.from(x), targets: Float64Array.from(y), likelihood, priorPrecision: alpha };
    const place = Float64Array.from(state);
    const found = complete(logPosteriorCurvature(problem, place, Float64Array.from(state, (_, i) => Math.sin(2 * (i + 1)))));
    product.forEach((value, i) => { expect(Math.abs(found[i]! - value)).toBeLessThan(1e-11 * Math.hypot(...product)); });
    // Each input twice, and each counts half.
    const doubled = { ...problem, x: Float64Array.of(...x, ...x), targets: Float64Array.of(...y, ...y), sampleWeights: new Float64Array((2 * x.length) / network.inputs).fill(0.5) };
    const again = complete(logPosteriorCurvature(doubled, place, Float64Array.from(state, (_, i) => Math.sin(2 * (i + 1)))));
    product.forEach((value, i) => { expect(Math.abs(again[i]! - value)).toBeLessThan(1e-11 * Math.hypot(...product)); });
    const approximation = await laplace({ network, state: place, x: problem.x, likelihood, weighting: 'likelihood' }, alpha, context);
    expect(Math.abs((await modeCheck(problem, place, approximation, context)).lowestCurvature / lowest - 1)).toBeLessThan(1e-6);
  });

  it('is found to be a saddle by what there is to gain along its lowest curvature', async () => {
    // One tanh unit at zero weights: the Hessian is α on the diagonal and −Σ x y/σ² beside it.
    const problem: PosteriorProblem = { network: denseNetwork([1, 1, 1], activationNamed('tanh'), undefined, false), x: Float64Array.of(-1, 1), targets: Float64Array.of(-1, 1), likelihood: { kind: 'gaussian', noise: 0.3 }, priorPrecision: 0.1 };
    const state = new Float64Array(2);
    const { gain, lowestCurvature, descent } = await modeCheck(problem, state, await laplace({ network: problem.network, x: problem.x, likelihood: problem.likelihood, state, weighting: 'likelihood' }, 0.1, context), context);
    expect(gain).toBe(0);
    expect(lowestCurvature).toBeCloseTo(0.1 - 2 / 0.09, 10);
    // Along (1, 1)/√2 the best of the places looked at, by hand.
    const rise = (t: number): number => (1 - (1 - (t / Math.SQRT2) * Math.tanh(t / Math.SQRT2)) ** 2) / 0.09 - 0.05 * t * t;
    expect(descent).toBeCloseTo(Math.max(...Array.from({ length: 13 }, (_, k) => rise(2 ** -k / Math.sqrt(0.1)))), 8);
  });

  it('a part of the data, scaled up, is right on average', () => {
    const { problem, state } = problemOf('lenet', { kind: 'categorical' }, 12);
    const [whole, part, sum] = [0, 1, 2].map(() => new Float64Array(problem.network.parameters)) as [Float64Array, Float64Array, Float64Array];
    const { value } = logPosterior(problem, state, whole);
    let average = 0;
    for (let b = 0; b < 4; b++) {
      average += logPosterior(problem, state, part, Int32Array.of(b, b + 4, b + 8)).value / 4;
      part.forEach((g, i) => { sum[i]! += g / 4; });
    }
    expect(average).toBeCloseTo(value, 9);
    whole.forEach((g, i) => { expect(sum[i]).toBeCloseTo(g, 9); });
  });

  it('the prior integrates to one', () => {
    const { problem } = linearModel(seededRandom(1), 1, 1, { noise: 1, priorPrecision: 2.5 });
    let integral = 0;
    const gradient = new Float64Array(2);
    for (let a = -6; a <= 6; a += 0.05) {
      for (let b = -6; b <= 6; b += 0.05) {
        const { value, logLikelihood } = logPosterior(problem, Float64Array.of(a, b), gradient);
        integral += Math.exp(value - logLikelihood) * 0.05 ** 2;
      }
    }
    expect(integral).toBeCloseTo(1, 9);
  });
});

describe('training to a mode', () => {
  it.each<[string, Optimizer, number]>([
    ['gradient descent', { kind: 'sgd', learningRate: 0.02, momentum: 0 }, 4000],
    ['momentum', { kind: 'sgd', learningRate: 0.02, momentum: 0.9 }, 800],
    ['Adam', { kind: 'adam', learningRate: 0.05 }, 3000],
  ])('finds the posterior mean of linear regression: %s', (_, optimizer, epochs) => {
    const { problem, mean } = linearModel(seededRandom(3), 40, 3, { noise: 0.5, priorPrecision: 2 });
    const { state, gradientNorm, loss } = complete(train(problem, new Float64Array(4), { optimizer, epochs, batch: 40, batches: 'epochs', schedule: optimizer.kind === 'adam' ? 'cosine' : 'constant', random: seededRandom(1) }));
    state.forEach((w, i) => { expect(w).toBeCloseTo(mean[i]!, 6); });
    expect(gradientNorm).toBeLessThan(1e-3);
    expect(loss.at(-1)).toBeLessThan(loss[0]!);
  });

  it('finds it by L-BFGS as far as values of the log-posterior tell places apart, in about as many steps as there are dimensions', () => {
    const { problem, mean } = linearModel(seededRandom(3), 40, 3, { noise: 0.5, priorPrecision: 2 });
    const { state, gradientNorm, iterations } = complete(quasiNewton(problem, new Float64Array(4), { iterations: 100, tolerance: 1e-9 }));
    state.forEach((w, i) => { expect(Math.abs(w - mean[i]!)).toBeLessThan(1e-7); });
    expect(gradientNorm).toBeLessThan(1e-5);
    expect(iterations).toBeLessThan(20);
  });

  it('by L-BFGS goes on until no curvature is negative, where gradient ascent rests at a saddle', () => {
    // One tanh unit at zero weights: the gradient vanishes there, and the posterior rises along ±(1, 1).
    const problem: PosteriorProblem = { network: denseNetwork([1, 1, 1], activationNamed('tanh'), undefined, false), x: Float64Array.of(-1, 1), targets: Float64Array.of(-1, 1), likelihood: { kind: 'gaussian', noise: 0.3 }, priorPrecision: 0.1 };
    expect(complete(quasiNewton(problem, new Float64Array(2), { iterations: 100, tolerance: 1e-9 })).state).toEqual(new Float64Array(2));
    const { state, gradientNorm } = complete(quasiNewton(problem, Float64Array.of(1e-3, 0), { iterations: 100, tolerance: 1e-9 }));
    expect(gradientNorm).toBeLessThan(1e-9);
    expect(Math.abs(state[0]!)).toBeGreaterThan(0.5);
    const gradient = new Float64Array(2);
    const top = logPosterior(problem, state, gradient).value;
    for (const [a, b] of [[1, 0], [0, 1], [1, 1], [1, -1]] as const) expect(logPosterior(problem, Float64Array.of(state[0]! + 1e-3 * a, state[1]! + 1e-3 * b), gradient).value).toBeLessThan(top);
  });

  it('in batches comes close, the same for the same seed', () => {
    const { problem, mean } = linearModel(seededRandom(3), 40, 3, { noise: 0.5, priorPrecision: 2 });
    const run = (): Float64Array => complete(train(problem, new Float64Array(4), { optimizer: { kind: 'sgd', learningRate: 0.02, momentum: 0.5 }, epochs: 200, batch: 7, batches: 'epochs', schedule: 'cosine', random: seededRandom(1) })).state;
    const state = run();
    state.forEach((w, i) => { expect(Math.abs(w - mean[i]!)).toBeLessThan(0.01); });
    expect(run()).toEqual(state);
  });

  it('says so when it diverges', () => {
    const { problem } = linearModel(seededRandom(3), 40, 3, { noise: 0.01, priorPrecision: 2 });
    expect(() => complete(train(problem, new Float64Array(4), { optimizer: { kind: 'sgd', learningRate: 10, momentum: 0 }, epochs: 500, batch: 40, batches: 'epochs', schedule: 'constant', random: seededRandom(1) }))).toThrow(/training diverged in epoch \d+/);
  });
});
