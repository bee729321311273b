/**
 * Floating-point formats of 8 and 16 bits: IEEE 754 binary16, bfloat16, the 8-bit formats of the OCP specification (OFP8, rev. 1.0:
 * E4M3 has no infinities and one NaN a sign, E5M2 follows IEEE 754; MX, rev. 1.0: E8M0 is a bare power of two), and the FNUZ
 * variants (Noune et al. 2022: no infinities, no negative zero, one NaN where that zero would be).
 *
 * A pattern has one sign bit, the exponent field e and the fraction m of `fractionBits` bits; its value is
 * ± 2^(max(e,1) + minExponent − 1) · ([e > 0] + m / 2^fractionBits).
 */
interface SmallFloatFormat {
  readonly bits: 8 | 16;
  readonly fractionBits: number;
  /** Exponent of the smallest normal number. */
  readonly minExponent: number;
  /** The first magnitude pattern that is no finite number. */
  readonly finiteEnd: number;
  /** What a value becomes that rounds beyond the largest finite number. */
  readonly overflow: number;
  readonly nan: number;
  readonly kind: 'signed' | 'signed-without-negative-zero' | 'power-of-two';
}

export const smallFloatFormats = {
  F16: { bits: 16, fractionBits: 10, minExponent: -14, finiteEnd: 0x7c00, overflow: 0x7c00, nan: 0x7e00, kind: 'signed' },
  BF16: { bits: 16, fractionBits: 7, minExponent: -126, finiteEnd: 0x7f80, overflow: 0x7f80, nan: 0x7fc0, kind: 'signed' },
  F8_E4M3: { bits: 8, fractionBits: 3, minExponent: -6, finiteEnd: 0x7f, overflow: 0x7f, nan: 0x7f, kind: 'signed' },
  F8_E5M2: { bits: 8, fractionBits: 2, minExponent: -14, finiteEnd: 0x7c, overflow: 0x7c, nan: 0x7e, kind: 'signed' },
  F8_E4M3FNUZ: { bits: 8, fractionBits: 3, minExponent: -7, finiteEnd: 0x80, overflow: 0x80, nan: 0x80, kind: 'signed-without-negative-zero' },
  F8_E5M2FNUZ: { bits: 8, fractionBits: 2, minExponent: -15, finiteEnd: 0x80, overflow: 0x80, nan: 0x80, kind: 'signed-without-negative-zero' },
  F8_E8M0: { bits: 8, fractionBits: 0, minExponent: -127, finiteEnd: 0xff, overflow: 0xff, nan: 0xff, kind: 'power-of-two' },
} as const satisfies Record<string, SmallFloatFormat>;

const tables = new Map<SmallFloatFormat, Float64Array>();

/** Exact: every value of these formats is a float64. */
export function decodeSmallFloats(format: SmallFloatFormat, patterns: Uint8Array | Uint16Array): Float64Array<ArrayBuffer> {
  let table = tables.get(format);
  if (table === undefined) {
    table = Float64Array.from({ length: 2 ** format.bits }, (_, pattern) => valueOf(format, pattern));
    tables.set(format, table);
  }
  const values = new Float64Array(patterns.length);
  for (let i = 0; i < values.length; i++) values[i] = table[patterns[i]!]!;
  return values;
}

/** Rounds to nearest, ties to even, in one step from float64. @returns `into`, filled */
export function encodeSmallFloats<T extends Uint8Array | Uint16Array>(format: SmallFloatFormat, values: Float64Array, into: T): T {
  for (let i = 0; i < values.length; i++) into[i] = patternOf(format, values[i]!);
  return into;
}

function valueOf(format: SmallFloatFormat, pattern: number): number {
  if (format.kind === 'power-of-two') return pattern === format.nan ? Number.NaN : 2 ** (pattern + format.minExponent);
  const signBit = 2 ** (format.bits - 1);
  if (format.kind === 'signed-without-negative-zero' && pattern === format.nan) return Number.NaN;
  const magnitude = pattern % signBit;
  const sign = pattern < signBit ? 1 : -1;
  if (magnitude >= format.finiteEnd) return magnitude === format.overflow && format.overflow !== format.nan ? sign * Infinity : Number.NaN;
  const one = 2 ** format.fractionBits;
  const exponent = Math.floor(magnitude / one);
  const fraction = magnitude % one;
  const significand = exponent === 0 ? fraction : one + fraction;
  return sign * significand * 2 ** (Math.max(exponent, 1) + format.minExponent - 1 - format.fractionBits);
}

const float64 = new Float64Array(1);
const words = new Uint32Array(float64.buffer);

function patternOf(format: SmallFloatFormat, value: number): number {
  if (Number.isNaN(value)) return format.nan;
  float64[0] = value;
  const negative = words[1]! >>> 31 === 1;
  if (format.kind === 'power-of-two' && (negative || value === 0)) return format.nan;
  const signBit = negative ? 2 ** (format.bits - 1) : 0;
  const exponent = Math.max(((words[1]! >>> 20) & 0x7ff) - 1023, format.minExponent);
  const steps = exponent === 1024 ? Infinity : Math.abs(value) * 2 ** (format.fractionBits - exponent);
  // Adding 2⁵² drops what is below one, rounding to nearest even. A carry into the next power of two is the next pattern, and so
  // needs no case of its own; below the smallest normal number the same sum gives the subnormal patterns.
  const rounded = steps + 2 ** 52 - 2 ** 52;
  const offset = format.kind === 'power-of-two' ? exponent - format.minExponent - 1 : (exponent - format.minExponent) * 2 ** format.fractionBits;
  const magnitude = offset + rounded;
  // Less than the smallest power of two, and there is no zero to round to.
  if (magnitude < 0) return steps < 0.5 ? format.nan : 0;
  if (format.kind === 'signed-without-negative-zero') {
    if (magnitude >= format.finiteEnd) return format.nan;
    return magnitude === 0 ? 0 : signBit + magnitude;
  }
  return magnitude >= format.finiteEnd ? signBit + format.overflow : signBit + magnitude;
}
