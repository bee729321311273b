/** Recognising the network in a weight file that no description speaks of, by the first thing in it that tells: its graph, its names and shapes. */
import type { OnnxFile } from '../weights/onnx.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { recognizeFamily } from './families.ts';
import { recognizeKerasWeights } from './kerasChain.ts';
import { recognizeKeras } from './kerasNetwork.ts';
import { listedWeights, namedWeights } from './kerasWeights.ts';
import { recognizeOnnx } from './onnxNetwork.ts';
import { recognizeDenseLayers } from './recognize.ts';
import { recognizeNormalised } from './recognizeNormalised.ts';
import type { Recognition } from './recognition.ts';
import type { NamedShape } from './tensorUses.ts';
import { recognizeTfjsGraph } from './tfjsGraph.ts';

export interface Recognized {
  readonly recognition: Recognition;
  /** For people: where it was read from. */
  readonly source: string;
}

/** Counters of batches seen: in state dicts of PyTorch, part of no function. */
export const isCounter = (name: string): boolean => /(^|\.)num_batches_tracked$/.test(name);

/** What the file itself says of its network; undefined when it holds tensors alone. */
export async function recognizeSelfDescribed(file: WeightFile): Promise<Recognized | undefined> {
  if (isOnnx(file)) return { recognition: await recognizeOnnx(file), source: 'its graph' };
  const { kerasConfig, kerasLayers = [] } = file;
  if (kerasConfig !== undefined) return { recognition: recognizeKeras(kerasConfig, listedWeights(kerasLayers, file.tensors)), source: 'its configuration' };
  if (kerasLayers.length > 0) return { recognition: recognizeKerasWeights(kerasLayers, file.tensors), source: 'names and shapes' };
  if (file.metadata['format'] === 'graph-model') return { recognition: recognizeTfjsGraph(file.metadata['modelTopology']), source: 'its graph' };
  const topology = file.metadata['format'] === 'layers-model' ? file.metadata['modelTopology'] : undefined;
  if (topology !== undefined) return { recognition: recognizeKeras(topology, namedWeights(file.tensors)), source: 'its configuration' };
  return undefined;
}

/** @param tensors names and shapes of the file's weights, without leading draw axes */
export function recognizeTensors(tensors: readonly NamedShape[]): Recognized {
  const counted = tensors.filter(({ name }) => !isCounter(name));
  return { recognition: recognizeFamily(counted) ?? recognizeNormalised(counted) ?? recognizeDenseLayers(counted), source: 'names and shapes' };
}

function isOnnx(file: WeightFile): file is OnnxFile {
  return 'graph' in file;
}
