/**
 * Sorting of float32 numbers by their patterns: three rounds of 11 bits, least significant first. Patterns become ordered as their numbers
 * when those of negative numbers are inverted and the others get the sign bit.
 */
const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;
// Below, the tables cost more than they save.
const FEW = 1024;

/** The finite ones of `values`, ascending, as float64. */
export function sortedFinite(values: Float32Array): Float64Array {
  const finite = values.filter((value) => value - value === 0);
  if (finite.length < FEW) return Float64Array.from(finite.sort());
  const patterns = new Int32Array(finite.buffer);
  for (let i = 0; i < patterns.length; i++) patterns[i]! ^= (patterns[i]! >> 31) | 0x80000000;
  const other = new Int32Array(patterns.length);
  distribute(patterns, other, 0);
  distribute(other, patterns, DIGIT_BITS);
  distribute(patterns, other, 2 * DIGIT_BITS);
  for (let i = 0; i < other.length; i++) other[i]! ^= (~other[i]! >> 31) | 0x80000000;
  return Float64Array.from(new Float32Array(other.buffer));
}

/** Stable, by the bits from `shift` on. */
function distribute(from: Int32Array, to: Int32Array, shift: number): void {
  const next = new Uint32Array(DIGITS + 1);
  for (const pattern of from) next[((pattern >>> shift) & (DIGITS - 1)) + 1]!++;
  for (let digit = 1; digit < DIGITS; digit++) next[digit]! += next[digit - 1]!;
  for (const pattern of from) to[next[(pattern >>> shift) & (DIGITS - 1)]!++] = pattern;
}
