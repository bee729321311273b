/**
 * canon(w): one representative of each class of weights that compute the same function by a known symmetry. Shifts (what normalisations
 * subtract, what linear layers pass on) first, then scaling, then sign, then permutation. It keeps the function, is constant on the orbit and idempotent (to rounding),
 * with these exceptions, which the result reports:
 * - units left at their scale (`LeftUnit`): the form is constant only on the orbit of scalings that leave these units alone;
 * - linear layers, of whose general linear group only scaling, sign and permutation are divided out here (`leastMass.ts` does the rest);
 * - weights for which a scaled entry leaves float64's range (an error here).
 *
 * Running statistics stay as they are, but for the order of their channels.
 */
import { type Network, blocksOf } from '../network/network.ts';
import { UserError } from '../protocol/userError.ts';
import type { PermutationForm, ScalingForm, SignForm } from '../protocol/service.ts';
import { balancedScaling } from './balance.ts';
import { mixedClasses, moveShifts, normalisedShifts, scaledMaps, signedMaps } from './linearMaps.ts';
import { removedShifts } from './normalisedForm.ts';
import { sortedUnits } from './permutation.ts';
import { type LeftUnit, NO_UNITS, unitScaling } from './scaling.ts';
import { fixedSigns } from './signs.ts';
import { TIE_TOLERANCE } from './tieOrder.ts';
import { firstProducer } from './unitClasses.ts';

export interface CanonicalOptions {
  readonly scaling: ScalingForm;
  readonly permutation: PermutationForm;
  readonly sign: SignForm;
  /** Whether `balanced` counts biases in the mass that it minimises; a batch normalisation's as β̃ = β − γ μ/√(v + ε). */
  readonly countBiases: boolean;
  /** Relative gap below which weights count as tied when units are ordered; raise it for weights that were rounded (1e-6 for float32). */
  readonly tieTolerance?: number;
}

export type AppliedFactor =
  | { readonly kind: 'scaling'; readonly form: 'unit'; readonly layer: string; readonly units: number }
  | { readonly kind: 'scaling'; readonly form: 'balanced'; readonly layer: string; readonly units: number; readonly sweeps: number; readonly residual: number }
  /** `zero`: its biases became zero, others make up for them; `centred`: its rows and biases have mean zero. Part of the scaling. */
  | { readonly kind: 'shift'; readonly form: 'zero' | 'centred'; readonly layer: string; readonly units: number }
  /** Mixed into the factorisation of least mass. */
  | { readonly kind: 'general-linear'; readonly layer: string; readonly units: number }
  | { readonly kind: 'sign'; readonly layer: string; readonly units: number; readonly flipped: number }
  /** New unit j was unit order[j]. */
  | { readonly kind: 'permutation'; readonly layer: string; readonly units: number; readonly order: readonly number[] };

/** Sums of squares. */
export interface Mass {
  /** Of dense and convolution weights and of normalisations' scales. */
  readonly weights: number;
  /** Biases and normalisations' shifts as well. */
  readonly withBiases: number;
}

export interface CanonicalForm {
  /** w, length `stateSize`. */
  readonly state: Float64Array;
  readonly factors: readonly AppliedFactor[];
  readonly leftUnits: readonly LeftUnit[];
  /** Names of linear layers, whose general linear group is not divided out. */
  readonly linearLayers: readonly string[];
  readonly massBefore: Mass;
  readonly massAfter: Mass;
}

/**
 * @param state w, length `stateSize`; left unchanged
 * @throws UserError when a weight is not finite, or becomes so by scaling
 */
export function canonicalForm(network: Network, state: Float64Array, options: CanonicalOptions): CanonicalForm {
  const bad = state.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new UserError(`${entryName(network, bad)} is ${state[bad]!}: weights must be finite to be brought into canonical form`);
  const result = state.slice();
  const canonical = canonicaliser(network, options);
  const leftUnits = canonical.apply(result);
  const lost = result.findIndex((value) => !Number.isFinite(value));
  if (lost >= 0) throw new UserError(`${entryName(network, lost)} leaves the range of float64 in the ${options.scaling} form: the weights differ too much in size`);
  return {
    state: result,
    factors: canonical.factors(),
    leftUnits,
    linearLayers: mixedClasses(network).map(({ name }) => name),
    massBefore: mass(network, state),
    massAfter: mass(network, result),
  };
}

