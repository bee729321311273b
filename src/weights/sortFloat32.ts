/**
 * Sorting of float32 numbers by three digits of their patterns, of 11, 11 and 10 bits, the least significant first. Patterns become ordered as
 * their numbers when those of negative numbers are inverted and the others get the sign bit. Several times as fast as a sort by comparisons.
 */
// Below, the tables cost more than they save.
const FEW = 200;
const SIGN = -0x80000000;
const DIGITS = 2 ** 11;
const first = new Uint32Array(DIGITS);
const second = new Uint32Array(DIGITS);
const third = new Uint32Array(DIGITS);

/** The finite ones of `values`, ascending, as float64. `values` are moved about. */
export function sortedFinite(values: Float32Array<ArrayBuffer>): Float64Array {
  // Here and below by index: iterators over typed arrays take several times as long.
  const { length } = values;
  let finite = 0;
  for (let i = 0; i < length; i++) {
    const value = values[i]!;
    if (value - value === 0) values[finite++] = value;
  }
  if (finite < FEW) return new Float64Array(values.subarray(0, finite).sort());
  const patterns = new Int32Array(values.buffer, values.byteOffset, finite);
  const other = new Int32Array(finite);
  first.fill(0);
  second.fill(0);
  third.fill(0);
  for (let i = 0; i < finite; i++) {
    const stored = patterns[i]!;
    const pattern = stored ^ ((stored >> 31) | SIGN);
    patterns[i] = pattern;
    first[pattern & (DIGITS - 1)]!++;
    second[(pattern >>> 11) & (DIGITS - 1)]!++;
    third[pattern >>> 22]!++;
  }
  startsOf(first);
  startsOf(second);
  startsOf(third);
  for (let i = 0; i < finite; i++) {
    const pattern = patterns[i]!;
    other[first[pattern & (DIGITS - 1)]!++] = pattern;
  }
  for (let i = 0; i < finite; i++) {
    const pattern = other[i]!;
    patterns[second[(pattern >>> 11) & (DIGITS - 1)]!++] = pattern;
  }
  for (let i = 0; i < finite; i++) {
    const pattern = patterns[i]!;
    other[third[pattern >>> 22]!++] = pattern ^ ((~pattern >> 31) | SIGN);
  }
  return new Float64Array(new Float32Array(other.buffer));
}

/** From how many of each digit there are, to where the first of it goes. */
function startsOf(counts: Uint32Array): void {
  let before = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const count = counts[digit]!;
    counts[digit] = before;
    before += count;
  }
}
