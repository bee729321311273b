/**
 * Tangent vectors of the continuous symmetries at w: directions d/dε g(ε)·w at the identity, in θ; running statistics do not move. Moving along
 * them does not change the function to first order, so J t = 0 for every input (for output shifts H^{1/2}J t = 0): the part of
 * ker(GGN) that is known without looking at data (mathematics of the kernel accounting).
 */
import type { Network } from '../network/network.ts';
import { type GroupOptions, symmetryGroup } from './group.ts';
import { addUniformly } from './groupAction.ts';
import { moveShifts, normalisedShifts } from './linearMaps.ts';
import { absorb } from './shifts.ts';
import type { AxisUse, ChannelClass } from './unitClasses.ts';

/**
 * Per factor, input side first:
 * - scaling, one a unit: + on its rows and biases, − on its columns; where batch normalisation takes it, −γ and −γ μ/√(v + ε) on β;
 * - general linear (linear layers; contains scaling), n² vectors, (a, b) row-major, generator E_ab: row b of [W b] arrives in row a,
 *   minus column a of the next weight in its column b;
 * - shifts, one an entry: 1 on the bias, and what makes up for it;
 * - uniform shifts, one a column of the weight and one for the bias: 1 on all rows.
 *
 * The vectors are neither normalised nor orthogonal; zero units make them dependent or zero.
 * @param state w, length `stateSize`
 * @returns `symmetryGroup(network, options).dimensions` vectors of length D
 */
export function symmetryTangents(network: Network, state: Float64Array, options: GroupOptions = {}): Float64Array[] {
  const tangents: Float64Array[] = [];
  const start = (): Float64Array => {
    const tangent = new Float64Array(network.parameters);
    tangents.push(tangent);
    return tangent;
  };
  // Scales act on β̃, not on β.
  const norms = normalisedShifts(network);
  const effective = state.slice();
  moveShifts(effective, state, norms, -1);
  for (const factor of symmetryGroup(network, options).factors) {
    if (factor.contained) continue;
    switch (factor.kind) {
      case 'permutation':
      case 'sign':
        break;
      case 'scaling':
      case 'normalisation-scale':
        for (let j = 0; j < factor.size; j++) {
          const tangent = start();
          scaling(effective, factor.units, j, tangent);
          moveShifts(tangent, state, norms, 1);
        }
        break;
      case 'general-linear':
        for (let a = 0; a < factor.size; a++) for (let b = 0; b < factor.size; b++) mixing(state, factor.units, a, b, start());
        break;
      case 'shift':
      case 'normalisation-shift':
      case 'sum-shift':
        for (let c = 0; c < factor.size; c++) {
          const tangent = start();
          const delta = new Float64Array(factor.size).fill(1, c, c + 1);
          tangent[factor.shift.bias.offset + c]! += 1;
          for (const absorber of factor.shift.absorbers) absorb(tangent, state, absorber, delta);
        }
        break;
      case 'output-shift':
        addUniformly(start(), factor.shift, undefined, 1);
        break;
      case 'centring':
      case 'output-row-shift': {
        const width = factor.shift.weight?.width ?? 0;
        for (let i = 0; i < width; i++) addUniformly(start(), factor.shift, new Float64Array(width).fill(1, i, i + 1), 0);
        if (factor.dimensions > width) addUniformly(start(), factor.shift, undefined, 1);
      }
    }
  }
  return tangents;
}

/** Row entries and column entries of a unit add up, so that what is both (a map within one class) comes out as it is: unmoved. */
function scaling(state: Float64Array, { uses }: ChannelClass, unit: number, tangent: Float64Array): void {
  for (const use of uses) {
    const sign = use.role === 'consumer' ? -1 : 1;
    visitUnit(use, unit, (at) => { tangent[at]! += sign * state[at]!; });
  }
}

/** Generator E_ab of GL(n): row a += ε row b, column b −= ε column a. With a = b it is the scaling of one unit. */
function mixing(state: Float64Array, { uses }: ChannelClass, a: number, b: number, tangent: Float64Array): void {
  for (const use of uses) {
    const [from, to, sign] = use.role === 'consumer' ? [a, b, -1] : [b, a, 1];
    const sources: number[] = [];
    visitUnit(use, from, (at) => { sources.push(at); });
    let k = 0;
    visitUnit(use, to, (at) => { tangent[at] = sign * state[sources[k++]!]!; });
  }
}

function visitUnit({ block, outer, length, inner, groups, members, multiplicity }: AxisUse, unit: number, at: (entry: number) => void): void {
  const rows = outer / groups;
  for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) {
    const index = members[m]!;
    const group = groups === 1 ? 0 : Math.floor(index / length);
    for (let a = 0; a < rows; a++) {
      const begin = block.offset + ((group * rows + a) * length + index - group * length) * inner;
      for (let b = begin; b < begin + inner; b++) at(b);
    }
  }
}
