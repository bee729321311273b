/** The analysis `canonicalize` on files: all copies of a network give one file, whose function is that of each. */
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { canonicalize } from '../../../src/analyses/canonicalize.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { forward } from '../../../src/network/forward.ts';
import { readState } from '../../../src/network/parameters.ts';
import { parameterDistance } from '../../../src/network/network.ts';
import { requireNetwork } from '../../../src/network/readNetwork.ts';
import type { CanonicalizeRequest } from '../../../src/protocol/service.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from './workspace.ts';

const form = { scaling: 'unit', permutation: 'sorted', sign: 'fixed', countBiases: false, seed: 0, overwrite: false } as const satisfies Partial<CanonicalizeRequest>;

interface FileResult {
  readonly out: string;
  readonly massBefore: number;
  readonly massAfter: number;
  readonly massWithBiasesBefore: number;
  readonly functionError: number;
}

async function run(request: Omit<CanonicalizeRequest, keyof typeof form> & Partial<CanonicalizeRequest>): Promise<FileResult[]> {
  return ((await canonicalize({ ...form, ...request }, context)).result as unknown as { files: FileResult[] }).files;
}

async function parametersOf(file: string): Promise<{ theta: Float64Array; shapes: unknown }> {
  const opened = await openWeightFile(file);
  try {
    // The result describes itself: no activation is given.
    const { network } = await requireNetwork(opened, {});
    return { theta: await readState(opened, network), shapes: opened.tensors.map(({ name, dtype, shape }) => [name, dtype, shape]) };
  } finally {
    await opened.close();
  }
}

