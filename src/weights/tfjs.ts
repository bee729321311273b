/**
 * TensorFlow.js models, layers and graph models: `model.json` and the shards that its manifest names. The shards of a group are one run of
 * bytes in which weights follow each other without gaps. Quantised weights are given as TensorFlow.js itself computes them (`decodeWeight` of
 * `tfjs-core/src/io/io_utils.ts`): stored · scale + min in float64, rounded to float32.
 */
import { ByteCursor } from './byteCursor.ts';
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement } from './dtype.ts';
import { openNamed } from './folderTree.ts';
import { joinRanges } from './joinedSource.ts';
import { plainElements, readStoredElements } from './storedElements.ts';
import { parseTfjsManifest, type Quantization, type TfjsManifest, type TfjsWeight } from './tfjsManifest.ts';
import type { TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';
import { formatCountOf } from '../protocol/format.ts';

const LARGEST_MODEL_JSON = 256_000_000;

interface TfjsTensor {
  readonly info: TensorInfo;
  readonly group: ByteSource;
  /** First byte within the group. */
  readonly offset: number;
  readonly quantization: Quantization | undefined;
}

/**
 * Reads `model.json`, opens every shard and reads nothing of them but the lengths of texts. The JSON file is closed when this returns.
 * @throws WeightFileError naming the byte of `model.json`, the shard or the tensor
 */
export async function openTfjs(source: ByteSource): Promise<WeightFile> {
  const { path, size } = source;
  if (size > LARGEST_MODEL_JSON) throw new WeightFileError(path, '', `is ${size} bytes long; a model.json has at most ${LARGEST_MODEL_JSON}`);
  const { groups, metadata } = parseTfjsManifest(path, await source.read(0, size));
  const shards: ByteSource[] = [];
  const close = async (): Promise<void> => {
    for (const shard of shards) await shard.close();
  };
  try {
    const tensors = new Map<string, TfjsTensor>();
    const warnings: string[] = [];
    for (const [index, group] of groups.entries()) {
      const opened: ByteSource[] = [];
      for (const name of group.paths) {
        const shard = await openNamed(path, name, `shard "${showName(name)}"`, 'the model');
        shards.push(shard);
        opened.push(shard);
      }
      const joined = joinRanges(path, opened.map((shard) => ({ source: shard, start: 0, length: shard.size })));
      warnings.push(...await layOut(path, joined, group.weights, `group ${index + 1}`, tensors));
    }
    warnings.push(...aboutWeights(groups.flatMap(({ weights }) => weights)));
    await source.close();
    return {
      path,
      format: `TensorFlow.js ${kindOf(metadata)}, ${formatCountOf(shards.length, 'shard')}`,
      fileBytes: size + shards.reduce((sum, shard) => sum + shard.size, 0),
      tensors: [...tensors.values()].map(({ info }) => info),
      metadata,
      warnings,
      tensor: (name) => tensors.get(name)?.info,
      async read(name, start = 0, end) {
        const tensor = tensors.get(name);
        if (tensor === undefined) throw new WeightFileError(path, `tensor "${showName(name)}"`, 'is not in the manifest');
        return readWeight(tensor, start, end ?? tensor.info.elements);
      },
      plain(name) {
        const tensor = tensors.get(name);
        return tensor === undefined || tensor.quantization !== undefined ? undefined : plainElements(tensor.group, tensor.info, tensor.offset);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function kindOf(metadata: TfjsManifest['metadata']): string {
  return metadata['format'] === 'graph-model' ? 'graph model' : metadata['format'] === 'layers-model' ? 'layers model' : 'model';
}

/** Gives every weight of a group its place. @returns warnings about the group */
async function layOut(path: string, group: ByteSource, weights: readonly TfjsWeight[], place: string, tensors: Map<string, TfjsTensor>): Promise<string[]> {
  const warnings: string[] = [];
  let offset = 0;
  for (const { name, shape, elements, dtype, quantization } of weights) {
    const named = `tensor "${showName(name)}"`;
    if (dtype === 'string') {
      offset = await skipTexts(path, group, offset, elements, `${named}, ${place}`);
      warnings.push(`Tensor "${showName(name)}" is left out: it holds ${elements} texts.`);
      continue;
    }
    const bytes = elements * bytesPerElement[quantization?.dtype ?? dtype];
    if (offset + bytes > group.size) {
      throw new WeightFileError(path, named, `its ${bytes} bytes begin at byte ${offset} of ${place}, whose shards hold ${group.size} together; one is missing or truncated`);
    }
    tensors.set(name, { info: { name, dtype, shape, elements, bytes, ...(quantization === undefined ? {} : { storedDtype: quantization.dtype }) }, group, offset, quantization });
    offset += bytes;
  }
  if (offset < group.size) warnings.push(`${group.size - offset} bytes behind the weights of ${place} are ignored, as TensorFlow.js does.`);
  return warnings;
}

/** Each text has its length in bytes before it. @returns the first byte behind the texts */
async function skipTexts(path: string, group: ByteSource, offset: number, elements: number, place: string): Promise<number> {
  const short = (at: number): WeightFileError => new WeightFileError(path, place, `its ${elements} texts do not fit into the shards, which end at byte ${group.size}, from byte ${at} on`);
  if (4 * elements > group.size - offset) throw short(offset);
  const cursor = new ByteCursor(group, { start: offset });
  for (let i = 0; i < elements; i++) {
    if (cursor.remaining < 4) throw short(cursor.position);
    if (cursor.available < 4) await cursor.load(4, 'the length of a text');
    const length = cursor.u32();
    if (length > cursor.remaining) throw short(cursor.position);
    cursor.skip(length);
  }
  return cursor.position;
}

function aboutWeights(weights: readonly TfjsWeight[]): string[] {
  const quantized = weights.filter(({ quantization }) => quantization !== undefined);
  const optimizers = weights.filter(({ isOptimizers }) => isOptimizers);
  const types = [...new Set(quantized.map(({ quantization }) => quantization?.dtype))].join(', ');
  return [
    ...(quantized.length === 0 ? [] : [`${quantized.length} of ${weights.length} tensors are stored quantised (${types}) and are dequantised as they are read.`]),
    ...(optimizers.length === 0 ? [] : [`${formatCountOf(optimizers.length, 'tensor')} ${optimizers.length === 1 ? 'is' : 'are'} an optimiser's state, not weights.`]),
  ];
}

async function readWeight({ info, group, offset, quantization }: TfjsTensor, start: number, end: number): Promise<Float64Array> {
  if (quantization === undefined) return readStoredElements(group, info, offset, start, end);
  const { dtype, scale, min } = quantization;
  const values = await readStoredElements(group, { ...info, dtype }, offset, start, end);
  if (dtype === 'F16') return values;
  const rounded = info.dtype === 'I32' ? new Int32Array(1) : new Float32Array(1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]! * scale + min;
    rounded[0] = info.dtype === 'I32' ? Math.round(value) : value;
    values[i] = rounded[0]!;
  }
  return values;
}
