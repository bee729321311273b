/**
 * The `unit` form of the scaling symmetry: ‖[w_j; b_j]‖₂ = 1 for every unit of a positively homogeneous layer, from the input
 * forward (dividing a unit's row multiplies a column of the next layer, so the next rows are normalised after it); the output
 * layer absorbs what is left. Laurent et al. 2023, section 3. Every orbit of α > 0 meets the form in exactly one point, except
 * where a row is zero: then the unit is constant (σ(0) = 0), its column's scale cannot be told from the row, and both are left.
 */
import type { DenseChain } from '../network/denseChain.ts';
import { type HiddenLayer, divideUnit, hiddenLayers } from './hiddenLayer.ts';

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

/** Removes the scaling symmetry from θ in place; allocates nothing unless there are units to report. */
export interface ScalingStep {
  apply(theta: Float64Array): readonly LeftUnit[];
}

export const NO_UNITS: readonly LeftUnit[] = [];

export function unitScaling(chain: DenseChain): ScalingStep {
  const layers = hiddenLayers(chain).filter((layer) => layer.homogeneous);
  return {
    apply(theta) {
      let left: LeftUnit[] | undefined;
      for (const layer of layers) {
        for (let j = 0; j < layer.units; j++) {
          const norm = rowNorm(theta, layer, j);
          if (norm > 0) divideUnit(theta, layer, j, norm);
          else (left ??= []).push({ layer: layer.name, unit: j, reason: 'zero-incoming' });
        }
      }
      return left ?? NO_UNITS;
    },
  };
}

/** ‖[w_j; b_j]‖₂ without overflow or underflow of the squares: entries are divided by the largest first. */
export function rowNorm(theta: Float64Array, layer: HiddenLayer, unit: number): number {
  const begin = layer.weight + unit * layer.fanIn;
  const end = begin + layer.fanIn;
  const bias = layer.bias === undefined ? 0 : Math.abs(theta[layer.bias + unit]!);
  let largest = bias;
  for (let i = begin; i < end; i++) {
    const size = Math.abs(theta[i]!);
    if (size > largest) largest = size;
  }
  if (largest === 0) return 0;
  let sum = (bias / largest) ** 2;
  for (let i = begin; i < end; i++) sum += (theta[i]! / largest) ** 2;
  return largest * Math.sqrt(sum);
}
