/**
 * How many dimensions of the kernel the known continuous symmetries explain at θ: the dimension of the span of their tangent
 * vectors, each first verified against the network itself, ‖H^{1/2}J t‖ ≤ 1e-10 ‖H^{1/2}J‖ ‖t‖.
 */
import { singularValues } from '../linalg/dense/svd.ts';
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { norm2 } from '../linalg/matrixInput.ts';
import { productsPerInput } from '../network/cost.ts';
import { trace, type Trace } from '../network/forward.ts';
import { addVectorJacobianProduct } from '../network/parameterGradients.ts';
import { pushForward } from '../network/tangent.ts';
import { inputCount, rowsPerInput, weightedSeeds, type CurvatureProblem } from './problem.ts';
import { rankEstimate } from './rank.ts';
import { inputsPerPass } from './weightedJacobian.ts';

const VERIFIED = 1e-10;
/**
 * Inputs that a tangent is tried on: an analytic tangent is right everywhere or wrong almost everywhere, so a few are enough where
 * many would take longer than everything else.
 */
const TRIED_INPUTS = { most: 256, least: 8, products: 2e9 } as const;
/** Steps of the power method that bound ‖H^{1/2}J‖ from below: enough for its size. */
const POWER_STEPS = 3;

export interface SymmetryDimension {
  readonly dimension: number;
  readonly bracket: readonly [number, number];
  /** Indices of tangents that J does not annihilate: a defect of whoever gave them. */
  readonly rejected: readonly number[];
}

/** @param tangents vectors of length D, not necessarily independent; zero vectors span nothing */
export async function symmetryDimension(problem: CurvatureProblem, tangents: readonly Float64Array[], signal: AbortSignal): Promise<SymmetryDimension> {
  const residuals = await interruptibly(relativeResiduals(problem, tangents), signal);
  const rejected: number[] = [];
  const kept: Float64Array[] = [];
  tangents.forEach((tangent, k) => {
    if (residuals[k]! > VERIFIED) rejected.push(k);
    else if (tangent.some((entry) => entry !== 0)) kept.push(tangent);
  });
  if (kept.length === 0) return { dimension: 0, bracket: [0, 0], rejected };
  const { parameters } = problem.network;
  // Unit columns, so that no tangent is lost for being short.
  const columns = new Float64Array(parameters * kept.length);
  kept.forEach((tangent, k) => {
    const norm = norm2(tangent, 0, parameters);
    for (let i = 0; i < parameters; i++) columns[i * kept.length + k] = tangent[i]! / norm;
  });
  const values = await singularValues(columns, parameters, kept.length, { signal });
  const bound = Math.min(kept.length, parameters);
  const { rank, bracket } = rankEstimate({ singularValues: values, rows: parameters, columns: kept.length, resolution: 0, floor: Number.EPSILON, bound });
  return { dimension: rank, bracket, rejected };
}

interface Tried {
  readonly values: Trace;
  readonly seeds: Float64Array;
}

/** ‖H^{1/2}J t‖ / (‖H^{1/2}J‖ ‖t‖) of each tangent. */
function* relativeResiduals(problem: CurvatureProblem, tangents: readonly Float64Array[]): Interruptible<Float64Array> {
  const { network, state, x } = problem;
  const affordable = Math.floor(TRIED_INPUTS.products / (2 * productsPerInput(network) * Math.max(1, tangents.length)));
  const inputs = Math.min(inputCount(problem), TRIED_INPUTS.most, Math.max(TRIED_INPUTS.least, affordable));
  const step = inputsPerPass(problem);
  const squares = new Float64Array(tangents.length);
  const tried: Tried[] = [];
  for (let first = 0; first < inputs; first += step) {
    const values = trace(network, state, x.subarray(first * network.inputs, Math.min(first + step, inputs) * network.inputs));
    tried.push({ values, seeds: weightedSeeds(problem, values.values[network.output]!, first) });
  }
  for (const part of tried) {
    for (const [k, tangent] of tangents.entries()) {
      const product = weighted(problem, part, pushForward(network, state, part.values, tangent));
      squares[k]! += norm2(product, 0, product.length) ** 2;
      yield;
    }
  }
  const largest = yield* largestSingularValue(problem, tried);
  return squares.map((square, k) => {
    const norm = norm2(tangents[k]!, 0, network.parameters);
    return square === 0 || norm === 0 ? 0 : Math.sqrt(square) / (largest * norm);
  });
}

/** H^{1/2} u: N·S numbers. */
function weighted(problem: CurvatureProblem, { seeds }: Tried, u: Float64Array): Float64Array {
  const { outputs } = problem.network;
  const perInput = rowsPerInput(problem);
  return Float64Array.from({ length: seeds.length / outputs }, (_, r) => {
    const input = Math.floor(r / perInput) * outputs;
    let sum = 0;
    for (let o = 0; o < outputs; o++) sum += seeds[r * outputs + o]! * u[input + o]!;
    return sum;
  });
}

/** ‖H^{1/2}J‖ on the tried inputs, from below. */
function* largestSingularValue(problem: CurvatureProblem, tried: readonly Tried[]): Interruptible<number> {
  const { network, state } = problem;
  const perInput = rowsPerInput(problem);
  let coefficients: Float64Array[] = tried.map(({ seeds }) => new Float64Array(seeds.length / network.outputs).fill(1));
  let largest = 0;
  for (let step = 0; step < POWER_STEPS; step++) {
    const size = Math.hypot(...coefficients.map((part) => norm2(part, 0, part.length)));
    if (size === 0) break;
    const direction = new Float64Array(network.parameters);
    for (const [k, { values, seeds }] of tried.entries()) {
      const cotangents = new Float64Array(values.rows * network.outputs);
      seeds.forEach((seed, at) => {
        const row = Math.floor(at / network.outputs);
        cotangents[Math.floor(row / perInput) * network.outputs + (at % network.outputs)]! += (coefficients[k]![row]! / size) * seed;
      });
      addVectorJacobianProduct(network, state, values, cotangents, direction);
      yield;
    }
    largest = Math.max(largest, norm2(direction, 0, direction.length));
    coefficients = tried.map((part) => weighted(problem, part, pushForward(network, state, part.values, direction)));
    yield;
  }
  return largest;
}
