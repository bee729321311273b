/**
 * Moments of float32 elements, merged from blocks that were summed about their own means (Chan, Golub & LeVeque 1983, equation 2.1). In float64
 * no square of a float32 overflows or vanishes, so that nothing needs to be scaled.
 */
import { momentsOf, noElements, type Moments } from './moments.ts';
import type { Float32Sums, StatisticsKernel } from './statisticsKernel.ts';

// A block lies in the processor's nearest cache while its mean and then its squares are summed, and bounds the rounding error of both.
const BLOCK_ELEMENTS = 4096;
/** Numbers that `write` writes. */
export const WRITTEN = 8;

export class Float32Moments {
  #finite = 0;
  #mean = 0;
  #squaresAboutMean = 0;
  #min = Infinity;
  #max = -Infinity;
  #zeros = 0;
  #nan = 0;
  #infinite = 0;

  /**
   * Elements that lie in the kernel's memory; they are counted there as well.
   * @param offset in bytes, a multiple of 4
   */
  addPiece(kernel: StatisticsKernel, offset: number, elements: number): void {
    const { buffer, byteOffset } = kernel.bytes;
    for (let at = 0; at < elements; at += BLOCK_ELEMENTS) {
      const block = Math.min(BLOCK_ELEMENTS, elements - at);
      // Blocks are much alike: what the mean was so far is a good guess of the next one's.
      const sums = kernel.float32(offset + 4 * at, block, this.#mean);
      if (Number.isFinite(sums.mean)) this.#addSums(block, sums);
      else this.#addMixed(new Float32Array(buffer, byteOffset + offset + 4 * at, block));
    }
  }

  /** What was summed elsewhere, as `write` wrote it. */
  addWritten(from: Float64Array, at: number): void {
    const [finite = 0, mean = 0, squaresAboutMean = 0, min = Infinity, max = -Infinity, zeros = 0, nan = 0, infinite = 0] = from.subarray(at, at + WRITTEN);
    if (finite > 0) this.#merge(finite, mean, squaresAboutMean);
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
    this.#zeros += zeros;
    this.#nan += nan;
    this.#infinite += infinite;
  }

  write(into: Float64Array, at: number): void {
    into.set([this.#finite, this.#mean, this.#squaresAboutMean, this.#min, this.#max, this.#zeros, this.#nan, this.#infinite], at);
  }

  /** A block whose mean is finite. */
  #addSums(elements: number, { mean, squaresAboutMean, min, max, zeros }: Float32Sums): void {
    this.#merge(elements, mean, squaresAboutMean);
    if (min < this.#min) this.#min = min;
    if (max > this.#max) this.#max = max;
    this.#zeros += zeros;
  }

  /** A block with elements that are not finite. */
  #addMixed(values: Float32Array): void {
    const { finite, mean, standardDeviation, min, max, zeros, nan, infinite } = momentsOf(new Float64Array(values));
    if (finite > 0) this.#merge(finite, mean, standardDeviation * standardDeviation * finite);
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
    this.#zeros += zeros;
    this.#nan += nan;
    this.#infinite += infinite;
  }

  moments(): Moments {
    const finite = this.#finite;
    const counted = { zeros: this.#zeros, nan: this.#nan, infinite: this.#infinite };
    if (finite === 0) return { ...noElements, ...counted };
    const mean = this.#mean;
    return {
      ...counted, finite, mean,
      // Without the sign of a negative zero.
      min: this.#min + 0,
      max: this.#max + 0,
      standardDeviation: Math.sqrt(this.#squaresAboutMean / finite),
      norm: Math.sqrt(this.#squaresAboutMean + finite * mean * mean),
    };
  }

  #merge(elements: number, mean: number, squaresAboutMean: number): void {
    const finite = this.#finite + elements;
    const difference = mean - this.#mean;
    this.#mean += difference * (elements / finite);
    this.#squaresAboutMean += squaresAboutMean + difference * difference * (this.#finite * (elements / finite));
    this.#finite = finite;
  }
}
