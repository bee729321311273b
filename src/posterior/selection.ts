/** Which draws stand for all where every pair would be too many: evenly spaced ones, so that neighbours in a chain are left out first. */

/** At most `most` of n positions, ascending. */
export function evenly(n: number, most: number): Int32Array {
  const count = Math.min(n, most);
  return Int32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * n) / count));
}

export interface TwoSets {
  /** 2n positions in the selection: the first n of one set, the others of the other, each ascending. */
  readonly positions: Int32Array;
  /** n */
  readonly each: number;
  /** Draws before the border between the sets, among all. */
  readonly border: number;
  /** Whether the border is one between chains, folders or files. */
  readonly natural: boolean;
}

/**
 * Two sets of equal size, divided at the border between chains (or folders, or files with several draws) nearest to the middle; draws
 * that come as one are divided into their first and second half. Of the larger set evenly spaced draws are taken.
 * @param sets sizes of these, in order
 * @param selection ascending positions among all draws
 */
export function twoSets(sets: readonly number[], selection: Int32Array): TwoSets {
  const count = sets.reduce((a, b) => a + b, 0);
  const natural = sets.length > 1;
  let border = natural ? 0 : Math.floor(count / 2);
  let end = 0;
  for (const size of sets.slice(0, -1)) {
    end += size;
    if (Math.abs(end - count / 2) < Math.abs(border - count / 2)) border = end;
  }
  const first = selection.filter((draw) => draw < border).length;
  const second = selection.length - first;
  const each = Math.min(first, second);
  const [a, b] = [evenly(first, each), evenly(second, each)];
  return { positions: Int32Array.from({ length: 2 * each }, (_, i) => (i < each ? a[i]! : first + b[i - each]!)), each, border, natural };
}

/** Rows and columns `positions` of an n × n matrix. */
export function submatrix(matrix: Float64Array, n: number, positions: Int32Array): Float64Array {
  const size = positions.length;
  return Float64Array.from({ length: size * size }, (_, i) => matrix[positions[Math.floor(i / size)]! * n + positions[i % size]!]!);
}
