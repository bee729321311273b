// A plane through ŵ: Gaussian against the GGN multiplied out, the orbit against the network itself, the loss against the likelihood.
import { describe, expect, it } from 'vitest';
import { planeOfReport, planeSection } from '../../../src/analyses/rankPlane.ts';
import { likelihoodModel, logLikelihood } from '../../../src/curvature/likelihood.ts';
import { lossPlane, type LossPlane, type PlaneQuestion } from '../../../src/curvature/lossPlane.ts';
import { ellipse, longAxis, planePrecision } from '../../../src/curvature/planeGaussian.ts';
import { inputCount, rowCount, type CurvatureProblem } from '../../../src/curvature/problem.ts';
import { largestScalingOrbits, type ScalingOrbit } from '../../../src/curvature/scalingOrbit.ts';
import { weightedRows } from '../../../src/curvature/weightedJacobian.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { forward } from '../../../src/network/forward.ts';
import { gaussianClasses, train } from '../../../src/posterior/twoNeurons.ts';
import { context, network, normal } from './problems.ts';

/** The two-neuron network of the slides, trained on its classes. */
function twoNeurons(): { problem: CurvatureProblem; targets: Float64Array } {
  const random = seededRandom(5);
  const data = gaussianClasses(random);
  const net = network([2, 2, 1], 'relu');
  const state = normal(3, net.parameters, 0.5);
  train(state, data, { learningRate: 0.1, batch: 10, epochs: 3 }, random);
  return { problem: { network: net, state, x: data.x, likelihood: likelihoodModel('bernoulli', 1, 1), weighting: 'likelihood' }, targets: data.y };
}

function firstOrbit({ network: net, state }: CurvatureProblem): ScalingOrbit {
  const orbit = largestScalingOrbits(net, state, 1).next();
  if (orbit.done === true) throw new Error('no scaling symmetry');
  return orbit.value;
}

function moved(state: Float64Array, plane: Pick<ScalingOrbit, 'kernel' | 'image'>, x: number, y: number): Float64Array {
  return state.map((entry, i) => entry + x * (plane.kernel[i] ?? 0) + y * (plane.image[i] ?? 0));
}

const meanOf = ({ network: net, likelihood, x }: CurvatureProblem, state: Float64Array, targets: Float64Array): number => -logLikelihood(likelihood, forward(net, state, x), net.outputs, targets).value / (x.length / net.inputs);

/** dᵀ (GGN + αI) d with the Jacobian written out. */
function quadratic(problem: CurvatureProblem, alpha: number, d: Float64Array): number {
  const rows = new Float64Array(rowCount(problem) * d.length);
  weightedRows(problem, 0, inputCount(problem), rows);
  let sum = alpha * d.reduce((total, entry) => total + entry * entry, 0);
  for (let r = 0; r < rowCount(problem); r++) sum += d.reduce((total, entry, i) => total + entry * rows[r * d.length + i]!, 0) ** 2;
  return sum;
}

async function planeOf({ problem, targets }: { problem: CurvatureProblem; targets: Float64Array | undefined }, priorPrecision: number, more: Partial<PlaneQuestion> = {}): Promise<LossPlane & ScalingOrbit> {
  const orbit = firstOrbit(problem);
  const plane = await lossPlane({ problem, targets, priorPrecision, kernel: orbit.kernel, image: orbit.image, orbit: orbit.at, products: 1e9, random: seededRandom(1), ...more }, context());
  if (plane === undefined) throw new Error('left out');
  return { ...plane, ...orbit };
}

describe('the orbit of a scaling symmetry', () => {
  it.each([
    [network([3, 5, 4, 2], 'relu'), 'gaussian'],
    [network([2, 2, 1], 'leaky_relu:0.1'), 'bernoulli'],
  ] as const)('lies in its plane: the function is the same all along', (net, kind) => {
    const problem: CurvatureProblem = { network: net, state: normal(4, net.parameters), x: normal(5, 20 * net.inputs), likelihood: likelihoodModel(kind, 1, net.outputs), weighting: 'likelihood' };
    const orbit = firstOrbit(problem);
    const f = forward(net, problem.state, problem.x);
    for (const a of [0.25, 0.6, 1, 1.7, 4]) {
      const [x, y] = orbit.at(a);
      forward(net, moved(problem.state, orbit, x, y), problem.x).forEach((output, k) => { expect(output).toBeCloseTo(f[k]!, 11); });
    }
    expect(orbit.at(1)).toEqual([0, 0]);
    expect(orbit.at(2)[0]).toBeGreaterThan(0);
    expect(orbit.at(2)[1]).toBeGreaterThan(0);
    expect(orbit.at(0.5)[1]).toBeGreaterThan(0);
    expect(orbit.kernel.reduce((sum, entry, i) => sum + entry * orbit.image[i]!, 0)).toBeCloseTo(0, 13);
  });

  it('is that of the unit with the largest outgoing norm', () => {
    const net = network([2, 3, 1], 'relu');
    // w (3 × 2), b (3), v (1 × 3), c
    const state = Float64Array.from([1, 2, 3, 4, 5, 6, 1, 1, 1, 0.5, -7, 2, 1]);
    const { layer, unit, kernel } = firstOrbit({ network: net, state, x: new Float64Array(0), likelihood: likelihoodModel('gaussian', 1, 1), weighting: 'likelihood' });
    expect([layer, unit]).toEqual([net.nodes.find(({ op }) => op === 'dense')?.name, 1]);
    const length = Math.hypot(3, 4, 1, 7);
    [0, 0, 3, 4, 0, 0, 0, 1, 0, 0, 7, 0, 0].forEach((entry, i) => { expect(kernel[i]).toBeCloseTo(entry / length, 12); });
  });

  it('does not exist for tanh, nor for a unit without weights', () => {
    const tanh = network([2, 3, 1], 'tanh');
    expect([...largestScalingOrbits(tanh, normal(1, tanh.parameters), 3)]).toEqual([]);
    const relu = network([2, 3, 1], 'relu');
    expect([...largestScalingOrbits(relu, new Float64Array(relu.parameters), 3)]).toEqual([]);
  });
});

