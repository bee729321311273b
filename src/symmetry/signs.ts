/**
 * The `fixed` form of the sign symmetry of odd paths: the entry of largest magnitude in u_j = [w_j; b_j], the row of the first layer that
 * produces the unit ([γ; β̃] of a normalisation), is positive. Input side first, because flipping a unit changes signs in the rows of the next
 * layer; before the permutation, which compares columns.
 *
 * Entries within a relative tolerance of the largest are tied with it. Tied entries of one sign decide as one. When they disagree:
 * where all inputs of the row have fixed places the first of them decides (the bias comes last); elsewhere the bias, if it
 * is among them. Otherwise, and for a zero row, the order in which previous units happen to be stored must not decide, so j⁺ and j⁻ are compared by
 * colour (`colourRefinement.ts`); equal colours mean that a symmetry exchanges them, and either sign gives the same form.
 */
import type { Network } from '../network/network.ts';
import { channelClasses } from './channelClasses.ts';
import { ColourRefinement, type UnitGraph, unitGraph } from './colourRefinement.ts';
import { divideUnit, type GroupedMaps } from './linearMaps.ts';
import { firstRows } from './scaling.ts';
import { type AxisUse, type ChannelClass, firstProducer, memberStarts } from './unitClasses.ts';

export interface SignStep {
  /** The classes whose signs are free, in order. */
  readonly classes: readonly ChannelClass[];
  /** Removes the sign symmetry from the state in place. Returns the number of units that changed sign. */
  apply(state: Float64Array): number;
  /** Of the last call, per class: ±1 a unit. */
  readonly signs: readonly Int8Array[];
}

export function fixedSigns(network: Network, { classes, maps }: GroupedMaps, tolerance: number): SignStep {
  const signs = classes.map(({ units }) => new Int8Array(units).fill(1));
  const undecided = new Int32Array(classes.reduce((most, { units }) => Math.max(most, units), 0));
  let graph: UnitGraph | undefined;
  // Maps whose inputs can be reordered: which of their entries comes first says nothing.
  const reordered = new Set(channelClasses(network).flatMap(({ uses }) => uses.filter(({ axis }) => axis === 1).map(({ node }) => node)));
  const rows = classes.map((units) => ({ parts: firstRows(units), fixed: !reordered.has(firstProducer(units)) }));
  const objects = classes.map((units) => objectsOf(units, maps));
  const others = classes.map(({ uses }) => uses.map((use): SilentUse => ({ use, starts: memberStarts(use) })));

  function apply(state: Float64Array): number {
    let colours: ColourRefinement | undefined;
    let flipped = 0;
    for (let k = 0; k < classes.length; k++) {
      const own = signs[k]!;
      let open = 0;
      for (let j = 0; j < own.length; j++) {
        const sign = decide(state, k, j);
        own[j] = sign === 0 ? 1 : sign;
        if (sign === 0) undecided[open++] = j;
      }
      if (open > 0) {
        colours ??= new ColourRefinement(graph ??= unitGraph(network), state, tolerance, true);
        decideByColour(colours, objects[k]!, own, open);
      }
      for (let j = 0; j < own.length; j++) {
        if (own[j] !== -1) continue;
        divideUnit(state, classes[k]!, j, -1);
        flipped++;
      }
    }
    return flipped;
  }

  /** ±1, or 0 when the row does not tell. */
  function decide(state: Float64Array, k: number, unit: number): number {
    const { parts, fixed } = rows[k]!;
    let largest = 0;
    for (const { starts, multiplicity, width } of parts) {
      for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) {
        for (let i = starts[m]!; i < starts[m]! + width; i++) largest = Math.max(largest, Math.abs(state[i]!));
      }
    }
    if (largest === 0) return isSilent(state, others[k]!, unit) ? 1 : 0;
    const threshold = largest * (1 - tolerance);
    let sign = 0;
    let contradicted = false;
    let biasSign = 0;
    for (const { starts, multiplicity, width, isBias } of parts) {
      for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) {
        for (let i = starts[m]!; i < starts[m]! + width; i++) {
          const value = state[i]!;
          if (Math.abs(value) < threshold) continue;
          const here = Math.sign(value);
          if (fixed) return here;
          if (isBias) biasSign = biasSign === 0 ? here : biasSign;
          else if (sign === 0) sign = here;
          else contradicted = contradicted || here !== sign;
        }
      }
    }
    if (biasSign !== 0) return biasSign;
    return contradicted ? 0 : sign;
  }

  /** Leaves the choice free only where a symmetry exchanges both signs; what is chosen there is carried through the colours. */
  function decideByColour(colours: ColourRefinement, objectOf: Int32Array, own: Int8Array, open: number): void {
    for (let left = open; left > 0; ) {
      let top = -1;
      let kept = 0;
      for (let u = 0; u < left; u++) {
        const j = undecided[u]!;
        const plus = colours.colour(objectOf[j]!);
        const minus = colours.colour(objectOf[j]!, -1);
        if (plus !== minus) {
          own[j] = plus > minus ? 1 : -1;
          continue;
        }
        undecided[kept++] = j;
        if (top < 0 || plus > colours.colour(objectOf[top]!)) top = j;
      }
      left = kept;
      if (top >= 0) colours.individualise(objectOf[top]!);
    }
  }

  return { classes, apply, signs };
}

interface SilentUse {
  readonly use: AxisUse;
  readonly starts: Int32Array;
}

/** Nothing of the unit is different from zero: both signs are the same weights. */
function isSilent(state: Float64Array, uses: readonly SilentUse[], unit: number): boolean {
  for (const { use: { outer, groups, length, inner, multiplicity }, starts } of uses) {
    for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) {
      for (let a = 0; a < outer / groups; a++) {
        const begin = starts[m]! + a * length * inner;
        for (let b = begin; b < begin + inner; b++) if (state[b] !== 0) return false;
      }
    }
  }
  return true;
}

/** Group of the sign unification of each unit. */
function objectsOf({ uses, units }: ChannelClass, maps: GroupedMaps['maps']): Int32Array {
  const objects = new Int32Array(units);
  for (const { role, block, members, multiplicity } of uses) {
    const map = role === 'producer' ? maps.find((candidate) => candidate.block === block) : undefined;
    if (map === undefined) continue;
    for (let unit = 0; unit < units; unit++) objects[unit] = map.rowGroups[members[unit * multiplicity]!]!;
    return objects;
  }
  return objects;
}
