/** The analysis `predict` on the sine example: sampled Laplace underfits, linearised does not, and why. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { readData } from '../../../src/network/data.ts';
import { forward } from '../../../src/network/forward.ts';
import { readState } from '../../../src/network/parameters.ts';
import { requireNetwork } from '../../../src/network/readNetwork.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import { predictionMethods, type PredictRequest } from '../../../src/protocol/service.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { writeNetwork } from './workspace.ts';

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 31 };
let folder: string;
let request: PredictRequest;

interface MethodEntry {
  readonly underfit: number;
  readonly nll: number;
  readonly rmse: number;
  readonly mean: readonly (readonly number[])[];
  readonly std: readonly (readonly number[])[];
  readonly functionVariance?: readonly (readonly number[])[];
  readonly train: { readonly nll: number; readonly nllMonteCarloError: number };
}

interface PredictResult {
  readonly methods: Readonly<Record<string, MethodEntry>>;
  readonly questions: { readonly linearisedRelative: number; readonly sampledChange: number; readonly linearisedDeviation: number; readonly kernelVarianceShare: number };
  readonly projections: { readonly methods: Readonly<Record<string, unknown>> };
  readonly rank: number;
  readonly priorPrecision: number;
  readonly noise: number;
  readonly logMarginalLikelihood: number;
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quotient-predict-'));
  await analyses.example({ name: 'sine', out: folder, networks: 1, seed: 0, overwrite: false }, context);
  request = {
    files: [path.join(folder, 'network.safetensors')], data: path.join(folder, 'data.npz'), test: path.join(folder, 'test.npz'), methods: ['sampled', 'linearized', 'projected', 'diffusion'],
    likelihood: 'gaussian', noise: 0.15, priorPrecision: 2, draws: 60, diffusionSteps: 8, seed: 1,
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('predictive of the sine example', () => {
  it('sampled Laplace underfits clearly, linearised does not, projected and diffusion lie between', async () => {
    const report = await analyses.predict(request, context);
    const { methods, questions } = report.result as unknown as PredictResult;
    const error = methods['sampled']!.train.nllMonteCarloError;
    expect(methods['sampled']!.underfit).toBeGreaterThan(1);
    expect(Math.abs(methods['linearized']!.underfit)).toBeLessThan(0.05);
    for (const between of ['projected', 'diffusion']) expect(methods[between]!.underfit).toBeLessThan(methods['sampled']!.underfit - 2 * error);
    // Q1: rounding. Q2: far beyond the spread of the linearised function.
    expect(questions.linearisedRelative).toBeLessThan(1e-9);
    expect(questions.sampledChange).toBeGreaterThan(10 * questions.linearisedDeviation);
    expect(questions.kernelVarianceShare).toBeGreaterThan(0.9);
    expect(report.summary).toMatch(/^Sampled Laplace underfits: its draws fit the training data [\d.]+ nats a point worse than ŵ, [\d.]+ without their kernel part\. [\d.]+ % of the posterior’s variance lies in the kernel of the GGN.*Linearised Laplace does not underfit: along the kernel its outputs do not move/);
    expect(report.sections.map(({ id }) => id)).toEqual(['bands', 'questions', 'projections', 'sweep', 'scores', 'overview']);
    expect(methods['linearized']!.functionVariance?.[0]?.[0]).toBeCloseTo(methods['linearized']!.std[0]![0]! ** 2, 12);
    // A mode, and a rank that leaves nothing open that a draw would show.
    expect(report.warnings).toEqual([]);
  });

  it('where sampled Laplace fits better than linearised Laplace, that is said as it is: ŵ is no mode', async () => {
    const out = path.join(folder, 'two');
    await analyses.example({ name: 'two-neurons', out, networks: 30, seed: 0, overwrite: false }, context);
    // Logits of classes against a Gaussian likelihood.
    const report = await analyses.predict({
      files: [path.join(out, 'network.safetensors')], data: path.join(out, 'data.npz'), methods: ['sampled', 'linearized'], likelihood: 'gaussian', noise: 1, priorPrecision: 1, draws: 60, diffusionSteps: 8, seed: 1,
    }, context);
    const { methods } = report.result as unknown as PredictResult;
    expect(methods['sampled']!.underfit).toBeLessThan(methods['linearized']!.underfit);
    expect(report.summary).toMatch(/^Sampled Laplace fits the training data better than linearised Laplace \([\d.]+ better and [\d.]+ (?:better|worse) nats a point than ŵ\), a sign that ŵ is not a mode\./);
    expect(report.warnings.join(' ')).toContain('ŵ is not a mode of this posterior');
  });

  it('every method gives finite predictions and scores; the same seed, the same numbers', async () => {
    const methods = predictionMethods.filter((method) => method !== 'ensemble');
    const small: PredictRequest = { ...request, methods, draws: 12, diffusionSteps: 2, dropoutRate: 0.1 };
    const run = async (): Promise<PredictResult> => (await analyses.predict(small, context)).result as unknown as PredictResult;
    const first = await run();
    for (const method of methods) {
      const { mean, std, nll, rmse } = first.methods[method]!;
      expect(mean).toHaveLength(200);
      expect(mean.flat().every(Number.isFinite), method).toBe(true);
      expect(std.flat().every((value) => value >= 0 && Number.isFinite(value)), method).toBe(true);
      expect(Number.isFinite(nll) && Number.isFinite(rmse), method).toBe(true);
    }
    expect(await run()).toEqual(first);
    // Every method that has draws of the weights shows them; two are in closed form.
    expect(Object.keys(first.projections.methods).sort()).toEqual(methods.filter((method) => method !== 'linearized' && method !== 'bayesian-last-layer').sort());
  });

  it('chooses prior precision and noise by the evidence', async () => {
    const evidence = (await analyses.predict({ ...request, methods: ['linearized'], priorPrecision: 'evidence' }, context)).result as unknown as PredictResult;
    const given = (await analyses.predict({ ...request, methods: ['linearized'] }, context)).result as unknown as PredictResult;
    expect(evidence.logMarginalLikelihood).toBeGreaterThan(given.logMarginalLikelihood);
    expect(evidence.noise).toBeGreaterThan(0.1);
    expect(evidence.noise).toBeLessThan(0.25);
  });

  it('of an ensemble is the mean of its members', async () => {
    const twice: PredictRequest = { ...request, files: [request.files[0]!, request.files[0]!], methods: ['ensemble'] };
    const { methods } = (await analyses.predict(twice, context)).result as unknown as PredictResult;
    expect(methods['ensemble']!.mean).toEqual(methods['map']!.mean);
    expect(methods['ensemble']!.std.flat().every((value) => value < 1e-12)).toBe(true);
    await expect(analyses.predict({ ...request, methods: ['ensemble'] }, context)).rejects.toThrow('an ensemble needs at least two networks');
  });

  it('of a folder of networks, in any number of files, is that of its draws; SWAG is fitted to them in their order', async () => {
    const runs = path.join(folder, 'runs');
    await mkdir(runs);
    const opened = await openWeightFile(request.files[0]!);
    const { network } = await requireNetwork(opened, {});
    const mode = await readState(opened, network);
    await opened.close();
    const random = seededRandom(5);
    const states = Array.from({ length: 12 }, () => mode.map((w) => w + 0.02 * random.normal()));
    for (const [k, state] of states.entries()) await writeNetwork(path.join(runs, `${k}.safetensors`), network, state);
    await copyFile(path.join(folder, 'network.safetensors'), path.join(runs, 'data.safetensors'));
    const of: PredictRequest = { ...request, network: path.join(folder, 'network.network.json') };
    const report = await analyses.predict({ ...of, methods: [], files: [runs] }, context);
    const { methods, files } = report.result as unknown as PredictResult & { readonly files: unknown };
    expect(Object.keys(methods)).toEqual(['map', 'ensemble']);
    expect(files).toEqual({ kind: 'networks', networks: 12, chains: 1 });
    // No curvature was needed for that.
    expect(report.result).toMatchObject({ logMarginalLikelihood: null, rank: null });
    const x = (await readData(request.test!)).x;
    const outputs = states.map((state) => forward(network, state, x));
    methods['ensemble']!.mean.forEach(([mean], n) => { expect(mean).toBeCloseTo(outputs.reduce((sum, f) => sum + f[n]!, 0) / 12, 10); });
    const swag = (await analyses.predict({ ...of, methods: ['swag'], files: [runs] }, context)).result as unknown as PredictResult & { readonly methods: Readonly<Record<string, { readonly how: string }>> };
    expect(swag.methods['swag']!.how).toBe('60 draws of the moments of 12 networks, in their order');
    // Its covariance is that of the networks, up to the running means that deviations are taken from.
    const spread = ({ std }: MethodEntry): number => std.reduce((sum, [value]) => sum + value!, 0) / std.length;
    expect(spread(swag.methods['swag']!) / spread(methods['ensemble']!)).toBeGreaterThan(0.5);
    expect(spread(swag.methods['swag']!) / spread(methods['ensemble']!)).toBeLessThan(1.5);
  });

  it('trains on to a mode, and says when there is none', async () => {
    const opened = await openWeightFile(request.files[0]!);
    const { network } = await requireNetwork(opened, {});
    const mode = await readState(opened, network);
    await opened.close();
    const random = seededRandom(6);
    const away = path.join(folder, 'away.safetensors');
    await writeNetwork(away, network, mode.map((w) => w + 0.05 * random.normal()));
    const of: PredictRequest = { ...request, activation: 'tanh', files: [away], methods: ['linearized'] };
    const before = await analyses.predict(of, context);
    expect(before.warnings.join(' ')).toMatch(/ŵ is not a mode of this posterior: a Newton step promises [\d.]+ nats more/);
    const after = await analyses.predict({ ...of, train: { optimizer: 'adam', epochs: 3000 } }, context);
    expect(after.warnings.join(' ')).not.toContain('not a mode');
    const { mode: check, trained } = after.result as unknown as { readonly mode: { readonly newtonGain: number }; readonly trained: { readonly before: number; readonly after: number } };
    expect(check.newtonGain).toBeLessThan(0.1);
    expect(trained.after).toBeLessThan(trained.before);
  });

  it('leaves out a diffusion that would take hours, unless it is named', async () => {
    const network = denseNetwork([20, 60, 60, 1], activationNamed('relu'));
    const random = seededRandom(9);
    const wide = path.join(folder, 'wide.safetensors');
    await writeNetwork(wide, network, random.normals(new Float64Array(network.parameters)).map((w) => 0.1 * w));
    const data = path.join(folder, 'wide.npz');
    await writeNpz(data, [{ name: 'x', shape: [300, 20], values: random.normals(new Float64Array(6000)) }, { name: 'y', shape: [300], values: random.normals(new Float64Array(300)) }], { overwrite: false });
    const report = await analyses.predict({ ...request, activation: 'relu', files: [wide], data, test: data, methods: [], draws: 20, diffusionSteps: 20_000 }, context);
    expect(Object.keys((report.result as unknown as PredictResult).methods)).toEqual(['map', 'sampled', 'linearized', 'projected']);
    expect(report.warnings.join(' ')).toMatch(/Laplace diffusion is left out: it takes a factorisation a step, about .* for 20 draws of 20000 steps\. Name it/);
  });

  it('says what is wrong', async () => {
    await expect(analyses.predict({ ...request, methods: ['dropout'] }, context)).rejects.toThrow('the network has no dropout layer');
    await expect(analyses.predict({ ...request, likelihood: 'categorical' }, context)).rejects.toThrow('a categorical likelihood needs at least two outputs');
    await expect(analyses.predict({ ...request, data: path.join(folder, 'none.npz') }, context)).rejects.toThrow('there is no such file');
  });
});

describe('chains of HMC', () => {
  it('are diagnosed as weights, without symmetries and as predictions; their median draw lies about half the dimension above the mode', async () => {
    const report = await analyses.predict({ ...request, methods: ['hmc'], draws: 120 }, context);
    const { chains, projections } = report.result as unknown as {
      readonly chains: { readonly hmc: { readonly chains: number; readonly draws: number; readonly drawn: { readonly rhatMax: number; readonly essBulkMin: number }; readonly removed: { readonly essBulkMin: number }; readonly predictions: { readonly rhatMax: number; readonly essBulkMin: number; readonly mcse: { readonly mean: number } } } };
      readonly projections: { readonly methods: { readonly hmc: { readonly medianRise: number } } };
    };
    expect(chains.hmc).toMatchObject({ chains: 4, draws: 30 });
    // Copies of one function keep chains from meeting as weights; as predictions they meet.
    expect(chains.hmc.drawn.rhatMax).toBeGreaterThan(1.5);
    expect(chains.hmc.predictions.rhatMax).toBeLessThan(1.3);
    // Functions are explored sooner than weights.
    expect(chains.hmc.predictions.essBulkMin).toBeGreaterThan(2 * chains.hmc.drawn.essBulkMin);
    expect(report.sections.map(({ id }) => id)).toEqual(expect.arrayContaining(['hmc-traces', 'hmc-ranks', 'hmc-diagnostics']));
    // E[−log p rise] = D/2 for a Gaussian; D = 673.
    expect(projections.methods.hmc.medianRise / (673 / 2)).toBeGreaterThan(0.75);
    expect(projections.methods.hmc.medianRise / (673 / 2)).toBeLessThan(1.25);
  });
});
