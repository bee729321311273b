/** The step of an optimiser against the rules: PyTorch's and Optax's own states after one step of training (test/fixtures/make*Fixtures.py). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Network } from '../../../src/network/network.ts';
import { readOptimizerStep } from '../../../src/network/optimizerStep.ts';
import { tensorValues } from '../../../src/network/parameters.ts';
import { requireNetwork } from '../../../src/network/readNetwork.ts';
import type { NetworkOptions } from '../../../src/protocol/service.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import type { WeightFile } from '../../../src/weights/weightFile.ts';

const fixtures = path.join(import.meta.dirname, '../../fixtures');
const layers: NetworkOptions = { activation: 'tanh' };

async function withFile(at: string, options: NetworkOptions, check: (file: WeightFile, network: Network) => Promise<void>): Promise<void> {
  const file = await openWeightFile(at);
  try {
    await check(file, (await requireNetwork(file, options)).network);
  } finally {
    await file.close();
  }
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotient-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it('Adam’s first step is the sign of the gradient, whatever the gradient: m̂ = g and v̂ = g²', async () => {
  await withFile(path.join(fixtures, 'pytorch/checkpoint.pt'), layers, async (file, network) => {
    const { rule, step } = await readOptimizerStep(file, network);
    expect(rule).toBe('Adam');
    const signs: number[] = [];
    for (const [k, block] of network.blocks.entries()) {
      const gradient = await file.read(`optimizer.state.${k}.exp_avg`);
      signs.push(...gradient.map(Math.sign));
      tensorValues(step, block).forEach((entry, i) => { expect(entry).toBeCloseTo(-Math.sign(gradient[i]!), 5); });
    }
    expect(new Set(signs)).toEqual(new Set([1, -1]));
  });
});

it('Optax keeps moments under the names of parameters: gradients of one throughout make a step of −1', async () => {
  const folder = await temporaryFolder();
  const description = path.join(folder, 'layers.json');
  const dense = (name: string): object => ({ weight: `params.${name}.kernel`, bias: `params.${name}.bias`, order: 'in-out' });
  await writeFile(description, JSON.stringify({ input: [3], layers: [{ ...dense('Dense_0'), activation: 'relu' }, dense('Dense_1')] }));
  await withFile(path.join(fixtures, 'flax/train-state.msgpack'), { network: description }, async (file, network) => {
    const { rule, step } = await readOptimizerStep(file, network);
    expect(rule).toBe('Adam');
    expect(step).toHaveLength(network.parameters);
    step.forEach((entry) => { expect(entry).toBeCloseTo(-1, 4); });
  });
});

it('momentum is the step of SGD, parameters in the order of the model, buffers of batch normalisation left out', async () => {
  await withFile(path.join(fixtures, 'pytorchLegacy/checkpoint.pt'), layers, async (file, network) => {
    const { rule, step } = await readOptimizerStep(file, network);
    expect(rule).toBe('momentum');
    const order = ['0.weight', '0.bias', '1.weight', '1.bias', '3.weight', '3.bias'];
    for (const block of network.blocks) {
      if (!block.trainable) continue;
      const momentum = await file.read(`optimizer.state.${order.indexOf(block.tensor.replace('state_dict.', ''))}.momentum_buffer`);
      expect(Array.from(tensorValues(step, block))).toEqual(Array.from(momentum, (entry) => -entry));
    }
  });
});

it('a file without an optimiser, and an optimiser of another network, are refused by name', async () => {
  await withFile(path.join(fixtures, 'pytorchLegacy/state-dict.pt'), layers, async (file, network) => {
    await expect(readOptimizerStep(file, network)).rejects.toThrow(/state-dict\.pt.*holds no optimiser’s state.*--step gradient/);
  });
  const opened = await openWeightFile(path.join(fixtures, 'pytorch/checkpoint.pt'));
  try {
    const { network } = await requireNetwork(opened, layers);
    const without = { ...network, blocks: network.blocks.slice(1) };
    await expect(readOptimizerStep(opened, without)).rejects.toThrow(/its optimiser’s state is of 4 parameters, the network has 3/);
    const turned = { ...network, blocks: network.blocks.map((block) => ({ ...block, fileShape: [...block.fileShape].reverse() })) };
    await expect(readOptimizerStep(opened, turned)).rejects.toThrow(/"optimizer\.state\.0\.exp_avg".*has shape \[4, 3\], the parameter "state_dict\.module\.0\.weight" \[3, 4\]/);
  } finally {
    await opened.close();
  }
});
