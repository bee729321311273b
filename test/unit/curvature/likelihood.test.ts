/** Likelihoods against PyTorch; factors of H against H = −∂²log p/∂f² by differences of the gradient; refusals. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { applyHalfHessian, applyHessian, halfHessianSeeds, likelihoodModel, outputRank, logLikelihood, type LikelihoodModel } from '../../../src/curvature/likelihood.ts';
import { identitySeeds } from '../../../src/network/parameterGradients.ts';
import { singularValuesOf } from '../../../src/linalg/singularValues.ts';
import { distance, timesTransposed, transpose } from '../linalg/matrices.ts';
import { figures, normal } from './problems.ts';

const models: readonly LikelihoodModel[] = [{ kind: 'gaussian', noise: 0.5 }, { kind: 'categorical' }, { kind: 'bernoulli' }];

/** L as O × O rows of Lᵀ. */
function factor(model: LikelihoodModel, logits: Float64Array): Float64Array {
  const rows = identitySeeds(1, logits.length);
  applyHalfHessian(model, logits, logits.length, rows, logits.length);
  return rows;
}

function hessian(model: LikelihoodModel, logits: Float64Array): Float64Array {
  const columns = transpose(factor(model, logits), logits.length, logits.length);
  return timesTransposed(columns, columns, logits.length, logits.length, logits.length);
}

describe('likelihoods', () => {
  test.each(figures.likelihoods)('value and gradient agree with PyTorch: $likelihood', ({ likelihood, outputs, targets, value, gradient }) => {
    const result = logLikelihood(likelihoodModel(likelihood, 0.5, 3), Float64Array.from(outputs), 3, Float64Array.from(targets));
    expect(Math.abs(result.value - value)).toBeLessThan(1e-12 * Math.abs(value));
    expect(distance(result.gradient, Float64Array.from(gradient))).toBeLessThan(1e-14);
  });

  test.each(models)('seeds are as many rows as H has rank, and their product is H, as is its action: $kind', (model) => {
    const logits = Float64Array.of(1.5, -0.3, 0.2, -40, 35, 2, 0, 0, 0, 800, -800, 1);
    const seeds = halfHessianSeeds(model, logits, 3);
    const rank = outputRank(model, 3);
    expect(seeds).toHaveLength(4 * rank * 3);
    for (let n = 0; n < 4; n++) {
      const exact = hessian(model, logits.slice(3 * n, 3 * n + 3));
      const columns = transpose(seeds.slice(n * rank * 3, (n + 1) * rank * 3), rank, 3);
      expect(distance(timesTransposed(columns, columns, 3, 3, rank), exact)).toBeLessThan(1e-15 * (1 + Math.hypot(...exact)));
      const u = normal(7, 3);
      const product = timesTransposed(exact, u, 3, 1, 3);
      applyHessian(model, logits.slice(3 * n, 3 * n + 3), 3, u);
      expect(distance(u, product)).toBeLessThan(1e-14 * (1e-30 + Math.hypot(...product)) + 1e-16 * Math.hypot(...exact));
    }
  });

  test.each(models)('weights multiply value and gradient row by row: $kind', (model) => {
    const logits = normal(3, 6);
    const targets = Float64Array.of(1, 0, 0, 0, 1, 0);
    const [first, second] = [0, 3].map((from) => logLikelihood(model, logits.slice(from, from + 3), 3, targets.slice(from, from + 3)));
    const both = logLikelihood(model, logits, 3, targets, Float64Array.of(2, 0.5));
    expect(both.value).toBeCloseTo(2 * first!.value + 0.5 * second!.value, 12);
    expect(distance(both.gradient, Float64Array.from([...first!.gradient.map((g) => 2 * g), ...second!.gradient.map((g) => 0.5 * g)]))).toBeLessThan(1e-15);
  });

  test('class numbers and one-hot rows are the same labels', () => {
    const logits = normal(1, 12);
    const numbers = logLikelihood({ kind: 'categorical' }, logits, 4, Float64Array.of(3, 0, 2));
    const oneHot = logLikelihood({ kind: 'categorical' }, logits, 4, Float64Array.of(0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0));
    expect(oneHot).toEqual(numbers);
  });

  test('the gaussian density integrates to one', () => {
    let mass = 0;
    for (let y = -8; y <= 8; y += 0.01) mass += 0.01 * Math.exp(logLikelihood({ kind: 'gaussian', noise: 0.7 }, Float64Array.of(0.3), 1, Float64Array.of(y)).value);
    expect(mass).toBeCloseTo(1, 10);
  });

  test.each(models)('L Lᵀ is the negative second derivative of log p: $kind', (model) => {
    fc.assert(fc.property(fc.array(fc.double({ min: -6, max: 6, noNaN: true }), { minLength: 2, maxLength: 5 }), (values) => {
      const logits = Float64Array.from(values);
      const o = logits.length;
      const targets = logits.map((_, k) => Number(k === 0));
      const gradientAt = (j: number, by: number): Float64Array => logLikelihood(model, logits.map((f, k) => (k === j ? f + by : f)), o, targets).gradient;
      const exact = hessian(model, logits);
      for (let j = 0; j < o; j++) {
        const [up, down] = [gradientAt(j, 1e-5), gradientAt(j, -1e-5)];
        expect(distance(exact.subarray(j * o, (j + 1) * o), up.map((g, k) => (down[k]! - g) / 2e-5))).toBeLessThan(1e-9);
      }
    }), { seed: 6, numRuns: 50 });
  });

  test('the softmax factor has rank O − 1 and keeps probabilities of e⁻⁶⁰ to full relative accuracy', () => {
    const logits = Float64Array.of(60, 0, 1);
    const values = singularValuesOf(factor({ kind: 'categorical' }, logits), 3, 3);
    expect(values[2]! / values[0]!).toBeLessThan(1e-15);
    // With p₂ = e⁻⁵⁹, p₁ = e⁻⁶⁰ the diagonal of H is p(1 − p) ≈ p.
    expect(hessian({ kind: 'categorical' }, logits)[8]! * Math.exp(59)).toBeCloseTo(1, 14);
    expect(hessian({ kind: 'categorical' }, logits)[0]! / (Math.exp(-59) + Math.exp(-60))).toBeCloseTo(1, 14);
  });

  test('refuses what does not fit, naming the row', () => {
    expect(() => likelihoodModel('categorical', 1, 1)).toThrow('at least two outputs');
    for (const noise of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => likelihoodModel('gaussian', noise, 1)).toThrow('positive standard deviation');
    const f = new Float64Array(6);
    expect(() => logLikelihood({ kind: 'categorical' }, f, 3, Float64Array.of(0, 3))).toThrow('y[1] is 3; classes are numbered 0 to 2');
    expect(() => logLikelihood({ kind: 'categorical' }, f, 3, Float64Array.of(0.5, 1))).toThrow('y[0] is 0.5');
    expect(() => logLikelihood({ kind: 'categorical' }, f, 3, Float64Array.of(1, 0, 0, 1, 1, 0))).toThrow('in y[1] sum to 2');
    expect(() => logLikelihood({ kind: 'bernoulli' }, f, 3, Float64Array.of(0, 1, 0, 1, 2, 0))).toThrow('y[1] is 2');
    expect(() => logLikelihood({ kind: 'gaussian', noise: 1 }, f, 3, new Float64Array(5))).toThrow('y has 5 values; 2 rows of 3 outputs need 6');
    expect(() => logLikelihood({ kind: 'gaussian', noise: 1 }, f, 3, Float64Array.of(0, 0, 0, 0, Number.NaN, 0))).toThrow('y[1] is NaN');
  });
});
