/**
 * Rows made orthonormal, in order: block classical Gram–Schmidt, twice (Giraud et al. 2005: twice is enough), so that nearly all the work is
 * matrix products. A row that lies in the span of those before it, to rounding, is replaced by zero.
 */
import { multiply } from './dense/multiply.ts';

const BLOCK = 32;

/**
 * @param rows m × n row-major, m ≤ n; changed in place. Rows may be of very different size: each is judged by its own norm.
 * @returns how many rows are not zero
 */
export async function orthonormaliseRows(rows: Float64Array, m: number, n: number, signal?: AbortSignal): Promise<number> {
  const work = signal === undefined ? {} : { signal };
  let independent = 0;
  for (let i = 0; i < m; i++) normalise(rows.subarray(i * n, (i + 1) * n));
  for (let first = 0; first < m; first += BLOCK) {
    const count = Math.min(BLOCK, m - first);
    const block = rows.subarray(first * n, (first + count) * n);
    const before = rows.subarray(0, first * n);
    if (first > 0) {
      for (let pass = 0; pass < 2; pass++) {
        const coefficients = await multiply({ a: block, b: before, m: count, k: n, n: first, transposeB: true }, work);
        await multiply({ a: coefficients, b: before, m: count, k: first, n, alpha: -1, beta: 1, c: block }, work);
      }
    }
    for (let i = 0; i < count; i++) {
      const row = block.subarray(i * n, (i + 1) * n);
      for (let pass = 0; pass < 2; pass++) {
        for (let j = 0; j < i; j++) subtract(row, block.subarray(j * n, (j + 1) * n));
        // Against earlier blocks once more: what is left of a nearly dependent row is their rounding.
        if (first > 0 && norm(row) < 0.5) {
          for (let j = 0; j < first; j++) subtract(row, before.subarray(j * n, (j + 1) * n));
        }
      }
      if (norm(row) > DEPENDENT) {
        normalise(row);
        independent++;
      } else {
        row.fill(0);
      }
    }
  }
  return independent;
}

/** Of a row of norm 1, what is left when all of it is rounding. */
const DEPENDENT = 1e-12;

function norm(row: Float64Array): number {
  let sum = 0;
  for (const value of row) sum += value * value;
  return Math.sqrt(sum);
}

function normalise(row: Float64Array): void {
  const size = norm(row);
  if (size > 0) for (let k = 0; k < row.length; k++) row[k]! /= size;
}

/** row −= (row · unit) unit */
function subtract(row: Float64Array, unit: Float64Array): void {
  let along = 0;
  for (let k = 0; k < row.length; k++) along += row[k]! * unit[k]!;
  for (let k = 0; k < row.length; k++) row[k]! -= along * unit[k]!;
}
