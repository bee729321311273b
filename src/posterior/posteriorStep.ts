/**
 * One draw of N(0, (GGN_w + αI)⁻¹) at any weights w by the cheapest exact factorisation, for walks that need one at every step: no spectrum,
 * and nothing allocated that is as large as what is factorised. With A = H^{1/2}J at w, n × D:
 *   n < D   u − α⁻¹ Aᵀ (AAᵀ/α + I)⁻¹ (A u + δ),  u = α^{-1/2} ε: a draw of the prior moved by what its noisy outputs miss (Hoffman & Ribak 1991;
 *           Bhattacharya, Chakraborty & Mallick 2016), with n more standard normal numbers δ;
 *   n ≥ D   L⁻ᵀ ε,  L Lᵀ = AᵀA + αI.
 * The covariance is that of the symmetric root (laplace.ts) and so is the law of a walk; what becomes of one ε is not. Of dense layers A is known by
 * its factors, as in structuredGram.ts; of other networks it is formed.
 */
import { cholesky, NotPositiveDefiniteError } from '../linalg/dense/cholesky.ts';
import { addProduct } from '../linalg/product.ts';
import type { Random } from '../linalg/random.ts';
import { productsPerInput, valuesPerInput } from '../network/cost.ts';
import type { Block, NodeOf } from '../network/network.ts';
import { pullBack } from '../network/reverse.ts';
import { inputCount, rowCount, rowsPerInput, type CurvatureProblem } from '../curvature/problem.ts';
import { chunkAt, inputsPerChunk, weightedRows } from '../curvature/weightedJacobian.ts';
import { hasDenseFactors } from './factoredBasis.ts';
import type { LaplacePart } from './laplace.ts';

/** Writes a draw at w into `into` (length D). @returns false, with `into` undefined, where α is too small beside the GGN for a factorisation to hold it */
export type PosteriorStep = (state: Float64Array, random: Random, into: Float64Array) => Promise<boolean>;

/** Numbers that values, cotangents and rows may take together: 128 MB. */
const HELD_NUMBERS = 2 ** 24;
/** Up to this order a factorisation is over before one on the engine has begun. */
const PLAIN_ORDER = 96;
/** What rounding may add to α, as a share of it. */
const ROUNDING = 1e-4;

type Side = 'factors' | 'rows' | 'parameters';

function sideOf(problem: CurvatureProblem): Side {
  const { network } = problem;
  return rowCount(problem) >= network.parameters ? 'parameters' : hasDenseFactors(network) ? 'factors' : 'rows';
}

/** Numbers that a step holds. */
export function stepNumbers(problem: CurvatureProblem): number {
  const { network } = problem;
  const [rows, side] = [rowCount(problem), sideOf(problem)];
  const values = inputCount(problem) * valuesPerInput(network) * (2 + 2 * rowsPerInput(problem));
  if (side === 'parameters') return 3 * network.parameters ** 2 + 2 * inputsPerChunk(problem) * rowsPerInput(problem) * network.parameters;
  return values + (side === 'rows' ? rows * network.parameters : 0) + 4 * rows ** 2;
}

/** Seconds a multiplication on one core of a small server: of small layers and their activations, and of products and factorisations. */
const SMALL_PRODUCT = 1.4e-9;
const PRODUCT = 1.2e-10;
/** What an entry of a value takes, in multiplications. */
const PRODUCTS_A_VALUE = 40;

/** About how long a step takes on one core. */
export function stepSeconds(problem: CurvatureProblem): number {
  const { network } = problem;
  const [inputs, rows, seeds, side] = [inputCount(problem), rowCount(problem), rowsPerInput(problem), sideOf(problem)];
  const evaluation = inputs * ((1 + 2 * seeds) * productsPerInput(network) + PRODUCTS_A_VALUE * valuesPerInput(network));
  const gram = side === 'parameters' ? rows * network.parameters ** 2
    : side === 'rows' ? rows ** 2 * network.parameters
      : network.nodes.reduce((sum, node) => sum + (node.op === 'dense' ? inputs ** 2 * node.weight.shape[1]! + rows ** 2 * (node.weight.shape[0]! + 1) : 0), 0);
  return SMALL_PRODUCT * evaluation + PRODUCT * (gram + Math.min(rows, network.parameters) ** 3 / 3);
}

/** Whether steps of this part of the posterior are had in this way: of the whole, where values and rows fit together. */
export function hasPosteriorStep(problem: CurvatureProblem, part: LaplacePart): boolean {
  return part === 'whole' && stepNumbers(problem) <= HELD_NUMBERS;
}

