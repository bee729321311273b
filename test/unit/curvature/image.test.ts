/** Image and kernel as subspaces: the projector's laws, its shares by layer, symmetries in the kernel, eigenvectors as directions. */
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { describe, expect, test } from 'vitest';
import { constrainedDirections } from '../../../src/curvature/directions.ts';
import { GgnImage } from '../../../src/curvature/image.ts';
import { GgnOperators } from '../../../src/curvature/operators.ts';
import type { CurvatureProblem } from '../../../src/curvature/problem.ts';
import { rankEstimate } from '../../../src/curvature/rank.ts';
import { gramSpectrum, type SpectrumMethod } from '../../../src/curvature/spectrum.ts';
import { weightedRows } from '../../../src/curvature/weightedJacobian.ts';
import { complete } from '../../../src/linalg/interruptible.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import type { Network } from '../../../src/network/network.ts';
import { symmetryTangents } from '../../../src/symmetry/tangents.ts';
import { distance, gaussian } from '../linalg/matrices.ts';
import { operations, ruledState } from '../network/networks.ts';
import { context, network as dense, normal } from './problems.ts';

function problemOf(network: Network, inputs: number, likelihood: CurvatureProblem['likelihood'] = { kind: 'gaussian', noise: 1 }): CurvatureProblem {
  const state = normal(4, network.stateSize, 0.5);
  ruledState(network).subarray(network.parameters).forEach((value, k) => { state[network.parameters + k] = value; });
  return { network, state, x: gaussian(seededRandom(2), inputs, network.inputs), likelihood, weighting: 'likelihood' };
}

async function imageOf(problem: CurvatureProblem, method: SpectrumMethod): Promise<{ image: GgnImage; eigenvalues: Float64Array }> {
  const spectrum = await gramSpectrum(problem, context(), { method, vectors: true });
  const { singularValues, eigenvalues, rows, parameters, resolution, floor } = spectrum;
  const { rank } = rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound: Math.min(rows, parameters) });
  return { image: new GgnImage(problem, spectrum, rank), eigenvalues };
}

const problems: readonly (readonly [string, CurvatureProblem])[] = [
  ['dense, more rows', problemOf(dense([3, 5, 2], 'relu'), 60)],
  ['dense, fewer rows', problemOf(dense([3, 5, 2], 'relu'), 5)],
  ['residual, softmax', problemOf(operations['residual']!().build(), 12, { kind: 'categorical' })],
  ['lenet', problemOf(operations['lenet']!().build(), 8, { kind: 'bernoulli' })],
];
const cases = problems.flatMap(([name, problem]) => (['svd', 'gram'] as const).map((method) => [name, method, problem] as const));

