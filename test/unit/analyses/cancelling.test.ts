/** `align` and `compare` left in the middle: nothing is written, and the engine goes on to serve whoever comes next. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { planComparison, planText } from '../../../src/analyses/comparisonPlan.ts';
import { analyses } from '../../../src/analyses/service.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Network } from '../../../src/network/network.ts';
import { writeDescription } from '../../../src/network/writeDescription.ts';
import { tensorValues } from '../../../src/network/parameters.ts';
import { planLines } from '../../../src/posterior/linePlan.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import type { AlignRequest, CompareRequest } from '../../../src/protocol/service.ts';
import { genericProbes } from '../../../src/symmetry/comparedInputs.ts';
import { matchingClasses } from '../../../src/symmetry/matchingClasses.ts';
import { encodeElements } from '../../../src/weights/dtype.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { Layers } from '../network/networks.ts';
import { resnet18 } from '../symmetry/architectures.ts';
import { context, temporaryFolder } from './workspace.ts';

const network = new Layers([3, 40, 40]).conv(8, [3, 3], { padding: [1, 1] }).batchnorm().activation('relu').residual((x) => x.conv(8, [3, 3], { padding: [1, 1] }).batchnorm()).activation('relu').globalPool('globalavgpool').dense(4).build();

function randomState(of: Network, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: of.stateSize }, (_, k) => (k < of.parameters ? 0.3 * random.normal() : 0.5 + random.uniform()));
}

async function save(folder: string, name: string, seed: number): Promise<string> {
  const file = path.join(folder, `${name}.safetensors`);
  const state = randomState(network, seed);
  await writeSafetensors(file, network.blocks.map((block) => ({ name: block.tensor, dtype: 'F32' as const, shape: block.fileShape, bytes: encodeElements('F32', tensorValues(state, block)) })), { 'quotient.network': writeDescription(network) }, { overwrite: false });
  return file;
}

/** Cancels when a message that matches is shown for the `count`-th time. */
function cancelledAt(message: RegExp, count = 1): { readonly job: JobContext; readonly seen: () => number } {
  const controller = new AbortController();
  let seen = 0;
  const progress: JobContext['progress'] = ({ message: text }) => { if (message.test(text) && ++seen === count) controller.abort(new Error('cancelled')); };
  return { job: { ...context, signal: controller.signal, progress }, seen: () => seen };
}

test.for<readonly [RegExp, number]>([
  [/^2 networks of/, 1], [/^Matching/, 1], [/^Between the networks/, 1], [/^Between the networks/, 30], [/^Writing/, 1],
])('align, cancelled at %s (%i)', async ([message, count]) => {
  const folder = await temporaryFolder();
  const out = path.join(folder, 'out');
  const request: AlignRequest = { reference: await save(folder, 'a', 1), files: [await save(folder, 'b', 2)], out: { folder: out }, overwrite: false, method: 'weights', likelihood: 'gaussian', seed: 0 };
  const { job, seen } = cancelledAt(message, count);
  await expect(analyses.align(request, job)).rejects.toThrow('cancelled');
  expect(seen()).toBeGreaterThanOrEqual(count);
  // Nothing is left, not even the folder that was made for it.
  expect(await readdir(folder)).toEqual(['a.safetensors', 'b.safetensors']);
  // The same again, to the end.
  const { files: [file] } = (await analyses.align(request, context)).result as unknown as { readonly files: readonly { readonly distanceBefore: number; readonly distanceAfter: number }[] };
  expect(file!.distanceAfter).toBeLessThan(file!.distanceBefore);
  expect(await readdir(out)).toEqual(['b.aligned.safetensors']);
});

test('canonicalize, cancelled: the folder that was made for it goes, one that was there stays', async () => {
  const folder = await temporaryFolder();
  const request = { files: [await save(folder, 'a', 1)], overwrite: false, scaling: 'unit', permutation: 'sorted', sign: 'fixed', countBiases: false, seed: 0 } as const;
  await expect(analyses.canonicalize({ ...request, out: { folder: path.join(folder, 'new', 'deep') } }, cancelledAt(/^Canonical form/).job)).rejects.toThrow('cancelled');
  expect(await readdir(folder)).toEqual(['a.safetensors']);
  await expect(analyses.canonicalize({ ...request, out: { folder } }, cancelledAt(/^Canonical form/).job)).rejects.toThrow('cancelled');
  expect(await readdir(folder)).toEqual(['a.safetensors']);
});

