/** The analysis `align` on files: networks that are copies come to the same weights, files keep their names and their functions. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import type { Network } from '../../../src/network/network.ts';
import { readState, tensorValues } from '../../../src/network/parameters.ts';
import { writeDescription } from '../../../src/network/writeDescription.ts';
import { train } from '../../../src/posterior/training.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import type { AlignRequest } from '../../../src/protocol/service.ts';
import { matchingClasses } from '../../../src/symmetry/matchingClasses.ts';
import { orderUnits } from '../../../src/symmetry/unitRows.ts';
import { encodeElements } from '../../../src/weights/dtype.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { Layers } from '../network/networks.ts';

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 30 };
let folder: string;
beforeAll(async () => { folder = await mkdtemp(path.join(tmpdir(), 'quotient-align-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

async function save(name: string, network: Network, state: Float64Array, dtype: 'F64' | 'F32' = 'F64'): Promise<string> {
  const file = path.join(folder, `${name}.safetensors`);
  const tensors = network.blocks.map((block) => ({ name: block.tensor, dtype, shape: block.fileShape, bytes: encodeElements(dtype, tensorValues(state, block)) }));
  await writeSafetensors(file, tensors, { 'quotient.network': writeDescription(network) }, { overwrite: true });
  return file;
}

async function load(file: string, network: Network): Promise<Float64Array> {
  const opened = await openWeightFile(file);
  try {
    return await readState(opened, network);
  } finally {
    await opened.close();
  }
}

function shuffled(network: Network, state: Float64Array, seed: number): Float64Array {
  const random = seededRandom(seed);
  const result = state.slice();
  for (const { units, signed } of matchingClasses(network)) orderUnits(result, units, { order: random.permutation(units.units), signs: Int8Array.from({ length: units.units }, () => (signed && random.below(2) === 0 ? -1 : 1)) });
  return result;
}

const normal = (length: number, seed: number): Float64Array => {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => random.normal());
};

interface AlignResult {
  readonly files: readonly { readonly out: string; readonly objectiveBefore: number; readonly objectiveAfter: number; readonly distanceBefore: number; readonly distanceAfter: number; readonly functionError: number; readonly before: { readonly barrier: number | null }; readonly after: { readonly barrier: number | null }; readonly permutations: Readonly<Record<string, readonly number[]>> }[];
}

const ask = async (request: Partial<AlignRequest> & Pick<AlignRequest, 'reference' | 'files'>): Promise<AlignResult> => (await analyses.align({ out: { folder: path.join(folder, 'out') }, overwrite: true, method: 'weights', restarts: 2, likelihood: 'gaussian', seed: 0, ...request }, context)).result as unknown as AlignResult;

describe('align', () => {
  it.each<[string, Network]>([
    ['relu', denseNetwork([3, 8, 7, 2], activationNamed('relu'))],
    ['tanh, with signs', denseNetwork([3, 8, 7, 2], activationNamed('tanh'))],
    ['convolutions with batch normalisation', new Layers([2, 5, 5]).conv(6, [3, 3], { padding: [1, 1], bias: false }).batchnorm().activation('relu').conv(5, [3, 3]).batchnorm().activation('relu').flatten().dense(3).build()],
  ])('finds a shuffled copy again, written with its function: %s', async (name, network) => {
    const state = normal(network.stateSize, 1).map((w, i) => (i < network.parameters ? w : Math.abs(w) + 0.1));
    const reference = await save(`${name}-reference`, network, state);
    const copy = await save(`${name}-copy`, network, shuffled(network, state, 2));
    const { files: [file] } = await ask({ reference, files: [copy] });
    expect(file!.distanceBefore).toBeGreaterThan(1);
    expect(file!.distanceAfter).toBe(0);
    expect(file!.functionError).toBeLessThan(1e-12);
    expect(await load(file!.out, network)).toEqual(state);
    // The permutations say which unit of the copy each one was.
    expect(Object.values(file!.permutations).map((order) => order.toSorted((a, b) => a - b))).toEqual(matchingClasses(network).map(({ units: { units } }) => Array.from({ length: units }, (_, i) => i)));
  });

  it('takes networks whose tensors are called differently, and keeps their names', async () => {
    const network = denseNetwork([2, 5, 1], activationNamed('relu'));
    const named = new Layers([2]).dense(5).activation('relu').dense(1).build();
    const state = normal(network.parameters, 6);
    const { files: [file] } = await ask({ reference: await save('plain', network, state), files: [await save('named', named, shuffled(network, state, 4))] });
    expect(file!.distanceAfter).toBe(0);
    expect(await load(file!.out, named)).toEqual(state);
  });

  it('all at once: copies of one network come into one order', async () => {
    const network = denseNetwork([2, 6, 5, 1], activationNamed('relu'));
    const state = normal(network.parameters, 3);
    const paths = await Promise.all([0, 1, 2].map((k) => save(`universe-${k}`, network, shuffled(network, state, 10 + k))));
    const { files } = await ask({ reference: paths[0]!, files: paths.slice(1), method: 'universe' });
    expect(files).toHaveLength(3);
    const [first, ...others] = await Promise.all(files.map(({ out }) => load(out, network)));
    for (const other of others) expect(other).toEqual(first);
  });

  it('lowers the barrier between two trained networks', async () => {
    const network = denseNetwork([1, 16, 1], activationNamed('tanh'));
    const x = Float64Array.from({ length: 40 }, (_, n) => -3 + (6 * n) / 39);
    const y = x.map(Math.sin);
    const problem = { network, x, targets: y, likelihood: { kind: 'gaussian', noise: 0.1 } as const, priorPrecision: 1 };
    const trained = (seed: number): Float64Array => complete(train(problem, normal(network.parameters, seed), { optimizer: { kind: 'adam', learningRate: 0.02 }, epochs: 1500, batch: 40, batches: 'epochs', schedule: 'cosine', random: seededRandom(0) })).state;
    const [a, b] = [trained(1), trained(2)];
    const data = path.join(folder, 'sine.npz');
    await writeNpz(data, [{ name: 'x', shape: [40, 1], values: x }, { name: 'y', shape: [40, 1], values: y }], { overwrite: true });
    const request = { reference: await save('a', network, a, 'F32'), files: [await save('b', network, b, 'F32')], data };
    for (const method of ['weights', 'activations'] as const) {
      const { files: [file] } = await ask({ ...request, method });
      expect(file!.after.barrier!, method).toBeLessThan(file!.before.barrier!);
      const [fb, aligned] = [forward(network, await load(request.files[0]!, network), x), forward(network, await load(file!.out, network), x)];
      fb.forEach((value, n) => { expect(aligned[n]).toBeCloseTo(value, 6); });
    }
    const { files: [byWeights] } = await ask(request);
    expect(byWeights!.objectiveAfter).toBeGreaterThanOrEqual(byWeights!.objectiveBefore);
    expect(byWeights!.distanceAfter).toBeLessThan(byWeights!.distanceBefore);
  });

  it('says what is wrong and writes nothing', async () => {
    const [small, large] = [denseNetwork([2, 3, 1], activationNamed('relu')), denseNetwork([2, 4, 1], activationNamed('relu'))];
    const [a, b] = [await save('small', small, normal(13, 1)), await save('large', large, normal(17, 1))];
    const out = path.join(folder, 'nothing');
    await expect(ask({ reference: a, files: [b], out: { folder: out } })).rejects.toThrow('does not hold the same network as');
    await expect(ask({ reference: a, files: [], out: { folder: out } })).rejects.toThrow('at least one network to align');
    await expect(ask({ reference: a, files: [a], method: 'activations', out: { folder: out } })).rejects.toThrow('needs data');
    await expect(readdir(out)).rejects.toThrow('ENOENT');
  });
});
