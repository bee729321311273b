/**
 * Inner products and distances of a selection of draws, n × n however many parameters there are: all that discrepancies, principal
 * components and modes need of them.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import { addProduct } from '../linalg/product.ts';

export interface DrawGram {
  /** n × n: ⟨x_a − x̄, x_b − x̄⟩ with x̄ the mean of the selection. */
  readonly gram: Float64Array;
  /** n × n: ‖x_a − x_b‖². Exactly 0 for draws closer than `SAME` of their root mean square norm. */
  readonly squared: Float64Array;
}

/** Draws whose distance is below this share of their norm are the same: canonical forms of copies agree to about 1e-10. */
const SAME = 1e-9;
/** Columns that are centred and multiplied at a time. */
const TILE = 2048;

/**
 * @param features M × k row-major
 * @param selection n rows of it
 */
export function* drawGram(features: Float64Array, coordinates: number, selection: Int32Array): Interruptible<DrawGram> {
  const n = selection.length;
  const gram = new Float64Array(n * n);
  const tile = new Float64Array(n * Math.min(TILE, coordinates));
  let norms = 0;
  for (let from = 0; from < coordinates; from += TILE) {
    const width = Math.min(TILE, coordinates - from);
    const means = new Float64Array(width);
    for (let a = 0; a < n; a++) {
      const row = selection[a]! * coordinates + from;
      for (let j = 0; j < width; j++) {
        const value = features[row + j]!;
        tile[a * width + j] = value;
        means[j]! += value / n;
        norms += value * value;
      }
    }
    for (let a = 0; a < n; a++) for (let j = 0; j < width; j++) tile[a * width + j]! -= means[j]!;
    addProduct(gram, tile, tile, n, n, width, 'nt');
    yield;
  }
  const same = (SAME ** 2 * norms) / n;
  const squared = new Float64Array(n * n);
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < a; b++) {
      const ab = gram[a * n + a]! + gram[b * n + b]! - 2 * gram[a * n + b]!;
      squared[a * n + b] = squared[b * n + a] = ab > same ? ab : 0;
    }
  }
  return { gram, squared };
}
