/**
 * Between the tensors of a weight file and state vectors w = [θ; buffers] (layout in network.ts), for one network or for a set of
 * draws whose tensors carry leading draw axes.
 */
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { type Block, type Network } from './network.ts';

/**
 * w of draws [start, end) of a file, (end − start) × `network.stateSize` row-major; a plain checkpoint is one draw.
 * @throws WeightFileError when a tensor cannot be read or holds a value that is not finite
 */
export async function readState(file: WeightFile, network: Network, start = 0, end = 1): Promise<Float64Array> {
  const draws = end - start;
  const size = network.stateSize;
  const state = new Float64Array(draws * size);
  for (const block of network.blocks) {
    const { tensor, length, offset } = block;
    const values = await file.read(tensor, start * length, end * length);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new WeightFileError(file.path, `tensor "${showName(tensor)}"`, `holds ${values[bad]!} at element ${start * length + bad}; the analysis needs finite weights`);
    }
    const place = placeInBlock(block);
    for (let m = 0; m < draws; m++) {
      const to = m * size + offset;
      if (place === undefined) state.set(values.subarray(m * length, (m + 1) * length), to);
      else for (let k = 0; k < length; k++) state[to + place[k]!] = values[m * length + k]!;
    }
  }
  return state;
}

/** One block of w in the element order of its tensor in the file: the inverse of reading. */
export function tensorValues(state: Float64Array, block: Block): Float64Array {
  const values = state.slice(block.offset, block.offset + block.length);
  const place = placeInBlock(block);
  return place === undefined ? values : Float64Array.from(place, (at) => values[at]!);
}

/** "0.weight[1,0]" for every entry of θ, in the file's own index order. */
export function parameterNames(network: Network): string[] {
  const names = new Array<string>(network.parameters);
  for (const block of network.blocks) {
    if (!block.trainable) continue;
    const place = placeInBlock(block);
    const index = block.fileShape.map(() => 0);
    for (let k = 0; k < block.length; k++) {
      names[block.offset + (place === undefined ? k : place[k]!)] = `${block.tensor}[${index.join(',')}]`;
      for (let axis = index.length - 1; axis >= 0; axis--) {
        index[axis]!++;
        if (index[axis]! < block.fileShape[axis]!) break;
        index[axis] = 0;
      }
    }
  }
  return names;
}

/** For each element of the tensor, where it is in the block; undefined when the orders agree. */
function placeInBlock({ shape, fileAxes, length }: Block): Int32Array | undefined {
  if (fileAxes.every((axis, k) => axis === k)) return undefined;
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  const place = new Int32Array(length);
  let repeat = length;
  for (const axis of fileAxes) {
    const count = shape[axis]!;
    repeat /= count;
    for (let k = 0; k < length; k++) place[k]! += (Math.floor(k / repeat) % count) * strides[axis]!;
  }
  return place;
}
