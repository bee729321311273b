/** Element types: every bit pattern of the small ones against ml_dtypes, and the laws of rounding. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesPerElement, decodeElements, encodeElements, isReal, type Dtype, type RealDtype } from '../../../src/weights/dtype.ts';

const fixtures = JSON.parse(readFileSync(join(import.meta.dirname, '../../fixtures/weights/safetensors.json'), 'utf8')) as { readonly patterns: Readonly<Record<string, string | readonly (number | string)[]>> };
const dtypes = (Object.keys(bytesPerElement) as Dtype[]).filter(isReal);
const small = ['F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'F16', 'BF16'] as const;
const integers = ['U8', 'I8', 'U16', 'I16', 'U32', 'I32', 'U64', 'I64'] as const;

function everyPattern(dtype: (typeof small)[number]): Uint8Array {
  if (bytesPerElement[dtype] === 1) return Uint8Array.from({ length: 256 }, (_, i) => i);
  return new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
}

describe.each(small)('%s', (dtype) => {
  const patterns = everyPattern(dtype);
  const values = decodeElements(dtype, patterns);

  it('reads every bit pattern as ml_dtypes does', () => {
    const expected = fixtures.patterns[dtype];
    if (typeof expected === 'string') {
      const canonical = new Float64Array(values);
      const bits = new BigUint64Array(canonical.buffer);
      for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) bits[i] = 0x7ff8000000000000n;
      expect(createHash('sha256').update(new Uint8Array(canonical.buffer)).digest('hex')).toBe(expected);
    } else {
      expect([...values]).toEqual(expected?.map(Number));
    }
  });

  it('writes every number that it reads with the same bits', () => {
    const again = encodeElements(dtype, values);
    const width = bytesPerElement[dtype];
    for (let i = 0; i < values.length; i++) {
      if (Number.isNaN(values[i])) expect(decodeElements(dtype, again.subarray(i * width, (i + 1) * width))).toEqual(Float64Array.of(Number.NaN));
      else expect(again.subarray(i * width, (i + 1) * width)).toEqual(patterns.subarray(i * width, (i + 1) * width));
    }
  });

  it('rounds to nearest, and halfway to even, in one step from float64', () => {
    const round = (x: number): number => decodeElements(dtype, encodeElements(dtype, Float64Array.of(x)))[0]!;
    const finite = [...values].filter((x) => Number.isFinite(x) && x > 0).sort((a, b) => a - b);
    const isEven = (x: number): boolean => encodeElements(dtype, Float64Array.of(x))[0]! % 2 === 0;
    for (let i = 1; i < finite.length; i++) {
      const below = finite[i - 1]!;
      const above = finite[i]!;
      const middle = below + (above - below) / 2;
      // The least that float64 can tell from the middle: by way of float32 it would be lost, and rounded twice.
      const step = middle * 2 ** -52;
      expect(round(middle - step)).toBe(below);
      expect(round(middle + step)).toBe(above);
      if (dtype !== 'F8_E8M0') expect(round(middle)).toBe(isEven(below) ? below : above);
      if (dtype !== 'F8_E8M0') expect(round(-middle)).toBe(isEven(below) ? -below : -above);
    }
  });

  it('sends what lies outside its range to infinity, or to NaN where it has none', () => {
    const largest = Math.max(...[...values].filter(Number.isFinite));
    const beyond = decodeElements(dtype, encodeElements(dtype, Float64Array.of(largest * 2, Infinity, -Infinity, 1e308, Number.NaN)));
    const hasInfinity = values.includes(Infinity);
    expect([...beyond]).toEqual(hasInfinity ? [Infinity, Infinity, -Infinity, Infinity, Number.NaN] : Array<number>(5).fill(Number.NaN));
  });
});

it('F8_E8M0 rounds as ml_dtypes 0.6.0 does: no zero, no sign, halfway up', () => {
  const values = Float64Array.of(2 ** -200, 2 ** -128, 1.5 * 2 ** -128, 0, -1, 1.5, 3, 0.75, 6, 1e300);
  expect([...encodeElements('F8_E8M0', values)]).toEqual([255, 0, 0, 255, 255, 128, 129, 127, 130, 255]);
});

describe('integers', () => {
  it.each(integers)('%s: reads its range exactly, as DataView does', (dtype) => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const oracle = { U8: view.getUint8(0), I8: view.getInt8(0), U16: view.getUint16(0, true), I16: view.getInt16(0, true), U32: view.getUint32(0, true), I32: view.getInt32(0, true), U64: Number(view.getBigUint64(0, true)), I64: Number(view.getBigInt64(0, true)) };
      expect(decodeElements(dtype, bytes)[0]).toBe(oracle[dtype]);
    }), { seed: 1, numRuns: 300 });
  });

  it.each(integers)('%s: writes what it read, and refuses what it cannot hold', (dtype) => {
    const bits = 8 * bytesPerElement[dtype];
    const [min, max] = dtype.startsWith('U') ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
    const values = Float64Array.of(min, 0, 1, 17, bits === 64 ? 2 ** 53 - 1 : max);
    expect(decodeElements(dtype, encodeElements(dtype, values))).toEqual(values);
    for (const wrong of [0.5, min - Math.max(1, Math.abs(min)), bits === 64 ? max : max + 1, Number.NaN, Infinity]) {
      expect(() => encodeElements(dtype, Float64Array.of(wrong))).toThrow(`${dtype} cannot hold ${wrong}`);
    }
  });

  it('64 bits are written as BigInt would write them', () => {
    const whole = fc.double({ noNaN: true, min: -(2 ** 63), max: 2 ** 63, maxExcluded: true }).map(Math.trunc);
    fc.assert(fc.property(fc.array(whole), (values) => {
      expect(encodeElements('I64', Float64Array.from(values))).toEqual(new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
      const positive = values.map((value) => Math.min(Math.abs(value) * 2, 2 ** 64 - 2 ** 11));
      expect(encodeElements('U64', Float64Array.from(positive))).toEqual(new Uint8Array(BigUint64Array.from(positive, BigInt).buffer));
    }), { seed: 5, numRuns: 300 });
  });

  it('rounds 64 bits to the nearest double, ties to even', () => {
    const values = BigInt64Array.of(2n ** 53n + 1n, 2n ** 53n + 3n, -(2n ** 53n) - 1n, 2n ** 63n - 1n);
    expect([...decodeElements('I64', new Uint8Array(values.buffer))]).toEqual([2 ** 53, 2 ** 53 + 4, -(2 ** 53), 2 ** 63]);
  });
});

describe('any type', () => {
  const bits = (values: Float64Array): bigint[] => [...new BigUint64Array(new Float64Array(values).buffer)];

  it('F64 and F32 come back bit for bit', () => {
    fc.assert(fc.property(fc.float64Array(), (values) => {
      expect(bits(decodeElements('F64', encodeElements('F64', new Float64Array(values))))).toEqual(bits(new Float64Array(values)));
      const single = new Float64Array(new Float32Array(values));
      expect(bits(decodeElements('F32', encodeElements('F32', single)))).toEqual(bits(single));
    }), { seed: 2, numRuns: 300 });
  });

  const someDtype = fc.constantFrom(...dtypes);
  const stored = someDtype.chain((dtype) => fc.tuple(fc.constant(dtype), fc.nat(40).chain((n) => fc.uint8Array({ minLength: n * bytesPerElement[dtype], maxLength: n * bytesPerElement[dtype] }))));

  it('is read alike at every alignment, and from a Buffer, without touching the bytes', () => {
    fc.assert(fc.property(stored, fc.integer({ min: 0, max: 7 }), ([dtype, bytes], shift) => {
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      const before = new Uint8Array(moved);
      const values = decodeElements(dtype, new Uint8Array(bytes));
      expect(decodeElements(dtype, moved.subarray(shift))).toEqual(values);
      expect(decodeElements(dtype, Buffer.from(moved.buffer, shift))).toEqual(values);
      values.fill(1);
      expect(moved).toEqual(before);
    }), { seed: 3, numRuns: 500 });
  });

  it('big-endian bytes are the little-endian ones, each element turned round', () => {
    fc.assert(fc.property(stored, ([dtype, bytes]) => {
      const width = bytesPerElement[dtype];
      const turned = new Uint8Array(bytes.length);
      for (let i = 0; i < bytes.length; i++) turned[i] = bytes[i - (i % width) + width - 1 - (i % width)]!;
      const before = new Uint8Array(turned);
      expect(decodeElements(dtype, turned, false)).toEqual(decodeElements(dtype, new Uint8Array(bytes)));
      expect(turned).toEqual(before);
    }), { seed: 4, numRuns: 500 });
  });

  it('refuses part of an element', () => {
    expect(() => decodeElements('F32', new Uint8Array(6))).toThrow('6 bytes are not a whole number of F32 elements of 4 bytes');
  });

  it('any byte but 0 is true', () => {
    expect([...decodeElements('BOOL' satisfies RealDtype, Uint8Array.of(0, 1, 2, 255))]).toEqual([0, 1, 1, 1]);
  });
});
