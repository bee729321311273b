/**
 * How many dimensions of the kernel the known continuous symmetries explain at θ: the dimension of the span of their tangent
 * vectors, each first verified against the network itself, ‖H^{1/2}J t‖ ≤ 1e-10 ‖H^{1/2}J‖ ‖t‖.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import { norm2 } from '../linalg/matrixInput.ts';
import { singularValues } from '../linalg/singularValues.ts';
import { rankEstimate } from './rank.ts';
import { inputCount, inputsPerChunk, weightedRows, type CurvatureProblem } from './weightedJacobian.ts';

const VERIFIED = 1e-10;
/**
 * Inputs that a tangent is tried on: an analytic tangent is right everywhere or wrong almost everywhere, so a few are enough where
 * many would take longer than everything else.
 */
const TRIED_INPUTS = { most: 256, least: 8, products: 2e9 } as const;

export interface SymmetryDimension {
  readonly dimension: number;
  readonly bracket: readonly [number, number];
  /** Indices of tangents that J does not annihilate: a defect of whoever gave them. */
  readonly rejected: readonly number[];
}

/** @param tangents vectors of length D, not necessarily independent; zero vectors span nothing */
export function* symmetryDimension(problem: CurvatureProblem, tangents: readonly Float64Array[]): Interruptible<SymmetryDimension> {
  const residuals = yield* relativeResiduals(problem, tangents);
  const rejected: number[] = [];
  const kept: Float64Array[] = [];
  tangents.forEach((tangent, k) => {
    if (residuals[k]! > VERIFIED) rejected.push(k);
    else if (tangent.some((entry) => entry !== 0)) kept.push(tangent);
  });
  if (kept.length === 0) return { dimension: 0, bracket: [0, 0], rejected };
  const parameters = problem.chain.parameters;
  // Unit columns, so that no tangent is lost for being short.
  const columns = new Float64Array(parameters * kept.length);
  kept.forEach((tangent, k) => {
    const norm = norm2(tangent, 0, parameters);
    for (let i = 0; i < parameters; i++) columns[i * kept.length + k] = tangent[i]! / norm;
  });
  const values = yield* singularValues(columns, parameters, kept.length);
  const bound = Math.min(kept.length, parameters);
  const { rank, bracket } = rankEstimate({ singularValues: values, rows: parameters, columns: kept.length, resolution: 0, floor: Number.EPSILON, bound });
  return { dimension: rank, bracket, rejected };
}

/** ‖H^{1/2}J t‖ / (‖H^{1/2}J‖ ‖t‖) of each tangent, with ‖H^{1/2}J‖ bounded from below by its rows' largest norm. */
function* relativeResiduals(problem: CurvatureProblem, tangents: readonly Float64Array[]): Interruptible<Float64Array> {
  const { chain } = problem;
  const squares = new Float64Array(tangents.length);
  const affordable = Math.floor(TRIED_INPUTS.products / (chain.outputs * chain.parameters * Math.max(1, tangents.length)));
  const inputs = Math.min(inputCount(problem), TRIED_INPUTS.most, Math.max(TRIED_INPUTS.least, affordable));
  const step = inputsPerChunk(chain);
  const buffer = new Float64Array(step * chain.outputs * chain.parameters);
  let largestRow = 0;
  for (let first = 0; first < inputs; first += step) {
    const count = Math.min(step, inputs - first);
    weightedRows(problem, first, count, buffer);
    for (let r = 0; r < count * chain.outputs; r++) {
      const row = r * chain.parameters;
      largestRow = Math.max(largestRow, norm2(buffer, row, chain.parameters));
      for (let k = 0; k < tangents.length; k++) {
        const tangent = tangents[k]!;
        let product = 0;
        for (let i = 0; i < chain.parameters; i++) product += buffer[row + i]! * tangent[i]!;
        squares[k]! += product * product;
      }
      yield;
    }
  }
  return squares.map((square, k) => {
    const norm = norm2(tangents[k]!, 0, chain.parameters);
    return square === 0 || norm === 0 ? 0 : Math.sqrt(square) / (largestRow * norm);
  });
}
