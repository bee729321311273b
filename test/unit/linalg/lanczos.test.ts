/** Lanczos and stochastic quadrature against matrices whose spectra are known: bounds that hold, counts that include multiplicities, unbiased traces. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { complete } from '../../../src/linalg/interruptible.ts';
import { lanczos, leadingEigenpairs, ritzPairs, type SymmetricOperator } from '../../../src/linalg/lanczos.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { countAbove, spectralMeasure, traceOf } from '../../../src/linalg/stochasticQuadrature.ts';
import { distance, gaussian } from './matrices.ts';

/** Q Λ Qᵀ with Q a product of two reflections. */
function operatorOf(values: Float64Array, seed = 1): SymmetricOperator {
  const n = values.length;
  const random = seededRandom(seed);
  const mirrors = [0, 1].map(() => {
    const v = gaussian(random, n, 1);
    const length = Math.hypot(...v);
    return v.map((entry) => entry / length);
  });
  const reflect = (v: Float64Array, x: Float64Array): Float64Array => {
    const along = 2 * v.reduce((sum, entry, k) => sum + entry * x[k]!, 0);
    return x.map((entry, k) => entry - along * v[k]!);
  };
  const [p, q] = mirrors as [Float64Array, Float64Array];
  return {
    size: n,
    *apply(x) {
      yield;
      return reflect(p, reflect(q, reflect(q, reflect(p, x)).map((entry, k) => entry * values[k]!)));
    },
  };
}

const decaying = Float64Array.from({ length: 300 }, (_, k) => 5 * 0.93 ** k);

describe('Lanczos', () => {
  test('finds the leading eigenpairs of a decaying spectrum, each within its bound', () => {
    const operator = operatorOf(decaying);
    const { values, errors, vectors, products } = complete(leadingEigenpairs(operator, 20, 1e-10, { steps: 200, random: seededRandom(2) }));
    expect(products).toBeLessThan(150);
    expect(distance(values, decaying.slice(0, 20))).toBeLessThan(1e-12);
    expect(Math.max(...errors)).toBeLessThan(1e-9);
    vectors.forEach((vector, i) => {
      const residual = complete(operator.apply(vector)).map((entry, k) => entry - values[i]! * vector[k]!);
      expect(Math.hypot(...residual)).toBeLessThan(errors[i]! + 1e-12);
      vectors.forEach((other, j) => { expect(vector.reduce((sum, entry, k) => sum + entry * other[k]!, 0)).toBeCloseTo(Number(i === j), 12); });
    });
  });

  test('bounds hold before convergence too', () => {
    const { values, errors } = complete(leadingEigenpairs(operatorOf(decaying), 20, 0, { steps: 25, random: seededRandom(2) }));
    values.forEach((value, i) => { expect(Math.min(...decaying.map((exact) => Math.abs(exact - value)))).toBeLessThanOrEqual(errors[i]! + 1e-14); });
    expect(errors[19]).toBeGreaterThan(1e-3);
  });

  test('counts multiple eigenvalues, and takes all of a small operator', () => {
    const values = Float64Array.of(3, 3, 3, 2, 2, 1, 0, 0);
    const found = complete(leadingEigenpairs(operatorOf(values), 8, 1e-12, { steps: 20, random: seededRandom(1) }));
    expect(distance(found.values, values)).toBeLessThan(1e-13);
    expect(Math.max(...found.errors)).toBeLessThan(1e-13);
    expect(complete(leadingEigenpairs(operatorOf(new Float64Array(3)), 2, 1e-12, { steps: 9, random: seededRandom(1) })).values).toEqual(new Float64Array(2));
  });

  test('deflated directions do not come back', () => {
    const operator = operatorOf(decaying);
    const first = complete(leadingEigenpairs(operator, 5, 1e-12, { steps: 200, random: seededRandom(2) }));
    const rest = complete(leadingEigenpairs(operator, 5, 1e-12, { steps: 200, random: seededRandom(3), deflated: first.vectors }));
    expect(distance(rest.values, decaying.slice(5, 10))).toBeLessThan(1e-11);
  });

  test('the quadrature of m steps is exact for polynomials of degree 2 m − 1', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(), (m, seed) => {
      const values = gaussian(seededRandom(seed), 12, 1);
      const operator = operatorOf(values, seed);
      const z = gaussian(seededRandom(seed + 1), 12, 1);
      const { values: nodes, weights } = complete(ritzPairs(complete(lanczos(operator, z, { steps: m, random: seededRandom(1) }))));
      let power = z;
      for (let degree = 0; degree < 2 * m; degree++) {
        const exact = power.reduce((sum, entry, k) => sum + entry * z[k]!, 0) / z.reduce((sum, entry) => sum + entry * entry, 0);
        const estimate = nodes.reduce((sum, node, k) => sum + weights[k]! * node ** degree, 0);
        expect(Math.abs(estimate - exact)).toBeLessThan(1e-9 * (1 + Math.abs(exact)));
        power = complete(operator.apply(power));
      }
    }), { seed: 1, numRuns: 40 });
  });
});

