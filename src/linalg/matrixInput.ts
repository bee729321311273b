/**
 * What every factorisation asks of its input: the announced shape, finite entries, and a scale at which squares of entries
 * neither overflow nor vanish.
 */

/** @throws RangeError when the array is not rows × columns long, or an entry is NaN or infinite (its place is named) */
export function requireFiniteMatrix(a: Float64Array, rows: number, columns: number): void {
  requireLength(a, rows, columns);
  if (allFinite(a)) return;
  for (let k = 0; k < a.length; k++) {
    if (!Number.isFinite(a[k])) {
      throw new RangeError(`the matrix has ${String(a[k])} in row ${Math.floor(k / columns)}, column ${k % columns}`);
    }
  }
}

/** x · 0 is 0 for every finite x and NaN for all others; four sums, since each addition waits for the one before. */
function allFinite(a: Float64Array): boolean {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  let k = 0;
  for (; k + 3 < a.length; k += 4) {
    s0 += a[k]! * 0;
    s1 += a[k + 1]! * 0;
    s2 += a[k + 2]! * 0;
    s3 += a[k + 3]! * 0;
  }
  for (; k < a.length; k++) s0 += a[k]! * 0;
  return s0 + s1 + s2 + s3 === 0;
}

/** @throws RangeError when the array is not rows × columns long */
export function requireLength(a: Float64Array, rows: number, columns: number): void {
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || rows < 0 || columns < 0) {
    throw new RangeError(`a matrix cannot have ${rows} rows and ${columns} columns`);
  }
  if (a.length !== rows * columns) throw new RangeError(`${a.length} entries do not make a ${rows} × ${columns} matrix`);
}

/** The power of two that brings the largest magnitude into [1, 2); 1 for a zero matrix. Multiplying by it is exact. */
export function powerOfTwoScale(a: Float64Array): number {
  let largest = 0;
  for (const entry of a) {
    const magnitude = Math.abs(entry);
    if (magnitude > largest) largest = magnitude;
  }
  return powerOfTwoFor(largest);
}

/** The power of two that brings a magnitude into [1, 2); 1 for zero. */
export function powerOfTwoFor(largest: number): number {
  if (largest === 0) return 1;
  // Beyond ±1000 the scale or its reciprocal would leave the normal range.
  return 2 ** -Math.max(-1000, Math.min(1000, Math.floor(Math.log2(largest))));
}

/**
 * Rows by descending largest magnitude: Householder QR with column pivoting then errs little in every row relative to that row,
 * whatever their scales (Cox & Higham 1998).
 */
export function rowsBySize(a: Float64Array, rows: number, columns: number): Int32Array {
  const sizes = Float64Array.from({ length: rows }, (_, i) => {
    let largest = 0;
    for (let k = i * columns; k < (i + 1) * columns; k++) largest = Math.max(largest, Math.abs(a[k]!));
    return largest;
  });
  return Int32Array.from(sizes.keys()).sort((i, j) => sizes[j]! - sizes[i]!);
}

/**
 * Aᵀ (columns × rows, row-major) of A (rows × columns, row-major), in tiles that stay in the first-level cache.
 * @param within where A is a part of a wider matrix: its first entry, and how far apart its rows are
 */
export function transposed(a: Float64Array, rows: number, columns: number, into = new Float64Array(rows * columns), { offset, distance } = { offset: 0, distance: columns }): Float64Array {
  const tile = 16;
  for (let i0 = 0; i0 < rows; i0 += tile) {
    const i1 = Math.min(rows, i0 + tile);
    for (let j0 = 0; j0 < columns; j0 += tile) {
      const j1 = Math.min(columns, j0 + tile);
      for (let i = i0; i < i1; i++) {
        for (let j = j0; j < j1; j++) into[j * rows + i] = a[offset + i * distance + j]!;
      }
    }
  }
  return into;
}

/** Euclidean norm of a[from … from + count), safe from overflow and underflow. */
export function norm2(a: Float64Array, from: number, count: number): number {
  let sum = 0;
  for (let k = from; k < from + count; k++) sum += a[k]! * a[k]!;
  if (sum > 1e-280 && sum < 1e280) return Math.sqrt(sum);
  let largest = 0;
  for (let k = from; k < from + count; k++) largest = Math.max(largest, Math.abs(a[k]!));
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  sum = 0;
  for (let k = from; k < from + count; k++) sum += (a[k]! / largest) ** 2;
  return largest * Math.sqrt(sum);
}
