/** Activations and their slopes: finite where a naive formula overflows, and the derivative of each by differences. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activationNamed, activationNames } from '../../../src/network/activation.ts';

const all = [...activationNames, 'leaky_relu:0.2', 'leaky_relu:-0.5'].map(activationNamed);
const z = fc.double({ min: -5.9, max: 5.9, noNaN: true }).filter((value) => Math.abs(value) > 1e-3);

describe('activations', () => {
  it.each(all)('$name: the derivative is the limit of central differences', ({ value, derivative }) => {
    fc.assert(
      fc.property(z, (at) => {
        const h = 1e-5;
        expect(derivative(at)).toBeCloseTo((value(at + h) - value(at - h)) / (2 * h), 8);
      }),
    );
  });

  it.each(all)('$name: the second derivative is the limit of central differences of the first', ({ derivative, secondDerivative }) => {
    fc.assert(
      fc.property(z.filter((at) => Math.abs(at - 6) > 1e-3), (at) => {
        const h = 1e-5;
        expect(secondDerivative?.(at) ?? 0).toBeCloseTo((derivative(at + h) - derivative(at - h)) / (2 * h), 8);
      }),
    );
  });

  it.each(all)('$name: has the symmetry it says, and no other', ({ value, positivelyHomogeneous, odd }) => {
    const at = [-3.1, -0.7, 0.4, 2.3];
    const homogeneous = at.every((x) => [0.3, 2, 7].every((a) => Math.abs(value(a * x) - a * value(x)) < 1e-12));
    const mirrored = at.every((x) => Math.abs(value(-x) + value(x)) < 1e-12);
    expect({ positivelyHomogeneous, odd }).toEqual({ positivelyHomogeneous: homogeneous, odd: mirrored });
  });

  // erf and the normal distribution function to the last digit that Python 3.11's math.erf gives.
  it.each([
    [-3, -0.9999779095030014], [-0.5, -0.5204998778130465], [1e-8, 1.1283791670955126e-8], [0.1, 0.1124629160182849],
    [1, 0.8427007929497149], [1.9, 0.9927904292352575], [2.1, 0.9970205333436671], [5, 0.9999999999984626],
  ])('erf(%d) = %d', (x, expected) => {
    expect(activationNamed('erf').value(x) / expected).toBeCloseTo(1, 14);
  });

  // x Φ(x) with Φ(x) = erfc(−x/√2)/2 by Python 3.11's math.erfc: the far tail keeps its relative accuracy.
  it.each([[-8, -4.9767684594174555e-15], [-3, -0.004049694094890287], [0.5, 0.34573123063700656], [3, 2.99595030590511]])('gelu(%d) = %d', (x, expected) => {
    expect(activationNamed('gelu').value(x) / expected).toBeCloseTo(1, 11);
  });

  it('stays finite where a naive formula overflows', () => {
    for (const { value, derivative } of all) {
      for (const x of [-1e4, 1e4]) {
        expect(Number.isFinite(value(x))).toBe(true);
        expect(Number.isFinite(derivative(x))).toBe(true);
      }
    }
  });

  it('is zero from the left at a kink, as in PyTorch', () => {
    expect(activationNamed('relu').derivative(0)).toBe(0);
    expect(activationNamed('leaky_relu:0.2').derivative(0)).toBe(0.2);
  });

  it('names what it knows when asked for something else', () => {
    expect(() => activationNamed('swish')).toThrow(`unknown activation "swish"; expected one of ${activationNames.join(', ')}`);
    expect(() => activationNamed('leaky_relu:x')).toThrow('unknown activation "leaky_relu:x"');
  });
});
