/** A point of weight c counts like c rows: every analysis that takes a sum or a mean over data gives the same figures for both files. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { JsonValue, Report } from '../../../src/protocol/report.ts';
import type { PredictionMethod } from '../../../src/protocol/service.ts';
import { logPosterior } from '../../../src/posterior/logPosterior.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from './workspace.ts';

const COUNTS = [3, 1, 0, 2, 1, 4, 1, 1, 2, 1, 1, 3];
const REPEATED = COUNTS.flatMap((count, n) => Array.from({ length: count }, () => n));

/** One file of 12 weighted rows, one of 20 rows without weights. */
async function twoFiles(folder: string, labels: number | undefined, name = 'data'): Promise<{ readonly weighted: string; readonly repeated: string }> {
  const random = seededRandom(3);
  const x = COUNTS.map(() => [random.normal(), random.normal()]);
  const y = x.map(([a, b]) => (labels === undefined ? Math.sin(a!) + 0.3 * b! + 0.2 * random.normal() : random.below(labels)));
  const write = async (kind: string, rows: readonly number[], weights?: readonly number[]): Promise<string> => {
    const file = path.join(folder, `${name}-${kind}.npz`);
    await writeNpz(file, [
      { name: 'x', shape: [rows.length, 2], values: Float64Array.from(rows.flatMap((n) => x[n]!)) }, { name: 'y', shape: [rows.length], values: Float64Array.from(rows, (n) => y[n]!) },
      ...(weights === undefined ? [] : [{ name: 'sample_weight', shape: [rows.length], values: Float64Array.from(weights) }]),
    ], { overwrite: true });
    return file;
  };
  return { weighted: await write('weighted', [...COUNTS.keys()], COUNTS), repeated: await write('repeated', REPEATED) };
}

async function savedNetwork(folder: string, name: string, widths: readonly number[], seed: number): Promise<string> {
  const file = path.join(folder, `${name}.safetensors`);
  const { network, theta } = randomNetwork(widths, 'tanh', seed);
  await writeNetwork(file, network, theta.map((w) => 0.6 * w));
  return file;
}

/** All numbers of a result by their places in it. */
function numbers(value: JsonValue, place = ''): [string, number][] {
  if (typeof value === 'number') return [[place, value]];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => numbers(inner, `${place}.${key}`));
}

/** The result without the entries of this name, however deep. */
function without(value: JsonValue, name: string): JsonValue {
  if (Array.isArray(value)) return value.map((inner: JsonValue) => without(inner, name));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name).map(([key, inner]) => [key, without(inner, name)]));
}

function expectSame(a: JsonValue, b: JsonValue, digits = 7): void {
  const [left, right] = [numbers(a), numbers(b)];
  expect(left.length).toBeGreaterThan(0);
  expect(left.map(([place]) => place)).toEqual(right.map(([place]) => place));
  for (const [k, [place, value]] of left.entries()) expect(value, place).toBeCloseTo(right[k]![1], digits);
}

const resultOf = (report: Report): Readonly<Record<string, JsonValue>> => report.result as Readonly<Record<string, JsonValue>>;