describe('the Laplace approximation in a plane', () => {
  it.each([1e-3, 1, 50])('the ellipse is where δᵀ(GGN + αI)δ = 4, α = %d', async (alpha) => {
    const { problem } = twoNeurons();
    const orbit = firstOrbit(problem);
    // Not the kernel alone, so that the ellipse is oblique.
    const turned = { kernel: orbit.kernel.map((entry, i) => (3 * entry + 4 * orbit.image[i]!) / 5), image: orbit.image.map((entry, i) => (3 * entry - 4 * orbit.kernel[i]!) / 5) };
    for (const plane of [orbit, turned]) {
      const precision = await planePrecision(problem, plane.kernel, plane.image, alpha, context());
      const { x, y } = ellipse(precision, 2, 33);
      x.forEach((along, k) => {
        const d = moved(new Float64Array(problem.network.parameters), plane, along, y[k]!);
        expect(Math.abs(quadratic(problem, alpha, d) - 4)).toBeLessThan(1e-9);
      });
      const [ax, ay] = longAxis(precision);
      expect(Math.abs(quadratic(problem, alpha, moved(new Float64Array(problem.network.parameters), plane, ax, ay)) - 1)).toBeLessThan(1e-9);
      expect(2 * Math.hypot(ax, ay)).toBeGreaterThanOrEqual(Math.max(...x.map((along, k) => Math.hypot(along, y[k]!))) - 1e-12);
    }
  });

  it('has the prior’s width along the kernel', async () => {
    const { problem } = twoNeurons();
    const { kernel, image } = firstOrbit(problem);
    const [x, y] = longAxis(await planePrecision(problem, kernel, image, 0.25, context()));
    expect(x).toBeCloseTo(2, 10);
    expect(y).toBeCloseTo(0, 10);
  });
});

describe('the loss over a plane of two neurons', () => {
  it('is the mean negative log-likelihood, at ŵ and elsewhere', async () => {
    const example = twoNeurons();
    const plane = await planeOf(example, 1);
    const { bins, halfWidth, halfHeight, values, loss } = plane;
    expect(values).toHaveLength(bins * bins);
    expect(values[(bins * bins - 1) / 2]).toBe(loss);
    expect(loss).toBeCloseTo(meanOf(example.problem, example.problem.state, example.targets), 13);
    const [ix, iy] = [3, bins - 5];
    const at = moved(example.problem.state, plane, -halfWidth + ((ix + 0.5) / bins) * 2 * halfWidth, -halfHeight + ((iy + 0.5) / bins) * 2 * halfHeight);
    expect(values[iy * bins + ix]).toBeCloseTo(meanOf(example.problem, at, example.targets), 11);
  });

  it.each([1e-4, 1, 100])('stays the same along the drawn curve, α = %d', async (alpha) => {
    const example = twoNeurons();
    const plane = await planeOf(example, alpha);
    expect(plane.curve.x.length).toBeGreaterThan(20);
    plane.curve.x.forEach((x, k) => { expect(Math.abs(meanOf(example.problem, moved(example.problem.state, plane, x, plane.curve.y[k]!), example.targets) - plane.loss)).toBeLessThan(1e-12 * (1 + plane.loss)); });
    expect(plane.lossOnCurve - plane.loss).toBeLessThan(1e-12);
    // Both can be seen: the curve bends by a part of the picture's height that is not small, the ellipse is not a line.
    expect(Math.max(...plane.curve.y)).toBeGreaterThan(plane.halfHeight / 20);
    expect(Math.max(...plane.ellipse.y)).toBeGreaterThan(plane.halfHeight / 41);
  });

  it('has doubled where it says, along the long axis', async () => {
    const example = twoNeurons();
    const plane = await planeOf(example, 0.05);
    const [ax, ay] = longAxis(plane.precision);
    const along = (s: number): number => meanOf(example.problem, moved(example.problem.state, plane, s * ax, s * ay), example.targets);
    expect(plane.doubled).not.toBeNull();
    const s = plane.doubled ?? 0;
    expect(Math.max(along(s), along(-s)) / plane.loss).toBeCloseTo(2, 6);
    expect(Math.max(along(0.9 * s), along(-0.9 * s)) / plane.loss).toBeLessThan(2);
    expect(plane.lossAtEnd).toBeCloseTo(Math.max(along(2), along(-2)), 12);
    expect((await planeOf(example, 1e6)).doubled).toBeNull();
  });

  it('takes fewer inputs, or gives up, when all would take too long', async () => {
    const example = twoNeurons();
    const some = await planeOf(example, 1, { products: 1e6 });
    expect(some.bins).toBe(21);
    expect(some.inputs).toBeLessThan(400);
    const orbit = firstOrbit(example.problem);
    expect(await lossPlane({ ...example, priorPrecision: 1, kernel: orbit.kernel, image: orbit.image, orbit: orbit.at, products: 1e5, random: seededRandom(1) }, context())).toBeUndefined();
  });
});

