/**
 * What PyTorch pickled, as a list of tensors: the same for both containers, the zip archive and the older file in which the storages
 * follow the pickle. They differ only in where a storage's bytes lie.
 */
import { basename } from 'node:path';
import { flattenCheckpoint } from './checkpoint.ts';
import { bytesPerElement } from './dtype.ts';
import type { PickleCall, PickleValue } from './pickleValue.ts';
import { readTensor } from './pytorchTensor.ts';
import type { StoredTensor, Storages, TensorReading } from './pytorchTensor.ts';
import { WeightFileError, showName } from './weightFileError.ts';
import type { TensorInfo, WeightFile } from './weightFile.ts';

// Warnings about single tensors; the rest is counted.
const MOST_WARNINGS = 20;

export interface PickledTensor {
  readonly info: TensorInfo;
  readonly stored: StoredTensor;
}

/** All of a `WeightFile` that the pickle decides. */
export interface PickledTensors extends Pick<WeightFile, 'tensors' | 'metadata' | 'warnings' | 'optimizerPrefixes' | 'stateDicts' | 'tensor'> {
  /** @throws WeightFileError when there is no tensor of this name */
  stored(name: string): PickledTensor;
}

/** @throws WeightFileError naming the tensor that contradicts itself or its storage */
export function listPickledTensors(path: string, root: PickleValue, storages: Storages): PickledTensors {
  // The name of a lone tensor: that of the file.
  const rootName = basename(path).replace(/\.(pt|pth|ckpt|bin)$/i, '');
  const readings = new Map<PickleCall, TensorReading | undefined>();
  const readingOf = (call: PickleCall): TensorReading | undefined => {
    if (!readings.has(call)) readings.set(call, readTensor(call, storages));
    return readings.get(call);
  };
  const { tensors: found, scalars, optimizerPrefixes, stateDicts } = flattenCheckpoint(root, (call) => readingOf(call) !== undefined, rootName);

  const tensors = new Map<string, PickledTensor>();
  const leftOut: string[] = [];
  for (const { name, value } of found) {
    const reading = readingOf(value);
    if (reading === undefined) continue;
    const place = `tensor "${showName(name)}"`;
    if ('problem' in reading) throw new WeightFileError(path, place, reading.problem);
    if ('leftOut' in reading) {
      leftOut.push(`Tensor "${showName(name)}" is left out: ${reading.leftOut}.`);
      continue;
    }
    if (tensors.has(name)) throw new WeightFileError(path, place, 'is there twice once the names of nested dicts are joined by dots');
    const { dtype, shape, elements } = reading.tensor;
    tensors.set(name, { info: { name, dtype, shape, elements, bytes: elements * bytesPerElement[dtype] }, stored: reading.tensor });
  }
  return {
    tensors: [...tensors.values()].map(({ info }) => info),
    metadata: Object.fromEntries(scalars),
    warnings: [
      ...leftOut.slice(0, MOST_WARNINGS),
      ...(leftOut.length > MOST_WARNINGS ? [`${leftOut.length - MOST_WARNINGS} more tensors are left out for reasons like these.`] : []),
      ...optimizerWarnings([...tensors.keys()], optimizerPrefixes),
    ],
    optimizerPrefixes,
    ...(stateDicts > 0 ? { stateDicts } : {}),
    tensor: (name) => tensors.get(name)?.info,
    stored(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new WeightFileError(path, `tensor "${showName(name)}"`, 'is not there');
      return tensor;
    },
  };
}

function optimizerWarnings(names: readonly string[], prefixes: readonly string[]): string[] {
  return prefixes.flatMap((prefix) => {
    const count = names.filter((name) => name.startsWith(prefix)).length;
    const which = prefix === '' ? 'All tensors' : `The ${count} tensors whose names begin with "${showName(prefix)}"`;
    return count === 0 ? [] : [`${which} are an optimiser's state, not weights.`];
  });
}
