// The laws: a written number parses back to within its digits, never reads as another magnitude, and is the same everywhere.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatNumber, formatPowerOfTen, formatSeconds, formatShape } from '../../../src/protocol/format.ts';

const parse = (text: string): number => Number(text.replaceAll(',', ''));

describe('formatNumber', () => {
  it('parses back within half a unit of its last digit', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e308, max: 1e308 }), fc.integer({ min: 2, max: 6 }), (x, digits) => {
      const back = parse(formatNumber(x, digits));
      expect(Math.abs(back - x)).toBeLessThanOrEqual(Math.abs(x) * 0.5 * 10 ** (1 - digits) * (1 + 1e-9));
    }));
  });

  it('is odd and stable: formatting what was written writes it again', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-300, max: 1e308 }), (x) => {
      expect(formatNumber(-x)).toBe(`-${formatNumber(x)}`);
      expect(formatNumber(parse(formatNumber(x)))).toBe(formatNumber(x));
    }));
  });

  it.each([
    [0, '0'], [-0, '0'], [1, '1'], [0.5, '0.5'], [27, '27'], [100, '100'], [1234.5678, '1,235'], [999_999, '999,999'], [1_000_000, '1e6'],
    [999_999.9, '1e6'], [0.0001, '0.0001'], [0.00009999, '9.999e-5'], [0.000099999, '0.0001'], [1e-10, '1e-10'], [2.2204e-14, '2.22e-14'], [-12.345, '-12.35'],
    [NaN, 'NaN'], [Infinity, '∞'], [-Infinity, '-∞'], [5e-324, '4.941e-324'], [1.797e308, '1.797e308'],
  ])('%d is %s', (x, text) => { expect(formatNumber(x)).toBe(text); });
});

describe('formatCount', () => {
  it('keeps every digit of a safe integer', () => {
    fc.assert(fc.property(fc.maxSafeInteger(), (n) => { expect(parse(formatCount(n))).toBe(n === 0 ? 0 : n); }));
  });
  it.each([[0, '0'], [999, '999'], [1000, '1,000'], [-1234567, '-1,234,567'], [9007199254740991, '9,007,199,254,740,991'], [1e22, '1e22'], [NaN, 'NaN'], [-0.2, '0']])(
    '%d is %s', (n, text) => { expect(formatCount(n)).toBe(text); });
});

describe('units', () => {
  it.each([[0, '0 bytes'], [1, '1 byte'], [1023, '1,023 bytes'], [1024, '1 KiB'], [1536, '1.5 KiB'], [1023.6 * 1024, '1 MiB'], [268_435_456, '256 MiB'], [1.4e13, '12.7 TiB']])(
    '%d bytes are %s', (n, text) => { expect(formatBytes(n)).toBe(text); });

  it('never writes a thousand or more of a unit that has a larger one', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 50 - 1 }), (n) => {
      expect(parse(formatBytes(n).split(' ')[0] ?? '')).toBeLessThan(1024);
    }));
  });

  it.each([[0, '0 ms'], [0.0004, '0.4 ms'], [0.12, '120 ms'], [0.9996, '1 s'], [3.214, '3.21 s'], [59.96, '1 min'], [252, '4 min 12 s'], [3599.7, '1 h'], [7500, '2 h 5 min']])(
    '%d s is %s', (s, text) => { expect(formatSeconds(s)).toBe(text); });

  it.each([[[], 'scalar'], [[16], '16'], [[16, 4], '16 × 4'], [[50_257, 768], '50,257 × 768'], [[0], '0']])(
    'shape %j is %s', (shape, text) => { expect(formatShape(shape)).toBe(text); });

  it('writes H! copies in full while they can be counted: 5! = 120, 2! = 2, 64! = 10^89.1', () => {
    const log10Factorial = (h: number): number => Array.from({ length: h }, (_, i) => Math.log10(i + 1)).reduce((a, b) => a + b, 0);
    expect(formatPowerOfTen(log10Factorial(5))).toBe('120');
    expect(formatPowerOfTen(log10Factorial(2))).toBe('2');
    expect(formatPowerOfTen(log10Factorial(64))).toBe('10^89.1');
    expect(formatPowerOfTen(0)).toBe('1');
    expect(formatPowerOfTen(-3)).toBe('10^-3');
    expect(formatPowerOfTen(-Infinity)).toBe('0');
  });
});