describe('the valley of other networks', () => {
  const net = network([1, 6, 1], 'tanh');
  const problem: CurvatureProblem = { network: net, state: normal(7, net.parameters), x: normal(8, 5), likelihood: likelihoodModel('gaussian', 0.5, 1), weighting: 'likelihood' };
  const direction = (values: readonly number[]): Float64Array => Float64Array.from(values, (value) => value / Math.hypot(...values));

  it('changes the outputs less than its neighbours above and below', async () => {
    const kernel = direction([1, ...new Array<number>(net.parameters - 1).fill(0)]);
    const image = direction([0, 1, ...new Array<number>(net.parameters - 2).fill(0)]);
    const plane = await lossPlane({ problem, targets: undefined, priorPrecision: 1, kernel, image, orbit: undefined, products: 1e9, random: seededRandom(1) }, context());
    const f = forward(net, problem.state, problem.x);
    const change = (x: number, y: number): number => forward(net, moved(problem.state, { kernel, image }, x, y), problem.x).reduce((sum, output, k) => sum + (output - f[k]!) ** 2, 0) / f.length;
    const { x, y } = plane?.curve ?? { x: [], y: [] };
    expect(x.length).toBeGreaterThan(20);
    x.forEach((along, k) => {
      const here = change(along, y[k]!);
      for (const beside of [-0.02, 0.02]) expect(here).toBeLessThanOrEqual(change(along, y[k]! + beside) + 1e-15);
    });
    expect(plane?.loss).toBe(0);
    expect(plane?.doubled).toBeNull();
  });

  it('is a line without change when the network is linear', async () => {
    const linear = network([3, 1], 'linear');
    const flat: CurvatureProblem = { network: linear, state: normal(1, 4), x: Float64Array.from([1, 2, 0, 2, 1, 0]), likelihood: likelihoodModel('gaussian', 1, 1), weighting: 'likelihood' };
    // The third input is always 0: its weight is kernel.
    const plane = await lossPlane({ problem: flat, targets: undefined, priorPrecision: 1, kernel: direction([0, 0, 1, 0]), image: direction([1, 1, 0, 0]), orbit: undefined, products: 1e9, random: seededRandom(1) }, context());
    expect(plane?.curve.y.every((value) => Math.abs(value) < 1e-12)).toBe(true);
    expect(plane?.lossOnCurve).toBeLessThan(1e-24);
  });
});

describe('the plane of the report', () => {
  it('is that of a unit, says where the loss doubles, and shows zero without a gap', async () => {
    const { problem, targets } = twoNeurons();
    const request = { file: '', inputs: 1, likelihood: 'bernoulli', noise: 1, priorPrecision: 0.05, seed: 0 } as const;
    const [section] = planeSection(await planeOfReport(problem, targets, 1e-8, undefined, request, context()));
    expect(section?.meaning).toMatch(/^Horizontally unit [01] of layer .* the loss stays what it is at ŵ.* has doubled [\d.]+ standard deviations along/);
    expect(section?.panels[0]?.curves.map(({ x }) => x.length)).toEqual([97, 129]);
    const change = planeSection(await planeOfReport(problem, undefined, 1e-8, undefined, request, context()))[0];
    expect(change?.colours).toBe('log');
    expect(change?.panels[0]?.values).toContain(0);
  });

  it('says why it is left out', async () => {
    const net = network([1, 3, 1], 'tanh');
    const problem: CurvatureProblem = { network: net, state: normal(1, net.parameters), x: normal(2, 5), likelihood: likelihoodModel('gaussian', 1, 1), weighting: 'likelihood' };
    const found = await planeOfReport(problem, undefined, 1e-8, undefined, { file: '', inputs: 1, likelihood: 'gaussian', noise: 1, priorPrecision: 1, seed: 0 }, context());
    expect(found).toMatchObject({ kind: 'omitted' });
    expect(planeSection(found)).toEqual([]);
  });
});