export interface Canonicaliser {
  /** Brings w (finite) into canonical form in place. Allocates nothing in generic position (no ties, no zero rows). */
  apply(state: Float64Array): readonly LeftUnit[];
  /** What the last call did, input side first. */
  factors(): readonly AppliedFactor[];
}

/** Work space and steps for one network, to be used for any number of draws. */
export function canonicaliser(network: Network, options: CanonicalOptions): Canonicaliser {
  const tolerance = options.tieTolerance ?? TIE_TOLERANCE;
  const scaled = options.scaling === 'none' ? undefined : scaledMaps(network);
  const balanced = scaled !== undefined && options.scaling === 'balanced' ? balancedScaling(scaled, options) : undefined;
  const scaling = balanced ?? (scaled === undefined ? undefined : unitScaling(scaled.classes));
  const shifts = scaled === undefined ? undefined : removedShifts(network);
  const signed = options.sign === 'fixed' ? signedMaps(network) : undefined;
  const sign = signed === undefined || signed.classes.length === 0 ? undefined : fixedSigns(network, signed, tolerance);
  const permutation = options.permutation === 'sorted' ? sortedUnits(network, tolerance) : undefined;
  const norms = scaled === undefined && sign === undefined ? [] : normalisedShifts(network);

  return {
    apply(state) {
      moveShifts(state, state, norms, -1);
      shifts?.apply(state);
      const left = scaling?.apply(state) ?? NO_UNITS;
      // A flipped zero is −0; adding 0 makes equal weights equal bytes.
      if (sign !== undefined && sign.apply(state) > 0) for (let i = 0; i < state.length; i++) state[i]! += 0;
      permutation?.apply(state);
      moveShifts(state, state, norms, 1);
      return left;
    },
    factors() {
      const applied: { readonly node: number; readonly factor: AppliedFactor }[] = [];
      for (const { layer, units, form, node } of shifts?.layers ?? []) applied.push({ node, factor: { kind: 'shift', form, layer, units } });
      for (const found of scaled?.classes ?? []) {
        const base = { layer: found.name, units: found.units };
        applied.push({ node: firstProducer(found), factor: balanced === undefined ? { kind: 'scaling', form: 'unit', ...base } : { kind: 'scaling', form: 'balanced', ...base, sweeps: balanced.iterations, residual: balanced.residual } });
      }
      sign?.classes.forEach((found, k) => { applied.push({ node: firstProducer(found), factor: { kind: 'sign', layer: found.name, units: found.units, flipped: sign.signs[k]!.filter((s) => s < 0).length } }); });
      permutation?.classes.forEach((found, k) => { applied.push({ node: firstProducer(found), factor: { kind: 'permutation', layer: found.name, units: found.units, order: Array.from(permutation.orders[k]!) } }); });
      return applied.sort((a, b) => a.node - b.node).map(({ factor }) => factor);
    },
  };
}

/** Σ w² over weights alone, and over weights and biases. Slopes and running statistics count in neither. */
export function mass(network: Network, state: Float64Array): Mass {
  const squares = new Map<number, { readonly sum: number; readonly bias: boolean }>();
  for (const node of network.nodes) {
    if (node.op === 'prelu') continue;
    for (const block of blocksOf(node)) {
      if (!block.trainable || squares.has(block.index)) continue;
      let sum = 0;
      for (let i = block.offset; i < block.offset + block.length; i++) sum += state[i]! ** 2;
      const bias = node.op === 'dense' || node.op === 'conv' ? block !== node.weight : (node.op === 'batchnorm' || node.op === 'layernorm') && block === node.shift;
      squares.set(block.index, { sum, bias });
    }
  }
  let weights = 0;
  let biases = 0;
  for (const { sum, bias } of squares.values()) {
    if (bias) biases += sum;
    else weights += sum;
  }
  return { weights, withBiases: weights + biases };
}

/** `TENSOR[i,j]` in the block's order, for messages. */
function entryName(network: Network, index: number): string {
  for (const { tensor, offset, length, shape } of network.blocks) {
    if (index >= offset + length) continue;
    let rest = index - offset;
    const place = shape.toReversed().map((size) => {
      const own = rest % size;
      rest = Math.floor(rest / size);
      return own;
    });
    return `${tensor}[${place.toReversed().join(',')}]`;
  }
  throw new RangeError(`w has no entry ${index}`);
}