describe('canonicalise and save', () => {
  it.each(['F64', 'F32', 'F16', 'BF16'] as const)('keeps names, shapes, dtype (%s) and function', async (dtype) => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([3, 5, 4, 2], 'relu', 1);
    const file = path.join(folder, 'a.safetensors');
    await writeNetwork(file, network, theta, dtype);
    const [written] = await run({ files: [file], out: { folder }, activation: 'relu' });
    const before = await openWeightFile(file);
    const stored = await readState(before, network);
    const after = await parametersOf(written!.out);
    expect(after.shapes).toEqual(before.tensors.map(({ name, dtype: type, shape }) => [name, type, shape]));
    await before.close();
    const random = seededRandom(5);
    const x = Float64Array.from({ length: 60 }, () => random.normal());
    const expected = forward(network, stored, x);
    const size = Math.max(...expected.map(Math.abs));
    const error = Math.max(...forward(network, after.theta, x).map((value, i) => Math.abs(value - expected[i]!))) / size;
    // A few units in the last place of the dtype, through three layers.
    expect(error).toBeLessThan({ F64: 1e-13, F32: 1e-5, F16: 0.02, BF16: 0.1 }[dtype]);
  });

  it('gives copies of a linear network one file, whatever matrix mixed their units, and says which it leaves', async () => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([6, 4, 5], 'linear', 7);
    const copy = theta.slice();
    applyElement(network, copy, randomElement(symmetryGroup(network), seededRandom(2), 0.3));
    const files = [path.join(folder, 'a.safetensors'), path.join(folder, 'b.safetensors')];
    await writeNetwork(files[0]!, network, theta);
    await writeNetwork(files[1]!, network, copy);
    const report = await canonicalize({ ...form, scaling: 'balanced', files, out: { folder }, activation: 'linear' }, context);
    const [a, b] = await Promise.all((report.result as unknown as { files: FileResult[] }).files.map(({ out }) => parametersOf(out)));
    expect(parameterDistance(network, a!.theta, b!.theta)).toBeLessThan(1e-8 * parameterDistance(network, a!.theta));
    expect(report.warnings.join()).not.toContain('linear group');
    const wide = randomNetwork([2, 6, 3], 'linear', 7);
    await writeNetwork(path.join(folder, 'wide.safetensors'), wide.network, wide.theta);
    expect((await canonicalize({ ...form, files: [path.join(folder, 'wide.safetensors')], out: { folder }, activation: 'linear' }, context)).warnings.join()).toContain('a whole linear group acts');
  });

  it('gives all copies of a network the same file, byte for byte after rounding to float32', async () => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([2, 3, 1], 'relu', 4);
    // Units 0 and 2 exchanged, unit 1 scaled by 4 (exact in binary).
    const copy = theta.slice();
    const [w, b, v] = [0, 6, 9];
    for (const [to, from] of [[0, 2], [2, 0]] as const) {
      copy.set(theta.subarray(w + 2 * from, w + 2 * from + 2), w + 2 * to);
      copy[b + to] = theta[b + from]!;
      copy[v + to] = theta[v + from]!;
    }
    for (const i of [w + 2, w + 3, b + 1]) copy[i] = copy[i]! * 4;
    copy[v + 1] = copy[v + 1]! / 4;
    const files = [path.join(folder, 'a.safetensors'), path.join(folder, 'b.safetensors')];
    await writeNetwork(files[0]!, network, theta);
    await writeNetwork(files[1]!, network, copy);
    const [first, second] = await run({ files, out: { folder }, activation: 'relu' });
    const [p, q] = [await parametersOf(first!.out), await parametersOf(second!.out)];
    expect(p.theta.length).toBe(q.theta.length);
    p.theta.forEach((value, i) => { expect(value).toBeCloseTo(q.theta[i]!, 12); });
  });

  // Least mass of the weights without biases, θ_k = sin(0.7 k): independently minimised figures.
  it.each([[[2, 3, 1], 5.264615413231, 4.98276388377], [[2, 4, 4, 1], 13.897695160629, 10.917950014125]] as const)('balanced %j has the least mass', async (widths, before, after) => {
    const folder = await temporaryFolder();
    const { network } = randomNetwork(widths, 'relu', 0);
    const file = path.join(folder, 'a.safetensors');
    await writeNetwork(file, network, Float64Array.from({ length: network.parameters }, (_, k) => Math.sin(0.7 * (k + 1))));
    const [result] = await run({ files: [file], out: { folder }, activation: 'relu', scaling: 'balanced' });
    expect(result!.massBefore).toBeCloseTo(before, 11);
    expect(result!.massAfter).toBeCloseTo(after, 11);
  });

  it('copies tensors that do not belong to the network, and metadata', async () => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([2, 3, 1], 'relu', 4);
    const plain = path.join(folder, 'plain.safetensors');
    await writeNetwork(plain, network, theta);
    const file = path.join(folder, 'a.safetensors');
    const opened = await openWeightFile(plain);
    const tensors = await Promise.all(opened.tensors.map(async ({ name, shape }) => ({ name, dtype: 'F64' as const, shape, bytes: new Uint8Array((await opened.read(name)).buffer) })));
    await opened.close();
    await writeSafetensors(file, [...tensors, { name: 'steps', dtype: 'I64', shape: [], bytes: new Uint8Array([7, 0, 0, 0, 0, 0, 0, 0]) }], { epoch: '3' }, { overwrite: false });
    const description = path.join(folder, 'description.json');
    await writeFile(description, JSON.stringify({ layers: [{ dense: '0', activation: 'relu' }, { dense: '2' }] }));
    const [written] = await run({ files: [file], out: { folder }, network: description });
    const result = await openWeightFile(written!.out);
    expect(await result.read('steps')).toEqual(Float64Array.of(7));
    expect(result.metadata['epoch']).toBe('3');
    await result.close();
  });

  it('never replaces a file unasked, and leaves it as it was', async () => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([2, 3, 1], 'relu', 4);
    const file = path.join(folder, 'a.safetensors');
    await writeNetwork(file, network, theta);
    const target = path.join(folder, 'a.canonical.safetensors');
    await copyFile(file, target);
    const bytes = await readFile(target);
    await expect(run({ files: [file], out: { folder }, activation: 'relu' })).rejects.toThrow(`${target}: exists already`);
    expect(await readFile(target)).toEqual(bytes);
    expect(await readdir(folder)).toHaveLength(2);
    await run({ files: [file], out: { folder }, activation: 'relu', overwrite: true });
    expect(await readFile(target)).not.toEqual(bytes);
  });

  it('refuses what a dtype cannot hold, and writes nothing', async () => {
    const folder = await temporaryFolder();
    const { network, theta } = randomNetwork([2, 3, 1], 'relu', 4);
    // Norm-1 rows push the size of the first layer, 10⁴, into the second, beyond 65,504.
    const large = theta.map((value, k) => (k < 9 ? value * 1e4 : value * 100));
    const file = path.join(folder, 'a.safetensors');
    await writeNetwork(file, network, large, 'F16');
    await expect(run({ files: [file], out: { folder }, activation: 'relu' })).rejects.toThrow(/is out of the range of F16; leave the scaling as it is, or save the weights as F32 first/);
    expect(await readdir(folder)).toEqual(['a.safetensors']);
  });

  it('says that two results would get one name before it writes any', async () => {
    const folder = await temporaryFolder();
    await expect(run({ files: ['x/a.pt', 'y/a.pt'], out: { folder } })).rejects.toThrow('two of the files would both be written to');
  });
});
