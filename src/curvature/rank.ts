/**
 * How many singular values are not zero, and how sure that is. A value counts when it exceeds
 * τ = max(rows, columns) · ε · σ_max (or the method's own resolution, when that is coarser): the customary numerical rank.
 *
 * The rank is certain when a clear gap separates what counts from what does not: below the gap then lies rounding. When
 * values run continuously through τ instead (narrow tanh networks do), some below it are small but real and no float64
 * computation tells which. Hence the bracket:
 *   low   the values above 10 τ, safe from any rounding;
 *   high  the values above the first clear gap (a factor of 100, with nothing above τ below it), or, without such a gap, the
 *         largest rank that is possible at all.
 * A method that squares the matrix cannot tell values below its own resolution from zero, gap or no gap: high is then the largest rank
 * that is possible, unless the rank is that already.
 *
 * Ratios are taken after raising values to the rounding floor (ε σ_max for the SVD), so that gaps within rounding do not count.
 */

export interface RankEstimate {
  readonly rank: number;
  /** The true rank lies within, if the values' errors are of the order of rounding. */
  readonly bracket: readonly [low: number, high: number];
  /** The largest rank that shape, likelihood and known symmetries allow. */
  readonly bound: number;
  /** Singular values at or below it count as zero. */
  readonly tolerance: number;
  /** The two neighbours at the largest gap near the tolerance; the lower one is 0 when no value lies below. */
  readonly gap: readonly [above: number, below: number];
}

export interface RankQuestion {
  /** Descending, non-negative. */
  readonly singularValues: Float64Array;
  readonly rows: number;
  readonly columns: number;
  /** Relative to the largest value: what the method that computed them cannot tell from zero. */
  readonly resolution: number;
  /** Relative to the largest value: the size that exact zeros come out with. */
  readonly floor: number;
  /** At most min(rows, columns); less when symmetries or the likelihood are known to take dimensions away. */
  readonly bound: number;
}

/** Times the tolerance that is safe from any rounding. */
export const SAFETY = 10;
/** Between neighbours, what tells a value from rounding. */
export const CLEAR_GAP = 100;
/** The gap that is reported is looked for within this factor of the tolerance, both ways. */
const NEIGHBOURHOOD = 1e3;

export function rankEstimate({ singularValues, rows, columns, resolution, floor, bound }: RankQuestion): RankEstimate {
  const largest = singularValues[0] ?? 0;
  const tolerance = Math.max(Math.max(rows, columns) * Number.EPSILON, resolution) * largest;
  const rank = countAbove(singularValues, tolerance);
  const low = countAbove(singularValues, SAFETY * tolerance);
  const raised = (k: number): number => Math.max(singularValues[k] ?? 0, floor * largest);
  let high = rank;
  const squared = resolution > SAFETY * Math.max(rows, columns) * Number.EPSILON;
  if (largest > 0 && squared) high = Math.max(bound, rank);
  else if (largest > 0) {
    let end = Math.max(low, 1);
    while (end < singularValues.length && (singularValues[end]! > tolerance || raised(end - 1) < CLEAR_GAP * raised(end))) end++;
    high = end < singularValues.length ? Math.max(end, rank) : Math.max(bound, rank);
  }
  return { rank, bracket: [Math.min(low, rank), high], bound, tolerance, gap: largestGap(singularValues, rank, tolerance, raised) };
}

function countAbove(descending: Float64Array, threshold: number): number {
  const end = descending.findIndex((value) => !(value > threshold));
  return end < 0 ? descending.length : end;
}

/** Among neighbours that lie within reach of the tolerance or straddle it, those with the largest ratio. */
function largestGap(values: Float64Array, rank: number, tolerance: number, raised: (k: number) => number): readonly [number, number] {
  if (rank === 0) return [0, 0];
  let best = rank;
  for (let k = 1; k < values.length; k++) {
    const near = values[k - 1]! <= tolerance * NEIGHBOURHOOD && values[k]! >= tolerance / NEIGHBOURHOOD;
    if (near && raised(k - 1) / raised(k) > raised(best - 1) / raised(best)) best = k;
  }
  return [values[best - 1]!, values[best] ?? 0];
}
