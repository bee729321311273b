// The effective dimension is D − α tr Σ, with Σ the covariance of the Laplace approximation inverted for itself; and what the curves say in words.
import { Matrix, inverse } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { effectiveDimension, effectiveDimensionCurve, effectiveDimensionSection, growthSection } from '../../../src/analyses/rankCurves.ts';
import { likelihoodModel } from '../../../src/curvature/likelihood.ts';
import { gramSpectrum } from '../../../src/curvature/spectrum.ts';
import { inputCount, rowCount, type CurvatureProblem } from '../../../src/curvature/problem.ts';
import { weightedRows } from '../../../src/curvature/weightedJacobian.ts';
import { context, network, normal } from '../curvature/problems.ts';

const net = network([2, 3, 2], 'tanh');
const problem: CurvatureProblem = { network: net, state: normal(1, net.parameters), x: normal(2, 2 * 5), likelihood: likelihoodModel('gaussian', 0.3, 2), weighting: 'likelihood' };

async function imageOf(): Promise<Float64Array> {
  return (await gramSpectrum(problem, context())).eigenvalues.subarray(0, rowCount(problem));
}

describe('effective dimension', () => {
  it.each([1e-3, 1, 40, 1e5])('is D − α tr Σ at α = %d', async (alpha) => {
    const rows = new Float64Array(rowCount(problem) * net.parameters);
    weightedRows(problem, 0, inputCount(problem), rows);
    const g = new Matrix(Array.from({ length: rowCount(problem) }, (_, i) => [...rows.subarray(i * net.parameters, (i + 1) * net.parameters)]));
    const covariance = inverse(Matrix.add(g.transpose().mmul(g), Matrix.eye(net.parameters).mul(alpha)));
    expect(effectiveDimension(await imageOf(), alpha)).toBeCloseTo(net.parameters - alpha * covariance.trace(), 8);
  });

  it('falls from the rank to zero, and the curve holds the present α', async () => {
    const eigenvalues = await imageOf();
    const { priorPrecision, value } = effectiveDimensionCurve(eigenvalues, 0.7);
    expect(priorPrecision).toContain(0.7);
    value.forEach((at, k) => { if (k > 0) expect(at).toBeLessThan(value[k - 1]!); });
    expect(value[0]).toBeGreaterThan(0.99 * eigenvalues.length);
    expect(value[0]).toBeLessThanOrEqual(eigenvalues.length);
    expect(value.at(-1)).toBeLessThan(0.01 * eigenvalues.length);
    expect(value.at(-1)).toBeGreaterThan(0);
  });

  it('says where half of the image is determined: at λ itself when all eigenvalues are equal', () => {
    const eigenvalues = new Float64Array(6).fill(37);
    const [section] = effectiveDimensionSection(effectiveDimensionCurve(eigenvalues, 1), eigenvalues, { rank: 6, bracket: [6, 6] }, 1);
    expect(section?.meaning).toContain('half of them at α = 37.');
    expect(section?.panels[0]?.points).toMatchObject({ x: [1], y: [(6 * 37) / 38] });
  });
});

describe('rank against data, in words', () => {
  const point = (data: number, rank: number, bound: number) => ({ data, rank, bracket: [rank, rank] as const, bound });
  const genericRank = { rank: 32, bracket: [32, 32] as const, bound: 32, tolerance: 0, gap: [1, 0] as const };
  const meaning = (points: readonly ReturnType<typeof point>[], dataLimited: number): string => growthSection({ points, omitted: [] }, { kind: 'separated', genericRank, hidden: 0, dataLimited }, 'data points')[0]?.meaning ?? '';
  it('tells growing, flat and saturated apart', () => {
    expect(meaning([point(4, 8, 8), point(8, 16, 16)], 16)).toMatch(/^Still growing at 8 data points, by 2 for each of the last: .* 16 more directions could be constrained/);
    expect(meaning([point(4, 8, 8), point(8, 8, 16)], 24)).toMatch(/^Flat at 8 from 4 data points on/);
    expect(meaning([point(4, 8, 8), point(20, 32, 32), point(40, 32, 32)], 0)).toMatch(/^Saturated: 20 data points already give the rank of 32/);
    expect(meaning([point(4, 8, 8), point(20, 32, 32)], 0)).toMatch(/only on all 20 data points\.$/);
  });
});
