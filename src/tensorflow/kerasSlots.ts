/**
 * Which tensors of a file belong in which variables of a layers model. TensorFlow.js names them alike on both sides; files of Keras list them layer
 * by layer, in the order of the layer's `weights`, below folders that follow the layer's parts.
 */
import type { KerasLayer, TensorInfo, WeightFile } from '../weights/weightFile.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { WeightSlot } from './messages.ts';

/** @returns the file's tensor of each slot, by the slot's name @throws WeightFileError when one is not there */
export function tensorsOfSlots(file: WeightFile, slots: readonly WeightSlot[]): ReadonlyMap<string, TensorInfo> {
  return file.kerasLayers === undefined ? named(file, slots) : byLayer(file, file.kerasLayers, slots);
}

/** TensorFlow 2.2 and later put the cell's name between layer and weight: `lstm/lstm_cell/kernel`. */
function named(file: WeightFile, slots: readonly WeightSlot[]): ReadonlyMap<string, TensorInfo> {
  const short = (name: string): string => name.split('/').toSpliced(-2, 1).join('/');
  const shortened = new Map(file.tensors.filter(({ name }) => name.includes('/')).map((tensor) => [short(tensor.name), tensor]));
  return new Map(slots.map(({ name }) => {
    const tensor = file.tensor(name) ?? shortened.get(name);
    if (tensor === undefined) throw new WeightFileError(file.path, '', `has no tensor for the weight "${showName(name)}" of its model`);
    return [name, tensor];
  }));
}

function byLayer(file: WeightFile, layers: readonly KerasLayer[], slots: readonly WeightSlot[]): ReadonlyMap<string, TensorInfo> {
  const assigned = new Map<string, TensorInfo>();
  for (const layer of new Set(slots.map((slot) => slot.layer))) {
    const own = slots.filter((slot) => slot.layer === layer).sort((a, b) => a.place - b.place);
    const names = weightsOf(layers, layer);
    if (names.length !== own.length) throw new WeightFileError(file.path, `layer "${showName(layer)}"`, `has ${names.length} tensors in the file, TensorFlow.js expects ${own.length}`);
    for (const [k, { name }] of own.entries()) {
      const tensor = file.tensor(names[k]!);
      if (tensor === undefined) throw new WeightFileError(file.path, `tensor "${showName(names[k]!)}"`, 'is not there');
      assigned.set(name, tensor);
    }
  }
  return assigned;
}

/** Of a layer and its parts: cells, wrapped layers, both directions. */
function weightsOf(layers: readonly KerasLayer[], name: string): readonly string[] {
  const own = layers.find((layer) => layer.name === name);
  if (own === undefined) return [];
  if (own.weights.length > 0) return own.weights;
  const parts = layers.filter(({ group, weights }) => weights.length > 0 && group.startsWith(`${own.group}/`));
  // Folders come in alphabetical order, directions forwards first.
  const direction = ({ group }: KerasLayer): number => (group.slice(own.group.length).startsWith('/backward_layer') ? 1 : 0);
  return [...parts].sort((a, b) => direction(a) - direction(b)).flatMap(({ weights }) => weights);
}
