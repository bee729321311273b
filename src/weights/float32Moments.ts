/**
 * Moments of float32 elements, merged from blocks that were summed about their own means (Chan, Golub & LeVeque 1983, equation 2.1). In float64
 * no square of a float32 overflows or vanishes, so that nothing needs to be scaled.
 */
import { momentsOf, noElements, type Moments } from './moments.ts';
import type { Float32Sums } from './statisticsKernel.ts';

export class Float32Moments {
  #finite = 0;
  #mean = 0;
  #squaresAboutMean = 0;
  #min = Infinity;
  #max = -Infinity;
  #zeros = 0;
  #nan = 0;
  #infinite = 0;

  get mean(): number {
    return this.#mean;
  }

  /** A block whose mean is finite. */
  addSums(elements: number, { mean, squaresAboutMean, min, max, zeros }: Float32Sums): void {
    this.#merge(elements, mean, squaresAboutMean);
    if (min < this.#min) this.#min = min;
    if (max > this.#max) this.#max = max;
    this.#zeros += zeros;
  }

  /** A block with elements that are not finite. */
  addMixed(values: Float32Array): void {
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
