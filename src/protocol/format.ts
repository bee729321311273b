/**
 * How numbers are written for people, the same in reports, in the terminal, in hovers and on the page. Everything is plain
 * ASCII apart from × and ∞, with commas between thousands and `1.5e-9` for the very small and very large, so that a number
 * copied off the screen can be pasted into a program. Exact values stay in a report's `result`.
 */

const thousands = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, ',');

/** Whole numbers in full: 9,007,199,254,740,991. What is not whole is rounded. */
export function formatCount(n: number): string {
  if (!Number.isFinite(n)) return nonFinite(n);
  const rounded = Math.round(Math.abs(n));
  if (rounded >= 1e21) return formatNumber(n);
  return `${n < 0 && rounded > 0 ? '-' : ''}${thousands(String(rounded))}`;
}

/** "1 tensor", "1,234 tensors". */
export const formatCountOf = (n: number, one: string, many = `${one}s`): string => `${formatCount(n)} ${n === 1 ? one : many}`;

/**
 * A measured number with `digits` significant digits, trailing zeros dropped. From 1e-4 up to 1e6 in positional notation (with
 * every digit before the point), otherwise as `1.5e-9`.
 */
export function formatNumber(x: number, digits = 4): string {
  if (!Number.isFinite(x)) return nonFinite(x);
  if (x === 0) return '0';
  const magnitude = Math.abs(x);
  const sign = x < 0 ? '-' : '';
  // Rounding can carry into the next power of ten, so the exponent is read off the rounded digits.
  const scientific = magnitude.toExponential(digits - 1);
  const exponent = Number(scientific.slice(scientific.indexOf('e') + 1));
  if (exponent < -4 || Math.round(magnitude) >= 1e6) return `${sign}${trimZeros(scientific.slice(0, scientific.indexOf('e')))}e${exponent}`;
  const fixed = magnitude.toFixed(Math.max(0, digits - 1 - exponent));
  const [whole = '0', fraction] = fixed.split('.');
  return sign + thousands(whole) + (fraction === undefined ? '' : trimZeros(`.${fraction}`));
}

const nonFinite = (x: number): string => (Number.isNaN(x) ? 'NaN' : x > 0 ? '∞' : '-∞');

const trimZeros = (decimal: string): string => (decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal);

const binaryUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Bytes in binary units (1 KiB = 1,024 bytes), three significant digits. */
export function formatBytes(n: number): string {
  if (!Number.isFinite(n)) return `${nonFinite(n)} bytes`;
  let unit = 0;
  let value = n;
  // 1023.5 would be written "1,024": carry it into the next unit instead.
  while (Math.abs(value) >= 1023.5 && unit < binaryUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return Math.round(value) === 1 ? '1 byte' : `${formatCount(value)} bytes`;
  return `${formatNumber(value, 3)} ${binaryUnits[unit]!}`;
}

/**
 * A whole number known by its logarithm, such as the H! copies of a layer: in full below a million ("120"), above that as a
 * power ("10^23.4"). Takes log10 because factorials overflow float64 from 171! on.
 */
export function formatPowerOfTen(log10: number): string {
  if (!Number.isFinite(log10)) return log10 === -Infinity ? '0' : nonFinite(log10);
  if (log10 >= 0 && log10 < 6) return formatCount(10 ** log10);
  return `10^${formatNumber(log10)}`;
}

/** "16 × 4", "16", "scalar". */
export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.map(formatCount).join(' × ');
}

/** "0.4 ms", "120 ms", "3.21 s", "4 min 12 s", "2 h 5 min". */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return `${nonFinite(seconds)} s`;
  if (seconds < 0.9995) return `${formatNumber(seconds * 1000, 3)} ms`;
  if (seconds < 59.95) return `${formatNumber(seconds, 3)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`;
  const minutes = Math.round(seconds / 60);
  return `${formatCount(Math.floor(minutes / 60))} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
}
