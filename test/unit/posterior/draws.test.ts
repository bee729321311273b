import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupedFiles } from '../../../src/analyses/drawFiles.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { parameterBlocks, readParameters } from '../../../src/network/chainParameters.ts';
import { requireChain } from '../../../src/network/readNetwork.ts';
import { openDraws, readAllDraws, type DrawSource } from '../../../src/posterior/draws.ts';
import type { NetworkOptions } from '../../../src/protocol/service.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { writeNpz } from '../../../src/weights/npzWriter.ts';
import { context, randomNetwork, temporaryFolder, writeNetwork } from '../analyses/workspace.ts';

const fixture = (name: string): string => path.join(import.meta.dirname, '../../fixtures/pytorch', name);

async function readDraws(files: readonly string[], options: NetworkOptions): Promise<Pick<DrawSource, 'chain' | 'chains' | 'drawsPerChain' | 'sets'> & { theta: Float64Array }> {
  const source = await openDraws([files], options, undefined);
  try {
    const { chain, chains, drawsPerChain, sets } = source;
    return { chain, chains, drawsPerChain, sets, theta: await readAllDraws(source, context) };
  } finally {
    await source.close();
  }
}

/** chains × draws of θ as arrays with these leading axes. */
async function writeStacked(file: string, leading: readonly number[]): Promise<Float64Array> {
  const { chain } = randomNetwork([2, 3, 1], 'relu', 0);
  const random = seededRandom(4);
  const count = leading.reduce((a, b) => a * b, 1);
  const theta = Float64Array.from({ length: count * chain.parameters }, () => random.normal());
  await writeNpz(file, parameterBlocks(chain).map(({ reference, rows, columns, shape }) => ({
    name: reference.tensor,
    shape: [...leading, ...shape],
    values: Float64Array.from({ length: count * rows * columns }, (_, k) => theta[Math.floor(k / (rows * columns)) * chain.parameters + reference.offset + (k % (rows * columns))]!),
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
    const { chains, drawsPerChain, chain, theta } = await readDraws([file], { activation: 'relu' });
    expect({ chains, drawsPerChain }).toEqual({ chains: 2, drawsPerChain: 5 });
    expect(parameterBlocks(chain).map(({ reference }) => reference.tensor)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
    const expected = JSON.parse(await readFile(file.replace('.nc', '.json'), 'utf8')) as readonly { readonly name: string; readonly float64: string }[];
    for (const { reference, rows, columns } of parameterBlocks(chain)) {
      const values = new Float64Array(new Uint8Array(Buffer.from(expected.find(({ name }) => name === `posterior/${reference.tensor}`)?.float64 ?? '', 'hex')).buffer);
      const read = Array.from({ length: 10 }, (_, m) => [...theta.subarray(m * chain.parameters + reference.offset, m * chain.parameters + reference.offset + rows * columns)]).flat();
      expect(read, reference.tensor).toEqual([...values]);
    }
  });

  it('of separate files need one description, the first one’s; a file of other shapes is named', async () => {
    const folder = await temporaryFolder();
    const files = [0, 1, 2].map((m) => path.join(folder, `draw${m}.safetensors`));
    for (const [m, file] of files.entries()) {
      const { chain, theta } = randomNetwork([2, 3, 1], 'relu', m);
      await writeNetwork(file, chain, theta);
    }
    await writeFile(path.join(folder, 'draw0.network.json'), '{ "layers": [ { "dense": "0", "activation": "tanh" }, { "dense": "2" } ] }');
    const { chain, theta } = await readDraws(files, {});
    expect(chain.layers.map(({ activation }) => activation.name)).toEqual(['tanh', 'linear']);
    expect(theta.subarray(2 * chain.parameters)).toEqual(randomNetwork([2, 3, 1], 'relu', 2).theta);
    const other = path.join(folder, 'other.safetensors');
    const wider = randomNetwork([2, 4, 1], 'relu', 0);
    await writeNetwork(other, wider.chain, wider.theta);
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
      const { chain, theta } = randomNetwork([2, 3, 1], 'relu', m);
      await writeNetwork(file, chain, theta);
    }
    for (const given of [[path.join(folder, 'x'), path.join(folder, 'y')], inside]) {
      const groups = await groupedFiles(given);
      expect(groups).toEqual([inside.slice(0, 2), inside.slice(2)]);
      const source = await openDraws(groups, { activation: 'relu' }, undefined);
      expect([source.chains, source.drawsPerChain]).toEqual([2, 2]);
      // A block that reaches over the end of a file.
      const { parameters } = source.chain;
      expect((await source.read(1, 3)).subarray(parameters)).toEqual(randomNetwork([2, 3, 1], 'relu', 2).theta);
      await source.close();
    }
  });

  it('are read from a list of state dicts as PyTorch saves it, one draw an entry', async () => {
    const file = fixture('list-of-state-dicts.pt');
    const draws = await readDraws([file], { activation: 'relu' });
    const opened = await openWeightFile(file);
    try {
      for (let m = 0; m < draws.drawsPerChain; m++) {
        const each = draws.theta.subarray(m * draws.chain.parameters, (m + 1) * draws.chain.parameters);
        for (const { reference, rows, columns } of parameterBlocks(draws.chain)) {
          expect(each.subarray(reference.offset, reference.offset + rows * columns)).toEqual(await opened.read(`${m}.${reference.tensor}`));
        }
      }
      expect(draws.drawsPerChain).toBe(opened.stateDicts);
    } finally {
      await opened.close();
    }
  });
});

describe('a training checkpoint', () => {
  it('is read as the network of its weights; the optimiser’s state is left aside', async () => {
    const opened = await openWeightFile(fixture('checkpoint.pt'));
    try {
      const { chain } = await requireChain(opened, { activation: 'relu' });
      expect(opened.optimizerPrefixes?.length).toBeGreaterThan(0);
      expect(chain.layers.every(({ weight }) => !opened.optimizerPrefixes!.some((prefix) => weight.tensor.startsWith(prefix)))).toBe(true);
      expect((await readParameters(opened, chain)).length).toBe(chain.parameters);
    } finally {
      await opened.close();
    }
  });
});
