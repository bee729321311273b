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
}

const patternsOf = new Map<RealDtype, Patterns>();

export function isNarrow(dtype: RealDtype): boolean {
  return bytesPerElement[dtype] <= 2;
}

/** @param counts of each pattern, read as a little-endian number */
export function narrowStatistics(dtype: RealDtype, counts: Float64Array): { readonly moments: Moments; readonly cells: OrderedCells } {
  const { values, ascending } = allPatterns(dtype);
  let nan = 0;
  let infinite = 0;
  for (let pattern = 0; pattern < values.length; pattern++) {
    const value = values[pattern]!;
    if (Number.isNaN(value)) nan += counts[pattern]!;
    else if (value - value !== 0) infinite += counts[pattern]!;
  }
  const occurring = ascending.filter((pattern) => counts[pattern]! > 0);
  const low = Float64Array.from(occurring, (pattern) => values[pattern]!);
  const count = Float64Array.from(occurring, (pattern) => counts[pattern]!);
  return { moments: { ...weightedMoments(low, count), nan, infinite }, cells: { low, high: low, count } };
}

function weightedMoments(values: Float64Array, count: Float64Array): Moments {
  if (values.length === 0) return noElements;
  const finite = count.reduce((sum, n) => sum + n, 0);
  const sumOf = (term: (value: number) => number): number => compensatedSum(values.length, (i) => term(values[i]!) * count[i]!);
  // No square of these types' numbers overflows.
  const mean = sumOf((value) => value) / finite;
  return {
    finite, mean, nan: 0, infinite: 0,
    min: values[0]!,
    max: values[values.length - 1]!,
    standardDeviation: values.length === 1 ? 0 : Math.sqrt(sumOf((value) => (value - mean) ** 2) / finite),
    norm: Math.sqrt(sumOf((value) => value * value)),
    zeros: sumOf((value) => (value === 0 ? 1 : 0)),
  };
}

/** Neumaier's variant of Kahan's sum (1974). */
function compensatedSum(length: number, term: (index: number) => number): number {
  let sum = 0;
  let lost = 0;
  for (let i = 0; i < length; i++) {
    const next = term(i);
    const total = sum + next;
    lost += Math.abs(sum) >= Math.abs(next) ? sum - total + next : next - total + sum;
    sum = total;
  }
  return sum + lost;
}

function allPatterns(dtype: RealDtype): Patterns {
  const known = patternsOf.get(dtype);
  if (known !== undefined) return known;
  const width = bytesPerElement[dtype];
  const bytes = width === 1 ? Uint8Array.from({ length: 256 }, (_, pattern) => pattern) : new Uint8Array(Uint16Array.from({ length: 65536 }, (_, pattern) => pattern).buffer);
  const values = decodeElements(dtype, bytes);
  const finite = Array.from(values.keys()).filter((pattern) => Number.isFinite(values[pattern]));
  const patterns = { values, ascending: Uint16Array.from(finite.sort((a, b) => values[a]! - values[b]!)) };
  patternsOf.set(dtype, patterns);
  return patterns;
}
