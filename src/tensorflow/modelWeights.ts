/**
 * The weights of a model in float32, from its own file, from another of the same model, or from draws: a container of tensors (safetensors, npz, …)
 * whose names are those of the model's weights, alone or with leading draw axes.
 */
import { MemoryLimitError } from '../protocol/userError.ts';
import { formatBytes } from '../protocol/format.ts';
import type { TensorInfo, WeightFile } from '../weights/weightFile.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { tensorsOfSlots } from './kerasSlots.ts';
import type { ModelFacts, WeightArray, WeightValues } from './messages.ts';

/** A weight of the model, and what it is called in the file that holds the model. */
export interface ModelWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: WeightValues['dtype'];
  readonly tensor: string;
}

/** Of a graph model before it is loaded: the tensors of its file are its constants. @throws WeightFileError for types that no weight has */
export function graphWeights(file: WeightFile): ModelWeight[] {
  return file.tensors.map((tensor) => ({ name: tensor.name, shape: tensor.shape, dtype: dtypeOf(file, tensor), tensor: tensor.name }));
}

/** Of a layers model that is loaded. @throws WeightFileError when a tensor is missing or has another shape */
export function layersWeights(file: WeightFile, { slots }: ModelFacts): ModelWeight[] {
  const tensors = tensorsOfSlots(file, slots);
  return slots.flatMap(({ name, shape }) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) return [];
    if (tensor.shape.join() !== shape.join()) throw new WeightFileError(file.path, `tensor "${showName(tensor.name)}"`, `has the shape [${tensor.shape.join(', ')}], TensorFlow.js expects [${shape.join(', ')}] for the weight "${showName(name)}"`);
    return [{ name, shape, dtype: 'float32' as const, tensor: tensor.name }];
  });
}

/** How many draws a container of the model's weights holds. @throws WeightFileError when a weight is missing or its shape does not fit */
export function drawsIn(file: WeightFile, weights: readonly ModelWeight[]): number {
  let leading: readonly number[] | undefined;
  for (const weight of weights) {
    const tensor = file.tensor(weight.tensor) ?? file.tensor(weight.name);
    if (tensor === undefined) throw new WeightFileError(file.path, '', `has no tensor "${showName(weight.tensor)}", a weight of the model`);
    const axes = tensor.shape.length - weight.shape.length;
    const own = tensor.shape.slice(0, Math.max(0, axes));
    const fits = axes >= 0 && axes <= 2 && tensor.shape.slice(axes).join() === weight.shape.join() && (leading === undefined || leading.join() === own.join());
    if (!fits) throw new WeightFileError(file.path, `tensor "${showName(tensor.name)}"`, `has the shape [${tensor.shape.join(', ')}]; the weight has [${weight.shape.join(', ')}], with the same draw axes before it in every tensor`);
    leading ??= own;
  }
  return (leading ?? []).reduce((product, length) => product * length, 1);
}

/** @param draw which of those in the file */
export async function readWeights(file: WeightFile, weights: readonly ModelWeight[], draw = 0): Promise<WeightValues[]> {
  const values: WeightValues[] = [];
  for (const { name, shape, dtype, tensor } of weights) {
    const elements = shape.reduce((product, length) => product * length, 1);
    const read = await file.read(file.tensor(tensor) === undefined ? name : tensor, draw * elements, (draw + 1) * elements);
    values.push({ name, shape, dtype, values: arrayOf(dtype, read) });
  }
  return values;
}

/** Twice as they are sent, once as they are kept. @throws MemoryLimitError */
export function requireRoom(weights: readonly ModelWeight[], memoryLimitBytes: number): void {
  const bytes = 12 * weights.reduce((sum, { shape }) => sum + shape.reduce((product, length) => product * length, 1), 0);
  if (bytes > memoryLimitBytes) throw new MemoryLimitError(`the model's weights need ${formatBytes(bytes)} while TensorFlow.js takes them over, the limit is ${formatBytes(memoryLimitBytes)}`);
}

function arrayOf(dtype: WeightValues['dtype'], values: Float64Array): WeightArray {
  if (dtype === 'float32') return Float32Array.from(values);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

function dtypeOf(file: WeightFile, { name, dtype }: TensorInfo): WeightValues['dtype'] {
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'F64' || dtype === 'BF16') return 'float32';
  if (dtype === 'I32' || dtype === 'U8' || dtype === 'U16') return 'int32';
  if (dtype === 'BOOL') return 'bool';
  throw new WeightFileError(file.path, `tensor "${showName(name)}"`, `is ${dtype}, which no weight of a model that is run here is`);
}
