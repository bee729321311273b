// Reliability: closed forms, and an interval of someone else's.
import { expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { answers, calibrationError, reliabilityBins, wilsonInterval } from '../../../src/posterior/calibration.ts';

it('puts inputs into bins of the predicted class’s probability', () => {
  const given = answers('categorical', Float64Array.of(0.7, 0.2, 0.1, 0.1, 0.3, 0.6, 0.72, 0.18, 0.1), Float64Array.of(0, 1, 1), 3);
  expect([...given.confidence]).toEqual([0.7, 0.6, 0.72]);
  expect([...given.correct]).toEqual([1, 0, 0]);
  // (0.6, 0.667] and (0.667, 0.733]: the edge belongs to the bin below.
  expect(reliabilityBins(given)).toEqual([{ count: 1, confidence: 0.6, accuracy: 0 }, { count: 2, confidence: 0.71, accuracy: 0.5 }]);
  expect(calibrationError(given)).toBeCloseTo((0.6 + 2 * 0.21) / 3, 14);
});

it('takes a Bernoulli output as a question of two classes', () => {
  expect(answers('bernoulli', Float64Array.of(0.9, 0.2, 0.4), Float64Array.of(1, 0, 1), 1)).toEqual({ confidence: Float64Array.of(0.9, 0.8, 0.6), correct: Float64Array.of(1, 1, 0), counts: Float64Array.of(1, 1, 1) });
});

it('vanishes for frequencies that come true', () => {
  const random = seededRandom(1);
  const rows = 40_000;
  const probability = Float64Array.from({ length: rows }, () => random.uniform());
  const targets = probability.map((p) => (random.uniform() < p ? 1 : 0));
  expect(calibrationError(answers('bernoulli', probability, targets, 1))).toBeLessThan(0.02);
  expect(calibrationError(answers('bernoulli', probability.map((p) => (p > 0.5 ? 1 : 0)), targets, 1))).toBeCloseTo(0.25, 1);
});

it('gives the interval of statsmodels’ proportion_confint(8, 10, method="wilson")', () => {
  const [low, high] = wilsonInterval(0.8, 10);
  expect(low).toBeCloseTo(0.4901624715, 6);
  expect(high).toBeCloseTo(0.9433178485, 6);
});
