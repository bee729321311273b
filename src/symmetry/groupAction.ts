/**
 * Elements of the symmetry group, drawn at random and applied to θ in place: what the laws of the canonical form are tested with,
 * and how the tangent vectors are checked.
 */
import type { Random } from '../linalg/random.ts';
import type { DenseChain } from '../network/denseChain.ts';
import type { SymmetryFactor, SymmetryGroup } from './group.ts';
import { type HiddenLayer, divideUnit, permutationScratch, permuteUnits } from './hiddenLayer.ts';

export type FactorElement =
  /** New unit j is old unit order[j]. */
  | { readonly kind: 'permutation'; readonly layer: HiddenLayer; readonly order: Int32Array }
  /** u_j → α_j u_j, v_j → v_j / α_j. */
  | { readonly kind: 'scaling'; readonly layer: HiddenLayer; readonly alpha: Float64Array }
  /** u_j → ε_j u_j, v_j → ε_j v_j with ε_j = ±1. */
  | { readonly kind: 'sign'; readonly layer: HiddenLayer; readonly signs: Int8Array }
  /** A and A⁻¹ are n × n row-major, c has n entries (zero without biases). */
  | { readonly kind: 'general-linear'; readonly layer: HiddenLayer; readonly matrix: Float64Array; readonly inverse: Float64Array; readonly shift: Float64Array }
  | { readonly kind: 'output-shift'; readonly bias: number; readonly size: number; readonly constant: number }
  | { readonly kind: 'output-row-shift'; readonly weight: number; readonly size: number; readonly vector: Float64Array };

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
  switch (factor.kind) {
    case 'permutation':
      return { kind: 'permutation', layer: factor.layer, order: random.permutation(factor.size) };
    case 'scaling':
      return { kind: 'scaling', layer: factor.layer, alpha: Float64Array.from({ length: factor.size }, () => Math.exp(spread * random.normal())) };
    case 'sign':
      return { kind: 'sign', layer: factor.layer, signs: Int8Array.from({ length: factor.size }, () => (random.below(2) === 0 ? 1 : -1)) };
    case 'general-linear': {
      const { matrix, inverse } = randomInvertible(factor.size, random, spread);
      return { kind: 'general-linear', layer: factor.layer, matrix, inverse, shift: Float64Array.from({ length: factor.size }, () => (factor.shift ? random.normal() : 0)) };
    }
    case 'output-shift':
      return { kind: 'output-shift', bias: factor.bias, size: factor.size, constant: random.normal() };
    case 'output-row-shift':
      return { kind: 'output-row-shift', weight: factor.weight, size: factor.size, vector: Float64Array.from({ length: factor.fanIn }, () => random.normal()) };
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
 * θ ← g·θ in place.
 * @param theta length D
 */
export function applyElement(chain: DenseChain, theta: Float64Array, element: GroupElement): void {
  if (theta.length !== chain.parameters) throw new RangeError(`θ has ${theta.length} entries, the network ${chain.parameters} parameters`);
  for (const part of element) applyFactorElement(theta, part);
}

function applyFactorElement(theta: Float64Array, part: FactorElement): void {
  switch (part.kind) {
    case 'permutation':
      permuteUnits(theta, part.layer, part.order, permutationScratch([part.layer]));
      return;
    case 'scaling':
      part.alpha.forEach((alpha, j) => { divideUnit(theta, part.layer, j, 1 / alpha); });
      return;
    case 'sign':
      part.signs.forEach((sign, j) => { if (sign < 0) divideUnit(theta, part.layer, j, -1); });
      return;
    case 'general-linear':
      mixUnits(theta, part.layer, part.matrix, part.inverse, part.shift);
      return;
    case 'output-shift':
      for (let o = 0; o < part.size; o++) theta[part.bias + o]! += part.constant;
      return;
    case 'output-row-shift':
      for (let o = 0; o < part.size; o++) part.vector.forEach((t, i) => { theta[part.weight + o * part.vector.length + i]! += t; });
  }
}

/** W → A W, b → A b + c, V → V A⁻¹, b_next → b_next − V A⁻¹ c. */
function mixUnits(theta: Float64Array, layer: HiddenLayer, matrix: Float64Array, inverse: Float64Array, shift: Float64Array): void {
  const { units: n, fanIn, fanOut, weight, bias, outgoing, outgoingBias } = layer;
  const mixed = new Float64Array(n);
  const mixColumn = (offset: number, stride: number): void => {
    for (let a = 0; a < n; a++) {
      let sum = 0;
      for (let b = 0; b < n; b++) sum += matrix[a * n + b]! * theta[offset + b * stride]!;
      mixed[a] = sum;
    }
    for (let a = 0; a < n; a++) theta[offset + a * stride] = mixed[a]!;
  };
  for (let i = 0; i < fanIn; i++) mixColumn(weight + i, fanIn);
  if (bias !== undefined) {
    mixColumn(bias, 1);
    for (let a = 0; a < n; a++) theta[bias + a]! += shift[a]!;
  }
  for (let k = 0; k < fanOut; k++) {
    const row = outgoing + k * n;
    let moved = 0;
    for (let b = 0; b < n; b++) {
      let sum = 0;
      for (let a = 0; a < n; a++) sum += theta[row + a]! * inverse[a * n + b]!;
      mixed[b] = sum;
      moved += sum * shift[b]!;
    }
    for (let b = 0; b < n; b++) theta[row + b] = mixed[b]!;
    if (outgoingBias !== undefined) theta[outgoingBias + k]! -= moved;
  }
}