describe('stochastic Lanczos quadrature', () => {
  const functions: readonly (readonly [string, (value: number) => number])[] = [['trace', (value) => value], ['count above 1', (value) => Number(value > 1)], ['effective dimension', (value) => value / (value + 0.3)]];

  test.each(functions)('%s lies within its error bars', (_, f) => {
    const exact = decaying.reduce((sum, value) => sum + f(value), 0);
    let within = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const measure = complete(spectralMeasure(operatorOf(decaying), { probes: 12, steps: 60, random: seededRandom(seed) }));
      const { value, standardError } = traceOf(measure, f);
      expect(Math.abs(value - exact)).toBeLessThan(5 * standardError);
      if (Math.abs(value - exact) < 2 * standardError) within++;
    }
    expect(within).toBeGreaterThanOrEqual(15);
  });

  test('known eigenpairs are exact and take the variance away', () => {
    const operator = operatorOf(decaying);
    const known = complete(leadingEigenpairs(operator, 40, 1e-12, { steps: 300, random: seededRandom(2) }));
    const exact = decaying.reduce((sum, value) => sum + value, 0);
    const plain = traceOf(complete(spectralMeasure(operator, { probes: 8, steps: 30, random: seededRandom(5) })), (value) => value);
    const better = traceOf(complete(spectralMeasure(operator, { probes: 8, steps: 30, random: seededRandom(5), known })), (value) => value);
    expect(better.standardError).toBeLessThan(0.2 * plain.standardError);
    expect(Math.abs(better.value - exact)).toBeLessThan(5 * better.standardError);
  });

  test('the number of eigenvalues is exact, also beside known ones, and all known leaves nothing to chance', () => {
    const values = Float64Array.of(3, 3, 2, 1, 0, 0, 0);
    const operator = operatorOf(values);
    const known = complete(leadingEigenpairs(operator, 2, 1e-12, { steps: 20, random: seededRandom(2) }));
    for (const some of [undefined, known]) {
      const measure = complete(spectralMeasure(operator, { probes: 5, steps: 7, random: seededRandom(1), ...(some === undefined ? {} : { known: some }) }));
      expect(traceOf(measure, () => 1).value).toBeCloseTo(7, 12);
    }
    const all = complete(leadingEigenpairs(operator, 7, 1e-12, { steps: 20, random: seededRandom(2) }));
    const rank = { value: 4, standardError: 0 };
    expect(traceOf({ exact: all.values, probes: [] }, (value) => Number(value > 1e-10))).toEqual(rank);
    expect(countAbove({ exact: all.values, probes: [] }, 1e-10)).toEqual({ low: rank, high: rank });
  });

  test('counts lie between the bounds of Chebyshev, Markov and Stieltjes, whatever lies between the nodes', () => {
    const spectrum = fc.oneof(
      fc.array(fc.double({ min: 0, max: 4, noNaN: true }), { minLength: 2, maxLength: 60 }),
      // Zeros below a tail that falls for ten decades: where the weights of small nodes would be taken for a rank.
      fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })).map(([zeros, some]) => [...Array.from({ length: some }, (_, k) => 10 ** ((-10 * k) / some)), ...Array.from({ length: zeros }, () => 0)]),
    );
    fc.assert(fc.property(spectrum, fc.integer({ min: 1, max: 12 }), fc.double({ min: 1e-12, max: 3, noNaN: true }), fc.nat(), (values, steps, threshold, seed) => {
      const diagonal: SymmetricOperator = {
        size: values.length,
        *apply(x) {
          yield;
          return x.map((entry, k) => entry * values[k]!);
        },
      };
      const { low, high } = countAbove(complete(spectralMeasure(diagonal, { probes: 1, steps, random: seededRandom(seed) })), threshold);
      // The probe's own share in every eigenvalue.
      const random = seededRandom(seed);
      const z = values.map(() => random.normal() ** 2);
      const whole = z.reduce((sum, square) => sum + square, 0);
      const truth = (values.length / whole) * z.reduce((sum, square, k) => sum + (values[k]! > threshold ? square : 0), 0);
      expect(low.value).toBeLessThanOrEqual(truth + 1e-6);
      expect(high.value).toBeGreaterThanOrEqual(truth - 1e-6);
    }), { seed: 4, numRuns: 300 });
  });

  test('exhausted, the bounds meet', () => {
    const values = Float64Array.of(3, 3, 2, 1, 0, 0, 0);
    const measure = complete(spectralMeasure(operatorOf(values), { probes: 400, steps: 7, random: seededRandom(3) }));
    expect(measure.probes.every(({ exhausted }) => exhausted)).toBe(true);
    const { low, high } = countAbove(measure, 1e-10);
    expect(low).toEqual(high);
    expect(Math.abs(low.value - 4)).toBeLessThan(4 * low.standardError);
  });
});
