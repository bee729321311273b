/** Mean and variance of every parameter over draws that pass by once (Welford 1962): two numbers a parameter, however many draws. */

export class RunningMoments {
  readonly means: Float64Array;
  /** Sums of squared deviations from the mean. */
  readonly #squares: Float64Array;
  #draws = 0;

  constructor(parameters: number) {
    this.means = new Float64Array(parameters);
    this.#squares = new Float64Array(parameters);
  }

  /** @param theta n × D row-major, whole draws */
  add(theta: Float64Array): void {
    const { means } = this;
    const squares = this.#squares;
    const size = means.length;
    for (let from = 0; from < theta.length; from += size) {
      this.#draws++;
      const share = 1 / this.#draws;
      for (let i = 0; i < size; i++) {
        const value = theta[from + i]!;
        const difference = value - means[i]!;
        const mean = means[i]! + difference * share;
        means[i] = mean;
        squares[i]! += difference * (value - mean);
      }
    }
  }

  /** Root of the mean variance (divisor M − 1) of parameters [begin, end). */
  spread(begin: number, end: number): number {
    let sum = 0;
    for (let i = begin; i < end; i++) sum += this.#squares[i]!;
    return Math.sqrt(sum / (end - begin) / (this.#draws - 1));
  }

  /** Root of the mean squared mean of parameters [begin, end). */
  centre(begin: number, end: number): number {
    let sum = 0;
    for (let i = begin; i < end; i++) sum += this.means[i]! ** 2;
    return Math.sqrt(sum / (end - begin));
  }
}
