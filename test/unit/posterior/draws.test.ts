/** Sets of draws from files: one a file, all in one, a list of state dicts; and which do not belong together. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupedFiles } from '../../../src/analyses/drawFiles.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { readState } from '../../../src/network/parameters.ts';
import { writeDescription } from '../../../src/network/writeDescription.ts';
import { requireNetwork } from '../../../src/network/readNetwork.ts';
import { openDraws, type DrawSource } from '../../../src/posterior/draws.ts';
import type { DrawOptions } from '../../../src/protocol/service.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { Layers } from '../network/networks.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from '../analyses/workspace.ts';

const fixture = (name: string): string => path.join(import.meta.dirname, '../../fixtures/pytorch', name);

async function readDraws(files: readonly string[], options: DrawOptions): Promise<Pick<DrawSource, 'network' | 'chains' | 'drawsPerChain' | 'sets'> & { theta: Float64Array }> {
  const source = await openDraws([files], { ...options, draws: 10, seed: 0, least: 2 }, context);
  try {
    const { network, chains, drawsPerChain, sets } = source;
    return { network, chains, drawsPerChain, sets, theta: await source.read(0, source.count) };
  } finally {
    await source.close();
  }
}

/** chains × draws of θ as arrays with these leading axes. */
async function writeStacked(file: string, leading: readonly number[]): Promise<Float64Array> {
  const { network } = randomNetwork([2, 3, 1], 'relu', 0);
  const random = seededRandom(4);
  const count = leading.reduce((a, b) => a * b, 1);
  const theta = Float64Array.from({ length: count * network.parameters }, () => random.normal());
  await writeNpz(file, network.blocks.map(({ tensor, fileShape, offset, length }) => ({
    name: tensor,
    shape: [...leading, ...fileShape],
    values: Float64Array.from({ length: count * length }, (_, k) => theta[Math.floor(k / length) * network.parameters + offset + (k % length)]!),
  })), { overwrite: false });
  return theta;
}

