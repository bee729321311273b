/**
 * The `unit` form of the scaling symmetry: ‖[w_j; b_j]‖₂ = 1 for every unit that can be scaled, from the input forward (dividing a unit's
 * rows multiplies a column of the next layer, so the next rows are normalised after it); the output layer absorbs what is left.
 * Laurent et al. 2023, section 3. Where several layers produce a unit (a residual sum), the first of them has the norm; a
 * normalisation's row is [γ; β̃]. Every orbit of α > 0 meets the form in exactly one point, except where the row is zero: then its
 * columns' scale cannot be told from it, and both are left.
 */
import { divideUnit } from './linearMaps.ts';
import { type ChannelClass, firstProducer, memberStarts } from './unitClasses.ts';

/** A unit whose scale no rule determines; its weights are left at the scale at which they were found. */
export interface LeftUnit {
  /** The layer's name. */
  readonly layer: string;
  readonly unit: number;
  /**
   * - `zero-incoming`: no incoming weight counts, so the unit gives the same output whatever its input.
   * - `zero-outgoing`: the unit reaches no output.
   */
  readonly reason: 'zero-incoming' | 'zero-outgoing';
}

/** Removes the scaling symmetry from the state in place; allocates nothing unless there are units to report. */
export interface ScalingStep {
  apply(state: Float64Array): readonly LeftUnit[];
}

export const NO_UNITS: readonly LeftUnit[] = [];

/** What the first layer that produces a class has for each unit: stretches of the state vector. */
export interface UnitRows {
  /** starts[unit · multiplicity + m]: where a stretch of `width` entries begins. */
  readonly starts: Int32Array;
  readonly multiplicity: number;
  readonly width: number;
  readonly isBias: boolean;
}

/** Weight rows first, then the bias. */
export function firstRows(units: ChannelClass): readonly UnitRows[] {
  const first = firstProducer(units);
  return units.uses.filter(({ role, node }) => role === 'producer' && node === first).map((use, k) => ({
    starts: memberStarts(use), multiplicity: use.multiplicity, width: use.inner, isBias: k > 0,
  }));
}

/** @param classes of `scaledMaps`, in their order */
export function unitScaling(classes: readonly ChannelClass[]): ScalingStep {
  const rows = classes.map(firstRows);
  return {
    apply(state) {
      let left: LeftUnit[] | undefined;
      for (let k = 0; k < classes.length; k++) {
        const units = classes[k]!;
        for (let j = 0; j < units.units; j++) {
          const norm = rowNorm(state, rows[k]!, j);
          if (norm > 0) divideUnit(state, units, j, norm);
          else (left ??= []).push({ layer: units.name, unit: j, reason: 'zero-incoming' });
        }
      }
      return left ?? NO_UNITS;
    },
  };
}

/** ‖[w_j; b_j]‖₂ without overflow or underflow of the squares: entries are divided by the largest first. */
function rowNorm(state: Float64Array, rows: readonly UnitRows[], unit: number): number {
  let largest = 0;
  for (const { starts, multiplicity, width } of rows) {
    for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) {
      const begin = starts[m]!;
      for (let i = begin; i < begin + width; i++) {
        const size = Math.abs(state[i]!);
        if (size > largest) largest = size;
      }
    }
  }
  if (largest === 0) return 0;
  let sum = 0;
  for (const { starts, multiplicity, width } of rows) {
    for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) {
      const begin = starts[m]!;
      for (let i = begin; i < begin + width; i++) sum += (state[i]! / largest) ** 2;
    }
  }
  return largest * Math.sqrt(sum);
}
