/** Samplers on posteriors that are known in closed form. */
import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { diagnose } from '../../../src/posterior/chainDiagnostics.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { hamiltonianMonteCarlo, type LogDensity } from '../../../src/posterior/hmc.ts';
import { hmcChain, hmcChains } from '../../../src/posterior/hmcChains.ts';
import { logPosterior } from '../../../src/posterior/logPosterior.ts';
import { meanFieldVi } from '../../../src/posterior/meanFieldVi.ts';
import { swagTrajectory } from '../../../src/posterior/drawMethods.ts';
import { SwagCollector, swagDraw } from '../../../src/posterior/swag.ts';
import { swagLearningRate } from '../../../src/posterior/swagRate.ts';
import { train } from '../../../src/posterior/training.ts';
import { linearModel } from './linearModel.ts';

const column = (draws: Float64Array, size: number, i: number): Float64Array => Float64Array.from({ length: draws.length / size }, (_, m) => draws[m * size + i]!);
const meanOf = (values: Float64Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;

describe('Hamiltonian Monte Carlo', () => {
  it('draws from the posterior of linear regression, within its Monte Carlo error', () => {
    const { problem, mean, covariance } = linearModel(seededRandom(3), 25, 2, { noise: 0.8, priorPrecision: 1.5 });
    const density: LogDensity = (position, gradient) => logPosterior(problem, position, gradient).value;
    const chains = [1, 2, 3, 4].map((seed) => complete(hamiltonianMonteCarlo(density, new Float64Array(3), { warmup: 300, draws: 1000, pathLength: 0.4, maxSteps: 64, random: seededRandom(seed) })));
    for (const { acceptance, divergences } of chains) {
      expect(Math.abs(acceptance - 0.8)).toBeLessThan(0.12);
      expect(divergences).toBe(0);
    }
    for (let i = 0; i < 3; i++) {
      const values = Float64Array.from(chains.flatMap(({ draws }) => [...column(draws, 3, i)]));
      const { rhat, mcseMean, essBulk } = diagnose(values, 4, 1000);
      expect(rhat).toBeLessThan(1.01);
      expect(essBulk).toBeGreaterThan(400);
      expect(Math.abs(meanOf(values) - mean[i]!)).toBeLessThan(4 * mcseMean);
      for (let j = 0; j < 3; j++) {
        const products = Float64Array.from(chains.flatMap(({ draws }) => Array.from({ length: 1000 }, (_, m) => (draws[m * 3 + i]! - mean[i]!) * (draws[m * 3 + j]! - mean[j]!))));
        expect(Math.abs(meanOf(products) - covariance[i * 3 + j]!)).toBeLessThan(4.5 * diagnose(products, 4, 1000).mcseMean);
      }
    }
  });

  it('samples a density that is not Gaussian: a ring', () => {
    // log p = −(r − 2)²/(2·0.3²) in the plane, so p(r) ∝ r exp(…): mean radius by quadrature.
    const density: LogDensity = (p, g) => {
      const r = Math.hypot(p[0]!, p[1]!);
      const slope = -(r - 2) / 0.09;
      g[0] = (slope * p[0]!) / r;
      g[1] = (slope * p[1]!) / r;
      return -((r - 2) ** 2) / 0.18;
    };
    let [top, bottom] = [0, 0];
    for (let r = 0.0005; r < 6; r += 0.001) {
      const weight = r * Math.exp(-((r - 2) ** 2) / 0.18);
      top += r * weight;
      bottom += weight;
    }
    const { draws } = complete(hamiltonianMonteCarlo(density, Float64Array.of(2, 0), { warmup: 500, draws: 4000, pathLength: 1.5, maxSteps: 64, random: seededRandom(5) }));
    const radii = Float64Array.from({ length: 4000 }, (_, m) => Math.hypot(draws[2 * m]!, draws[2 * m + 1]!));
    expect(Math.abs(meanOf(radii) - top / bottom)).toBeLessThan(4 * diagnose(radii, 1, 4000).mcseMean);
    const angle = Float64Array.from({ length: 4000 }, (_, m) => draws[2 * m]!);
    expect(Math.abs(meanOf(angle))).toBeLessThan(4 * diagnose(angle, 1, 4000).mcseMean);
  });

  it('is the same for the same seed, and reports divergences of a cliff', () => {
    // Flat, with a wall: steps that suit the plain run far into it.
    const steep: LogDensity = (p, g) => {
      const beyond = Math.max(0, Math.abs(p[0]!) - 5);
      g[0] = -2e6 * beyond * Math.sign(p[0]!);
      return -1e6 * beyond ** 2;
    };
    const run = (): unknown => complete(hamiltonianMonteCarlo(steep, Float64Array.of(0), { warmup: 0, draws: 200, pathLength: 8, maxSteps: 16, random: seededRandom(6) }));
    const first = run() as { readonly divergences: number };
    expect(run()).toEqual(first);
    expect(first.divergences).toBeGreaterThan(0);
  });
});

describe('several chains', () => {
  const { problem, mean } = linearModel(seededRandom(3), 25, 2, { noise: 0.8, priorPrecision: 1.5 });
  const setting = { warmup: 300, draws: 500, pathLength: 0.4, maxSteps: 64 };
  const quiet = { signal: new AbortController().signal, progress: () => undefined };

  it('start apart, meet at the posterior, and are the same for the same seeds, in a thread or not', async () => {
    const chains = await hmcChains(problem, new Float64Array(3), setting, [1, 2, 3], quiet);
    const values = Float64Array.from(chains.flatMap(({ draws }) => [...column(draws, 3, 0)]));
    const { rhat, mcseMean } = diagnose(values, 3, 500);
    expect(rhat).toBeLessThan(1.02);
    expect(Math.abs(meanOf(values) - mean[0]!)).toBeLessThan(4 * mcseMean);
    expect(chains[1]).toEqual(complete(hmcChain(problem, new Float64Array(3), { ...setting, seed: 2 }, () => undefined)));
    // Without a warm-up the chains are where they start: the prior's deviation.
    const starts = await hmcChains(problem, new Float64Array(3), { ...setting, warmup: 0, draws: 1, maxSteps: 1, pathLength: 1e-9 }, [1, 2, 3, 4], quiet);
    const spread = Math.sqrt(meanOf(Float64Array.from(starts.flatMap(({ draws }) => Array.from(draws, (w) => w * w)))));
    expect(spread * Math.sqrt(1.5)).toBeGreaterThan(0.5);
    expect(spread * Math.sqrt(1.5)).toBeLessThan(1.6);
  });

  it('take a network with its activations and buffers to their threads', async () => {
    const network = denseNetwork([1, 4, 1], activationNamed('leaky_relu:0.2'));
    const nonlinear = { ...problem, network, x: Float64Array.of(-1, 0, 1), targets: Float64Array.of(1, 0, 2) };
    const short = { warmup: 20, draws: 10, pathLength: 0.4, maxSteps: 8 };
    const state = new Float64Array(network.stateSize);
    const [chain] = await hmcChains(nonlinear, state, short, [5], quiet);
    expect(chain).toEqual(complete(hmcChain(nonlinear, state, { ...short, seed: 5 }, () => undefined)));
  });

  it('end when they are cancelled', async () => {
    const controller = new AbortController();
    const running = hmcChains(problem, new Float64Array(3), { ...setting, draws: 1e6 }, [1, 2, 3], { signal: controller.signal, progress: () => { controller.abort(new Error('enough')); } });
    await expect(running).rejects.toThrow('enough');
  });
});

describe('mean-field variational inference', () => {
  it('reaches posterior and evidence where the posterior factorises', () => {
    // Orthogonal features: two inputs ±1 in a full factorial design, so that the posterior is exactly mean-field.
    const base = linearModel(seededRandom(3), 4, 2, { noise: 0.6, priorPrecision: 1.2 });
    const x = Float64Array.of(1, 1, 1, -1, -1, 1, -1, -1);
    const targets = Float64Array.of(0.5, -1.2, 0.9, 0.1);
    const problem = { ...base.problem, x, targets };
    const precision = 4 / 0.36 + 1.2;
    const features = [[1, 1, -1, -1], [1, -1, 1, -1], [1, 1, 1, 1]];
    const { mean, deviation, elbo } = complete(meanFieldVi(problem, new Float64Array(3), { steps: 3000, learningRate: 0.02, draws: 16, deviation: 0.1, random: seededRandom(1) }));
    features.forEach((feature, i) => {
      const exact = feature.reduce((sum, phi, n) => sum + phi * targets[n]!, 0) / 0.36 / precision;
      expect(Math.abs(mean[i]! - exact)).toBeLessThan(0.01);
      expect(Math.abs(deviation[i]! / Math.sqrt(1 / precision) - 1)).toBeLessThan(0.03);
    });
    // log p(y) of N(0, σ²I + ΦΦᵀ/α): ΦᵀΦ = 4I, so three eigenvalues σ² + 4/α and one σ².
    let evidence = -0.5 * (4 * Math.log(2 * Math.PI) + 3 * Math.log(0.36 + 4 / 1.2) + Math.log(0.36));
    const along = features.map((feature) => feature.reduce((sum, phi, n) => sum + phi * targets[n]!, 0) / 2);
    const rest = targets.reduce((sum, y) => sum + y * y, 0) - along.reduce((sum, a) => sum + a * a, 0);
    evidence -= 0.5 * (along.reduce((sum, a) => sum + a * a, 0) / (0.36 + 4 / 1.2) + rest / 0.36);
    const tail = elbo.subarray(2500);
    const error = Math.sqrt(tail.reduce((sum, e) => sum + (e - meanOf(tail)) ** 2, 0)) / tail.length;
    expect(meanOf(tail)).toBeLessThan(evidence + 4 * error);
    expect(meanOf(tail)).toBeGreaterThan(evidence - 0.01 - 4 * error);
  });

  it('never promises more than the evidence', () => {
    const { problem, logEvidence, mean } = linearModel(seededRandom(3), 25, 3, { noise: 0.7, priorPrecision: 0.5 });
    const { elbo, mean: fitted } = complete(meanFieldVi(problem, new Float64Array(4), { steps: 2000, learningRate: 0.02, draws: 4, deviation: 0.1, random: seededRandom(2) }));
    expect(meanOf(elbo.subarray(1500))).toBeLessThan(logEvidence);
    fitted.forEach((m, i) => { expect(Math.abs(m - mean[i]!)).toBeLessThan(0.03); });
  });
});

describe('SWAG', () => {
  const random = seededRandom(4);
  const size = 5;
  const trajectory = Array.from({ length: 30 }, (_, t) => Float64Array.from({ length: size }, (__, i) => i + 0.1 * t + random.normal()));

  it('has the moments of its definition', () => {
    const collector = new SwagCollector(size, 8);
    for (const theta of trajectory) collector.add(theta);
    const { mean, variance, deviations } = collector.moments();
    for (let i = 0; i < size; i++) {
      const values = trajectory.map((theta) => theta[i]!);
      const average = values.reduce((a, b) => a + b, 0) / 30;
      expect(mean[i]).toBeCloseTo(average, 12);
      // A variance, not a standard deviation.
      expect(variance[i]).toBeCloseTo(values.reduce((sum, v) => sum + (v - average) ** 2, 0) / 30, 12);
      for (let k = 0; k < 8; k++) {
        const t = 22 + k;
        const running = values.slice(0, t + 1).reduce((a, b) => a + b, 0) / (t + 1);
        expect(deviations[k * size + i]).toBeCloseTo(values[t]! - running, 12);
      }
    }
  });

  it('draws have the covariance of its definition', () => {
    const collector = new SwagCollector(size, 8);
    for (const theta of trajectory) collector.add(theta);
    const moments = collector.moments();
    const source = seededRandom(9);
    const draws = Array.from({ length: 20_000 }, () => swagDraw(moments, source));
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        let exact = i === j ? 0.5 * moments.variance[i]! : 0;
        for (let k = 0; k < 8; k++) exact += (moments.deviations[k * size + i]! * moments.deviations[k * size + j]!) / (2 * 7);
        const products = Float64Array.from(draws, (draw) => (draw[i]! - moments.mean[i]!) * (draw[j]! - moments.mean[j]!));
        const deviation = Math.sqrt(products.reduce((sum, p) => sum + (p - exact) ** 2, 0) / products.length / products.length);
        expect(Math.abs(meanOf(products) - exact)).toBeLessThan(4.5 * deviation);
      }
    }
  });

  it('without deviations is diagonal with the whole variance; one point is not enough', () => {
    const diagonal = new SwagCollector(size, 0);
    expect(() => diagonal.moments()).toThrow('SWAG needs at least 2 points of a trajectory, there are 0');
    for (const theta of trajectory) diagonal.add(theta);
    const moments = diagonal.moments();
    const source = seededRandom(1);
    const first = Float64Array.from({ length: 20_000 }, () => swagDraw(moments, source)[0]! - moments.mean[0]!);
    expect(Math.abs(first.reduce((sum, d) => sum + d * d, 0) / 20_000 / moments.variance[0]! - 1)).toBeLessThan(4.5 * Math.sqrt(2 / 20_000));
  });
});

