/**
 * `compare` and `align` on networks that real frameworks exported, from file to file: a copy moved by a random element of the network's whole group is
 * one network up to symmetry, and a copy whose units were put into another order comes back into the reference's.
 */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Network } from '../../../src/network/network.ts';
import { tensorValues } from '../../../src/network/parameters.ts';
import { writeDescription } from '../../../src/network/writeDescription.ts';
import { genericInputs } from '../../../src/symmetry/comparedInputs.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement, type FactorElement, type GroupElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { encodeElements } from '../../../src/weights/dtype.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { exported, loadExported } from '../symmetry/exported.ts';
import { context, temporaryFolder } from './workspace.ts';

async function save(folder: string, name: string, network: Network, state: Float64Array): Promise<string> {
  const file = path.join(folder, `${name}.safetensors`);
  const tensors = network.blocks.map((block) => ({ name: block.tensor, dtype: 'F32' as const, shape: block.fileShape, bytes: encodeElements('F32', tensorValues(state, block)) }));
  await writeSafetensors(file, tensors, { 'quotient.network': writeDescription(network) }, { overwrite: true });
  return file;
}

/** Few inputs: what is in question is where weights stand, and each input costs time. */
async function someInputs(folder: string, network: Network): Promise<string> {
  const file = path.join(folder, 'x.npz');
  await writeNpz(file, [{ name: 'x', shape: [4, network.inputs], values: genericInputs(network.inputs, 4, 1) }], { overwrite: true });
  return file;
}

/** Every permutation is another than the identity. */
function movingElement(network: Network, seed: number): GroupElement {
  return randomElement(symmetryGroup(network), seededRandom(seed), 0.3).map((part) =>
    (part.kind === 'permutation' && part.order.every((from, j) => from === j) ? { ...part, order: Int32Array.from(part.order, (_, j) => (j + 1) % part.order.length) } : part));
}

const reorders = (part: FactorElement): boolean => part.kind === 'permutation' && part.order.some((from, j) => from !== j);

interface Verdict {
  readonly sameFunction: string;
  readonly distance: { readonly raw: number; readonly scaled: number; readonly aligned: number };
  readonly classes: readonly { readonly layer: string; readonly moved: number }[];
}

interface Aligned {
  readonly files: readonly { readonly distanceBefore: number; readonly distanceAfter: number; readonly functionError: number }[];
}

describe.each(exported)('%s', (name) => {
  it('compare: a copy by a random element of the group is one network up to symmetry', async () => {
    const { network, state } = await loadExported(name);
    const element = movingElement(network, 5);
    expect(element.some(reorders)).toBe(true);
    const moved = state.slice();
    applyElement(network, moved, element);
    const folder = await temporaryFolder();
    const files = [await save(folder, 'a', network, state), await save(folder, 'b', network, moved)] as const;
    const verdict = (await analyses.compare({ files, data: await someInputs(folder, network), likelihood: 'gaussian', seed: 0 }, context)).result as unknown as Verdict;
    expect(verdict.sameFunction).toBe('up-to-symmetry');
    expect(verdict.distance.raw).toBeGreaterThan(0.1);
    expect(verdict.distance.aligned).toBeLessThan(1e-5 * verdict.distance.raw);
    expect(verdict.classes.some((one) => one.moved > 0)).toBe(true);
  });

  it('align: a copy in another order of units comes back exactly', async () => {
    const { network, state } = await loadExported(name);
    const element = movingElement(network, 5).filter(reorders);
    expect(element.length).toBeGreaterThan(0);
    const moved = state.slice();
    applyElement(network, moved, element);
    const folder = await temporaryFolder();
    const [reference, copy] = [await save(folder, 'a', network, state), await save(folder, 'b', network, moved)];
    const { files: [aligned] } = (await analyses.align({ reference, files: [copy], out: { folder: path.join(folder, 'out') }, overwrite: false, method: 'weights', restarts: 2, data: await someInputs(folder, network), likelihood: 'gaussian', seed: 0 }, context)).result as unknown as Aligned;
    expect(aligned!.distanceBefore).toBeGreaterThan(0.1);
    expect(aligned!.distanceAfter).toBe(0);
    expect(aligned!.functionError).toBeLessThan(1e-6);
  });
});
