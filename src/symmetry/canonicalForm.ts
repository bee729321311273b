/**
 * canon(w): one representative of each class of weights that compute the same function by a known symmetry. Scaling, then sign, then
 * permutation. It keeps the function, is constant on the orbit and idempotent (to rounding), with these exceptions, which
 * the result reports:
 * - units left at their scale (`LeftUnit`): the form is constant only on the orbit of scalings that leave these units alone;
 * - linear layers, of whose general linear group only scaling, sign and permutation are divided out;
 * - weights for which a scaled entry leaves float64's range (an error here).
 */
import type { DenseChain } from '../network/denseChain.ts';
import { UserError } from '../protocol/userError.ts';
import type { PermutationForm, ScalingForm, SignForm } from '../protocol/service.ts';
import { balancedScaling } from './balance.ts';
import { hiddenLayers, isLinear } from './hiddenLayer.ts';
import { sortedUnits } from './permutation.ts';
import { type LeftUnit, NO_UNITS, unitScaling } from './scaling.ts';
import { fixedSigns } from './signs.ts';
import { TIE_TOLERANCE } from './tieOrder.ts';

export interface CanonicalOptions {
  readonly scaling: ScalingForm;
  readonly permutation: PermutationForm;
  readonly sign: SignForm;
  /** Whether `balanced` counts biases in the mass that it minimises. */
  readonly countBiases: boolean;
  /** Relative gap below which weights count as tied when units are ordered; raise it for weights that were rounded (1e-6 for float32). */
  readonly tieTolerance?: number;
}

export type AppliedFactor =
  | { readonly kind: 'scaling'; readonly form: 'unit'; readonly layer: string; readonly units: number }
  | { readonly kind: 'scaling'; readonly form: 'balanced'; readonly layer: string; readonly units: number; readonly sweeps: number; readonly residual: number }
  | { readonly kind: 'sign'; readonly layer: string; readonly units: number; readonly flipped: number }
  /** New unit j was unit order[j]. */
  | { readonly kind: 'permutation'; readonly layer: string; readonly units: number; readonly order: readonly number[] };

/** Sums of squares. */
export interface Mass {
  readonly weights: number;
  readonly withBiases: number;
}

export interface CanonicalForm {
  readonly theta: Float64Array;
  readonly factors: readonly AppliedFactor[];
  readonly leftUnits: readonly LeftUnit[];
  /** Names of linear layers, whose general linear group is not divided out. */
  readonly linearLayers: readonly string[];
  readonly massBefore: Mass;
  readonly massAfter: Mass;
}

/**
 * @param theta θ, length D; left unchanged
 * @throws UserError when a weight is not finite, or becomes so by scaling
 */
export function canonicalForm(chain: DenseChain, theta: Float64Array, options: CanonicalOptions): CanonicalForm {
  const bad = theta.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new UserError(`${parameterName(chain, bad)} is ${theta[bad]!}: weights must be finite to be brought into canonical form`);
  const result = theta.slice();
  const canonical = canonicaliser(chain, options);
  const leftUnits = canonical.apply(result);
  const lost = result.findIndex((value) => !Number.isFinite(value));
  if (lost >= 0) throw new UserError(`${parameterName(chain, lost)} leaves the range of float64 in the ${options.scaling} form: the weights differ too much in size`);
  return {
    theta: result,
    factors: canonical.factors(),
    leftUnits,
    linearLayers: hiddenLayers(chain).filter(isLinear).map((layer) => layer.name),
    massBefore: mass(chain, theta),
    massAfter: mass(chain, result),
  };
}

export interface Canonicaliser {
  /** Brings θ (finite) into canonical form in place. Allocates nothing in generic position (no ties, no zero rows). */
  apply(theta: Float64Array): readonly LeftUnit[];
  /** What the last call did, input side first. */
  factors(): readonly AppliedFactor[];
}

/** Work space and steps for one chain, to be used for any number of draws. */
export function canonicaliser(chain: DenseChain, options: CanonicalOptions): Canonicaliser {
  const tolerance = options.tieTolerance ?? TIE_TOLERANCE;
  const hidden = hiddenLayers(chain);
  const balanced = options.scaling === 'balanced' ? balancedScaling(chain, options) : undefined;
  const scaling = options.scaling === 'unit' ? unitScaling(chain) : balanced;
  const sign = options.sign === 'fixed' && hidden.some((layer) => layer.odd) ? fixedSigns(chain, tolerance) : undefined;
  const permutation = options.permutation === 'sorted' ? sortedUnits(chain, tolerance) : undefined;

  return {
    apply(theta) {
      const left = scaling?.apply(theta) ?? NO_UNITS;
      // A flipped zero is −0; adding 0 makes equal weights equal bytes.
      if (sign !== undefined && sign.apply(theta) > 0) for (let i = 0; i < theta.length; i++) theta[i]! += 0;
      permutation?.apply(theta);
      return left;
    },
    factors() {
      return hidden.flatMap((layer, h) => {
        const base = { layer: layer.name, units: layer.units };
        const applied: AppliedFactor[] = [];
        if (layer.homogeneous && balanced !== undefined) applied.push({ kind: 'scaling', form: 'balanced', ...base, sweeps: balanced.iterations, residual: balanced.residual });
        else if (layer.homogeneous && scaling !== undefined) applied.push({ kind: 'scaling', form: 'unit', ...base });
        if (layer.odd && sign !== undefined) applied.push({ kind: 'sign', ...base, flipped: sign.signs[h]!.filter((s) => s < 0).length });
        if (permutation !== undefined) applied.push({ kind: 'permutation', ...base, order: Array.from(permutation.orders[h]!) });
        return applied;
      });
    },
  };
}

/** Σ w² over weights alone, and over weights and biases. */
export function mass(chain: DenseChain, theta: Float64Array): Mass {
  let weights = 0;
  let biases = 0;
  for (const { weight, bias, inputs, outputs } of chain.layers) {
    for (let i = weight.offset; i < weight.offset + inputs * outputs; i++) weights += theta[i]! ** 2;
    if (bias !== undefined) for (let j = bias.offset; j < bias.offset + outputs; j++) biases += theta[j]! ** 2;
  }
  return { weights, withBiases: weights + biases };
}

/** `TENSOR[row,column]` in out × in order, for messages. */
function parameterName(chain: DenseChain, index: number): string {
  for (const { weight, bias, inputs, outputs } of chain.layers) {
    const entry = index - weight.offset;
    if (entry < inputs * outputs) return `${weight.tensor}[${Math.floor(entry / inputs)},${entry % inputs}]`;
    if (bias !== undefined && index < bias.offset + outputs) return `${bias.tensor}[${index - bias.offset}]`;
  }
  throw new RangeError(`θ has no entry ${index}`);
}
