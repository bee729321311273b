/**
 * Elements that are written as a packed list of varints, as protobuf writes integers: each takes 1 to 10 bytes, so that the place of one is known
 * only once all before it have been passed. A reading goes on where the last one ended when it can, which makes reading a tensor in pieces linear.
 */
import type { ByteSource } from './byteSource.ts';
import { bytesPerElement, decodeElements, isReal } from './dtype.ts';
import { requireRange } from './storedElements.ts';
import type { TensorInfo } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';

const WINDOW_BYTES = 1024 * 1024;
const LONGEST_VARINT = 10;

export class VarintElements {
  readonly #source: ByteSource;
  readonly #tensor: TensorInfo;
  readonly #start: number;
  readonly #end: number;
  /** An element, and the byte where it begins. */
  #known: { readonly element: number; readonly position: number };

  /** The list takes bytes [start, end) of the source. */
  constructor(source: ByteSource, tensor: TensorInfo, start: number, end: number) {
    this.#source = source;
    this.#tensor = tensor;
    this.#start = start;
    this.#end = end;
    this.#known = { element: 0, position: start };
  }

  /** @throws WeightFileError when the list holds fewer numbers than the tensor has elements, or more, or one of more than 64 bits */
  async read(start: number, end: number): Promise<Float64Array> {
    const { dtype, elements } = this.#tensor;
    const { path } = this.#source;
    const place = `tensor "${showName(this.#tensor.name)}"`;
    if (!isReal(dtype)) throw new WeightFileError(path, place, `is of ${dtype}, whose values are not read`);
    requireRange(path, this.#tensor, start, end);
    const width = bytesPerElement[dtype];
    const stored = new Uint8Array((end - start) * width);
    let { element, position } = this.#known.element <= start ? this.#known : { element: 0, position: this.#start };
    while (element < end) {
      const window = await this.#source.read(position, Math.min(WINDOW_BYTES, this.#end - position));
      const last = position + window.length === this.#end;
      // A number that may go on behind the window waits for the next one.
      const stop = last ? window.length : window.length - LONGEST_VARINT;
      let at = 0;
      while (element < end && at < stop) {
        const target = element < start ? -1 : (element - start) * width;
        at = takeInto(stored, target, width, window, at);
        if (at < 0) throw new WeightFileError(path, place, `element ${element} is a number of more than 64 bits, or ends behind its data`);
        element++;
      }
      position += at;
      if (last && element < end) throw new WeightFileError(path, place, `has ${elements} elements, but its data hold only ${element} numbers`);
    }
    if (element === elements && position < this.#end) throw new WeightFileError(path, place, `has ${elements} elements, but its data hold more`);
    this.#known = { element, position };
    return decodeElements(dtype, stored);
  }
}

/**
 * The lowest `width` bytes of the number at `at` of `window`, little-endian, to `target` of `stored` (nowhere when it is negative).
 * @returns where the number ends; -1 when it does not
 */
function takeInto(stored: Uint8Array, target: number, width: number, window: Uint8Array, at: number): number {
  let low = 0;
  let high = 0;
  let next = at;
  for (let group = 0; ; group++) {
    if (next >= window.length || group === LONGEST_VARINT) return -1;
    const byte = window[next++]!;
    const bits = byte & 0x7f;
    if (group < 4) low |= bits << (7 * group);
    else if (group === 4) {
      low |= bits << 28;
      high = bits >> 4;
    } else high |= bits << (7 * group - 32);
    if (group === LONGEST_VARINT - 1 && byte > 1) return -1;
    if (byte < 0x80) break;
  }
  if (target >= 0) for (let k = 0; k < width; k++) stored[target + k] = (k < 4 ? low >>> (8 * k) : high >>> (8 * k - 32)) & 0xff;
  return next;
}
