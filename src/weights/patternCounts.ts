/**
 * Statistics of types that have at most 2¹⁶ different values, from how often each pattern of bits occurs: everything is exact but for the
 * rounding of sums, which are taken over patterns, not elements.
 */
import { bytesPerElement, decodeElements, type RealDtype } from './dtype.ts';
import { noElements, type Moments } from './moments.ts';
import type { OrderedCells } from './orderedCells.ts';

/** Values of all patterns, and those patterns that are finite, by ascending value. */
interface Patterns {
  readonly values: Float64Array;
  readonly ascending: Uint16Array;
  readonly notNumbers: Uint16Array;
  readonly infinities: Uint16Array;
}

const patternsOf = new Map<RealDtype, Patterns>();

export function isNarrow(dtype: RealDtype): boolean {
  return bytesPerElement[dtype] <= 2;
}

/** @param counts of each pattern, read as a little-endian number; there may be more memory than patterns */
export function narrowStatistics(dtype: RealDtype, counts: Float64Array | Uint32Array): { readonly moments: Moments; readonly cells: OrderedCells } {
  const { values, ascending, notNumbers, infinities } = allPatterns(dtype);
  const nan = countOf(notNumbers, counts);
  const infinite = countOf(infinities, counts);
  const low = new Float64Array(ascending.length);
  const count = new Float64Array(ascending.length);
  let occurring = 0;
  const { length } = ascending;
  for (let i = 0; i < length; i++) {
    const pattern = ascending[i]!;
    const n = counts[pattern]!;
    if (n === 0) continue;
    low[occurring] = values[pattern]!;
    count[occurring++] = n;
  }
  const cells = { low: low.subarray(0, occurring), high: low.subarray(0, occurring), count: count.subarray(0, occurring) };
  return { moments: { ...weightedMoments(cells.low, cells.count), nan, infinite }, cells };
}

function countOf(patterns: Uint16Array, counts: Float64Array | Uint32Array): number {
  let sum = 0;
  for (const pattern of patterns) sum += counts[pattern]!;
  return sum;
}

function weightedMoments(values: Float64Array, count: Float64Array): Moments {
  if (values.length === 0) return noElements;
  let finite = 0;
  let zeros = 0;
  const sum = new CompensatedSum();
  const squares = new CompensatedSum();
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const n = count[i]!;
    finite += n;
    if (value === 0) zeros += n;
    // No square of these types' numbers overflows.
    sum.add(value * n);
    squares.add(value * value * n);
  }
  const mean = sum.value / finite;
  const squaresAboutMean = new CompensatedSum();
  for (let i = 0; i < values.length; i++) squaresAboutMean.add((values[i]! - mean) ** 2 * count[i]!);
  return {
    finite, mean, zeros, nan: 0, infinite: 0,
    min: values[0]!,
    max: values[values.length - 1]!,
    standardDeviation: values.length === 1 ? 0 : Math.sqrt(squaresAboutMean.value / finite),
    norm: Math.sqrt(squares.value),
  };
}

/** Neumaier's variant of Kahan's sum (1974). */
class CompensatedSum {
  #sum = 0;
  #lost = 0;

  get value(): number {
    return this.#sum + this.#lost;
  }

  add(term: number): void {
    const total = this.#sum + term;
    this.#lost += Math.abs(this.#sum) >= Math.abs(term) ? this.#sum - total + term : term - total + this.#sum;
    this.#sum = total;
  }
}

function allPatterns(dtype: RealDtype): Patterns {
  const known = patternsOf.get(dtype);
  if (known !== undefined) return known;
  const width = bytesPerElement[dtype];
  const bytes = width === 1 ? Uint8Array.from({ length: 256 }, (_, pattern) => pattern) : new Uint8Array(Uint16Array.from({ length: 65536 }, (_, pattern) => pattern).buffer);
  const values = decodeElements(dtype, bytes);
  const all = Uint16Array.from({ length: values.length }, (_, pattern) => pattern);
  const patterns = {
    values,
    ascending: all.filter((pattern) => Number.isFinite(values[pattern])).sort((a, b) => values[a]! - values[b]!),
    notNumbers: all.filter((pattern) => Number.isNaN(values[pattern])),
    infinities: all.filter((pattern) => Math.abs(values[pattern]!) === Infinity),
  };
  patternsOf.set(dtype, patterns);
  return patterns;
}
