/** The prior precision of the largest evidence: a maximum, or none. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/linalg/random.ts';
import { maximiseEvidence, type EvidenceProblem } from '../../../src/posterior/empiricalBayes.ts';

/** log evidence as evidence.ts has it, up to constants. */
function logEvidence({ eigenvalues, squaredNorm, gaussian }: EvidenceProblem, alpha: number, noise: number): number {
  const scale = gaussian === undefined ? 1 : (gaussian.noise / noise) ** 2;
  const fit = gaussian === undefined ? 0 : -0.5 * gaussian.squaredResidual / noise ** 2 - gaussian.count * Math.log(noise);
  return fit - 0.5 * alpha * squaredNorm - 0.5 * eigenvalues.reduce((sum, lambda) => sum + Math.log1p((scale * lambda) / alpha), 0);
}

const eigenvalues = Float64Array.from({ length: 12 }, (_, i) => 300 * 0.5 ** i);

describe('evidence over its hyperparameters', () => {
  it.each([
    ['prior precision alone', { eigenvalues, squaredNorm: 5.5, gaussian: undefined }],
    ['with the noise', { eigenvalues, squaredNorm: 5.5, gaussian: { noise: 0.3, squaredResidual: 7, count: 40, fixedNoise: false } }],
    ['with a noise that is known', { eigenvalues, squaredNorm: 2, gaussian: { noise: 0.3, squaredResidual: 7, count: 40, fixedNoise: true } }],
  ] satisfies [string, EvidenceProblem][])('is largest at the fixed point: %s', (_, problem) => {
    const { priorPrecision, noise = 1, converged } = maximiseEvidence(problem, 1);
    expect(converged).toBe(true);
    const best = logEvidence(problem, priorPrecision, noise);
    const random = seededRandom(1);
    for (let k = 0; k < 300; k++) {
      const other = logEvidence(problem, priorPrecision * Math.exp(2 * random.normal()), problem.gaussian?.fixedNoise === false ? noise * Math.exp(random.normal()) : noise);
      expect(other).toBeLessThanOrEqual(best + 1e-12);
    }
    // From anywhere.
    for (const start of [1e-6, 1e6]) expect(maximiseEvidence(problem, start).priorPrecision / priorPrecision).toBeCloseTo(1, 9);
  });

  it('says when there is no maximum', () => {
    expect(() => maximiseEvidence({ eigenvalues, squaredNorm: 0, gaussian: undefined }, 1)).toThrow('all weights are zero');
    expect(() => maximiseEvidence({ eigenvalues, squaredNorm: 1, gaussian: { noise: 1, squaredResidual: 0, count: 40, fixedNoise: false } }, 1)).toThrow('fits its data exactly');
  });
});