/** @param problem its state does not matter @param priorPrecision α */
export function posteriorStep(problem: CurvatureProblem, priorPrecision: number): PosteriorStep {
  const side = sideOf(problem);
  if (side === 'parameters') return throughParameters(problem, priorPrecision);
  return throughRows(problem, priorPrecision, side === 'factors' ? factoredRows(problem) : formedRows(problem));
}

/** A at some w, as what a step asks of it. */
interface Rows {
  readonly moveTo: (state: Float64Array) => void;
  /** Adds A Aᵀ on and below the diagonal. */
  readonly addGram: (gram: Float64Array) => void;
  /** Adds A v. */
  readonly addPushed: (vector: Float64Array, into: Float64Array) => void;
  /** Adds Aᵀ c. */
  readonly addPulled: (coefficients: Float64Array, into: Float64Array) => void;
}

function throughRows(problem: CurvatureProblem, priorPrecision: number, rows: Rows): PosteriorStep {
  const n = rowCount(problem);
  const [gram, missed, scale] = [new Float64Array(n * n), new Float64Array(n), 1 / Math.sqrt(priorPrecision)];
  return async (state, random, into) => {
    random.normals(into);
    random.normals(missed);
    for (let i = 0; i < into.length; i++) into[i]! *= scale;
    rows.moveTo(state);
    rows.addPushed(into, missed);
    gram.fill(0);
    rows.addGram(gram);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) gram[i * n + j]! /= priorPrecision;
      gram[i * n + i]! += 1;
    }
    const factor = await factorised(gram, n, 1);
    if (factor === undefined) return false;
    solve(factor, missed, n, false);
    solve(factor, missed, n, true);
    for (let i = 0; i < n; i++) missed[i]! /= -priorPrecision;
    rows.addPulled(missed, into);
    return true;
  };
}

function throughParameters(problem: CurvatureProblem, priorPrecision: number): PosteriorStep {
  const { network: { parameters } } = problem;
  const inputs = inputCount(problem);
  const [step, seeds] = [Math.min(inputs, inputsPerChunk(problem)), rowsPerInput(problem)];
  const [normal, chunk] = [new Float64Array(parameters ** 2), new Float64Array(step * seeds * parameters)];
  return async (state, random, into) => {
    random.normals(into);
    normal.fill(0);
    for (let first = 0; first < inputs; first += step) {
      const count = Math.min(step, inputs - first);
      weightedRows({ ...problem, state }, first, count, chunk);
      addProduct(normal, chunk, chunk, parameters, parameters, count * seeds, 'tn');
    }
    for (let i = 0; i < parameters; i++) normal[i * parameters + i]! += priorPrecision;
    const factor = await factorised(normal, parameters, priorPrecision);
    if (factor === undefined) return false;
    solve(factor, into, parameters, true);
    return true;
  };
}

function formedRows(problem: CurvatureProblem): Rows {
  const { network: { parameters } } = problem;
  const [inputs, n, step] = [inputCount(problem), rowCount(problem), inputsPerChunk(problem)];
  const matrix = new Float64Array(n * parameters);
  const seeds = rowsPerInput(problem);
  return {
    moveTo(state) {
      for (let first = 0; first < inputs; first += step) weightedRows({ ...problem, state }, first, Math.min(step, inputs - first), matrix.subarray(first * seeds * parameters));
    },
    addGram(gram) { addProduct(gram, matrix, matrix, n, n, parameters, 'nt'); },
    addPushed(vector, into) { addProduct(into, matrix, vector, n, 1, parameters, 'nt'); },
    addPulled(coefficients, into) { addProduct(into, coefficients, matrix, 1, parameters, n, 'nn'); },
  };
}

interface Layer {
  readonly outputs: number;
  readonly width: number;
  readonly weight: Block;
  readonly bias: Block | undefined;
  /** N × in. */
  inputs: Float64Array;
  /** N·S × out. */
  readonly cotangents: Float64Array;
  /** N × out. */
  readonly values: Float64Array;
}

