/**
 * Sorting of float32 numbers by the digits of their patterns, the least significant first. Patterns become ordered as their numbers when
 * those of negative numbers are inverted and the others get the sign bit. Several times as fast as a sort by comparisons.
 */
const SIGN = 0x80000000;
// Below, tables of 2¹¹ digits cost more than a fourth round does.
const FEW = 2048;
const next = new Uint32Array(2 ** 11);

/** The finite ones of `values`, ascending, as float64. `values` are moved about. */
export function sortedFinite(values: Float32Array<ArrayBuffer>): Float64Array {
  let finite = 0;
  for (const value of values) if (value - value === 0) values[finite++] = value;
  let from = new Int32Array(values.buffer, values.byteOffset, finite);
  for (let i = 0; i < finite; i++) from[i]! ^= (from[i]! >> 31) | SIGN;
  const bits = finite < FEW ? 8 : 11;
  let to = new Int32Array(finite);
  for (let shift = 0; shift < 32; shift += bits) {
    distribute(from, to, shift, 2 ** bits);
    [from, to] = [to, from];
  }
  for (let i = 0; i < finite; i++) from[i]! ^= (~from[i]! >> 31) | SIGN;
  return Float64Array.from(new Float32Array(from.buffer, from.byteOffset, finite));
}

/** Stable, by the digit from bit `shift` on. */
function distribute(from: Int32Array, to: Int32Array, shift: number, digits: number): void {
  const mask = digits - 1;
  next.fill(0, 0, digits);
  for (const pattern of from) next[(pattern >>> shift) & mask]!++;
  let before = 0;
  for (let digit = 0; digit < digits; digit++) {
    const count = next[digit]!;
    next[digit] = before;
    before += count;
  }
  for (const pattern of from) to[next[(pattern >>> shift) & mask]!++] = pattern;
}
