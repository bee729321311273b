/**
 * What spares one-sided Jacobi most of its sweeps: rows of similar size are made orthogonal together by the eigenvectors of their Gram
 * matrix (a preconditioner, as in Gao, Ma & Shao 2022 and Higham et al. 2025, with products and divide and conquer in place of lower
 * precision). Eigenvectors are accurate to ε absolutely only, so that rows of very different size, as graded matrices have, must
 * not mix: each group is turned by itself. Within a group, small results of large rows are summed with their cancellation exact.
 */
import type { Scope } from '../engine/engine.ts';
import { packingDoubles, packingSpace, product, type Operand, type PackingSpace } from '../engine/product.ts';
import { eigenRows, eigenRowsDoubles } from '../engine/symmetricEigen.ts';
import type { Interruptible } from '../interruptible.ts';
import { norm2, powerOfTwoFor } from '../matrixInput.ts';
import type { RowSet } from './orthogonalRows.ts';

/** Norms within a group differ by at most this factor. */
const RATIO = 2 ** 12;
/** Fewer rows than this are left to rotations. */
const SMALLEST = 16;
/** Below, squares of squares leave the normal range. */
const FAINT = 1e-70;
/** A row that is smaller than the largest by this factor may have lost digits to cancellation. */
const CANCELLED = 1 / 8;

export interface RowGroup {
  readonly start: number;
  readonly end: number;
}

/** Consecutive rows of similar norms. @param norms of the rows, in their order */
export function rowGroups(norms: Float64Array): RowGroup[] {
  const groups: RowGroup[] = [];
  let start = 0;
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  norms.forEach((norm, row) => {
    least = Math.min(least, norm);
    most = Math.max(most, norm);
    if (row > start && !(most <= RATIO * least)) {
      groups.push({ start, end: row });
      start = row;
      least = most = norm;
    }
  });
  if (start < norms.length) groups.push({ start, end: norms.length });
  return groups;
}

export function turnGroupsDoubles(n: number, ld: number, threads: number): number {
  return 4 * n * ld + eigenRowsDoubles(n, ld, threads) + packingDoubles({ n, k: n }, threads);
}

/**
 * Rows of each group ← V · rows with V the eigenvectors of the group's Gram matrix, largest first: nearly orthogonal, and the singular
 * values of the whole unchanged to rounding, small ones relatively.
 * @param norms of the rows of x
 * @param g undergoes the same, if given: the identity before
 */
export function* turnGroups(scope: Scope, x: RowSet, n: number, g: RowSet | undefined, norms: Float64Array, groups: readonly RowGroup[]): Interruptible<void> {
  const { ld } = x;
  const large = groups.filter(({ start, end }) => end - start >= SMALLEST && norms[start]! > FAINT);
  if (large.length === 0) return;
  const packing = packingSpace(scope, { n, k: n });
  const [gram, vectors, turned, high] = [scope.allocate(n * ld), scope.allocate(n * ld), scope.allocate(n * ld), scope.allocate(n * ld)];
  for (const { start, end } of large) {
    const count = end - start;
    const rows = byRows(x.address + 8 * start * ld, ld);
    const alpha = powerOfTwoFor(norms[start]! ** 2);
    yield* product(scope, packing, { m: count, n: count, k: n }, rows, { ...rows, rowStep: 1, columnStep: ld }, gram, ld, { alpha, triangle: true });
    const { address, order } = yield* eigenRows(scope, gram, ld, count, () => undefined);
    order.forEach((from, k) => { scope.view(vectors + 8 * (count - 1 - k) * ld, count).set(scope.view(address + 8 * from * ld, count)); });
    if (g !== undefined) for (let k = 0; k < count; k++) scope.view(g.address + 8 * ((start + k) * ld + start), count).set(scope.view(vectors + 8 * k * ld, count));
    yield;
    yield* product(scope, packing, { m: count, n, k: count }, byRows(vectors, ld), rows, turned, ld);
    const largest = norm2(scope.view(turned, n), 0, n);
    let first = count;
    while (first > 0 && norm2(scope.view(turned + 8 * (first - 1) * ld, n), 0, n) < CANCELLED * largest) first--;
    // The Gram matrix and the eigenvectors as they were computed have served: their memory is used again.
    if (first < count) yield* smallRows(scope, packing, { count, n, first, ld }, { rows: rows.address, vectors, turned, highVectors: gram, highRows: high, rest: address });
    scope.view(rows.address, count * ld).set(scope.view(turned, count * ld));
    yield;
  }
}

function byRows(address: number, ld: number): Operand {
  return { address, rowStep: ld, columnStep: 1 };
}

interface SmallRows {
  readonly rows: number;
  readonly vectors: number;
  readonly turned: number;
  readonly highVectors: number;
  readonly highRows: number;
  readonly rest: number;
}

/**
 * Rows first … count − 1 of V X, where large terms cancel: leading bits of V times those of X, so few that their sums are exact (Ozaki et
 * al. 2012), and the rest. Destroys the rows and these vectors.
 */
function* smallRows(scope: Scope, packing: PackingSpace, { count, n, first, ld }: { readonly count: number; readonly n: number; readonly first: number; readonly ld: number }, at: SmallRows): Interruptible<void> {
  const bits = Math.floor((53 - Math.ceil(Math.log2(count))) / 2);
  const skip = 8 * first * ld;
  const shape = { m: count - first, n, k: count };
  const rows = byRows(at.rows, ld);
  const [highVectors, highRows] = [byRows(at.highVectors, ld), byRows(at.highRows, ld)];
  const wholeRows = scope.view(at.rows, count * ld);
  const lowVectors = byRows(at.vectors + skip, ld);
  splitRows(scope.view(lowVectors.address, shape.m * ld), scope.view(at.highVectors, shape.m * ld), shape.m, count, ld, bits);
  yield* product(scope, packing, shape, lowVectors, rows, at.rest, ld);
  splitRows(wholeRows, scope.view(at.highRows, count * ld), count, n, ld, bits);
  yield* product(scope, packing, shape, highVectors, rows, at.rest, ld, { add: true });
  yield* product(scope, packing, shape, highVectors, highRows, at.turned + skip, ld);
  const result = scope.view(at.turned + skip, shape.m * ld);
  const rest = scope.view(at.rest, shape.m * ld);
  for (let i = 0; i < shape.m; i++) for (let k = i * ld; k < i * ld + n; k++) result[k]! += rest[k]!;
}

/** The leading bits of all entries, down to a common place, go to `high`; what is left stays. */
function splitRows(values: Float64Array, high: Float64Array, rows: number, columns: number, ld: number, bits: number): void {
  let largest = 0;
  for (let i = 0; i < rows; i++) for (let k = i * ld; k < i * ld + columns; k++) largest = Math.max(largest, Math.abs(values[k]!));
  if (largest === 0) {
    high.fill(0);
    return;
  }
  // Adding it rounds to that place: 1.5 keeps the sum within one binade.
  const shift = 1.5 * 2 ** (Math.floor(Math.log2(largest)) + 1 - bits + 52);
  for (let i = 0; i < rows; i++) {
    for (let k = i * ld; k < i * ld + columns; k++) {
      const top = values[k]! + shift - shift;
      high[k] = top;
      values[k]! -= top;
    }
  }
}