describe('sets of draws', () => {
  it.each([[[6], 1, 6], [[2, 3], 2, 3]] as const)('are read from arrays with leading axes %j', async (leading, chains, drawsPerChain) => {
    const file = path.join(await temporaryFolder(), 'draws.npz');
    const theta = await writeStacked(file, leading);
    expect(await readDraws([file], { activation: 'relu' })).toMatchObject({ chains, drawsPerChain, theta });
  });

  it.each(['h5netcdf', 'netcdf4'])('are the chains and draws of a posterior by ArviZ (%s)', async (engine) => {
    const file = path.join(import.meta.dirname, '../../fixtures/hdf5', `arviz-${engine}.nc`);
    const { chains, drawsPerChain, network, theta } = await readDraws([file], { activation: 'relu' });
    expect({ chains, drawsPerChain }).toEqual({ chains: 2, drawsPerChain: 5 });
    expect(network.blocks.map(({ tensor }) => tensor)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
    const expected = JSON.parse(await readFile(file.replace('.nc', '.json'), 'utf8')) as readonly { readonly name: string; readonly float64: string }[];
    for (const { tensor, offset, length } of network.blocks) {
      const values = new Float64Array(new Uint8Array(Buffer.from(expected.find(({ name }) => name === `posterior/${tensor}`)?.float64 ?? '', 'hex')).buffer);
      const read = Array.from({ length: 10 }, (_, m) => [...theta.subarray(m * network.parameters + offset, m * network.parameters + offset + length)]).flat();
      expect(read, tensor).toEqual([...values]);
    }
  });

  it('of separate files need one description, the first one’s; a file of other shapes is named', async () => {
    const folder = await temporaryFolder();
    const files = [0, 1, 2].map((m) => path.join(folder, `draw${m}.safetensors`));
    for (const [m, file] of files.entries()) {
      const { network, theta } = randomNetwork([2, 3, 1], 'relu', m);
      await writeNetwork(file, network, theta);
    }
    await writeFile(path.join(folder, 'draw0.network.json'), '{ "layers": [ { "dense": "0", "activation": "tanh" }, { "dense": "2" } ] }');
    const { network, theta } = await readDraws(files, {});
    expect(network.nodes.flatMap((node) => (node.op === 'activation' ? [node.activation.name] : []))).toEqual(['tanh']);
    expect(theta.subarray(2 * network.parameters)).toEqual(randomNetwork([2, 3, 1], 'relu', 2).theta);
    const other = path.join(folder, 'other.safetensors');
    const wider = randomNetwork([2, 4, 1], 'relu', 0);
    await writeNetwork(other, wider.network, wider.theta);
    await expect(readDraws([...files, other], {})).rejects.toThrow(`${other}: dense layers 2 → 4 → 1, but nothing says which activation`);
  });

  it('in several folders, or several files with equally many draws, are chains; of unequal numbers, one chain of several sets', async () => {
    const folder = await temporaryFolder();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => path.join(folder, `${name}.npz`));
    const [first, second] = [await writeStacked(a!, [4]), await writeStacked(b!, [4])];
    await writeStacked(c!, [3]);
    const both = await readDraws([a!, b!], { activation: 'relu' });
    expect(both).toMatchObject({ chains: 2, drawsPerChain: 4, sets: [4, 4] });
    expect(both.theta).toEqual(Float64Array.of(...first, ...second));
    expect(await readDraws([a!, c!], { activation: 'relu' })).toMatchObject({ chains: 1, drawsPerChain: 7, sets: [4, 3] });
    const inside = ['x', 'y'].flatMap((name) => [path.join(folder, name, '0.safetensors'), path.join(folder, name, '1.safetensors')]);
    for (const [m, file] of inside.entries()) {
      await mkdir(path.dirname(file), { recursive: true });
      const { network, theta } = randomNetwork([2, 3, 1], 'relu', m);
      await writeNetwork(file, network, theta);
    }
    for (const given of [[path.join(folder, 'x'), path.join(folder, 'y')], inside]) {
      const groups = await groupedFiles(given);
      expect(groups).toEqual([inside.slice(0, 2), inside.slice(2)]);
      const source = await openDraws(groups, { activation: 'relu', draws: 10, seed: 0, least: 2 }, context);
      expect([source.chains, source.drawsPerChain]).toEqual([2, 2]);
      // A block that reaches over the end of a file.
      const { parameters } = source.network;
      expect((await source.read(1, 3)).subarray(parameters)).toEqual(randomNetwork([2, 3, 1], 'relu', 2).theta);
      await source.close();
    }
  });

  it.each(['samples', 'checkpoint.posterior_samples', 'state_dicts', 'net.models'])('are read from a list of state dicts under the key %s', async (key) => {
    const folder = await temporaryFolder();
    const { network } = randomNetwork([2, 3, 1], 'relu', 0);
    const theta = seededRandom(5).normals(new Float64Array(3 * network.parameters));
    const tensors = (draw: number): { name: string; shape: readonly number[]; values: Float64Array }[] => network.blocks.map(({ tensor, fileShape, offset, length }) => ({ name: `${key}.${draw}.${tensor}`, shape: fileShape, values: theta.slice(draw * network.parameters + offset, draw * network.parameters + offset + length) }));
    const file = path.join(folder, 'list.npz');
    await writeNpz(file, [0, 1, 2].flatMap(tensors), { overwrite: false });
    const read = await readDraws([file], { activation: 'relu' });
    expect([read.chains, read.drawsPerChain]).toEqual([1, 3]);
    expect(read.theta).toEqual(theta);
    // Of unequal members it is no list.
    const unequal = path.join(folder, 'unequal.npz');
    await writeNpz(unequal, [...tensors(0), ...tensors(1).slice(1)], { overwrite: false });
    await expect(readDraws([unequal], { activation: 'relu' })).rejects.toThrow('unequal.npz');
  });

  it('are read from a list of state dicts as PyTorch saves it, one draw an entry', async () => {
    const file = fixture('list-of-state-dicts.pt');
    const draws = await readDraws([file], { activation: 'relu' });
    const opened = await openWeightFile(file);
    try {
      for (let m = 0; m < draws.drawsPerChain; m++) {
        const each = draws.theta.subarray(m * draws.network.parameters, (m + 1) * draws.network.parameters);
        for (const { tensor, offset, length } of draws.network.blocks) {
          expect(each.subarray(offset, offset + length)).toEqual(await opened.read(`${m}.${tensor}`));
        }
      }
      expect(draws.drawsPerChain).toBe(opened.stateDicts);
    } finally {
      await opened.close();
    }
  });
});

describe('draws of a network with running statistics', () => {
  it('keep them beside the parameters', async () => {
    const network = new Layers([2, 4, 4]).conv(3, [3, 3]).batchnorm().activation('relu').flatten().dense(2).build();
    const random = seededRandom(8);
    const file = path.join(await temporaryFolder(), 'draws.npz');
    const states = Float64Array.from({ length: 5 * network.stateSize }, () => random.normal());
    await writeNpz(file, network.blocks.map(({ tensor, fileShape, offset, length }) => ({
      name: tensor, shape: [5, ...fileShape], values: Float64Array.from({ length: 5 * length }, (_, k) => states[Math.floor(k / length) * network.stateSize + offset + (k % length)]!),
    })), { overwrite: false });
    const description = file.replace('.npz', '.network.json');
    await writeFile(description, writeDescription(network));
    expect(await readDraws([file], {})).toMatchObject({ chains: 1, drawsPerChain: 5, theta: states });
  });
});

describe('a training checkpoint', () => {
  it('is read as the network of its weights; the optimiser’s state is left aside', async () => {
    const opened = await openWeightFile(fixture('checkpoint.pt'));
    try {
      const { network } = await requireNetwork(opened, { activation: 'relu' });
      expect(opened.optimizerPrefixes?.length).toBeGreaterThan(0);
      expect(network.blocks.every(({ tensor }) => !opened.optimizerPrefixes!.some((prefix) => tensor.startsWith(prefix)))).toBe(true);
      expect((await readState(opened, network)).length).toBe(network.parameters);
    } finally {
      await opened.close();
    }
  });
});
