/**
 * Distances between draws, before and after a symmetry is divided out: draws that are copies of one function come together.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';

/**
 * Euclidean distances ‖θ_a − θ_b‖ of the given pairs of draws.
 * @param theta M × D row-major
 */
export function* pairwiseDistances(theta: Float64Array, parameters: number, pairs: readonly Pair[]): Interruptible<Float64Array> {
  const distances = new Float64Array(pairs.length);
  for (let p = 0; p < pairs.length; p++) {
    const [a, b] = pairs[p]!;
    let sum = 0;
    for (let k = 0; k < parameters; k++) {
      const difference = theta[a * parameters + k]! - theta[b * parameters + k]!;
      sum += difference * difference;
    }
    distances[p] = Math.sqrt(sum);
    if ((p & 15) === 0) yield;
  }
  return distances;
}

export type Pair = readonly [number, number];

/** All pairs m < m' of `draws` when there are at most `most`; otherwise `most` random ones. */
export function drawPairs(draws: number, most: number, random: Random): Pair[] {
  if ((draws * (draws - 1)) / 2 <= most) {
    return Array.from({ length: draws }, (_, a) => Array.from({ length: draws - a - 1 }, (__, k): Pair => [a, a + k + 1])).flat();
  }
  return Array.from({ length: most }, (): Pair => {
    const a = random.below(draws);
    const b = random.below(draws - 1);
    return [a, b < a ? b : b + 1];
  });
}
