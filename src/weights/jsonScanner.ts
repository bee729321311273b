/**
 * A strict scanner for JSON (RFC 8259) over bytes, for headers that come from strangers. Unlike `JSON.parse` it lets the reader see every
 * key (so that a repeated one is noticed), names the byte where the text goes wrong, never recurses into what it skips, and
 * builds nothing but what the reader asks for: a header of 100 MB costs no more than the tensors that it lists.
 */

/** Ends the reading with an error about the byte at `position`. */
export type Fail = (position: number, problem: string) => never;

// Deeper than any real header; what lies deeper is refused rather than skipped.
const MAX_DEPTH = 100;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const END = -1;
const LONGEST_WORD = 16;
const WORDS = 256;
// A whole number of so many digits is below 2⁵³.
const EXACT_DIGITS = 15;

const literals = ['true', 'false', 'null'];

export class JsonScanner {
  readonly #bytes: Buffer;
  readonly #fail: Fail;
  #at = 0;
  readonly #words: string[] = new Array<string>(WORDS).fill('');

  /** @param bytes valid UTF-8 */
  constructor(bytes: Uint8Array, fail: Fail) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fail = fail;
  }

  get position(): number {
    return this.#at;
  }

  /** Past a value that was read by other means. @param position of the byte after it */
  goOn(position: number): void {
    this.#at = position;
  }

  /** An object; `visit` reads the value of each key in turn. */
  object(what: string, visit: (key: string) => void): void {
    this.#open(what, OPEN_BRACE, 'an object');
    if (this.#take(CLOSE_BRACE)) return;
    do {
      const key = this.string('a key');
      this.#require(COLON, '":" after the key');
      visit(key);
    } while (this.#take(COMMA));
    this.#require(CLOSE_BRACE, '"," or "}"');
  }

  /** An array; `visit` reads each element in turn. */
  array(what: string, visit: (index: number) => void): void {
    this.#open(what, OPEN_BRACKET, 'an array');
    if (this.#take(CLOSE_BRACKET)) return;
    let index = 0;
    do visit(index++); while (this.#take(COMMA));
    this.#require(CLOSE_BRACKET, '"," or "]"');
  }

  string(what: string): string {
    this.#open(what, QUOTE, 'a string');
    const bytes = this.#bytes;
    const start = this.#at;
    let ascii = true;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#at = at + 1;
        if (!ascii) return bytes.toString('utf8', start, at);
        return at - start <= LONGEST_WORD ? this.#word(start, at) : bytes.toString('latin1', start, at);
      }
      if (byte === BACKSLASH) return this.#escapedString(start);
      if (byte < 0x20) this.#fail(at, 'not valid JSON: a control character inside a string');
      if (byte >= 0x80) ascii = false;
    }
    return this.#fail(start - 1, 'not valid JSON: a string without an end');
  }

  /** Keys and names of types occur again and again: one that was met before is compared, which is cheaper than making it anew. */
  #word(start: number, end: number): string {
    const bytes = this.#bytes;
    let hash = end - start;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) & (WORDS - 1);
    const known = this.#words[hash];
    if (known?.length === end - start) {
      let at = start;
      while (at < end && known.charCodeAt(at - start) === bytes[at]) at++;
      if (at === end) return known;
    }
    const word = bytes.toString('latin1', start, end);
    this.#words[hash] = word;
    return word;
  }

  /** A non-negative integer, written without sign, point and exponent, below 2⁵³. */
  wholeNumber(what: string): number {
    const first = this.#peek();
    const start = this.#at;
    const plain = this.#plainNumber();
    if (plain !== undefined) return plain;
    if (first !== MINUS && !isDigit(first)) this.#unexpected(what, 'a whole number');
    const text = this.numberText();
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(value)) this.#fail(start, `${what}: expected a whole number, found ${shorten(text)}`);
    if (!Number.isSafeInteger(value)) this.#fail(start, `${what}: ${shorten(text)} is beyond 2^53`);
    return value;
  }

  /** Digits that are exact as they are read and nothing but a whole number; otherwise nothing is taken. */
  #plainNumber(): number | undefined {
    const bytes = this.#bytes;
    let at = this.#at;
    let value = 0;
    for (let byte = bytes[at] ?? END; isDigit(byte); byte = bytes[++at] ?? END) value = 10 * value + byte - 0x30;
    const digits = at - this.#at;
    const next = bytes[at] ?? END;
    if (digits === 0 || digits > EXACT_DIGITS || (digits > 1 && bytes[this.#at] === 0x30) || next === 0x2e || (next | 0x20) === 0x65) return undefined;
    this.#at = at;
    return value;
  }

  /** A number as it is written. */
  numberText(): string {
    this.#peek();
    const start = this.#at;
    this.#number();
    return this.#bytes.toString('latin1', start, this.#at);
  }

  /** What the next value is, for people and for choosing how to read it. */
  next(): 'a string' | 'a number' | 'an object' | 'an array' | 'true' | 'false' | 'null' | 'the end' | 'no value' {
    const byte = this.#peek();
    if (byte === END) return 'the end';
    if (byte === QUOTE) return 'a string';
    if (byte === OPEN_BRACE) return 'an object';
    if (byte === OPEN_BRACKET) return 'an array';
    if (byte === MINUS || isDigit(byte)) return 'a number';
    return byte === 0x74 ? 'true' : byte === 0x66 ? 'false' : byte === 0x6e ? 'null' : 'no value';
  }

  /** Any value, checked and forgotten. */
  skip(): void {
    // One letter a level: "{" or "[".
    const open: ('{' | '[')[] = [];
    for (;;) {
      const next = this.next();
      if (next === 'an object' || next === 'an array') {
        this.#at++;
        if (open.length === MAX_DEPTH) this.#fail(this.#at - 1, `nested more than ${MAX_DEPTH} levels deep`);
        const closing = next === 'an object' ? CLOSE_BRACE : CLOSE_BRACKET;
        if (!this.#take(closing)) {
          open.push(next === 'an object' ? '{' : '[');
          if (next === 'an object') this.#key();
          continue;
        }
      } else if (next === 'a string') this.string('a value');
      else if (next === 'a number') this.#number();
      else this.#literal();
      // After a value: on to the next one of the same level, or out of as many levels as end here.
      for (;;) {
        const level = open.at(-1);
        if (level === undefined) return;
        if (this.#take(COMMA)) {
          if (level === '{') this.#key();
          break;
        }
        this.#require(level === '{' ? CLOSE_BRACE : CLOSE_BRACKET, level === '{' ? '"," or "}"' : '"," or "]"');
        open.pop();
      }
    }
  }

  /** Nothing but white space may follow. */
  end(): void {
    if (this.#peek() !== END) this.#fail(this.#at, 'not valid JSON: something follows after the end of the object');
  }

  #key(): void {
    this.string('a key');
    this.#require(COLON, '":" after the key');
  }

  #peek(): number {
    const bytes = this.#bytes;
    while (this.#at < bytes.length) {
      const byte = bytes[this.#at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.#at++;
    }
    return END;
  }

  #take(byte: number): boolean {
    if (this.#peek() !== byte) return false;
    this.#at++;
    return true;
  }

  #require(byte: number, what: string): void {
    if (!this.#take(byte)) this.#fail(this.#at, `not valid JSON: expected ${what}, found ${this.#found()}`);
  }

  #open(what: string, byte: number, kind: string): void {
    if (this.#peek() !== byte) this.#unexpected(what, kind);
    this.#at++;
  }

  #unexpected(what: string, kind: string): never {
    const next = this.next();
    if (next === 'no value' || next === 'the end') this.#fail(this.#at, `not valid JSON: expected ${kind}, found ${this.#found()}`);
    this.#fail(this.#at, `${what}: expected ${kind}, found ${next}`);
  }

  #found(): string {
    const byte = this.#peek();
    if (byte === END) return 'the end of the text';
    return byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte 0x${byte.toString(16).padStart(2, '0')}`;
  }

  #number(): void {
    const start = this.#at;
    if (this.#bytes[this.#at] === MINUS) this.#at++;
    const leadingZero = this.#bytes[this.#at] === 0x30;
    const digits = this.#digits();
    let valid = digits === 1 || (digits > 1 && !leadingZero);
    if (this.#bytes[this.#at] === 0x2e) {
      this.#at++;
      valid = this.#digits() > 0 && valid;
    }
    if (((this.#bytes[this.#at] ?? 0) | 0x20) === 0x65) {
      this.#at++;
      if (this.#bytes[this.#at] === MINUS || this.#bytes[this.#at] === 0x2b) this.#at++;
      valid = this.#digits() > 0 && valid;
    }
    if (!valid) this.#fail(start, 'not valid JSON: a number is malformed');
  }

  #digits(): number {
    const start = this.#at;
    while (isDigit(this.#bytes[this.#at] ?? END)) this.#at++;
    return this.#at - start;
  }

  #literal(): void {
    const word = literals.find((literal) => this.#bytes.toString('latin1', this.#at, this.#at + literal.length) === literal);
    if (word === undefined) return this.#fail(this.#at, `not valid JSON: expected a value, found ${this.#found()}`);
    this.#at += word.length;
  }

  /** A string with escapes: its end is found here, what they mean is left to the engine's own parser. */
  #escapedString(start: number): string {
    const bytes = this.#bytes;
    let end = start;
    while (end < bytes.length && bytes[end] !== QUOTE) end += bytes[end] === BACKSLASH ? 2 : 1;
    if (end >= bytes.length) return this.#fail(start - 1, 'not valid JSON: a string without an end');
    this.#at = end + 1;
    const text = unescaped(bytes.toString('utf8', start - 1, end + 1));
    if (text === undefined) return this.#fail(start - 1, 'not valid JSON: a string with an unknown escape or a control character');
    return text.isWellFormed() ? text : this.#fail(start - 1, 'not valid JSON: a string with half of a surrogate pair');
  }
}

function unescaped(quoted: string): string | undefined {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return undefined;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function shorten(text: string): string {
  return text.length <= 24 ? text : `${text.slice(0, 23)}…`;
}