/** A row of A is b ⊗ (a, 1) in every layer, a the layer's input and b its cotangent. */
function factoredRows(problem: CurvatureProblem): Rows {
  const { network } = problem;
  const [inputs, n, seeds] = [inputCount(problem), rowCount(problem), rowsPerInput(problem)];
  const layers = new Map(network.nodes.filter((node): node is NodeOf<'dense'> => node.op === 'dense').map(({ index, weight, bias }): [number, Layer] => {
    const [outputs, width] = weight.shape as [number, number];
    return [index, { outputs, width, weight, bias, inputs: new Float64Array(0), cotangents: new Float64Array(n * outputs), values: new Float64Array(inputs * outputs) }];
  }));
  const each = [...layers.values()];
  const [byInputs, byCotangents] = [new Float64Array(inputs * inputs), new Float64Array(n * n)];
  return {
    moveTo(state) {
      const { values, seeds: outer } = chunkAt({ ...problem, state }, 0, inputs);
      pullBack(network, state, values, outer, seeds, (node, cotangents) => {
        const layer = layers.get(node.index);
        if (layer === undefined) return;
        layer.inputs = values.values[node.inputs[0]!]!;
        layer.cotangents.set(cotangents);
      });
    },
    addGram(gram) {
      for (const { outputs, width, bias, inputs: a, cotangents } of each) {
        byInputs.fill(bias === undefined ? 0 : 1);
        byCotangents.fill(0);
        addProduct(byInputs, a, a, inputs, inputs, width, 'nt');
        addProduct(byCotangents, cotangents, cotangents, n, n, outputs, 'nt');
        for (let r = 0; r < n; r++) {
          const i = Math.floor(r / seeds);
          for (let m = 0, at = r * n; m <= i; m++) {
            const factor = byInputs[i * inputs + m]!;
            for (const end = at + seeds; at < end; at++) gram[at]! += factor * byCotangents[at]!;
          }
        }
      }
    },
    addPushed(vector, into) {
      for (const { outputs, width, weight: { offset, length }, bias, inputs: a, cotangents, values } of each) {
        for (let k = 0; k < values.length; k++) values[k] = bias === undefined ? 0 : vector[bias.offset + (k % outputs)]!;
        addProduct(values, a, vector.subarray(offset, offset + length), inputs, outputs, width, 'nt');
        for (let r = 0; r < n; r++) {
          const from = Math.floor(r / seeds) * outputs;
          let sum = 0;
          for (let o = 0; o < outputs; o++) sum += cotangents[r * outputs + o]! * values[from + o]!;
          into[r]! += sum;
        }
      }
    },
    addPulled(coefficients, into) {
      for (const { outputs, width, weight: { offset, length }, bias, inputs: a, cotangents, values } of each) {
        values.fill(0);
        for (let r = 0; r < n; r++) {
          const to = Math.floor(r / seeds) * outputs;
          for (let o = 0; o < outputs; o++) values[to + o]! += coefficients[r]! * cotangents[r * outputs + o]!;
        }
        addProduct(into.subarray(offset, offset + length), values, a, outputs, width, inputs, 'tn');
        if (bias !== undefined) for (let k = 0; k < values.length; k++) into[bias.offset + (k % outputs)]! += values[k]!;
      }
    },
  };
}

/** L of a symmetric matrix whose lower triangle is given, in its place or anew; undefined where rounding is not small beside `least`, which its eigenvalues do not fall below. */
async function factorised(matrix: Float64Array, n: number, least: number): Promise<Float64Array | undefined> {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += matrix[i * n + i]!;
  if (!(trace * n * Number.EPSILON <= ROUNDING * least)) return undefined;
  if (n <= PLAIN_ORDER) return plainCholesky(matrix, n) ? matrix : undefined;
  try {
    return await cholesky(matrix, n, { threads: 1 });
  } catch (error) {
    if (error instanceof NotPositiveDefiniteError) return undefined;
    throw error;
  }
}

function plainCholesky(a: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) {
    const p = i * n;
    for (let j = 0; j <= i; j++) {
      const q = j * n;
      let sum = a[p + j]!;
      for (let k = 0; k < j; k++) sum -= a[p + k]! * a[q + k]!;
      if (i > j) a[p + j] = sum / a[q + j]!;
      else if (sum > 0) a[p + i] = Math.sqrt(sum);
      else return false;
    }
  }
  return true;
}

/** x ← L⁻¹ x, or L⁻ᵀ x. */
function solve(l: Float64Array, x: Float64Array, n: number, transposed: boolean): void {
  if (transposed) {
    for (let i = n - 1; i >= 0; i--) {
      const value = x[i]! / l[i * n + i]!;
      x[i] = value;
      for (let j = 0, at = i * n; j < i; j++, at++) x[j]! -= value * l[at]!;
    }
    return;
  }
  for (let i = 0; i < n; i++) {
    let sum = x[i]!;
    for (let j = 0, at = i * n; j < i; j++, at++) sum -= l[at]! * x[j]!;
    x[i] = sum / l[i * n + i]!;
  }
}
