/**
 * The bytes of a pickle: opcodes, their arguments and the constants that stand in them (numbers, texts, bytes). Every length is
 * compared with the bytes that remain before anything is taken, and every error carries the offset of the opcode it belongs to.
 */
import type { PickleValue } from './pickleValue.ts';
import { WeightFileError } from './weightFileError.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// Python writes no integer of a checkpoint longer than this; turning text into huge integers takes quadratic time.
const LONGEST_INTEGER_BYTES = 1024;
const LONGEST_NUMBER_TEXT = 2048;
const SHORT_TEXT = 48;

export class PickleReader {
  readonly #path: string;
  readonly #place: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;
  #opcodeAt: number;

  constructor(path: string, place: string, bytes: Uint8Array, start: number) {
    this.#path = path;
    this.#place = place;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#opcodeAt = start;
  }

  /** The next byte. */
  get position(): number {
    return this.#at;
  }

  /** An error at the opcode that is being read, or at the byte given. */
  error(problem: string, at = this.#opcodeAt): WeightFileError {
    return new WeightFileError(this.#path, `${this.#place}, byte ${at}`, problem);
  }

  opcode(): number {
    this.#opcodeAt = this.#at;
    if (this.#at >= this.#bytes.length) throw this.error('the pickle ends without its STOP');
    return this.#bytes[this.#at++]!;
  }

  /** Unsigned, little-endian. */
  uint(bytes: 1 | 2 | 4 | 8): number {
    const at = this.#take(bytes);
    switch (bytes) {
      case 1: return this.#view.getUint8(at);
      case 2: return this.#view.getUint16(at, true);
      case 4: return this.#view.getUint32(at, true);
      case 8: return Number(this.#view.getBigUint64(at, true));
    }
  }

  /** A line of text, without its end. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.error('a line of text does not end before the pickle does');
    const text = this.#text(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  memoIndex(): number {
    const text = this.line();
    const index = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(index)) throw this.error('an index into the memo is not a whole number');
    return index;
  }

  /** The length of the frame that follows; frames help streaming readers and mean nothing to the values. */
  frame(): void {
    const length = this.uint(8);
    if (length > this.#remaining()) throw this.#tooLong('a frame', length);
  }

  /** The constant that an opcode stands for, with what follows it; undefined when the opcode is not one of a constant. */
  constant(opcode: number): PickleValue | undefined {
    switch (opcode) {
      case 0x4e: return null; // NONE
      case 0x88: return true; // NEWTRUE
      case 0x89: return false; // NEWFALSE
      case 0x4a: return this.#view.getInt32(this.#take(4), true); // BININT
      case 0x4b: return this.uint(1); // BININT1
      case 0x4d: return this.uint(2); // BININT2
      case 0x8a: return this.#integer(this.uint(1)); // LONG1
      case 0x8b: return this.#integer(this.uint(4)); // LONG4
      case 0x47: return this.#view.getFloat64(this.#take(8)); // BINFLOAT, the one big-endian number
      case 0x49: return this.#decimal(true); // INT
      case 0x4c: return this.#decimal(false); // LONG
      case 0x46: return this.#float(); // FLOAT
      case 0x58: return this.#string(this.uint(4)); // BINUNICODE
      case 0x8c: return this.#string(this.uint(1)); // SHORT_BINUNICODE
      case 0x8d: return this.#string(this.uint(8)); // BINUNICODE8
      case 0x55: return this.#string(this.uint(1)); // SHORT_BINSTRING, Python 2's text
      case 0x54: return this.#string(this.uint(4)); // BINSTRING
      case 0x56: return this.line().replace(/\\u([0-9a-fA-F]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))); // UNICODE
      case 0x53: return this.#quoted(); // STRING
      case 0x43: return this.#blob(this.uint(1)); // SHORT_BINBYTES
      case 0x42: return this.#blob(this.uint(4)); // BINBYTES
      case 0x8e: return this.#blob(this.uint(8)); // BINBYTES8
      case 0x96: return this.#blob(this.uint(8)); // BYTEARRAY8
      default: return undefined;
    }
  }

  #string(length: number): string {
    if (length > this.#remaining()) throw this.#tooLong('a text', length);
    const at = this.#take(length);
    return this.#text(at, at + length);
  }

  #blob(length: number): PickleValue {
    if (length > this.#remaining()) throw this.#tooLong('a byte string', length);
    const at = this.#take(length);
    return { kind: 'bytes', bytes: this.#bytes.subarray(at, at + length) };
  }

  /** Two's complement, little-endian, of any length. */
  #integer(length: number): number | bigint {
    if (length > this.#remaining()) throw this.#tooLong('an integer', length);
    if (length > LONGEST_INTEGER_BYTES) throw this.error(`an integer of ${length} bytes is longer than the ${LONGEST_INTEGER_BYTES} that are read`);
    if (length === 0) return 0;
    const at = this.#take(length);
    const hex = Buffer.from(this.#bytes.subarray(at, at + length)).reverse().toString('hex');
    return narrow(BigInt.asIntN(8 * length, BigInt(`0x${hex}`)));
  }

  #decimal(withBooleans: boolean): number | bigint | boolean {
    const text = this.line();
    // Protocol 0 writes the truth values in this form.
    if (withBooleans && text === '00') return false;
    if (withBooleans && text === '01') return true;
    if (text.length > LONGEST_NUMBER_TEXT || !/^[+-]?\d+L?$/.test(text)) throw this.error('an integer is not written as one');
    const digits = text.replace(/^\+|L$/g, '');
    // Adding 0 makes a zero of JavaScript's negative zero, which no whole number is.
    return digits.length < 16 ? Number(digits) + 0 : narrow(BigInt(digits));
  }

  #float(): number {
    const text = this.line();
    const special: Readonly<Record<string, number>> = { inf: Infinity, '-inf': -Infinity, nan: NaN };
    const value = special[text] ?? (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && text.length <= LONGEST_NUMBER_TEXT ? Number(text) : undefined);
    if (value === undefined) throw this.error('a floating-point number is not written as one');
    return value;
  }

  /** A text in quotation marks, with Python's escapes. */
  #quoted(): string {
    const text = this.line();
    const quote = text[0];
    if (text.length < 2 || (quote !== '"' && quote !== "'") || !text.endsWith(quote)) throw this.error('a text is not in quotation marks');
    const plain: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };
    return text.slice(1, -1).replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (whole, hex: string | undefined, letter: string | undefined) =>
      (hex === undefined ? plain[letter ?? ''] ?? whole : String.fromCharCode(Number.parseInt(hex, 16))));
  }

  #text(from: number, to: number): string {
    // Most texts are short and ASCII, and then this is several times as fast as a decoder.
    if (to - from <= SHORT_TEXT) {
      let text = '';
      let at = from;
      for (; at < to && this.#bytes[at]! < 0x80; at++) text += String.fromCharCode(this.#bytes[at]!);
      if (at === to) return text;
    }
    try {
      return utf8.decode(this.#bytes.subarray(from, to));
    } catch {
      throw this.error('a text is not valid UTF-8');
    }
  }

  #take(length: number): number {
    if (length > this.#remaining()) throw this.error('the pickle ends within the argument of this opcode');
    const at = this.#at;
    this.#at += length;
    return at;
  }

  #tooLong(what: string, length: number): WeightFileError {
    return this.error(`${what} of ${length} bytes begins here, more than the pickle has left`);
  }

  #remaining(): number {
    return this.#bytes.length - this.#at;
  }
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
