/**
 * Distances between draws, before and after a symmetry is divided out: draws that are copies of one function come together.
 */

export interface PairDistances {
  /** ‖θ_a − θ_b‖ of all pairs a < b of the compared draws, ascending. */
  readonly sorted: Float64Array;
  readonly mean: number;
  /**
   * Standard error of `mean` as an estimate for all M draws, of which n were compared: 0 when n = M. Of a U-statistic of order two to first
   * order (Hoeffding 1948): 2 σ₁ √((1 − n/M) / n), with σ₁ the standard deviation of a draw's mean distance to the others.
   */
  readonly standardError: number;
}

/**
 * @param squared n × n squared distances, n ≥ 2
 * @param draws M ≥ n, of which the n are a sample without preference
 */
export function pairDistances(squared: Float64Array, n: number, draws: number): PairDistances {
  const sorted = new Float64Array((n * (n - 1)) / 2);
  const toOthers = new Float64Array(n);
  let at = 0;
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < a; b++) {
      const distance = Math.sqrt(squared[a * n + b]!);
      sorted[at++] = distance;
      toOthers[a]! += distance / (n - 1);
      toOthers[b]! += distance / (n - 1);
    }
  }
  let mean = 0;
  for (const own of toOthers) mean += own / n;
  let variance = 0;
  for (const own of toOthers) variance += (own - mean) ** 2 / (n - 1);
  return { sorted: sorted.sort(), mean, standardError: n === draws ? 0 : 2 * Math.sqrt((variance * (1 - n / draws)) / n) };
}