describe('the learning rate of SWAG', () => {
  it.each([['many points', 400, 5], ['few points', 100, 10]] as const)('lets SGD stray as far above the mode as the posterior: %s', async (_, rows, inputs) => {
    const { problem, mean } = linearModel(seededRandom(3), rows, inputs, { noise: 0.8, priorPrecision: 1.5 });
    const options = { batch: rows / 4, momentum: 0.9 };
    const curvature = { network: problem.network, state: mean, x: problem.x, likelihood: problem.likelihood, weighting: 'likelihood' } as const;
    const { learningRate, rise } = await swagLearningRate(problem, mean, curvature, options, { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 30 });
    expect(rise).toBeGreaterThan(0.9 * (inputs + 1) / 2);
    expect(rise).toBeLessThan((inputs + 1) / 2);
    const gradient = new Float64Array(inputs + 1);
    const top = logPosterior(problem, mean, gradient).value;
    const rises: number[] = [];
    complete(train(problem, mean, {
      optimizer: { kind: 'sgd', learningRate, momentum: 0.9 }, epochs: 2000, batch: options.batch, batches: 'independent', schedule: 'constant', random: seededRandom(1),
      onEpoch(state) { rises.push(top - logPosterior(problem, state, gradient).value); },
    }));
    // A Gaussian of D dimensions lies D/2 nats below its top on average; the theory is of the first order in the rate.
    expect(meanOf(Float64Array.from(rises)) / ((inputs + 1) / 2)).toBeGreaterThan(0.8);
    expect(meanOf(Float64Array.from(rises)) / ((inputs + 1) / 2)).toBeLessThan(1.25);
  });

  it('is lowered where a classifier fits so well that its mode says nothing of the way from it', async () => {
    const network = denseNetwork([2, 12, 3], activationNamed('relu'));
    const random = seededRandom(2);
    const targets = Float64Array.from({ length: 60 }, (_, n) => n % 3);
    const x = Float64Array.from({ length: 120 }, (_, k) => 2 * Math.cos(2.1 * targets[Math.floor(k / 2)]! + (k % 2) * 1.6) + 0.3 * random.normal());
    const problem = { network, x, targets, likelihood: { kind: 'categorical' }, priorPrecision: 0.02 } as const;
    const { state } = complete(train(problem, random.normals(new Float64Array(network.parameters)), { optimizer: { kind: 'adam', learningRate: 0.02 }, epochs: 3000, batch: 60, batches: 'epochs', schedule: 'cosine', random }));
    const context = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 30 };
    const options = { batch: 15, momentum: 0.9, epochs: 60, rank: 10 };
    const found = await swagLearningRate(problem, state, { network, state, x, likelihood: problem.likelihood, weighting: 'likelihood' }, options, context);
    const first = await swagTrajectory({ problem, state, draws: 1, random: seededRandom(3), context }, { ...options, ...found, rise: Number.POSITIVE_INFINITY });
    expect(first.learningRate).toBe(found.learningRate);
    expect(first.rise).toBeGreaterThan(2 * found.rise);
    const { rise, learningRate, stayed } = await swagTrajectory({ problem, state, draws: 1, random: seededRandom(3), context }, { ...options, ...found });
    expect(stayed).toBe(true);
    expect(rise).toBeLessThan(2 * found.rise);
    expect(learningRate).toBeLessThan(found.learningRate);
  });
});