test.for<RegExp>([/^2 networks of/, /^Comparing/, /^Removing/, /^Matching/])('compare, cancelled at %s', async (message) => {
  const folder = await temporaryFolder();
  const data = path.join(folder, 'data.npz');
  const random = seededRandom(3);
  await writeNpz(data, [{ name: 'x', shape: [5, network.inputs], values: Float64Array.from({ length: 5 * network.inputs }, () => random.normal()) }, { name: 'y', shape: [5, 4], values: Float64Array.from({ length: 20 }, () => random.normal()) }], { overwrite: false });
  const request: CompareRequest = { files: [await save(folder, 'a', 1), await save(folder, 'b', 2)], data, likelihood: 'gaussian', seed: 0 };
  const before = await readdir(folder);
  await expect(analyses.compare(request, cancelledAt(message).job)).rejects.toThrow('cancelled');
  expect(await readdir(folder)).toEqual(before);
  const { sameFunction, barrier } = (await analyses.compare(request, context)).result as unknown as { readonly sameFunction: string; readonly barrier: { readonly raw: number } };
  expect(sameFunction).toBe('no');
  expect(barrier.raw).toBeGreaterThanOrEqual(0);
});

test('a network of few bits with other outputs is another function', async () => {
  const folder = await temporaryFolder();
  const write = async (name: string, seed: number): Promise<string> => {
    const file = path.join(folder, `${name}.safetensors`);
    const state = randomState(network, seed);
    await writeSafetensors(file, network.blocks.map((block) => ({ name: block.tensor, dtype: 'BF16' as const, shape: block.fileShape, bytes: encodeElements('BF16', tensorValues(state, block)) })), { 'quotient.network': writeDescription(network) }, { overwrite: false });
    return file;
  };
  const { sameFunction } = (await analyses.compare({ files: [await write('a', 1), await write('b', 2)], likelihood: 'gaussian', seed: 0 }, context)).result as unknown as { readonly sameFunction: string };
  expect(sameFunction).toBe('no');
});

test('lines: all points and inputs where they cost little, fewer where they cost much; data keep their size', () => {
  const small = planLines(network, 2, undefined);
  expect([small.points, small.rows]).toEqual([21, 64]);
  expect(small.network.inputs).toBeLessThan(network.inputs);
  const large = resnet18(64, 224, 1000);
  const generic = planLines(large, 2, undefined);
  expect(generic.points).toBe(11);
  expect(generic.rows).toBeGreaterThanOrEqual(3);
  expect(generic.network.nodes[0]!.shape).toEqual([3, 65, 65]);
  const data = planLines(large, 2, 50_000);
  expect(data.network).toBe(large);
  expect(data.points).toBe(11);
  // At least 256; with many cores some more.
  expect(data.rows).toBeGreaterThanOrEqual(256);
  expect(data.rows).toBeLessThan(1000);
  expect(planLines(network, 2, 100).rows).toBe(100);
  expect(planLines(network, 4, undefined).seconds).toBeCloseTo(2 * small.seconds, 12);
});

test('the plan: what twice as many networks and ascents take is twice as much, and what does not fit is refused beforehand', () => {
  const large = resnet18(64, 224, 1000);
  const work = { network: large, networks: 2, classes: matchingClasses(large), ascents: 1, relaxed: false, forms: 0, probes: genericProbes(large, 0), lines: planLines(large, 2, undefined) };
  const plan = planComparison(work, 2 ** 33);
  // 11.7 million parameters in float64 are 94 MB.
  expect(plan.bytes).toBeGreaterThan(2 * 3 * 8 * large.parameters);
  expect(plan.bytes).toBeLessThan(3e9);
  expect(planComparison({ ...work, networks: 4, ascents: 2, lines: planLines(large, 4, undefined) }, 2 ** 33).seconds).toBeCloseTo(2 * plan.seconds, 9);
  expect(planText(work, plan)).toMatch(/^2 networks of 11,689,512 parameters: about \S+ s and \S+\s[MG]i?B$/);
  expect(() => planComparison(work, 2 ** 28)).toThrow(/^2 networks of 11,689,512 parameters need about .*, the limit is .*; take fewer networks at a time or raise the memory limit$/);
});
