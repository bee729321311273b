/**
 * The inner loops of statistics, on memory of their own: pieces of a file are read into it and used where they lie. This is the plain
 * implementation.
 */
export const PIECES = 3;
const PIECE_BYTES = 2 ** 21;
/** Cells of a float32 by its first 20 bits; also room for the 2¹⁶ patterns of a 16-bit number. */
const COUNTS = 2 ** 20;

export interface StatisticsKernel {
  /** Where bytes are read into: `PIECES` pieces one after another. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly counts: Uint32Array;
  /**
   * Counts `elements` float32 numbers from `offset` on by the first 20 bits of their patterns, and sums them. Where one of them is not finite,
   * `sum` is neither, and only the counts can be used. Σ(x − mean)² is about the mean of these elements.
   */
  float32(offset: number, elements: number): Float32Sums;
  /** Counts numbers of 8 or 16 bits by their patterns. */
  patterns(width: 1 | 2, offset: number, elements: number): void;
}

/** Valid until the next call. */
export interface Float32Sums {
  sum: number;
  squaresAboutMean: number;
  min: number;
  max: number;
  zeros: number;
}

export function plainKernel(): StatisticsKernel {
  const memory = new ArrayBuffer(PIECES * PIECE_BYTES);
  const bytes = new Uint8Array(memory);
  const halves = new Uint16Array(memory);
  const words = new Uint32Array(memory);
  const values = new Float32Array(memory);
  const counts = new Uint32Array(COUNTS);
  const sums: Float32Sums = { sum: 0, squaresAboutMean: 0, min: 0, max: 0, zeros: 0 };
  return {
    bytes,
    counts,
    float32(offset, elements) {
      const start = offset / 4;
      const end = start + elements;
      let sum = 0;
      let min = Infinity;
      let max = -Infinity;
      let zeros = 0;
      for (let i = start; i < end; i++) {
        counts[words[i]! >>> 12]!++;
        const value = values[i]!;
        sum += value;
        if (value < min) min = value;
        if (value > max) max = value;
        if (value === 0) zeros++;
      }
      const mean = sum / elements;
      let squares = 0;
      for (let i = start; i < end; i++) {
        const difference = values[i]! - mean;
        squares += difference * difference;
      }
      sums.sum = sum;
      sums.squaresAboutMean = squares;
      sums.min = min;
      sums.max = max;
      sums.zeros = zeros;
      return sums;
    },
    patterns(width, offset, elements) {
      const patterns = width === 1 ? bytes : halves;
      const start = offset / width;
      for (let i = start; i < start + elements; i++) counts[patterns[i]!]!++;
    },
  };
}
