/** The analysis `inspect`: counts of copies by H! and of scalings, statistics, units that do nothing. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { canonicalize } from '../../../src/analyses/canonicalize.ts';
import { inspect } from '../../../src/analyses/inspect.ts';
import { summarize } from '../../../src/analyses/summarize.ts';
import { fullResult } from '../../../src/protocol/fullResult.ts';
import type { Report } from '../../../src/protocol/report.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from './workspace.ts';

const fixture = (name: string): string => path.join(import.meta.dirname, '../../fixtures/pytorch', name);

async function network(widths: readonly number[], change?: (theta: Float64Array) => void): Promise<string> {
  const { network: net, theta } = randomNetwork(widths, 'relu', 1);
  change?.(theta);
  const file = path.join(await temporaryFolder(), 'net.safetensors');
  await writeNetwork(file, net, theta);
  return file;
}

interface FileResult {
  readonly parameters: number;
  readonly tensors: readonly { readonly name: string; readonly statistics?: { readonly count: number; readonly norm: number; readonly nan: number } }[];
  readonly network: { readonly kind: string };
  readonly symmetry: { readonly log10Copies: number; readonly continuousDimensions: number } | null;
}

const results = (report: Report): readonly FileResult[] => (report.result as unknown as { files: FileResult[] }).files;

describe('inspect', () => {
  it('counts the copies of a recognised network: H! a layer, one scaling a unit', async () => {
    const [result] = results(await inspect({ files: [await network([3, 5, 4, 2])], statistics: false, activation: 'relu' }, context));
    expect(result!.symmetry!.log10Copies).toBeCloseTo(Math.log10(120 * 24), 12);
    expect(result!.symmetry!.continuousDimensions).toBe(9);
    expect(result!.parameters).toBe(3 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2);
  });

  it('reads weights only when statistics are asked for, and then all of them', async () => {
    const file = await network([3, 5, 2]);
    const [header] = results(await inspect({ files: [file], statistics: false }, context));
    expect(header!.tensors.every(({ statistics }) => statistics === undefined)).toBe(true);
    const [full] = results(await inspect({ files: [file], statistics: true }, context));
    expect(full!.tensors.reduce((sum, { statistics }) => sum + statistics!.count, 0)).toBe(full!.parameters);
    const { theta } = randomNetwork([3, 5, 2], 'relu', 1);
    expect(Math.hypot(...full!.tensors.map(({ statistics }) => statistics!.norm))).toBeCloseTo(Math.hypot(...theta), 12);
  });

  it('warns of values that are not numbers, naming the tensor', async () => {
    const file = await network([3, 5, 2], (theta) => { theta[15] = Number.NaN; theta[16] = Number.POSITIVE_INFINITY; });
    expect((await inspect({ files: [file], statistics: true }, context)).warnings).toEqual([
      'Tensor "0.bias" holds 1 NaN and 1 infinite values; a network with them has no curvature or canonical form.',
    ]);
  });

  it('tells data from weights, whose tensors have the names of inputs and targets', async () => {
    const folder = await temporaryFolder();
    const write = async (name: string, arrays: Readonly<Record<string, readonly number[]>>): Promise<string> => {
      const file = path.join(folder, name);
      await writeSafetensors(file, Object.entries(arrays).map(([tensor, shape]) => ({ name: tensor, dtype: 'F64' as const, shape, bytes: new Uint8Array(8 * shape.reduce((product, length) => product * length, 1)) })), {}, { overwrite: false });
      return file;
    };
    const report = await inspect({ files: [await write('moons.safetensors', { x: [120, 2], y: [120] })], statistics: false }, context);
    expect(report.summary).toContain('Data, not weights: 120 inputs of 2 values, with targets.');
    expect(results(report)[0]).toMatchObject({ holds: 'data', network: { kind: 'unrecognised' } });
    const images = await inspect({ files: [await write('images.safetensors', { x: [7, 1, 8, 8], sample_weight: [7] })], statistics: false }, context);
    expect(images.summary).toContain('Data, not weights: 7 inputs of shape 1 × 8 × 8, with weights of inputs.');
    const other = await inspect({ files: [await write('other.safetensors', { x: [120, 2], z: [3] })], statistics: false }, context);
    expect(other.summary).toContain('Not recognised as a network');
  });

  it('shows a file whose description does not fit, with the reason as a warning', async () => {
    const file = await network([3, 5, 2]);
    const description = path.join(path.dirname(file), 'net.network.json');
    await writeFile(description, '{ "layers": [ { "dense": "9" } ] }');
    const report = await inspect({ files: [file], statistics: false }, context);
    expect(report.warnings).toEqual([`${description}: layers[0]: there is no tensor "9.weight" in the weight file`]);
    expect(results(report)[0]).toMatchObject({ network: { kind: 'unrecognised' }, symmetry: null });
  });

  it('says of a model that network/ does not know that TensorFlow.js runs it, and of nothing else', async () => {
    const graph = path.join(import.meta.dirname, '../../fixtures/tensorflow/graph/model.json');
    const of = async (file: string): Promise<string> => {
      const [overview] = (await inspect({ files: [file], statistics: false }, context)).sections;
      return overview?.kind === 'figures' ? overview.meaning : '';
    };
    expect(await of(graph)).toMatch(/^Not recognised as a network: .*\. Its predictions can be had all the same: predict runs it on TensorFlow\.js, forwards only\.$/);
    expect((await summarize({ file: graph })).holds).toBe('tensorflow');
    const known = path.join(import.meta.dirname, '../../fixtures/architectures/tfjs-graph/model.json');
    expect(await of(known)).not.toContain('TensorFlow.js');
    expect((await summarize({ file: known })).holds).toBe('network');
  });

  it('in brief says each tensor once, and its whole result but for histograms can still be had', async () => {
    const files = [await network([3, 5, 2]), await network([2, 2])];
    const request = { files, statistics: true, activation: 'relu' };
    const [whole, brief] = [await inspect(request, context), await inspect({ ...request, brief: true }, context)];
    expect(results(brief)[0]).not.toHaveProperty('tensors');
    const withoutHistograms: unknown = JSON.parse(JSON.stringify(whole.result, (key, value: unknown) => (key === 'histogram' ? undefined : value)));
    expect(fullResult(brief)).toEqual(withoutHistograms);
    expect(fullResult(whole)).toEqual(whole.result);
  });

  it('keeps the sections of several files apart', async () => {
    const files = [await network([3, 5, 2]), await network([2, 2])];
    const report = await inspect({ files, statistics: false, activation: 'relu' }, context);
    expect(new Set(report.sections.map(({ id }) => id)).size).toBe(report.sections.length);
    expect(results(report).map(({ parameters }) => parameters)).toEqual([32, 6]);
  });
});

describe('the symmetry summary', () => {
  interface Units { readonly dead: readonly { readonly unit: number }[]; readonly duplicates: readonly { readonly unit: number; readonly duplicateOf: number }[]; readonly canonical: readonly string[] }
  const units = async (file: string, activation = 'relu'): Promise<Units> => (results(await inspect({ files: [file], statistics: true, activation }, context))[0]!.symmetry as unknown as { units: Units }).units;

  it('finds a unit that is never on, one without inputs, and one that is another scaled', async () => {
    // 3 → 5 → 2: rows of 0.weight are θ[3u…3u+2], biases θ[15…19].
    const file = await network([3, 5, 2], (theta) => {
      theta.set([1e-3, 0, 0], 0);
      theta[15] = -100;
      theta.set([0, 0, 0], 3);
      for (let i = 0; i < 3; i++) theta[12 + i] = 2.5 * theta[6 + i]!;
      theta[19] = 2.5 * theta[17]!;
    });
    const found = await units(file);
    expect(found.dead.map(({ unit }) => unit)).toEqual([0, 1]);
    expect(found.duplicates).toMatchObject([{ unit: 4, duplicateOf: 2 }]);
  });

  it.each(['unit', 'balanced'] as const)('knows the %s, sorted form when it sees it, and no other', async (scaling) => {
    const file = await network([3, 5, 4, 2]);
    expect((await units(file)).canonical).toEqual([]);
    const out = path.join(path.dirname(file), 'canonical.safetensors');
    await canonicalize({ files: [file], out: { file: out }, overwrite: false, scaling, permutation: 'sorted', sign: 'fixed', countBiases: false, seed: 0, activation: 'relu' }, context);
    // What is written says itself which network it is.
    expect((results(await inspect({ files: [out], statistics: true }, context))[0]!.symmetry as unknown as { units: Units }).units.canonical).toEqual([scaling, 'sorted']);
  });

  it('is left out of the header alone, and says why when weights are not finite', async () => {
    const file = await network([3, 5, 2], (theta) => { theta[0] = Number.NaN; });
    const header = await inspect({ files: [file], statistics: false, activation: 'relu' }, context);
    expect(results(header)[0]!.symmetry).not.toHaveProperty('units');
    const full = await inspect({ files: [file], statistics: true, activation: 'relu' }, context);
    expect(JSON.stringify(full.sections)).toContain('not looked at: some weights are not finite');
  });
});

describe('the summary of a header', () => {
  it('says when an activation has to be asked for, and is content once it is known', async () => {
    const file = await network([3, 5, 2]);
    expect((await summarize({ file })).network).toEqual({ kind: 'activation-needed', description: '3 → 5 → 2' });
    expect((await summarize({ file, activation: 'tanh' })).network).toMatchObject({ kind: 'recognised', description: '3 → 5 tanh → 2', parameters: 32 });
  });

  it('sees a list of state dicts as draws', async () => {
    expect((await summarize({ file: fixture('list-of-state-dicts.pt'), activation: 'relu' })).network).toMatchObject({ kind: 'recognised', description: '2 draws of 3 → 4 relu → 2' });
  });
});

describe('numbers of the whole file', () => {
  const figuresOf = ({ sections }: Report): Readonly<Record<string, string>> =>
    Object.fromEntries(sections.flatMap((section) => (section.kind === 'figures' ? section.figures.map(({ label, value }) => [label, value] as const) : [])));
  const totalOf = (report: Report): Readonly<Record<string, number>> => (report.result as unknown as { files: { statistics: Record<string, number> }[] }).files[0]!.statistics;

  it('are those of all elements in one row', async () => {
    const { network: net, theta } = randomNetwork([3, 5, 4, 2], 'relu', 1);
    const file = path.join(await temporaryFolder(), 'net.safetensors');
    await writeNetwork(file, net, theta);
    const { mean, standardDeviation, norm, min, max, count } = totalOf(await inspect({ files: [file], statistics: true }, context));
    const average = theta.reduce((sum, value) => sum + value, 0) / theta.length;
    expect({ min, max, count }).toEqual({ min: Math.min(...theta), max: Math.max(...theta), count: theta.length });
    expect(mean).toBeCloseTo(average, 14);
    expect(norm).toBeCloseTo(Math.hypot(...theta), 13);
    expect(standardDeviation).toBeCloseTo(Math.sqrt(theta.reduce((sum, value) => sum + (value - average) ** 2, 0) / theta.length), 14);
  });

  it('leave an optimiser’s state out of the parameters', async () => {
    const report = await inspect({ files: [fixture('checkpoint.pt')], statistics: true }, context);
    expect(figuresOf(report)).toMatchObject({ Parameters: '26', 'Optimiser state': '56' });
    expect(totalOf(report)['count']).toBe(26);
    expect(report.summary).toContain(' 26 parameters,');
    expect((await summarize({ file: fixture('checkpoint.pt') })).parameters).toBe(26);
  });

  it('leave what is kept beside the draws of a posterior out of the parameters', async () => {
    const file = path.join(import.meta.dirname, '../../fixtures/hdf5/arviz-netcdf4.nc');
    // Ten log densities and four observations.
    expect(figuresOf(await inspect({ files: [file], statistics: false }, context))).toMatchObject({ Parameters: '130', 'Beside them': '14' });
    expect((await summarize({ file })).parameters).toBe(130);
  });

  it('say what lies in the file where that is not the parameters', async () => {
    const { sections } = await inspect({ files: [path.join(import.meta.dirname, '../../fixtures/tfjs/quantised/model.json')], statistics: false }, context);
    expect(figuresOf({ sections } as Report)).toMatchObject({ Parameters: '106', 'Stored as': '43 U8 numbers, 30 U16 numbers, 30 F16 numbers, 3 numbers' });
    const packed = await inspect({ files: [path.join(import.meta.dirname, '../../fixtures/gguf/quantised.gguf')], statistics: false }, context);
    expect(figuresOf(packed)['Stored as']).toMatch(/^519 numbers, 16 blocks of 32 \(Q4_0\), .*, \d+ more kinds$/);
    expect(figuresOf(await inspect({ files: [await network([3, 2])], statistics: false }, context))).not.toHaveProperty('Stored as');
  });
});
