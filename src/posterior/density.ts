/**
 * Aggregation before plotting: histograms of one and two quantities over a set of draws, on axes that several panels share.
 */
import type { BinAxis } from '../protocol/report.ts';

/**
 * A symmetric-in-coverage axis for all the given samples together: their central `coverage` mass, widened by `margin` of it each side.
 * Heavy tails (a scaling orbit reaches to infinity) would otherwise squeeze everything else into a few bins.
 * @param samples finite values; several arrays count with equal weight each
 */
export function commonAxis(samples: readonly Float64Array[], bins: number, coverage = 0.99, margin = 0.05): BinAxis {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const sample of samples) {
    if (sample.length === 0) continue;
    const sorted = sample.toSorted();
    min = Math.min(min, quantile(sorted, (1 - coverage) / 2));
    max = Math.max(max, quantile(sorted, (1 + coverage) / 2));
  }
  if (!(min <= max)) return { min: -1, max: 1, bins };
  const room = max > min ? margin * (max - min) : Math.max(1e-3, margin * Math.abs(max));
  return { min: min - room, max: max + room, bins };
}

/** Linear interpolation between order statistics (type 7 of Hyndman & Fan 1996, NumPy's default). */
export function quantile(sorted: Float64Array, p: number): number {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}

export interface Histogram {
  readonly counts: number[];
  /** Values that fell outside the axis. */
  readonly outside: number;
}

/** Bin of a value, or −1 outside; the last bin includes the upper end. */
function bin(value: number, { min, max, bins }: BinAxis): number {
  if (!(value >= min && value <= max)) return -1;
  return Math.min(bins - 1, Math.floor(((value - min) / (max - min)) * bins));
}

export function histogram(values: Float64Array, axis: BinAxis): Histogram {
  const counts = new Array<number>(axis.bins).fill(0);
  let outside = 0;
  for (const value of values) {
    const at = bin(value, axis);
    if (at < 0) outside++;
    else counts[at]!++;
  }
  return { counts, outside };
}

/** @returns counts y-major: counts[iy * xAxis.bins + ix] */
export function histogram2d(x: Float64Array, y: Float64Array, xAxis: BinAxis, yAxis: BinAxis): Histogram {
  const counts = new Array<number>(xAxis.bins * yAxis.bins).fill(0);
  let outside = 0;
  for (let m = 0; m < x.length; m++) {
    const ix = bin(x[m]!, xAxis);
    const iy = bin(y[m]!, yAxis);
    if (ix < 0 || iy < 0) outside++;
    else counts[iy * xAxis.bins + ix]!++;
  }
  return { counts, outside };
}
