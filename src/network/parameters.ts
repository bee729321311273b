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
export function readState(file: WeightFile, network: Network, start = 0, end = 1): Promise<Float64Array> {
  return new StateReader(network).read(file, start, end);
}

/** Reads many states of one network; what it needs besides the result is kept from one to the next. One read at a time. */
export class StateReader {
  readonly #network: Network;
  readonly #places: readonly (Int32Array | undefined)[];
  #bytes = new ArrayBuffer(0);

  constructor(network: Network) {
    this.#network = network;
    this.#places = network.blocks.map(placeInBlock);
  }

  /** As `readState`. @param into receives the result when given; exactly as long */
  async read(file: WeightFile, start: number, end: number, into?: Float64Array): Promise<Float64Array> {
    const { blocks, stateSize } = this.#network;
    const draws = end - start;
    const state = into ?? new Float64Array(draws * stateSize);
    for (const [b, { tensor, length, offset }] of blocks.entries()) {
      const values = await this.#elements(file, tensor, start * length, end * length);
      const place = this.#places[b];
      for (let m = 0; m < draws; m++) {
        const to = m * stateSize + offset;
        if (place === undefined) state.set(values.subarray(m * length, (m + 1) * length), to);
        else for (let k = 0; k < length; k++) state[to + place[k]!] = values[m * length + k]!;
        if (allFinite(state, to, to + length)) continue;
        const bad = values.findIndex((value) => !Number.isFinite(value));
        throw new WeightFileError(file.path, `tensor "${showName(tensor)}"`, `holds ${values[bad]!} at element ${start * length + bad}; the analysis needs finite weights`);
      }
    }
    return state;
  }

  /** Plain float32 and float64 as they are in the file, in memory that the next call overwrites. */
  async #elements(file: WeightFile, tensor: string, start: number, end: number): Promise<Float32Array | Float64Array> {
    const info = file.tensor(tensor);
    const plain = info?.dtype === 'F32' || info?.dtype === 'F64' ? file.plain?.(tensor) : undefined;
    if (info === undefined || plain?.source.readInto === undefined || end > info.elements) return file.read(tensor, start, end);
    const width = info.dtype === 'F32' ? 4 : 8;
    const bytes = (end - start) * width;
    if (bytes > LARGEST_PLAIN) return file.read(tensor, start, end);
    if (this.#bytes.byteLength < bytes) this.#bytes = new ArrayBuffer(bytes);
    await plain.source.readInto(plain.position + start * width, new Uint8Array(this.#bytes, 0, bytes));
    return width === 4 ? new Float32Array(this.#bytes, 0, end - start) : new Float64Array(this.#bytes, 0, end - start);
  }
}

/** Bytes that are kept for reading (64 MiB); longer tensors are read in pieces that are given back. */
const LARGEST_PLAIN = 2 ** 26;

/** Whether entries [begin, end) are numbers and not infinite: 0 · x is 0 for these only. */
export function allFinite(values: Float64Array, begin = 0, end = values.length): boolean {
  // Four sums, because each addition waits for the one before it.
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = begin;
  for (; i + 3 < end; i += 4) {
    a += 0 * values[i]!;
    b += 0 * values[i + 1]!;
    c += 0 * values[i + 2]!;
    d += 0 * values[i + 3]!;
  }
  for (; i < end; i++) a += 0 * values[i]!;
  return a + b + c + d === 0;
}

/**
 * A vector in the layout of θ, length D, from other tensors of the file that are shaped as the parameters: gradients, moments of an optimiser.
 * @throws WeightFileError when one cannot be read or holds a value that is not finite
 */
export async function readLikeParameters(file: WeightFile, network: Network, tensorOf: (block: Block) => string): Promise<Float64Array> {
  const vector = new Float64Array(network.parameters);
  for (const block of network.blocks) {
    if (!block.trainable) continue;
    const tensor = tensorOf(block);
    const values = await file.read(tensor);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new WeightFileError(file.path, `tensor "${showName(tensor)}"`, `holds ${values[bad]!} at element ${bad}; a direction has finite entries`);
    const place = placeInBlock(block);
    for (let k = 0; k < block.length; k++) vector[block.offset + (place === undefined ? k : place[k]!)] = values[k]!;
  }
  return vector;
}

/** One block of w in the element order of its tensor in the file: the inverse of reading. */
export function tensorValues(state: Float64Array, block: Block): Float64Array {
  const values = state.slice(block.offset, block.offset + block.length);
  const place = placeInBlock(block);
  return place === undefined ? values : Float64Array.from(place, (at) => values[at]!);
}

/** "0.weight[1,0]" for an entry of θ, in the file's own index order. */
export function parameterName(network: Network, position: number): string {
  const block = network.blocks.find(({ trainable, offset, length }) => trainable && offset <= position && position < offset + length);
  if (block === undefined) throw new RangeError(`θ has no entry ${position}`);
  const { tensor, fileShape, fileAxes, shape, offset } = block;
  const own = unravel(position - offset, shape);
  return `${tensor}[${unravel(ravel(fileAxes.map((axis) => own[axis]!), fileAxes.map((axis) => shape[axis]!)), fileShape).join(',')}]`;
}

/** Entry of θ that is called so; undefined for a name that is no parameter's. */
export function parameterPosition(network: Network, name: string): number | undefined {
  for (const { trainable, tensor, fileShape, fileAxes, shape, offset } of network.blocks) {
    if (!trainable || !name.startsWith(`${tensor}[`) || !name.endsWith(']')) continue;
    const text = name.slice(tensor.length + 1, -1);
    const index = text === '' ? [] : text.split(',');
    if (index.length !== fileShape.length || !index.every((part, axis) => /^(0|[1-9]\d*)$/.test(part) && Number(part) < fileShape[axis]!)) continue;
    const stored = unravel(ravel(index.map(Number), fileShape), fileAxes.map((axis) => shape[axis]!));
    const own = new Array<number>(shape.length).fill(0);
    fileAxes.forEach((axis, k) => { own[axis] = stored[k]!; });
    return offset + ravel(own, shape);
  }
  return undefined;
}

/** Place of an index in row-major order. */
function ravel(index: readonly number[], shape: readonly number[]): number {
  return index.reduce((place, at, axis) => place * shape[axis]! + at, 0);
}

function unravel(place: number, shape: readonly number[]): number[] {
  let rest = place;
  return shape.toReversed().map((size) => {
    const at = rest % size;
    rest = Math.floor(rest / size);
    return at;
  }).reverse();
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
