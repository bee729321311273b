/**
 * Draws as normal scores: ranks carried to the normal distribution, so that heavy tails and skewness do not decide what a mean and
 * a variance say about mixing.
 */

/** z = Φ⁻¹((r − 3/8) / (S + 1/4)) with r the rank among all S draws, the average rank for ties (section 4.1; Blom 1958). */
export function normalScores(values: Float64Array): Float64Array {
  const sorted = values.toSorted();
  const size = values.length;
  return values.map((value) => {
    const rank = 0.5 * (countBelow(sorted, value, false) + countBelow(sorted, value, true) + 1);
    return inverseNormalCdf((rank - 0.375) / (size + 0.25));
  });
}

/** How many of the sorted numbers are below `value`, or at most `value`. */
function countBelow(sorted: Float64Array, value: number, orEqual: boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (orEqual ? sorted[middle]! <= value : sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Φ⁻¹(p) to about 1e-16 relative: the rational approximations of Wichura (1988), algorithm AS 241 (PPND16), whose third range
 * (p below 1.4e-11) no rank of fewer than 10¹⁰ draws reaches.
 */
function inverseNormalCdf(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(CENTRE, 0.180625 - q * q);
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p)) - 1.6;
  return Math.sign(q) * ratio(TAIL, r);
}

type RationalFunction = readonly [numerator: readonly number[], denominator: readonly number[]];

/** Coefficients from the highest power down. */
function ratio([numerator, denominator]: RationalFunction, x: number): number {
  let above = 0;
  let below = 0;
  for (const a of numerator) above = above * x + a;
  for (const b of denominator) below = below * x + b;
  return above / below;
}

// Written to 17 digits, which is all that float64 holds of them.
const CENTRE: RationalFunction = [
  [2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665],
  [5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751, 687.1870074920579, 42.31333070160091, 1],
];
const TAIL: RationalFunction = [
  [0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835],
  [1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851, 1.6763848301838038, 2.053191626637759, 1],
];
