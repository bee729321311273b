/**
 * Networks that real frameworks exported (PyTorch through ONNX and as state dicts, Keras 2 and 3, TensorFlow.js), on small images where
 * the network takes any: the symmetries do not depend on the image's size, the time does.
 */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { readDescription } from '../../../src/network/description.ts';
import type { Network } from '../../../src/network/network.ts';
import { readState } from '../../../src/network/parameters.ts';
import { requireNetwork } from '../../../src/network/readNetwork.ts';
import { writeDescription } from '../../../src/network/writeDescription.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';

const folder = path.join(import.meta.dirname, '../../fixtures/architectures');
export const exported = readdirSync(folder).filter((name) => !name.endsWith('.json')).map((name) => (name.startsWith('tfjs-') ? `${name}/model.json` : name));
/** Whose file does not say what lies between the layers. */
const activations: Readonly<Record<string, string>> = { 'family-lenet.pt': 'relu', 'family-mlp.pt': 'tanh' };
/** Side at which every convolution still sees more than its padding; networks that pool over all positions at the end take any. */
const smallSide = (side: number): number => Math.min(33, Math.ceil(side / 2));

export interface Exported {
  readonly network: Network;
  readonly state: Float64Array;
}

export async function loadExported(name: string): Promise<Exported> {
  const file = await openWeightFile(path.join(folder, name));
  try {
    const { network: found } = await requireNetwork(file, activations[name] === undefined ? {} : { activation: activations[name] });
    const network = onSmallImages(found);
    return { network, state: await readState(file, network) };
  } finally {
    await file.close();
  }
}

function onSmallImages(network: Network): Network {
  const [channels, ...spatial] = network.nodes[0]!.shape;
  const anySize = network.nodes.some(({ op }) => op === 'globalavgpool') && !network.nodes.some((node) => node.op === 'layernorm' && node.over === 'all');
  if (!anySize) return network;
  const description = JSON.parse(writeDescription(network)) as Record<string, unknown>;
  const shapes = network.blocks.map(({ tensor, fileShape }) => ({ name: tensor, shape: fileShape }));
  return readDescription(JSON.stringify({ ...description, input: [channels, ...spatial.map(smallSide)] }), 'small', shapes);
}
