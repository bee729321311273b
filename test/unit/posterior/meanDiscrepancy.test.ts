/** The maximum mean discrepancy: figures written out in NumPy, the closed form for Gaussians, and what a permutation test promises. */
import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom, type Random } from '../../../src/linalg/random.ts';
import { meanDiscrepancy, medianBandwidth, type Discrepancy } from '../../../src/posterior/meanDiscrepancy.ts';
import { drawsOf, figures, gramOf } from './figures.ts';

function discrepancy(features: Float64Array, width: number, random: Random, permutations = 99, bandwidth?: number): Discrepancy {
  const { squared } = gramOf(features, width);
  const count = features.length / width;
  return complete(meanDiscrepancy(squared, count / 2, bandwidth ?? medianBandwidth(squared, count), permutations, random));
}

/** n draws of N(0, I) and n of N(shift, I). */
function gaussians(n: number, width: number, shift: number, random: Random): Float64Array {
  return Float64Array.from({ length: 2 * n * width }, (_, k) => random.normal() + (k >= n * width ? shift : 0));
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const standardError = (values: readonly number[]): number => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)) / (values.length - 1));

describe('the discrepancy of two sets of draws', () => {
  it.each(figures.discrepancies)('is that of NumPy: $count draws of $width numbers, $shift apart', (expected) => {
    const { mmd2, bandwidth, pValue, nullDeviation } = discrepancy(drawsOf(expected), expected.width, seededRandom(1), 4999);
    expect(bandwidth).toBeCloseTo(expected.bandwidth, 12);
    expect(mmd2).toBeCloseTo(expected.mmd2, 12);
    if (expected.exactP === null || expected.exactDeviation === null) return;
    // Within four Monte Carlo standard errors of the exact test over all splits.
    expect(Math.abs(pValue - expected.exactP)).toBeLessThan(4 * Math.sqrt((expected.exactP * (1 - expected.exactP)) / 5000) + 1 / 5000);
    expect(Math.abs(nullDeviation / expected.exactDeviation - 1)).toBeLessThan(0.05);
  });

  it('is zero on average between equal distributions, and the p-value is uniform then', () => {
    const random = seededRandom(5);
    const repeats = Array.from({ length: 400 }, () => discrepancy(gaussians(12, 3, 0, random), 3, random));
    const estimates = repeats.map(({ mmd2 }) => mmd2);
    expect(Math.abs(mean(estimates))).toBeLessThan(4 * standardError(estimates));
    const share = mean(repeats.map(({ pValue }) => (pValue <= 0.1 ? 1 : 0)));
    expect(Math.abs(share - 0.1)).toBeLessThan(4 * Math.sqrt((0.1 * 0.9) / 400));
  });

  it('has the closed form as its mean between Gaussians', () => {
    // E k(x, x′) = (σ²/(σ² + 2))^(d/2) for x, x′ ~ N(0, I), and a factor exp(−‖μ‖²/(2(σ² + 2))) when x′ ~ N(μ, I).
    const [width, shift, bandwidth] = [3, 0.8, 1.5];
    const random = seededRandom(6);
    const estimates = Array.from({ length: 300 }, () => discrepancy(gaussians(20, width, shift, random), width, random, 1, bandwidth).mmd2);
    const scale = bandwidth ** 2 + 2;
    const expected = 2 * (bandwidth ** 2 / scale) ** (width / 2) * (1 - Math.exp(-(width * shift ** 2) / (2 * scale)));
    expect(Math.abs(mean(estimates) - expected)).toBeLessThan(4 * standardError(estimates));
  });

  it('never has a p-value below what its permutations resolve', () => {
    expect(discrepancy(gaussians(20, 2, 100, seededRandom(7)), 2, seededRandom(8), 199).pValue).toBe(1 / 200);
  });

  it('of draws that all coincide is 0, with p-value 1', () => {
    expect(discrepancy(new Float64Array(20).fill(3), 2, seededRandom(1))).toMatchObject({ mmd2: 0, pValue: 1, bandwidth: 0 });
  });

  it('does not change with the unit of length, when the bandwidth has it', () => {
    const draws = gaussians(15, 4, 1, seededRandom(2));
    const plain = discrepancy(draws, 4, seededRandom(3));
    const scaled = discrepancy(draws.map((value) => 1024 * value), 4, seededRandom(3));
    expect(scaled.bandwidth).toBeCloseTo(1024 * plain.bandwidth, 8);
    expect(scaled.mmd2).toBeCloseTo(plain.mmd2, 12);
    expect(scaled.pValue).toBe(plain.pValue);
  });
});
