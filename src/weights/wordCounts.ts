/**
 * How often values occur, by the leading bits of their floating-point patterns: patterns of one sign are ordered as the magnitudes they
 * stand for, so that counts by pattern are counts in ordered cells, fine where numbers are small, and no range has to be known beforehand.
 * A pattern's first word of 32 bits is all of a float32, or the upper half of a float64. Its first 20 bits choose one of 2²⁰ cells
 * (relative width 2⁻¹¹ in float32, 2⁻⁸ in float64); a second look divides chosen cells by the other 12 bits (one value a cell in float32,
 * relative width 2⁻²⁰ in float64).
 */
import type { OrderedCells } from './orderedCells.ts';

const FINE_BITS = 12;
const FINE = 2 ** FINE_BITS;
const CELLS = 2 ** 20;
const MAGNITUDES = CELLS / 2;
// A count of 32 bits holds this many elements for certain.
const SURELY_COUNTED = 2 ** 32 - 1;

export interface WordFormat {
  /** Words of an element; the last one, being little-endian, is the first of the pattern. */
  readonly words: 1 | 2;
  /** The first magnitude word that is not finite. */
  readonly finiteEnd: number;
  /** The value of a word whose element's other bits are all 0, or all 1. */
  readonly value: (word: number, otherBits: 0 | 1) => number;
}

const patternWords = new Uint32Array(2);
const patternFloat32 = new Float32Array(patternWords.buffer);
const patternFloat64 = new Float64Array(patternWords.buffer);

export const float32Words: WordFormat = {
  words: 1,
  finiteEnd: 0x7f800000,
  value(word) {
    patternWords[0] = word;
    return patternFloat32[0]!;
  },
};

export const float64Words: WordFormat = {
  words: 2,
  finiteEnd: 0x7ff00000,
  value(word, otherBits) {
    patternWords[0] = -otherBits;
    patternWords[1] = word;
    return patternFloat64[0]!;
  },
};

/** Cells with the numbers under which they are chosen for a second look; −1 where there is nothing left to look at. */
export interface WordCells extends OrderedCells {
  readonly keys: Int32Array;
}

export class WordCounts {
  readonly #format: WordFormat;
  readonly #counts: Uint32Array;
  /** What was in `#counts` before it might have overflowed. */
  #carried: Float64Array | undefined;
  #added = 0;
  /** For a chosen cell, its position in `#fine` from 1 on. */
  readonly #chosen = new Map<number, number>();
  #positions: Uint16Array | undefined;
  #fine = new Float64Array(0);

  /** @param counts memory of 2²⁰ counts, which is this object's own until it is done with */
  constructor(format: WordFormat, counts: Uint32Array = new Uint32Array(CELLS)) {
    this.#format = format;
    this.#counts = counts.fill(0);
  }

  /** To be called before so many elements are counted in `counts` by someone else. */
  announce(elements: number): void {
    this.#added += elements;
    if (this.#added > SURELY_COUNTED) this.#carry(elements);
  }

  /** @param patterns elements as little-endian words; those that are not finite are counted too, and left out by `cells` */
  add(patterns: Uint32Array): void {
    const step = this.#format.words;
    this.announce(patterns.length / step);
    const counts = this.#counts;
    for (let i = step - 1; i < patterns.length; i += step) counts[patterns[i]! >>> FINE_BITS]!++;
  }

  /** Chooses cells for a second look, to which all elements must then be shown. At most 2¹⁶ − 1. */
  choose(keys: Iterable<number>): void {
    this.#positions = new Uint16Array(CELLS);
    for (const key of keys) {
      if (key < 0 || this.#chosen.has(key)) continue;
      this.#chosen.set(key, this.#chosen.size + 1);
      this.#positions[key] = this.#chosen.size;
    }
    this.#fine = new Float64Array((this.#chosen.size + 1) * FINE);
  }

  addChosen(patterns: Uint32Array): void {
    const step = this.#format.words;
    const positions = this.#positions ?? new Uint16Array(CELLS);
    const fine = this.#fine;
    for (let i = step - 1; i < patterns.length; i += step) {
      const word = patterns[i]!;
      const position = positions[word >>> FINE_BITS]!;
      if (position !== 0) fine[(position << FINE_BITS) | (word & (FINE - 1))]!++;
    }
  }

  /** The occupied cells of finite elements, none of which is less than `min` or greater than `max`. */
  cells(min: number, max: number, zeros: number): WordCells {
    const low: number[] = [];
    const high: number[] = [];
    const count: number[] = [];
    const keys: number[] = [];
    const { value, finiteEnd } = this.#format;
    const push = (key: number, first: number, last: number, n: number): void => {
      // A negative number's pattern with more bits set is the lesser one.
      const [least, greatest] = key < MAGNITUDES ? [value(first, 0), value(last, 1)] : [value(last, 1), value(first, 0)];
      // The cells that hold the zeros often hold nothing else.
      const onlyZeros = (first === 0 || first === 0x80000000) && n <= zeros && this.#countOf(0) + this.#countOf(MAGNITUDES) === zeros;
      low.push(onlyZeros ? 0 : Math.max(min, least));
      high.push(onlyZeros ? 0 : Math.min(max, greatest));
      count.push(n);
      keys.push(onlyZeros || first === last ? -1 : key);
    };
    const visit = (key: number, n: number): void => {
      if (n === 0) return;
      const first = key * FINE;
      const position = this.#chosen.get(key);
      if (position === undefined) {
        push(key, first, first + FINE - 1, n);
        return;
      }
      for (let k = 0; k < FINE; k++) {
        const within = key < MAGNITUDES ? k : FINE - 1 - k;
        const fine = this.#fine[position * FINE + within]!;
        if (fine > 0) push(key, first + within, first + within, fine);
      }
    };
    const magnitudes = finiteEnd / FINE;
    for (let key = MAGNITUDES + magnitudes - 1; key >= MAGNITUDES; key--) if (this.#counts[key] !== 0 || this.#carried !== undefined) visit(key, this.#countOf(key));
    for (let key = 0; key < magnitudes; key++) if (this.#counts[key] !== 0 || this.#carried !== undefined) visit(key, this.#countOf(key));
    return { low: Float64Array.from(low), high: Float64Array.from(high), count: Float64Array.from(count), keys: Int32Array.from(keys) };
  }

  #countOf(key: number): number {
    return this.#counts[key]! + (this.#carried?.[key] ?? 0);
  }

  #carry(announced: number): void {
    this.#carried ??= new Float64Array(CELLS);
    for (let key = 0; key < CELLS; key++) this.#carried[key]! += this.#counts[key]!;
    this.#counts.fill(0);
    this.#added = announced;
  }
}
