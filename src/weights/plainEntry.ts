/**
 * The entry of a tensor in a safetensors header as nearly every writer writes it, `{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}` without white
 * space, read in one go. Whatever is written otherwise, or is wrong, is left to the scanner, which knows what to say: headers of a million
 * tensors are read in half the time, and nothing is accepted that would not be otherwise.
 */
import { bytesPerElement, type Dtype } from './dtype.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;
const ZERO = 0x30;
const DTYPE = Buffer.from('{"dtype":"');
const SHAPE = Buffer.from(',"shape":');
const OFFSETS = Buffer.from(',"data_offsets":');
// A whole number of so many digits is below 2⁵³.
const EXACT_DIGITS = 15;
const MOST_AXES = 8;
const SHAPES = 1024;

export class PlainEntryReader {
  readonly #bytes: Uint8Array;
  readonly #dtypeOf: ReadonlyMap<string, Dtype>;
  readonly #numbers = new Float64Array(MOST_AXES);
  /** Few shapes occur again and again: each is kept once, as long as no other takes its place. */
  readonly #shapes = new Array<readonly number[]>(SHAPES).fill([]);
  #at = 0;
  #count = 0;
  #dtypeName = '';

  /** What was read last. */
  dtype: Dtype = 'F32';
  shape: readonly number[] = [];
  elements = 0;
  bytes = 0;
  begin = 0;

  constructor(bytes: Uint8Array, dtypeOf: ReadonlyMap<string, Dtype>) {
    this.#bytes = bytes;
    this.#dtypeOf = dtypeOf;
  }

  /** @returns where the entry that begins at `at` ends; −1 when it is none of this form, or not a right one */
  read(at: number): number {
    this.#at = at;
    if (!this.#take(DTYPE) || !this.#takeDtype() || !this.#take(SHAPE) || !this.#takeNumbers()) return -1;
    let elements = 1;
    for (let axis = 0; axis < this.#count; axis++) elements *= this.#numbers[axis]!;
    const shape = this.#sharedShape();
    if (!this.#take(OFFSETS) || !this.#takeNumbers() || this.#count !== 2 || this.#bytes[this.#at] !== CLOSE_BRACE) return -1;
    const bytes = elements * bytesPerElement[this.dtype];
    const [begin = 0, end = 0] = this.#numbers;
    if (bytes > Number.MAX_SAFE_INTEGER || end - begin !== bytes) return -1;
    this.shape = shape;
    this.elements = elements;
    this.bytes = bytes;
    this.begin = begin;
    return this.#at + 1;
  }

  #take(text: Uint8Array): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
    this.#at = start + text.length;
    return true;
  }

  /** Up to and with the quote behind it. */
  #takeDtype(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    const last = this.#dtypeName;
    let length = 0;
    while (length < last.length && bytes[start + length] === last.charCodeAt(length)) length++;
    if (length !== last.length || length === 0 || bytes[start + length] !== QUOTE) {
      length = bytes.subarray(start, start + 20).indexOf(QUOTE);
      const name = String.fromCharCode(...bytes.subarray(start, start + Math.max(0, length)));
      const dtype = this.#dtypeOf.get(name);
      if (dtype === undefined) return false;
      this.dtype = dtype;
      this.#dtypeName = name;
    }
    this.#at = start + length + 1;
    return true;
  }

  /** An array of at most eight whole numbers, into `#numbers`. */
  #takeNumbers(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at++] !== OPEN_BRACKET) return false;
    let count = 0;
    if (bytes[at] === CLOSE_BRACKET) {
      this.#count = 0;
      this.#at = at + 1;
      return true;
    }
    for (;;) {
      const start = at;
      let value = 0;
      let digit = (bytes[at] ?? 0) - ZERO;
      while (digit >= 0 && digit <= 9) {
        value = 10 * value + digit;
        digit = (bytes[++at] ?? 0) - ZERO;
      }
      const digits = at - start;
      if (digits === 0 || digits > EXACT_DIGITS || (digits > 1 && bytes[start] === ZERO) || count === MOST_AXES) return false;
      this.#numbers[count++] = value;
      const byte = bytes[at++];
      if (byte === CLOSE_BRACKET) break;
      if (byte !== COMMA) return false;
    }
    this.#count = count;
    this.#at = at;
    return true;
  }

  #sharedShape(): readonly number[] {
    const count = this.#count;
    const numbers = this.#numbers;
    let hash = count;
    for (let axis = 0; axis < count; axis++) hash = (Math.imul(hash, 31) + numbers[axis]!) & (SHAPES - 1);
    const known = this.#shapes[hash]!;
    if (known.length === count) {
      let axis = 0;
      while (axis < count && known[axis] === numbers[axis]) axis++;
      if (axis === count) return known;
    }
    const shape = Array.from(numbers.subarray(0, count));
    this.#shapes[hash] = shape;
    return shape;
  }
}
