/** The verdict on pairs whose answer is known: the same weights, a copy by symmetry, another network, and a unit that does nothing. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyses } from '../../../src/analyses/service.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Network } from '../../../src/network/network.ts';
import { tensorValues } from '../../../src/network/parameters.ts';
import { writeDescription } from '../../../src/network/writeDescription.ts';
import { activationNamed, LINEAR } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import type { Report } from '../../../src/protocol/report.ts';
import { mixedClasses } from '../../../src/symmetry/linearMaps.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { encodeElements, type RealDtype } from '../../../src/weights/dtype.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { mobilenet, resnet18 } from '../symmetry/architectures.ts';
import { Layers } from '../network/networks.ts';
import { context, temporaryFolder } from './workspace.ts';

interface Result {
  readonly sameFunction: string;
  readonly reason?: string;
  readonly distance: { readonly raw: number; readonly scaled: number; readonly aligned: number };
  readonly functionDistance: number;
  readonly classes: readonly { readonly layer: string; readonly moved: number }[];
}

const random = seededRandom(4);
const stateOf = (network: Network): Float64Array => Float64Array.from({ length: network.stateSize }, (_, i) => (i < network.parameters ? random.normal() : 0.5 + random.uniform()));

async function compared(network: Network, states: readonly [Float64Array, Float64Array], dtype: RealDtype = 'F64'): Promise<{ report: Report; result: Result }> {
  const folder = await temporaryFolder();
  const files = ['a', 'b'].map((name) => path.join(folder, `${name}.safetensors`)) as [string, string];
  for (const [k, file] of files.entries()) {
    const tensors = network.blocks.map((block) => ({ name: block.tensor, dtype, shape: block.fileShape, bytes: encodeElements(dtype, tensorValues(states[k]!, block)) }));
    await writeSafetensors(file, tensors, { 'quotient.network': writeDescription(network) }, { overwrite: true });
  }
  const report = await analyses.compare({ files, likelihood: 'gaussian', seed: 0 }, context);
  return { report, result: report.result as unknown as Result };
}

const networks: [string, Network][] = [
  ['relu', denseNetwork([3, 8, 7, 2], activationNamed('relu'))],
  ['tanh', denseNetwork([3, 8, 7, 2], activationNamed('tanh'))],
  ['linear', denseNetwork([3, 8, 7, 2], LINEAR)],
  ['linear between ReLU', new Layers([5]).dense(9).activation('relu').dense(4).dense(8).activation('relu').dense(3).build()],
  ['linear convolutions', new Layers([3, 9, 9]).conv(6, [3, 3]).activation('relu').conv(5, [3, 3], { padding: [1, 1] }).conv(7, [1, 1]).pool('avgpool', [2, 2], [1, 1]).conv(4, [3, 3]).activation('relu').globalPool('globalavgpool').dense(3).build()],
  ['depthwise', mobilenet()],
  ['residual', resnet18(4, 16)],
];

describe('compare', () => {
  it.each(networks)('finds the same weights: %s', async (_, network) => {
    const state = stateOf(network);
    const { result, report } = await compared(network, [state, state]);
    expect([result.sameFunction, result.reason]).toEqual(['yes', 'identical']);
    expect(report.sections.filter(({ kind }) => kind === 'lines')).toEqual([]);
    expect(result.distance).toEqual({ raw: 0, scaled: 0, aligned: 0 });
  });

  it.each([[0, 1], [1, 0]])('takes what a file does not tell from the other one, whose tensors have the same names and shapes: %i, %i', async (...order) => {
    const network = denseNetwork([3, 8, 7, 2], activationNamed('relu'));
    const folder = await temporaryFolder();
    const [told, untold] = ['told', 'untold'].map((name) => path.join(folder, `${name}.safetensors`)) as [string, string];
    for (const file of [told, untold]) {
      const state = stateOf(network);
      const tensors = network.blocks.map((block) => ({ name: block.tensor, dtype: 'F64' as const, shape: block.fileShape, bytes: encodeElements('F64', tensorValues(state, block)) }));
      await writeSafetensors(file, tensors, file === told ? { 'quotient.network': writeDescription(network) } : {}, { overwrite: true });
    }
    const request = { likelihood: 'gaussian', seed: 0 } as const;
    const files = order.map((k) => [told, untold][k]!) as [string, string];
    const { warnings, result } = await analyses.compare({ ...request, files }, context);
    expect(warnings).toEqual(['What lies between the layers of untold.safetensors is taken from told.safetensors, whose tensors have the same names and shapes.']);
    expect(result).toMatchObject({ distance: ((await analyses.compare({ ...request, files, activation: 'relu' }, context)).result as unknown as Result).distance });
    await expect(analyses.compare({ ...request, files: [untold, untold] }, context)).rejects.toThrow('nothing says which activation');
  });

  it.each(networks)('finds a copy by symmetry, and which units moved: %s', async (_, network) => {
    const state = stateOf(network);
    const copy = state.slice();
    applyElement(network, copy, randomElement(symmetryGroup(network), random, 0.3));
    const { result, report } = await compared(network, [state, copy]);
    expect(result.sameFunction).toBe('up-to-symmetry');
    expect(result.distance.raw).toBeGreaterThan(1);
    expect(result.distance.aligned).toBeLessThan(1e-9 * result.distance.raw);
    // Units that any matrix may mix have no places; where there are others, some moved.
    expect(result.classes.some(({ moved }) => moved > 0)).toBe(mixedClasses(network).length < result.classes.length);
    expect(report.summary).toContain('one network up to symmetry');
    // Between copies the function is lost, and with the symmetries divided out there is no way between them.
    const line = report.sections.find((section) => section.kind === 'lines' && section.id === 'function');
    const [raw, aligned] = line?.kind === 'lines' ? line.panels[0]!.series.map(({ y }) => Math.max(...y)) : [];
    expect(raw).toBeGreaterThan(1e-3);
    expect(aligned).toBeLessThan(1e-6);
  });

  it.each([networks[0]!, networks[3]!])('sees through the rounding of float32: %s', async (_, network) => {
    const state = stateOf(network).map(Math.fround);
    const copy = state.slice();
    applyElement(network, copy, randomElement(symmetryGroup(network), random, 0.3));
    expect((await compared(network, [state, copy], 'F32')).result.sameFunction).toBe('up-to-symmetry');
  });

  it.each(networks)('tells networks apart of which one weight differs: %s', async (_, network) => {
    const state = stateOf(network);
    const other = state.slice();
    applyElement(network, other, randomElement(symmetryGroup(network), random, 0.3));
    other[0]! += 0.1;
    const { result } = await compared(network, [state, other]);
    expect(result.sameFunction).toBe('no');
    expect(result.functionDistance).toBeGreaterThan(1e-6);
  });

  it('refuses networks whose weights have the same shapes and that compute with them in other ways', async () => {
    const folder = await temporaryFolder();
    const files = ['relu', 'tanh'].map((name) => path.join(folder, `${name}.safetensors`)) as [string, string];
    for (const [k, file] of files.entries()) {
      const network = networks[k]![1];
      const tensors = network.blocks.map((block) => ({ name: block.tensor, dtype: 'F64' as const, shape: block.fileShape, bytes: encodeElements('F64', new Float64Array(block.length)) }));
      await writeSafetensors(file, tensors, { 'quotient.network': writeDescription(network) }, { overwrite: true });
    }
    await expect(analyses.compare({ files, likelihood: 'gaussian', seed: 0 }, context)).rejects.toThrow(/tanh\.safetensors: does not hold the same network as .*relu\.safetensors \(its layer ".*" is tanh to 8, there ".*" is relu to 8\)/);
  });

  it('takes an activation for two files of which one says it itself', async () => {
    const network = networks[0]![1];
    const folder = await temporaryFolder();
    const files = ['bare', 'described'].map((name) => path.join(folder, `${name}.safetensors`)) as [string, string];
    const state = stateOf(network);
    for (const [k, file] of files.entries()) {
      const tensors = network.blocks.map((block) => ({ name: block.tensor, dtype: 'F64' as const, shape: block.fileShape, bytes: encodeElements('F64', tensorValues(state, block)) }));
      await writeSafetensors(file, tensors, k === 0 ? {} : { 'quotient.network': writeDescription(network) }, { overwrite: true });
    }
    const ask = async (activation: string) => (await analyses.compare({ files, activation, likelihood: 'gaussian', seed: 0 }, context)).result as unknown as Result;
    expect((await ask('relu')).sameFunction).toBe('yes');
    await expect(ask('tanh')).rejects.toThrow('described.safetensors: has relu between its layers');
  });

  it('says when functions agree beyond the known symmetries: a unit that reaches no output', async () => {
    const network = networks[0]![1];
    const state = stateOf(network);
    const { offset, shape } = network.blocks.find(({ tensor }) => tensor === '4.weight')!;
    for (let o = 0; o < shape[0]!; o++) state[offset + o * shape[1]!] = 0;
    const other = state.slice();
    const rows = network.blocks.find(({ tensor }) => tensor === '2.weight')!;
    for (let i = 0; i < rows.shape[1]!; i++) other[rows.offset + i]! += 1;
    const { result } = await compared(network, [state, other]);
    expect([result.sameFunction, result.reason]).toEqual(['yes', 'other']);
  });
});