describe('image and kernel', () => {
  test.each(cases)('%s, %s: the parts add up, stand at right angles, and the kernel has no curvature', async (_, method, problem) => {
    const { image } = await imageOf(problem, method);
    const direction = normal(3, problem.network.parameters);
    const { image: within, kernel, squared, curvature, kernelCurvature, blocks } = await image.split(direction, context());
    expect(distance(within.map((entry, k) => entry + kernel[k]!), direction)).toBeLessThan(1e-14);
    const length = direction.reduce((sum, entry) => sum + entry * entry, 0);
    expect(Math.abs(squared.image + squared.kernel - length)).toBeLessThan(1e-9 * length);
    expect(kernelCurvature).toBeLessThan(1e-13 * curvature);
    expect(blocks.reduce((sum, part) => sum + part.image, 0)).toBeCloseTo(squared.image, 9);
    // A projector: the parts of a part are itself and nothing.
    const again = await image.split(kernel, context());
    expect(again.squared.image).toBeLessThan(1e-14 * length);
    const once = await image.split(within, context());
    expect(once.squared.kernel).toBeLessThan(1e-14 * length);
  });

  test.each(cases)('%s, %s: shares add up to rank and kernel, between 0 and the length of the blocks', async (_, method, problem) => {
    const { image } = await imageOf(problem, method);
    const shares = await image.shares(context());
    expect(shares.flatMap(({ blocks }) => blocks)).toEqual(problem.network.blocks.filter(({ trainable }) => trainable));
    expect(shares.reduce((sum, share) => sum + share.image, 0)).toBeCloseTo(image.rank, 6);
    expect(shares.reduce((sum, share) => sum + share.kernel, 0)).toBeCloseTo(problem.network.parameters - image.rank, 6);
    for (const { image: part, kernel } of shares) expect(Math.min(part, kernel)).toBeGreaterThan(-1e-6);
  });

  test('shares of both sides agree: those of few rows, and those of eigenvectors in weight space', async () => {
    const few = problemOf(dense([3, 5, 2], 'tanh'), 5);
    const d = few.network.inputs;
    // Weight zero rows change nothing but the side.
    const many = { ...few, x: Float64Array.from([...few.x, ...normal(8, 20 * d)]), sampleWeights: Float64Array.from({ length: 25 }, (_, n) => Number(n < 5)) };
    const short = await (await imageOf(few, 'svd')).image.shares(context());
    const long = await (await imageOf(many, 'svd')).image.shares(context());
    for (const { blocks, image } of short) {
      const same = long.filter((share) => blocks.includes(share.blocks[0]!)).reduce((sum, share) => sum + share.image, 0);
      expect(image).toBeCloseTo(same, 6);
    }
  });

  test('shares stay right where eigenvalues lie below the rounding of the Gram matrix, as in a smooth network of one input', async () => {
    const problem = problemOf(dense([1, 12, 12, 1], 'tanh'), 30);
    const { network: { parameters } } = problem;
    const spectrum = await gramSpectrum(problem, context(), { method: 'svd', vectors: true });
    const rank = spectrum.singularValues.findIndex((value) => value < 1e-9 * spectrum.singularValues[0]!);
    expect(spectrum.eigenvalues[rank - 1]! / spectrum.eigenvalues[0]!).toBeLessThan(1e-16);
    const rows = new Float64Array(30 * parameters);
    weightedRows(problem, 0, 30, rows);
    const { leftSingularVectors } = new SingularValueDecomposition(new Matrix(Array.from({ length: 30 }, (_, n) => [...rows.subarray(n * parameters, (n + 1) * parameters)])).transpose());
    const shares = await new GgnImage(problem, spectrum, rank).shares(context());
    for (const { blocks, image } of shares) {
      let expected = 0;
      for (const { offset, length } of blocks) for (let k = offset; k < offset + length; k++) for (let i = 0; i < rank; i++) expected += leftSingularVectors.get(k, i) ** 2;
      expect(image).toBeCloseTo(expected, 4);
    }
  });

  test.each([problems[0]!, problems[2]!, problems[3]!])('%s: tangents of the symmetries lie in the kernel', async (_, problem) => {
    const { image } = await imageOf(problem, 'svd');
    for (const tangent of symmetryTangents(problem.network, problem.state, { likelihood: problem.likelihood.kind, outputRowShift: true })) {
      const { squared } = await image.split(tangent, context());
      expect(squared.image).toBeLessThan(1e-14 * squared.kernel + 1e-30);
    }
  });

  test.each(cases)('%s, %s: eigenvectors are directions of their eigenvalues', async (_, method, problem) => {
    const { image, eigenvalues } = await imageOf(problem, method);
    const operators = new GgnOperators(problem, 1e8);
    const directions = await constrainedDirections(image, eigenvalues, 3, seededRandom(1), context());
    expect(directions.map(({ kind }) => kind)).toEqual(['most', 'most', 'most', 'least', 'least', 'least', ...(image.rank < problem.network.parameters ? ['kernel'] : [])]);
    for (const { direction, eigenvalue, pictures } of directions) {
      expect(Math.hypot(...direction)).toBeCloseTo(1, 12);
      const product = complete(operators.pullRows(complete(operators.pushDirection(direction))));
      expect(distance(product, direction.map((entry) => eigenvalue * entry))).toBeLessThan(1e-7 * Math.sqrt(eigenvalue * eigenvalues[0]!) + 1e-12 * eigenvalues[0]!);
      expect(pictures.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
    }
  });
});
