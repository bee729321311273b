/**
 * Quantiles and histograms of elements that were counted in cells: intervals of values, in ascending order, that do not overlap. A cell that
 * holds one value only gives exact answers; in any other the elements are taken to be spread evenly, and the answer is known to the cell's width.
 */
export interface OrderedCells {
  /** Least and greatest value that a cell may hold. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Elements in the cell, more than none. */
  readonly count: Float64Array;
}

export interface Quantiles {
  readonly values: readonly number[];
  /** Width of the widest cell that an answer lies in; 0 when all are exact. */
  readonly resolution: number;
  /** The cells that answers lie in, ascending. */
  readonly cells: readonly number[];
}

export interface CellHistogram {
  readonly counts: readonly number[];
  /** By how much the edges of bins may be off: the width of the widest cell across which one lies; 0 when all are exact. */
  readonly resolution: number;
  /** The cells across which an edge lies, ascending. */
  readonly cells: readonly number[];
}

/** Type 7 of Hyndman & Fan (1996), as NumPy's `linear`: between the elements of ranks ⌊h⌋ and ⌊h⌋ + 1, h = (n − 1)·level. */
export function quantilesOf({ low, high, count }: OrderedCells, levels: readonly number[]): Quantiles {
  const { length } = count;
  let total = 0;
  for (let i = 0; i < length; i++) total += count[i]!;
  if (total === 0) return { values: [], resolution: 0, cells: [] };
  let cell = 0;
  let before = 0;
  let resolution = 0;
  const cells = new Set<number>();
  /** Ranks must not descend from call to call. */
  const element = (rank: number): number => {
    while (before + count[cell]! <= rank) before += count[cell++]!;
    const width = high[cell]! - low[cell]!;
    if (width === 0) return low[cell]!;
    cells.add(cell);
    resolution = Math.max(resolution, width);
    return low[cell]! + width * ((rank - before + 0.5) / count[cell]!);
  };
  const values = levels.map((level) => {
    const position = (total - 1) * level;
    const rank = Math.floor(position);
    const share = position - rank;
    const below = element(rank);
    if (share === 0) return below;
    // The next element may lie in a later cell, while the next quantile may begin in this one again.
    const [keptCell, keptBefore] = [cell, before];
    const above = element(rank + 1);
    [cell, before] = [keptCell, keptBefore];
    return between(below, above, share);
  });
  return { values, resolution, cells: [...cells] };
}

/** The same of elements themselves, in ascending order. */
export function quantilesOfSorted(sorted: Float64Array, levels: readonly number[]): number[] {
  if (sorted.length === 0) return [];
  return levels.map((level) => {
    const position = (sorted.length - 1) * level;
    const rank = Math.floor(position);
    return between(sorted[rank]!, sorted[Math.min(sorted.length - 1, rank + 1)]!, position - rank);
  });
}

/** From the nearer end, as NumPy does. */
function between(below: number, above: number, share: number): number {
  const difference = above - below;
  if (!Number.isFinite(difference)) return below * (1 - share) + above * share;
  return share < 0.5 ? below + difference * share : above - difference * (1 - share);
}

/** `bins` equal bins on [min, max], each without its upper edge but the last; as NumPy's `histogram`. */
export function histogramOf({ low, high, count }: OrderedCells, min: number, max: number, bins: number): CellHistogram {
  const counts = new Array<number>(bins).fill(0);
  const cells: number[] = [];
  let resolution = 0;
  let bin = 0;
  let edge = binEdge(min, max, bins, 1);
  for (let cell = 0; cell < count.length; cell++) {
    const least = low[cell]!;
    while (bin < bins - 1 && least >= edge) edge = binEdge(min, max, bins, ++bin + 1);
    let within = bin;
    if (bin < bins - 1 && high[cell]! >= edge) {
      cells.push(cell);
      resolution = Math.max(resolution, high[cell]! - least);
      const middle = least / 2 + high[cell]! / 2;
      while (within < bins - 1 && middle >= binEdge(min, max, bins, within + 1)) within++;
    }
    counts[within]! += count[cell]!;
  }
  return { counts, resolution, cells };
}

/** The same of elements themselves, in ascending order. */
export function histogramOfSorted(sorted: Float64Array, min: number, max: number, bins: number): number[] {
  const below = Array.from({ length: bins + 1 }, (_, bin) => (bin === bins ? sorted.length : bin === 0 ? 0 : countBelow(sorted, binEdge(min, max, bins, bin))));
  return Array.from({ length: bins }, (_, bin) => below[bin + 1]! - below[bin]!);
}

function countBelow(sorted: Float64Array, edge: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < edge) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Lower edge of a bin, with the roundings of NumPy's `linspace`. */
function binEdge(min: number, max: number, bins: number, bin: number): number {
  const step = (max - min) / bins;
  // A difference of finite numbers may be none, and a part of a difference may vanish.
  if (!Number.isFinite(step)) return min * (1 - bin / bins) + max * (bin / bins);
  return step === 0 ? min + (max - min) * (bin / bins) : min + step * bin;
}
