/**
 * Are two sets of draws from one distribution? The maximum mean discrepancy (Gretton, Borgwardt, Rasch, Schölkopf & Smola 2012, "A
 * kernel two-sample test") as Laurent et al. (2023) compare posteriors with it: unbiased estimator (equation 4), equal sample
 * sizes, Gaussian kernel k(x, y) = exp(−‖x − y‖² / 2σ²), and a p-value by permutation. It is not a distance that must fall
 * when symmetries are removed: where copies hid a difference, it rises.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';

export interface Discrepancy {
  /** Unbiased estimate of MMD², so below zero about half of the time when the distributions are equal. */
  readonly mmd2: number;
  /** Standard deviation of the estimate when the draws are dealt to the two sets at random. */
  readonly nullDeviation: number;
  /** Share of such deals (and the one that is there) with an estimate at least as large; never below 1 / (permutations + 1). */
  readonly pValue: number;
  readonly permutations: number;
  /** σ, in the unit of the draws. */
  readonly bandwidth: number;
  /** Draws in each set. */
  readonly size: number;
}

/**
 * The median heuristic: the median of all pairwise distances that are not zero (of copies that coincide there may be more than half).
 * @param squared n × n squared distances
 * @returns 0 when all distances are 0
 */
export function medianBandwidth(squared: Float64Array, n: number): number {
  const pairs = new Float64Array((n * (n - 1)) / 2);
  let count = 0;
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < a; b++) if (squared[a * n + b]! > 0) pairs[count++] = squared[a * n + b]!;
  }
  if (count === 0) return 0;
  const sorted = pairs.subarray(0, count).sort();
  return (Math.sqrt(sorted[(count - 1) >> 1]!) + Math.sqrt(sorted[count >> 1]!)) / 2;
}

/**
 * Between the first and the second half of the draws.
 * @param squared 2n × 2n squared distances
 * @param bandwidth σ; 0 stands for a kernel that is 1 between draws that coincide, which then all do
 */
export function* meanDiscrepancy(squared: Float64Array, n: number, bandwidth: number, permutations: number, random: Random): Interruptible<Discrepancy> {
  const all = 2 * n;
  if (squared.length !== all * all) throw new RangeError(`${squared.length} distances are not those of two sets of ${n} draws`);
  const kernel = squared.map((value) => (value === 0 ? 1 : Math.exp(-value / (2 * bandwidth * bandwidth))));
  // Sums over ordered pairs of different draws; the pairs within the second set follow from those within the first.
  const rows = new Float64Array(all);
  let total = 0;
  for (let a = 0; a < all; a++) {
    for (let b = 0; b < all; b++) if (b !== a) rows[a]! += kernel[a * all + b]!;
    total += rows[a]!;
  }
  const estimate = (first: Int32Array): number => {
    let within = 0;
    let touching = 0;
    for (let i = 0; i < n; i++) {
      const row = first[i]! * all;
      touching += rows[first[i]!]!;
      for (let j = 0; j < i; j++) within += kernel[row + first[j]!]!;
    }
    const both = 2 * within + (total - 2 * touching + 2 * within);
    return both / (n * (n - 1)) - (total - both) / (n * n);
  };

  const mmd2 = estimate(Int32Array.from({ length: n }, (_, i) => i));
  // Equal up to the order of the additions counts as equal.
  const bound = mmd2 - 1e-12;
  let atLeast = 1;
  let sum = 0;
  let squares = 0;
  for (let p = 0; p < permutations; p++) {
    const dealt = estimate(random.permutation(all).subarray(0, n).sort());
    if (dealt >= bound) atLeast++;
    sum += dealt;
    squares += dealt * dealt;
    yield;
  }
  const mean = sum / permutations;
  return { mmd2, nullDeviation: Math.sqrt(Math.max(0, squares / permutations - mean * mean)), pValue: atLeast / (permutations + 1), permutations, bandwidth, size: n };
}
