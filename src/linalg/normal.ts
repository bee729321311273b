/** The normal distribution and the error function, to about 1e-15 relative. */

/** Φ(z) */
export const normalCdf = (z: number): number => 0.5 * erfc(-z * Math.SQRT1_2);

/** φ(z) */
export const normalPdf = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);

/** Error function, odd by construction and exact to about 1e-15 relative near zero too: power series (Abramowitz & Stegun 7.1.6). */
export function erf(x: number): number {
  if (!(Math.abs(x) < 2)) return x < 0 ? erfc(-x) - 1 : 1 - erfc(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Complementary error function; its tail, from 2 on, by a continued fraction (Abramowitz & Stegun 7.1.14), keeps its relative accuracy. */
function erfc(x: number): number {
  if (x < 2) return x <= -2 ? 2 - erfc(-x) : 1 - erf(x);
  if (x > 27) return 0;
  let tail = 0;
  for (let n = 120; n >= 1; n--) tail = (0.5 * n) / (x + tail);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + tail));
}
