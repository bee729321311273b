/**
 * What normalisations subtract, and what the operands of a sum can give each other, brought to one form: a bias before batch
 * normalisation is zero, all channels before a layer normalisation have mean zero, and of layers that are added up the first keeps all
 * constants. Shifts between linear layers are left as they are, like the rest of the general linear group.
 *
 * Acts on β̃ (see `linearMaps.ts`), in which shifts and scales do not depend on one another.
 */
import type { Network } from '../network/network.ts';
import { cleared } from './linearMaps.ts';
import { biasShifts, shiftBias } from './shifts.ts';
import { uniformShifts } from './uniformShifts.ts';

export interface ShiftStep {
  /** Removes the shifts from the state in place. */
  apply(state: Float64Array): void;
  /** The layers whose biases or means become zero. */
  readonly layers: readonly { readonly layer: string; readonly node: number; readonly units: number; readonly form: 'zero' | 'centred' }[];
}

export function removedShifts(network: Network): ShiftStep {
  const shifts = biasShifts(network).filter(({ into }) => into !== 'linear').map((shift) => ({
    shift, delta: new Float64Array(shift.bias.length),
    takers: shift.absorbers.flatMap(({ node }) => {
      const bias = node.op === 'dense' || node.op === 'conv' ? node.bias : node.shift;
      return bias === undefined ? [] : [{ bias, before: new Float64Array(bias.length) }];
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
        for (const { bias, before } of takers) for (let c = 0; c < before.length; c++) before[c] = state[bias.offset + c]!;
        shiftBias(state, shift, delta);
        for (const { bias, before } of takers) for (let c = 0; c < before.length; c++) state[bias.offset + c] = cleared(state[bias.offset + c]!, before[c]!);
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
