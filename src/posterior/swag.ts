/**
 * SWAG (Maddox et al. 2019, "A simple baseline for Bayesian uncertainty in deep learning"): a Gaussian fitted to the weights that SGD visits,
 *   mean θ̄, covariance ½ (diag(mean of θ² − θ̄²) + D̂ D̂ᵀ / (K − 1)),
 * with D̂ the deviations of the last K iterates from the running mean of their time. A draw is
 *   θ̄ + √½ √(diagonal variance) ⊙ z₁ + D̂ z₂ / √(2(K − 1)).
 */
import type { Random } from '../linalg/random.ts';
import { UserError } from '../protocol/userError.ts';

export interface SwagMoments {
  /** θ̄, length D. */
  readonly mean: Float64Array;
  /** Diagonal variances (not deviations), at least 0; length D. */
  readonly variance: Float64Array;
  /** K × D row-major: deviations θ_t − θ̄_t, oldest first; empty for a diagonal SWAG. */
  readonly deviations: Float64Array;
}

/** Collects a trajectory one iterate at a time, keeping moments and the last `rank` deviations only. */
export class SwagCollector {
  readonly #mean: Float64Array;
  readonly #square: Float64Array;
  readonly #deviations: Float64Array[] = [];
  readonly #rank: number;
  #count = 0;

  /** @param rank K, the number of deviations kept */
  constructor(size: number, rank: number) {
    this.#mean = new Float64Array(size);
    this.#square = new Float64Array(size);
    this.#rank = rank;
  }

  /** @param theta an iterate, length D at least */
  add(theta: Float64Array): void {
    this.#count++;
    const deviation = new Float64Array(this.#mean.length);
    for (let i = 0; i < this.#mean.length; i++) {
      const weight = theta[i]!;
      this.#mean[i]! += (weight - this.#mean[i]!) / this.#count;
      this.#square[i]! += (weight * weight - this.#square[i]!) / this.#count;
      deviation[i] = weight - this.#mean[i]!;
    }
    this.#deviations.push(deviation);
    if (this.#deviations.length > this.#rank) this.#deviations.shift();
  }

  /** @throws UserError for fewer than two iterates */
  moments(): SwagMoments {
    if (this.#count < 2) throw new UserError(`SWAG needs at least 2 points of a trajectory, there ${this.#count === 1 ? 'is' : 'are'} ${this.#count}`);
    const size = this.#mean.length;
    const deviations = new Float64Array(this.#deviations.length * size);
    this.#deviations.forEach((row, k) => { deviations.set(row, k * size); });
    return { mean: this.#mean.slice(), variance: this.#square.map((square, i) => Math.max(0, square - this.#mean[i]! ** 2)), deviations };
  }
}

/** One draw, length D. With fewer than two deviations the covariance is the diagonal alone, not halved. */
export function swagDraw({ mean, variance, deviations }: SwagMoments, random: Random): Float64Array {
  const size = mean.length;
  const rank = deviations.length / size;
  const lowRank = rank >= 2;
  const draw = mean.map((centre, i) => centre + Math.sqrt((lowRank ? 0.5 : 1) * variance[i]!) * random.normal());
  if (!lowRank) return draw;
  const scale = 1 / Math.sqrt(2 * (rank - 1));
  for (let k = 0; k < rank; k++) {
    const z = scale * random.normal();
    for (let i = 0; i < size; i++) draw[i]! += z * deviations[k * size + i]!;
  }
  return draw;
}
