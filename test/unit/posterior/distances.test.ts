/** Distances of all pairs, and how well those of some draws stand for those of all. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { pairDistances } from '../../../src/posterior/distances.ts';
import { evenly, submatrix } from '../../../src/posterior/selection.ts';
import { gramOf } from './figures.ts';

describe('distances of pairs', () => {
  it('are Euclidean, of every pair once, ascending', () => {
    const { squared } = gramOf(Float64Array.of(0, 0, 3, 4, 0, 1), 2);
    const { sorted, mean, standardError } = pairDistances(squared, 3, 3);
    [1, Math.sqrt(18), 5].forEach((distance, k) => { expect(sorted[k]).toBeCloseTo(distance, 12); });
    expect(mean).toBeCloseTo((6 + Math.sqrt(18)) / 3, 12);
    expect(standardError).toBe(0);
  });

  it('of a selection have a mean that is as far from that of all as its standard error says', () => {
    const [draws, width, n] = [240, 3, 40];
    const scores = Array.from({ length: 300 }, (_, seed) => {
      const random = seededRandom(seed);
      // Three groups of unequal size: what a draw is far from depends on the draw.
      const features = Float64Array.from({ length: draws * width }, () => 0);
      for (let m = 0; m < draws; m++) {
        const group = Math.min(2, random.below(5));
        for (let j = 0; j < width; j++) features[m * width + j] = random.normal() + (j === 0 ? 3 * group : 0);
      }
      const { squared } = gramOf(features, width);
      const all = pairDistances(squared, draws, draws);
      const some = pairDistances(submatrix(squared, draws, evenly(draws, n)), n, draws);
      return (some.mean - all.mean) / some.standardError;
    });
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / (scores.length - 1));
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(scores.length));
    // A deviation estimated from 300 scores has a standard error of 4 %; the error itself is of first order, from 40 draws.
    expect(deviation).toBeGreaterThan(0.85);
    expect(deviation).toBeLessThan(1.2);
  });
});
