/** Recognising the network in a weight file that no description speaks of, by the first thing in it that tells: its graph, its configuration, its names and shapes. */
import type { WeightFile } from '../weights/weightFile.ts';
import { recognizeDenseLayers } from './recognize.ts';
import type { Recognition } from './recognition.ts';
import type { NamedShape } from './tensorUses.ts';

export interface Recognized {
  readonly recognition: Recognition;
  /** For people: where it was read from. */
  readonly source: string;
}

/** Counters of batches seen: in state dicts of PyTorch, part of no function. */
export const isCounter = (name: string): boolean => /(^|\.)num_batches_tracked$/.test(name);

/** @param tensors names and shapes of the file's weights, without leading draw axes */
export async function recognizeNetwork(_file: WeightFile, tensors: readonly NamedShape[]): Promise<Recognized> {
  await Promise.resolve();
  return { recognition: recognizeDenseLayers(tensors.filter(({ name }) => !isCounter(name))), source: 'names and shapes' };
}
