/** The gate before every written network: a function that changed is refused, with the first layer that differs, and no file appears. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { saveMovedNetwork } from '../../../src/analyses/savedNetwork.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { tensorValues } from '../../../src/network/parameters.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { encodeElements } from '../../../src/weights/dtype.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { temporaryFolder } from './workspace.ts';

const network = denseNetwork([3, 8, 7, 2], activationNamed('relu'));
const random = seededRandom(3);
const before = Float64Array.from({ length: network.stateSize }, () => random.normal());
const copy = before.slice();
applyElement(network, copy, randomElement(symmetryGroup(network), random, 0.3));

async function saved(after: Float64Array): Promise<{ readonly written: Promise<unknown>; readonly folder: string }> {
  const folder = await temporaryFolder();
  const source = path.join(folder, 'a.safetensors');
  await writeSafetensors(source, network.blocks.map((block) => ({ name: block.tensor, dtype: 'F64' as const, shape: block.fileShape, bytes: encodeElements('F64', tensorValues(before, block)) })), {}, { overwrite: false });
  const file = await openWeightFile(source);
  const written = saveMovedNetwork({ file, network, before, after, what: 'the moved network' }, path.join(folder, 'b.safetensors'), false, { signal: new AbortController().signal });
  await written.catch(() => undefined);
  await file.close();
  return { written, folder };
}

it('writes a copy by symmetry', async () => {
  const { written, folder } = await saved(copy);
  expect(await written).toMatchObject({ firstLayer: null });
  expect(await readdir(folder)).toContain('b.safetensors');
});

it.each(network.nodes.filter((node) => node.op === 'dense').map((node) => [node.name, node.weight.offset] as const))('refuses one weight of layer %s that is off by a thousandth, and names the layer', async (layer, offset) => {
  const wrong = copy.slice();
  wrong[offset]! += 1e-3;
  const { written, folder } = await saved(wrong);
  await expect(written).rejects.toThrow(new RegExp(`the moved network would compute another function \\(relative difference \\S+, first seen at layer "${layer}"\\), so nothing was written`));
  expect(await readdir(folder)).toEqual(['a.safetensors']);
});
