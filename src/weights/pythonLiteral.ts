/**
 * Python literals as far as NumPy writes them into `.npy` headers: dicts with text keys, tuples, lists, texts, whole numbers (also
 * with Python 2's L), True and False. Nothing is evaluated, and nesting is bounded.
 */
export type PythonLiteral =
  | string | number | boolean
  | { readonly kind: 'tuple' | 'list'; readonly items: readonly PythonLiteral[] }
  | { readonly kind: 'dict'; readonly entries: ReadonlyMap<string, PythonLiteral> };

export type ParsedLiteral = { readonly value: PythonLiteral } | { readonly problem: string; readonly at: number };

const DEEPEST = 16;

/** The whole text must be one literal, with blanks around it. */
export function parsePythonLiteral(text: string): ParsedLiteral {
  const parser = new LiteralParser(text);
  try {
    return { value: parser.whole() };
  } catch (error) {
    if (error instanceof LiteralProblem) return { problem: error.message, at: parser.at };
    throw error;
  }
}

class LiteralProblem extends Error {}

class LiteralParser {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): PythonLiteral {
    const value = this.#value(0);
    this.#skipBlanks();
    if (this.at < this.#text.length) throw new LiteralProblem('there is more text behind it');
    return value;
  }

  #value(depth: number): PythonLiteral {
    if (depth > DEEPEST) throw new LiteralProblem(`nested more than ${DEEPEST} levels deep`);
    this.#skipBlanks();
    const next = this.#text[this.at];
    if (next === '{') return this.#dict(depth);
    if (next === '(') return this.#sequence('tuple', ')', depth);
    if (next === '[') return this.#sequence('list', ']', depth);
    if (next === "'" || next === '"') return this.#string();
    const number = this.#match(/(-?\d+)L?/y);
    // JavaScript's Number('-0') is negative zero, which no whole number is.
    if (number !== undefined) return Number(number) + 0;
    const word = this.#match(/(True|False)/y);
    if (word !== undefined) return word === 'True';
    throw new LiteralProblem(next === undefined ? 'the text ends too early' : 'a value is expected here');
  }

  #dict(depth: number): PythonLiteral {
    this.at++;
    const entries = new Map<string, PythonLiteral>();
    while (!this.#accept('}')) {
      if (entries.size > 0) this.#require(',');
      if (entries.size > 0 && this.#accept('}')) break;
      const key = this.#value(depth + 1);
      if (typeof key !== 'string') throw new LiteralProblem('a key is not a text');
      if (entries.has(key)) throw new LiteralProblem('a key is there twice');
      this.#require(':');
      entries.set(key, this.#value(depth + 1));
    }
    return { kind: 'dict', entries };
  }

  /** In parentheses a single value without a comma is that value, as in Python. */
  #sequence(kind: 'tuple' | 'list', close: string, depth: number): PythonLiteral {
    this.at++;
    const items: PythonLiteral[] = [];
    let commas = 0;
    while (!this.#accept(close)) {
      if (items.length > 0) {
        this.#require(',');
        commas++;
        if (this.#accept(close)) break;
      }
      items.push(this.#value(depth + 1));
    }
    const [only] = items;
    return kind === 'tuple' && commas === 0 && only !== undefined ? only : { kind, items };
  }

  #string(): string {
    const text = this.#match(/'((?:[^'\\\n]|\\.)*)'/y) ?? this.#match(/"((?:[^"\\\n]|\\.)*)"/y);
    if (text === undefined) throw new LiteralProblem('a text does not end');
    return text.replace(/\\(.)/g, '$1');
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.at = pattern.lastIndex;
    return found[1];
  }

  #accept(character: string): boolean {
    this.#skipBlanks();
    if (this.#text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  #require(character: string): void {
    if (!this.#accept(character)) throw new LiteralProblem(`"${character}" is expected here`);
  }

  #skipBlanks(): void {
    this.#match(/([ \t\r\n]*)/y);
  }
}
