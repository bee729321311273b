/**
 * Scalar expressions of one value, as exporters write activations out: x · ½ · (1 + erf(x / √2)) is a GELU, x · sigmoid(x) a SiLU. An expression
 * is the activation whose values it has on a grid, to the rounding of constants that are stored in float32.
 */
import { activationNamed, activationNames, type Activation } from './activation.ts';

const grid = Array.from({ length: 49 }, (_, i) => -7.9 + 0.331 * i);

/** Undefined when no activation has these values. */
export function activationLike(f: (x: number) => number): Activation | undefined {
  const values = grid.map(f);
  const slope = f(-1) / -f(1);
  const leaky = f(1) === 1 && Number.isFinite(slope) && slope !== 0 && slope !== 1 ? [`leaky_relu:${shortestDecimal(Math.fround(-f(-1)))}`] : [];
  return [...activationNames, ...leaky].map(activationNamed).find(({ value }) => grid.every((x, i) => Math.abs(values[i]! - value(x)) <= 1e-6 * Math.max(1e-2, Math.abs(value(x)))));
}

/** The shortest decimal that is this number in float32: settings are written in float32, and meant as 0.00001. */
export function shortestDecimal(value: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
