/**
 * Elements of the symmetry group, drawn at random and applied to the state vector in place: what the laws of the canonical form are tested
 * with, and how the tangent vectors are checked.
 */
import type { Random } from '../linalg/random.ts';
import type { Network } from '../network/network.ts';
import type { SymmetryFactor, SymmetryGroup } from './group.ts';
import { divideUnit, moveShifts, normalisedShifts } from './linearMaps.ts';
import { permutationScratch, permuteUnits } from './permuteUnits.ts';
import { type BiasShift, shiftBias } from './shifts.ts';
import type { UniformShift } from './uniformShifts.ts';
import type { AxisUse, ChannelClass } from './unitClasses.ts';

export type FactorElement =
  /** New unit j is old unit order[j]. */
  | { readonly kind: 'permutation'; readonly units: ChannelClass; readonly order: Int32Array }
  /** Rows of unit j times α_j, columns divided by it. */
  | { readonly kind: 'scaling' | 'normalisation-scale'; readonly units: ChannelClass; readonly alpha: Float64Array }
  /** Rows and columns of unit j times ε_j = ±1. */
  | { readonly kind: 'sign'; readonly units: ChannelClass; readonly signs: Int8Array }
  /** A and A⁻¹, n × n row-major. */
  | { readonly kind: 'general-linear'; readonly units: ChannelClass; readonly matrix: Float64Array; readonly inverse: Float64Array }
  | { readonly kind: 'shift' | 'normalisation-shift' | 'sum-shift'; readonly shift: BiasShift; readonly delta: Float64Array }
  /** The vector has an entry for each column of the weight; the constant goes to the bias. */
  | { readonly kind: 'centring' | 'output-shift' | 'output-row-shift'; readonly shift: UniformShift; readonly vector: Float64Array | undefined; readonly constant: number };

/** Applied in order. */
export type GroupElement = readonly FactorElement[];

/**
 * One element of every factor. Scalings are log-normal with standard deviation `spread` in log α; general linear matrices are
 * well-conditioned (a rotation-like product of plane rotations and stretches), so that A⁻¹ is exact to rounding.
 */
export function randomElement(group: SymmetryGroup, random: Random, spread = 1): GroupElement {
  return group.factors.map((factor) => randomFactorElement(factor, random, spread));
}

function randomFactorElement(factor: SymmetryFactor, random: Random, spread: number): FactorElement {
  const normal = (length: number): Float64Array => Float64Array.from({ length }, () => random.normal());
  switch (factor.kind) {
    case 'permutation':
      return { kind: 'permutation', units: factor.units, order: random.permutation(factor.size) };
    case 'scaling':
    case 'normalisation-scale':
      return { kind: factor.kind, units: factor.units, alpha: normal(factor.size).map((value) => Math.exp(spread * value)) };
    case 'sign':
      return { kind: 'sign', units: factor.units, signs: Int8Array.from({ length: factor.size }, () => (random.below(2) === 0 ? 1 : -1)) };
    case 'general-linear':
      return { kind: 'general-linear', units: factor.units, ...randomInvertible(factor.size, random, spread) };
    case 'shift':
    case 'normalisation-shift':
    case 'sum-shift':
      return { kind: factor.kind, shift: factor.shift, delta: normal(factor.size) };
    case 'centring': {
      const { weight, bias } = factor.shift;
      return { kind: 'centring', shift: factor.shift, vector: weight === undefined ? undefined : normal(weight.width), constant: bias === undefined ? 0 : random.normal() };
    }
    case 'output-shift':
      return { kind: 'output-shift', shift: factor.shift, vector: undefined, constant: random.normal() };
    case 'output-row-shift':
      return { kind: 'output-row-shift', shift: factor.shift, vector: normal(factor.dimensions), constant: 0 };
  }
}

