/**
 * The directions in which draws spread most (Pearson 1901), through the smaller of two matrices with the same spectrum: the
 * coordinates' covariance, or the Gram matrix of the draws. D × D is never formed for many parameters.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import { leadingEigen } from '../linalg/leadingEigen.ts';
import { addProduct } from '../linalg/product.ts';
import type { Random } from '../linalg/random.ts';

export interface PrincipalComponents {
  /** Shares of the total variance, descending. */
  readonly explained: Float64Array;
  /** Of every draw on the first two components, in the unit of the draws; the second is 0 when there is one coordinate only. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** The two directions, of norm 1, length k; zero where the draws do not spread. */
  readonly axes: readonly [Float64Array, Float64Array];
  /** Draws from which the directions were taken. */
  readonly basis: number;
}

/** How many shares of the variance are returned at most. */
const COMPONENTS = 10;
const BLOCK = 256;

/**
 * @param features M × k row-major
 * @param selection n rows
 * @param gram their centred Gram matrix; the directions come from it when there are more coordinates than selected draws
 */
export function* principalComponents(features: Float64Array, coordinates: number, selection: Int32Array, gram: Float64Array, random: Random): Interruptible<PrincipalComponents> {
  const n = selection.length;
  const draws = features.length / coordinates;
  const fromAll = coordinates <= n;
  const mean = meanOf(features, coordinates, fromAll ? undefined : selection);
  const size = fromAll ? coordinates : n;
  const matrix = fromAll ? yield* scatter(features, coordinates, mean) : gram;
  const { values, vectors } = yield* leadingEigen(matrix, size, COMPONENTS, random);
  let total = 0;
  for (let i = 0; i < size; i++) total += matrix[i * size + i]!;
  const axis = (component: number): Float64Array => {
    const direction = new Float64Array(coordinates);
    if (component >= values.length || !(values[component]! > 1e-14 * total)) return direction;
    const vector = vectors.subarray(component * size, (component + 1) * size);
    if (fromAll) {
      direction.set(vector);
    } else {
      const scale = 1 / Math.sqrt(values[component]!);
      vector.forEach((weight, a) => {
        const row = selection[a]! * coordinates;
        for (let j = 0; j < coordinates; j++) direction[j]! += scale * weight * (features[row + j]! - mean[j]!);
      });
    }
    // The largest entry is positive, so that the sign does not depend on the method.
    const largest = direction.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    return largest < 0 ? direction.map((value) => -value) : direction;
  };
  const axes = [axis(0), axis(1)] as const;
  const x = new Float64Array(draws);
  const y = new Float64Array(draws);
  for (let m = 0; m < draws; m++) {
    let first = 0;
    let second = 0;
    const row = m * coordinates;
    for (let j = 0; j < coordinates; j++) {
      const value = features[row + j]! - mean[j]!;
      first += value * axes[0][j]!;
      second += value * axes[1][j]!;
    }
    x[m] = first;
    y[m] = second;
    if ((m & 15) === 0) yield;
  }
  return { explained: values.map((value) => (total > 0 ? Math.max(0, value) / total : 0)), x, y, axes, basis: fromAll ? draws : n };
}

function meanOf(features: Float64Array, coordinates: number, selection: Int32Array | undefined): Float64Array {
  const rows = selection?.length ?? features.length / coordinates;
  const mean = new Float64Array(coordinates);
  for (let a = 0; a < rows; a++) {
    const row = (selection?.[a] ?? a) * coordinates;
    for (let j = 0; j < coordinates; j++) mean[j]! += features[row + j]!;
  }
  return mean.map((sum) => sum / rows);
}

/** Σ_m (x_m − x̄)(x_m − x̄)ᵀ, k × k, in blocks of draws turned into rows of coordinates. */
function* scatter(features: Float64Array, coordinates: number, mean: Float64Array): Interruptible<Float64Array> {
  const draws = features.length / coordinates;
  const matrix = new Float64Array(coordinates * coordinates);
  for (let start = 0; start < draws; start += BLOCK) {
    const rows = Math.min(BLOCK, draws - start);
    const block = new Float64Array(coordinates * rows);
    for (let m = 0; m < rows; m++) {
      for (let j = 0; j < coordinates; j++) block[j * rows + m] = features[(start + m) * coordinates + j]! - mean[j]!;
    }
    addProduct(matrix, block, block, coordinates, coordinates, rows, 'nt');
    yield;
  }
  return matrix;
}
