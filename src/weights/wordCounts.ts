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

/** 2²⁰ of each. */
export interface CellMemory {
  readonly counts: Uint32Array;
  readonly positions: Uint16Array;
}

export function cellMemory(counts: Uint32Array = new Uint32Array(CELLS)): CellMemory {
  return { counts, positions: new Uint16Array(CELLS) };
}

export class WordCounts {
  readonly #format: WordFormat;
  readonly #counts: Uint32Array;
  readonly #positions: Uint16Array;
  /** What was in `#counts` before it might have overflowed. */
  #carried: Float64Array | undefined;
  #added = 0;
  /** For a chosen cell, its position in `#fine` from 1 on. */
  readonly #chosen = new Map<number, number>();
  /** Keys of occupied cells by ascending value, once the first look is over. */
  #occupied: Int32Array | undefined;
  #fine = new Float64Array(0);

  /** @param memory all zero; this object's own from now on */
  constructor(format: WordFormat, { counts, positions }: CellMemory = cellMemory()) {
    this.#format = format;
    this.#counts = counts;
    this.#positions = positions;
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
    for (const key of keys) {
      if (key < 0 || this.#chosen.has(key)) continue;
      this.#chosen.set(key, this.#chosen.size + 1);
      this.#positions[key] = this.#chosen.size;
    }
    this.#fine = new Float64Array((this.#chosen.size + 1) * FINE);
  }

  addChosen(patterns: Uint32Array): void {
    const step = this.#format.words;
    const positions = this.#positions;
    const fine = this.#fine;
    for (let i = step - 1; i < patterns.length; i += step) {
      const word = patterns[i]!;
      const position = positions[word >>> FINE_BITS]!;
      if (position !== 0) fine[(position << FINE_BITS) | (word & (FINE - 1))]!++;
    }
  }

  /** The occupied cells of finite elements, none of which is less than `min` or greater than `max`. Nothing is added afterwards. */
  cells(min: number, max: number, zeros: number): WordCells {
    this.#occupied ??= this.#occupiedKeys();
    const { value } = this.#format;
    const onlyZerosAtZero = this.#countOf(0) + this.#countOf(MAGNITUDES) === zeros;
    const room = this.#occupied.length + this.#chosen.size * (FINE - 1);
    const low = new Float64Array(room);
    const high = new Float64Array(room);
    const count = new Float64Array(room);
    const keys = new Int32Array(room);
    let n = 0;
    for (const key of this.#occupied) {
      const first = key * FINE;
      const negative = key >= MAGNITUDES;
      const position = this.#chosen.get(key);
      if (position === undefined) {
        // A negative number's pattern with more bits set is the lesser one. The cells that hold the zeros often hold nothing else.
        const zero = onlyZerosAtZero && (key === 0 || key === MAGNITUDES);
        low[n] = zero ? 0 : Math.max(min, negative ? value(first + FINE - 1, 1) : value(first, 0));
        high[n] = zero ? 0 : Math.min(max, negative ? value(first, 0) : value(first + FINE - 1, 1));
        count[n] = this.#countOf(key);
        keys[n++] = zero ? -1 : key;
        continue;
      }
      for (let k = 0; k < FINE; k++) {
        const within = negative ? FINE - 1 - k : k;
        const fine = this.#fine[position * FINE + within]!;
        if (fine === 0) continue;
        low[n] = Math.max(min, value(first + within, negative ? 1 : 0));
        high[n] = Math.min(max, value(first + within, negative ? 0 : 1));
        count[n] = fine;
        keys[n++] = -1;
      }
    }
    return { low: low.subarray(0, n), high: high.subarray(0, n), count: count.subarray(0, n), keys: keys.subarray(0, n) };
  }

  #occupiedKeys(): Int32Array {
    const counts = this.#carried ?? this.#counts;
    if (this.#carried !== undefined) this.#carry(0);
    const end = this.#format.finiteEnd / FINE;
    const keys: number[] = [];
    for (let key = MAGNITUDES + end - 1; key >= MAGNITUDES; key--) if (counts[key] !== 0) keys.push(key);
    for (let key = 0; key < end; key++) if (counts[key] !== 0) keys.push(key);
    return Int32Array.from(keys);
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