/** A = G_m … G_1 with each G a shear or a stretch that is inverted exactly; A⁻¹ = G_1⁻¹ … G_m⁻¹ is built beside it. */
function randomInvertible(n: number, random: Random, spread: number): { readonly matrix: Float64Array; readonly inverse: Float64Array } {
  const matrix = new Float64Array(n * n);
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) matrix[i * n + i] = inverse[i * n + i] = 1;
  for (let i = 0; i < n; i++) {
    const stretch = Math.exp(spread * random.normal()) * (random.below(2) === 0 ? 1 : -1);
    for (let k = 0; k < n; k++) {
      matrix[i * n + k]! *= stretch;
      inverse[k * n + i]! /= stretch;
    }
  }
  for (let step = 0; step < 2 * n && n > 1; step++) {
    const a = random.below(n);
    const b = (a + 1 + random.below(n - 1)) % n;
    const shear = 0.5 * random.normal();
    for (let k = 0; k < n; k++) {
      matrix[a * n + k]! += shear * matrix[b * n + k]!;
      inverse[k * n + b]! -= shear * inverse[k * n + a]!;
    }
  }
  return { matrix, inverse };
}

/**
 * w ← g·w in place.
 * @param state length `stateSize`
 */
export function applyElement(network: Network, state: Float64Array, element: GroupElement): void {
  if (state.length !== network.stateSize) throw new RangeError(`the state has ${state.length} entries, the network ${network.stateSize}`);
  const norms = normalisedShifts(network);
  for (const part of element) {
    // Scales and signs act on β̃ (see `linearMaps.ts`); the rest does not mind.
    moveShifts(state, state, norms, -1);
    applyFactorElement(state, part);
    moveShifts(state, state, norms, 1);
  }
}

function applyFactorElement(state: Float64Array, part: FactorElement): void {
  switch (part.kind) {
    case 'permutation':
      permuteUnits(state, part.units, part.order, permutationScratch([part.units]));
      return;
    case 'scaling':
    case 'normalisation-scale':
      part.alpha.forEach((alpha, j) => { divideUnit(state, part.units, j, 1 / alpha); });
      return;
    case 'sign':
      part.signs.forEach((sign, j) => { if (sign < 0) divideUnit(state, part.units, j, -1); });
      return;
    case 'general-linear':
      for (const use of part.units.uses) mixAxis(state, use, part.matrix, part.inverse);
      return;
    case 'shift':
    case 'normalisation-shift':
    case 'sum-shift':
      shiftBias(state, part.shift, part.delta);
      return;
    case 'centring':
    case 'output-shift':
    case 'output-row-shift':
      addUniformly(state, part.shift, part.vector, part.constant);
  }
}

/** Rows: new row a is Σ_b A[a, b] row b; columns: new column b is Σ_a column a A⁻¹[a, b]. */
function mixAxis(state: Float64Array, { block, outer, length, inner, members, multiplicity, role }: AxisUse, matrix: Float64Array, inverse: Float64Array): void {
  const n = members.length / multiplicity;
  const mixed = new Float64Array(n);
  for (let m = 0; m < multiplicity; m++) {
    for (let a = 0; a < outer; a++) {
      for (let b = 0; b < inner; b++) {
        const at = (unit: number): number => block.offset + (a * length + members[unit * multiplicity + m]!) * inner + b;
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let k = 0; k < n; k++) sum += (role === 'consumer' ? inverse[k * n + j]! : matrix[j * n + k]!) * state[at(k)]!;
          mixed[j] = sum;
        }
        for (let j = 0; j < n; j++) state[at(j)] = mixed[j]!;
      }
    }
  }
}

/** W ← W + 1 tᵀ, b ← b + c 1. */
export function addUniformly(state: Float64Array, { weight, bias }: UniformShift, vector: Float64Array | undefined, constant: number): void {
  if (weight !== undefined && vector !== undefined) {
    for (let o = 0; o < weight.rows; o++) for (let i = 0; i < weight.width; i++) state[weight.block.offset + o * weight.width + i]! += vector[i]!;
  }
  if (bias !== undefined && constant !== 0) for (let o = 0; o < bias.length; o++) state[bias.offset + o]! += constant;
}
