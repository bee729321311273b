/**
 * The inner loops of statistics, on memory of their own: pieces of a file are read into it and used where they lie. They are there twice:
 * compiled to WebAssembly (`kernels/statistics.ts`), and in plain TypeScript, which is what the others are tested against and which runs
 * where they cannot be loaded.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

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
   * `mean` is neither, and only the counts can be used.
   * @param guess about what their mean is: sums are taken about it
   */
  float32(offset: number, elements: number, guess: number): Float32Sums;
  /** Counts numbers of 8 or 16 bits by their patterns. */
  patterns(width: 1 | 2, offset: number, elements: number): void;
}

/** Valid until the next call. */
export interface Float32Sums {
  mean: number;
  /** Σ(x − mean)² */
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
  const sums: Float32Sums = { mean: 0, squaresAboutMean: 0, min: 0, max: 0, zeros: 0 };
  return {
    bytes,
    counts,
    float32(offset, elements, guess) {
      const start = offset / 4;
      const end = start + elements;
      let sum = 0;
      let min = Infinity;
      let max = -Infinity;
      let zeros = 0;
      for (let i = start; i < end; i++) {
        counts[words[i]! >>> 12]!++;
        const value = values[i]!;
        sum += value - guess;
        if (value < min) min = value;
        if (value > max) max = value;
        if (value === 0) zeros++;
      }
      const mean = guess + sum / elements;
      let squares = 0;
      for (let i = start; i < end; i++) {
        const difference = values[i]! - mean;
        squares += difference * difference;
      }
      sums.mean = mean;
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

/** As `kernels/statistics.ts` says at each function. */
interface CompiledStatistics {
  readonly memory: { readonly buffer: ArrayBuffer };
  float32(values: number, elements: number, guess: number, sums: number): void;
  patterns8(values: number, elements: number): void;
  patterns16(values: number, elements: number): void;
}

const SUMS_AT = 1024;
/** A constant of the kernel, too. */
const COUNTS_AT = 65536;
const PIECES_AT = COUNTS_AT + 4 * COUNTS;
const FILE = 'statistics.wasm';

let compiled: Promise<WebAssembly.Module | undefined> | undefined;

/** The compiled kernel, or the plain one where there is no compiled one. */
export async function statisticsKernel(): Promise<StatisticsKernel> {
  compiled ??= compile();
  const module = await compiled;
  return module === undefined ? plainKernel() : compiledKernel(module);
}

async function compile(): Promise<WebAssembly.Module | undefined> {
  // Beside the bundle; in `dist/` when the sources run themselves.
  const file = [path.join(import.meta.dirname, FILE), path.join(import.meta.dirname, '../../dist', FILE)].find((place) => existsSync(place));
  if (file === undefined) return undefined;
  const bytes = readFileSync(file);
  return WebAssembly.validate(bytes) ? WebAssembly.compile(bytes) : undefined;
}

function compiledKernel(module: WebAssembly.Module): StatisticsKernel {
  // The exports' types are those of the kernel's source, which another compiler checks.
  const kernel = new WebAssembly.Instance(module, {}).exports as unknown as CompiledStatistics;
  const { buffer } = kernel.memory;
  const written = new Float64Array(buffer, SUMS_AT, 5);
  const sums: Float32Sums = { mean: 0, squaresAboutMean: 0, min: 0, max: 0, zeros: 0 };
  return {
    bytes: new Uint8Array(buffer, PIECES_AT, PIECES * PIECE_BYTES),
    counts: new Uint32Array(buffer, COUNTS_AT, COUNTS),
    float32(offset, elements, guess) {
      kernel.float32(PIECES_AT + offset, elements, guess, SUMS_AT);
      sums.mean = written[0]!;
      sums.squaresAboutMean = written[1]!;
      sums.min = written[2]!;
      sums.max = written[3]!;
      sums.zeros = written[4]!;
      return sums;
    },
    patterns(width, offset, elements) {
      if (width === 1) kernel.patterns8(PIECES_AT + offset, elements);
      else kernel.patterns16(PIECES_AT + offset, elements);
    },
  };
}
