/**
 * Constants that may be moved from one layer to another, brought to one form. With δ the shift of a bias b (`shifts.ts`) every orbit
 * b → b + δ meets b = 0 in exactly one point, so that is the form:
 * - a bias before batch normalisation is zero, and its β takes −γ b/√(v + ε) with the running statistics as they are;
 * - a bias (or a normalisation's β) that reaches nothing but linear maps is zero, and each of them takes W b: b' → b' + W b, from the input
 *   forward, so that what arrives in a bias is passed on in its turn;
 * - of layers that are added up the first keeps all constants;
 * - all channels before a layer normalisation have mean zero.
 *
 * It is a form of the orbit under scaling and mixing as well, because A 0 = 0; the rest of a linear layer's general linear group stays. Acts on β̃
 * (see `linearMaps.ts`), in which shifts and scales do not depend on one another.
 */
import type { Network } from '../network/network.ts';
import { cleared } from './linearMaps.ts';
import { absorb, absorbingBias, biasShifts } from './shifts.ts';
import { uniformShifts } from './uniformShifts.ts';

export interface ShiftStep {
  /** Removes the shifts from the state in place. */
  apply(state: Float64Array): void;
  /** The layers whose biases or means become zero. */
  readonly layers: readonly { readonly layer: string; readonly node: number; readonly units: number; readonly form: 'zero' | 'centred' }[];
}

export function removedShifts(network: Network): ShiftStep {
  const shifts = biasShifts(network).map((shift) => ({
    shift, delta: new Float64Array(shift.bias.length),
    takers: shift.absorbers.flatMap((absorber) => {
      const bias = absorbingBias(absorber);
      return bias === undefined ? [] : [{ absorber, bias, sizes: new Float64Array(bias.length) }];
    }),
  }));
  const centred = uniformShifts(network, false).map((shift) => ({ shift, means: shift.weight === undefined ? undefined : new Float64Array(shift.weight.width) }));
  return {
    layers: [
      ...shifts.map(({ shift: { node, bias } }) => ({ layer: node.name, node: node.index, units: bias.length, form: 'zero' as const })),
      ...centred.map(({ shift: { node } }) => ({ layer: node.name, node: node.index, units: node.shape[0]!, form: 'centred' as const })),
    ],
    apply(state) {
      for (const { shift, delta, takers } of shifts) {
        const { offset } = shift.bias;
        for (let c = 0; c < delta.length; c++) delta[c] = -state[offset + c]!;
        for (const { absorber, bias, sizes } of takers) {
          for (let c = 0; c < sizes.length; c++) sizes[c] = Math.abs(state[bias.offset + c]!);
          absorb(state, state, absorber, delta, sizes);
          for (let c = 0; c < sizes.length; c++) state[bias.offset + c] = cleared(state[bias.offset + c]!, sizes[c]!);
        }
        // Exactly, and not −0.
        state.fill(0, offset, offset + delta.length);
      }
      for (const { shift, means } of centred) {
        const { weight, bias } = shift;
        if (weight !== undefined && means !== undefined) {
          means.fill(0);
          for (let o = 0, at = weight.block.offset; o < weight.rows; o++) for (let i = 0; i < weight.width; i++, at++) means[i]! += state[at]! / weight.rows;
          for (let o = 0, at = weight.block.offset; o < weight.rows; o++) for (let i = 0; i < weight.width; i++, at++) state[at] = cleared(state[at]! - means[i]!, state[at]!);
        }
        if (bias === undefined) continue;
        let mean = 0;
        for (let o = bias.offset; o < bias.offset + bias.length; o++) mean += state[o]! / bias.length;
        for (let o = bias.offset; o < bias.offset + bias.length; o++) state[o] = cleared(state[o]! - mean, state[o]!);
      }
    },
  };
}