describe('sample_weight', () => {
  it('of the log-posterior and its gradient: that of repeated rows, in parts as well; what iterative methods (HMC, VI, SWAG, training) go by', () => {
    const { network, theta } = randomNetwork([2, 4, 1], 'tanh', 5);
    const random = seededRandom(6);
    const [x, y] = [Float64Array.from({ length: 24 }, () => random.normal()), Float64Array.from({ length: 12 }, () => random.normal())];
    const common = { network, likelihood: { kind: 'gaussian', noise: 0.4 }, priorPrecision: 2 } as const;
    const [weighted, repeated] = [new Float64Array(network.parameters), new Float64Array(network.parameters)];
    const rows = { ...common, x: Float64Array.from(REPEATED.flatMap((n) => [x[2 * n]!, x[2 * n + 1]!])), targets: Float64Array.from(REPEATED, (n) => y[n]!) };
    const points = { ...common, x, targets: y, sampleWeights: Float64Array.from(COUNTS) };
    expect(logPosterior(points, theta, weighted).value).toBeCloseTo(logPosterior(rows, theta, repeated).value, 9);
    weighted.forEach((value, i) => { expect(value).toBeCloseTo(repeated[i]!, 9); });
    // Of any order of all rows it is the same; a part is scaled up.
    expect(logPosterior(points, theta, weighted, Int32Array.from(COUNTS.keys()).reverse()).value).toBeCloseTo(logPosterior(rows, theta, repeated).value, 9);
    weighted.forEach((value, i) => { expect(value).toBeCloseTo(repeated[i]!, 9); });
    const half = (from: number): number => logPosterior(points, theta, weighted, Int32Array.from({ length: 6 }, (_, n) => from + n)).logLikelihood;
    expect((half(0) + half(6)) / 2).toBeCloseTo(logPosterior(rows, theta, repeated).logLikelihood, 9);
  });

  it('posterior: draws over the loss stand where they stand over that of repeated rows', async () => {
    const folder = await temporaryFolder();
    const files = await Promise.all([1, 2, 3, 4, 5].map((seed) => savedNetwork(folder, `draw${seed}`, [2, 4, 1], seed)));
    const data = await twoFiles(folder, undefined);
    const ask = (file: string) => analyses.posterior({ files, activation: 'tanh', data: file, likelihood: 'gaussian', noise: 0.3, priorPrecision: 1, scaling: 'unit', permutation: 'sorted', seed: 0 }, context);
    const [weighted, repeated] = [await ask(data.weighted), await ask(data.repeated)];
    const surface = ({ sections }: Report): JsonValue => JSON.parse(JSON.stringify(sections.filter(({ id }) => id.startsWith('weight-space') || id.includes('projection') || id.includes('loss')))) as JsonValue;
    expectSame(surface(weighted), surface(repeated), 6);
    expect(JSON.stringify(resultOf(weighted)['functions'])).toContain('(all alike, whatever their sample_weight)');
  });

  it.each(['weights', 'activations'] as const)('align by %s: units, loss and barrier are those of repeated rows', async (method) => {
    const folder = await temporaryFolder();
    const [reference, other] = [await savedNetwork(folder, 'a', [2, 6, 1], 1), await savedNetwork(folder, 'b', [2, 6, 1], 2)];
    const data = await twoFiles(folder, undefined);
    const ask = async (file: string, out: string) => (resultOf(await analyses.align({ reference, files: [other], activation: 'tanh', data: file, method, restarts: 1, likelihood: 'gaussian', seed: 0, overwrite: true, out: { folder: path.join(folder, out) } }, context))['files'] as readonly JsonValue[])[0]!;
    const [weighted, repeated] = [await ask(data.weighted, 'w'), await ask(data.repeated, 'r')];
    // The standard error leaves out one input at a time: one that counts twice is one, its repeated rows are two.
    expectSame(without(weighted, 'standardError'), without(repeated, 'standardError'));
    expect((weighted as { readonly after: { readonly loss: readonly number[] } }).after.loss[0]).toBeGreaterThan(0);
  });

  it('compare: the barrier is that of repeated rows; the largest difference of functions is said to count rows alike', async () => {
    const folder = await temporaryFolder();
    const files = [await savedNetwork(folder, 'a', [2, 6, 3], 1), await savedNetwork(folder, 'b', [2, 6, 3], 2)] as const;
    const data = await twoFiles(folder, 3);
    const ask = (file: string) => analyses.compare({ files, activation: 'tanh', data: file, likelihood: 'categorical', seed: 0 }, context);
    const [weighted, repeated] = [await ask(data.weighted), await ask(data.repeated)];
    expectSame(resultOf(weighted)['barrier']!, resultOf(repeated)['barrier']!);
    expect(weighted.summary).toContain('data-weighted.npz (all alike, whatever their sample_weight)');
    expect(repeated.summary).not.toContain('sample_weight');
  });

  it.each<[string, 'gaussian' | 'categorical', readonly PredictionMethod[]]>([
    ['gaussian, evidence', 'gaussian', ['sampled', 'linearized', 'projected', 'diagonal', 'last-layer', 'bayesian-last-layer']],
    ['categorical, evidence', 'categorical', ['sampled', 'linearized', 'projected', 'diagonal', 'last-layer']],
  ])('predict: posterior, scores and evidence are those of repeated rows: %s', async (_, likelihood, methods) => {
    const folder = await temporaryFolder();
    const labels = likelihood === 'gaussian' ? undefined : 3;
    const network = await savedNetwork(folder, 'a', [2, 5, labels ?? 1], 1);
    const [data, test] = [await twoFiles(folder, labels), await twoFiles(folder, labels, 'test')];
    const ask = async (kind: 'weighted' | 'repeated'): Promise<Readonly<Record<string, JsonValue>>> => resultOf(await analyses.predict({
      files: [network], activation: 'tanh', data: data[kind], test: test[kind], likelihood, noise: 0.3, priorPrecision: 'evidence', methods, draws: 12, diffusionSteps: 2, seed: 0,
    }, context));
    const [weighted, repeated] = [await ask('weighted'), await ask('repeated')];
    for (const method of ['map', ...methods]) {
      const scores = (result: Readonly<Record<string, JsonValue>>): JsonValue => {
        const { train, test: onTest, underfit } = (result['methods'] as Readonly<Record<string, { readonly train: JsonValue; readonly test: JsonValue; readonly underfit: JsonValue }>>)[method]!;
        return { train, test: onTest, underfit };
      };
      expectSame({ [method]: scores(weighted) }, { [method]: scores(repeated) }, 6);
    }
    for (const key of ['priorPrecision', 'noise', 'logMarginalLikelihood', 'evidence', 'rank']) if (weighted[key] !== undefined && weighted[key] !== null) expectSame({ [key]: weighted[key] }, { [key]: repeated[key]! }, 6);
  });
});
