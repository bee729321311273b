/**
 * The `fixed` form of the sign symmetry of odd activations: the entry of largest magnitude in u_j = [w_j; b_j] is positive. Input side
 * first, because flipping a unit changes signs in the rows of the next layer; before the permutation, which compares columns.
 *
 * Entries within a relative tolerance of the largest are tied with it. Tied entries of one sign decide as one. When they disagree:
 * in the first layer the first of them decides (inputs have fixed places, the bias comes last); in later layers the bias, if it
 * is among them. Otherwise, and for a zero row, the order in which previous units happen to be stored must not decide, so j⁺ and j⁻ are compared by
 * colour (`colourRefinement.ts`); equal colours mean that a symmetry exchanges them, and either sign gives the same form.
 */
import type { DenseChain } from '../network/denseChain.ts';
import { ColourRefinement } from './colourRefinement.ts';
import { type HiddenLayer, divideUnit, hiddenLayers } from './hiddenLayer.ts';

export interface SignStep {
  /** Removes the sign symmetry from θ in place. Returns the number of units that changed sign. */
  apply(theta: Float64Array): number;
  /** Of the last call, per hidden layer of the chain: ±1 a unit. */
  readonly signs: readonly Int8Array[];
}

export function fixedSigns(chain: DenseChain, tolerance: number): SignStep {
  const hidden = hiddenLayers(chain);
  const signs = hidden.map((layer) => new Int8Array(layer.units).fill(1));
  const undecided = new Int32Array(Math.max(0, ...hidden.map((layer) => layer.units)));

  function apply(theta: Float64Array): number {
    let colours: ColourRefinement | undefined;
    for (let h = 0; h < hidden.length; h++) {
      const layer = hidden[h]!;
      if (!layer.odd) continue;
      const own = signs[h]!;
      let open = 0;
      for (let j = 0; j < layer.units; j++) {
        const sign = decide(theta, layer, j, h === 0 ? undefined : signs[h - 1]!);
        own[j] = sign === 0 ? 1 : sign;
        if (sign === 0) undecided[open++] = j;
      }
      if (open > 0) {
        colours ??= new ColourRefinement(chain, theta, tolerance, true);
        decideByColour(colours, h, own, open);
      }
    }
    return flip(theta);
  }

  /** ±1, or 0 when the row does not tell. */
  function decide(theta: Float64Array, layer: HiddenLayer, unit: number, before: Int8Array | undefined): number {
    const { fanIn, weight, bias } = layer;
    const row = weight + unit * fanIn;
    const b = bias === undefined ? 0 : theta[bias + unit]!;
    let largest = Math.abs(b);
    for (let i = 0; i < fanIn; i++) largest = Math.max(largest, Math.abs(theta[row + i]!));
    if (largest === 0) return isSilent(theta, layer, unit) ? 1 : 0;
    const threshold = largest * (1 - tolerance);
    const biasSign = Math.abs(b) >= threshold ? Math.sign(b) : 0;
    let sign = 0;
    for (let i = 0; i < fanIn; i++) {
      const value = theta[row + i]!;
      if (Math.abs(value) < threshold) continue;
      const here = Math.sign(value) * (before === undefined ? 1 : before[i]!);
      if (before === undefined) return here;
      if (sign !== 0 && here !== sign) return biasSign;
      sign = here;
    }
    return biasSign === 0 ? sign : biasSign;
  }

  /** Leaves the choice free only where a symmetry exchanges both signs; what is chosen there is carried through the colours. */
  function decideByColour(colours: ColourRefinement, h: number, own: Int8Array, open: number): void {
    for (let left = open; left > 0; ) {
      let top = -1;
      let kept = 0;
      for (let u = 0; u < left; u++) {
        const j = undecided[u]!;
        const plus = colours.colour(h, j);
        const minus = colours.colour(h, j, -1);
        if (plus !== minus) {
          own[j] = plus > minus ? 1 : -1;
          continue;
        }
        undecided[kept++] = j;
        if (top < 0 || plus > colours.colour(h, top)) top = j;
      }
      left = kept;
      if (top >= 0) colours.individualise(h, top);
    }
  }

  function flip(theta: Float64Array): number {
    let flipped = 0;
    for (let h = 0; h < hidden.length; h++) {
      const own = signs[h]!;
      for (let j = 0; j < own.length; j++) {
        if (own[j] !== -1) continue;
        divideUnit(theta, hidden[h]!, j, -1);
        flipped++;
      }
    }
    return flipped;
  }

  return { apply, signs };
}

/** v_j = 0: with u_j = 0 as well, both signs are the same weights. */
function isSilent(theta: Float64Array, { fanOut, units, outgoing }: HiddenLayer, unit: number): boolean {
  for (let k = 0; k < fanOut; k++) if (theta[outgoing + k * units + unit] !== 0) return false;
  return true;
}
