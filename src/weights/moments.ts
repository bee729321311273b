/**
 * Mean, standard deviation and norm of elements that come in pieces. Each piece is summed in two passes about its own mean, and the pieces are
 * merged by the update of Chan, Golub & LeVeque (1983), so that a mean far from zero costs no digits and neither sums of squares nor
 * their merging overflow or underflow.
 */
import type { ElementStatistics } from '../protocol/report.ts';

// Partial sums of this many terms bound the rounding error by about 2·10³ units in the last place, in the worst case.
const BLOCK_ELEMENTS = 1024;

export interface Moments extends Omit<ElementStatistics, 'count'> {
  /** Number of finite elements; least, greatest, mean, standard deviation and norm are of these. */
  readonly finite: number;
}

export const noElements: Moments = { finite: 0, min: Infinity, max: -Infinity, mean: 0, standardDeviation: 0, norm: 0, zeros: 0, nan: 0, infinite: 0 };

/** Of one piece, whose elements are moved about. */
export function momentsOf(values: Float64Array): Moments {
  let min = Infinity;
  let max = -Infinity;
  let zeros = 0;
  let nan = 0;
  let infinite = 0;
  let finite = 0;
  const { length } = values;
  for (let i = 0; i < length; i++) {
    const value = values[i]!;
    if (value - value !== 0) {
      if (Number.isNaN(value)) nan++;
      else infinite++;
      continue;
    }
    // What is finite moves to the front: the passes below need no test.
    values[finite++] = value;
    if (value < min) min = value;
    if (value > max) max = value;
    if (value === 0) zeros++;
  }
  if (finite === 0) return { ...noElements, zeros, nan, infinite };
  const kept = values.subarray(0, finite);

  // A power of two brings the largest magnitude near one, exactly, so that no square overflows or vanishes.
  const scale = powerOfTwoNear(Math.max(-min, max));
  for (let i = 0; i < finite; i++) kept[i] = kept[i]! * scale;
  const raw = blockSums(kept, 0);
  const guess = raw.sum / finite;
  const { sum, squares } = blockSums(kept, guess);
  const correction = sum / finite;
  return {
    finite, min, max, zeros, nan, infinite,
    mean: (guess + correction) / scale,
    standardDeviation: Math.sqrt(Math.max(0, (squares - sum * correction) / finite)) / scale,
    norm: Math.sqrt(raw.squares) / scale,
  };
}

/** Σ(x − shift) and Σ(x − shift)². */
function blockSums(values: Float64Array, shift: number): { readonly sum: number; readonly squares: number } {
  let sum = 0;
  let squares = 0;
  for (let block = 0; block < values.length; block += BLOCK_ELEMENTS) {
    const end = Math.min(values.length, block + BLOCK_ELEMENTS);
    let blockSum = 0;
    let blockSquares = 0;
    for (let i = block; i < end; i++) {
      const difference = values[i]! - shift;
      blockSum += difference;
      blockSquares += difference * difference;
    }
    sum += blockSum;
    squares += blockSquares;
  }
  return { sum, squares };
}

/** Of two pieces together. */
export function mergeMoments(a: Moments, b: Moments): Moments {
  const counted = { zeros: a.zeros + b.zeros, nan: a.nan + b.nan, infinite: a.infinite + b.infinite };
  if (b.finite === 0) return { ...a, ...counted };
  if (a.finite === 0) return { ...b, ...counted };
  const finite = a.finite + b.finite;
  // Half the difference of the means is finite even when they lie at the two ends of the range.
  const half = b.mean / 2 - a.mean / 2;
  const share = b.finite / finite;
  return {
    ...counted,
    finite,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    mean: a.mean + half * share + half * share,
    standardDeviation: hypotenuse(hypotenuse(Math.sqrt(1 - share) * a.standardDeviation, Math.sqrt(share) * b.standardDeviation), 2 * (Math.sqrt((1 - share) * share) * half)),
    norm: hypotenuse(a.norm, b.norm),
  };
}

function powerOfTwoNear(magnitude: number): number {
  if (magnitude === 0) return 1;
  // 2^±1000 keeps the factor and its reciprocal normal numbers.
  return 2 ** -Math.max(-1000, Math.min(1000, Math.round(Math.log2(magnitude))));
}

/** √(a² + b²), scaled by a power of two: exact, and safe from overflow. */
function hypotenuse(a: number, b: number): number {
  const scale = powerOfTwoNear(Math.max(Math.abs(a), Math.abs(b)));
  return Math.sqrt((a * scale) ** 2 + (b * scale) ** 2) / scale;
}

/** As the report has them: NaN where no element is finite. */
export function elementStatistics({ finite, min, max, mean, standardDeviation, norm, zeros, nan, infinite }: Moments): ElementStatistics {
  const count = finite + nan + infinite;
  if (finite === 0) return { count, min: Number.NaN, max: Number.NaN, mean: Number.NaN, standardDeviation: Number.NaN, norm, zeros, nan, infinite };
  return { count, min, max, mean, standardDeviation, norm, zeros, nan, infinite };
}

/** Of several tensors together. */
export function wholeStatistics(parts: readonly ElementStatistics[]): ElementStatistics {
  return elementStatistics(parts.reduce<Moments>((whole, { count, ...part }) => mergeMoments(whole, { ...part, finite: count - part.nan - part.infinite }), noElements));
}
