/**
 * What spares one-sided Jacobi most of its sweeps: rows of similar size are made orthogonal together by the eigenvectors of their Gram
 * matrix (a preconditioner, as in Gao, Ma & Shao 2022 and Higham et al. 2025, with products and divide and conquer in place of lower
 * precision). Eigenvectors are accurate to ε absolutely only, so that rows of very different size, as graded matrices have, must
 * not mix: each group is turned by itself.
 */
import type { Scope } from '../engine/engine.ts';
import { packingDoubles, packingSpace, product, type Operand } from '../engine/product.ts';
import { eigenRows, eigenRowsDoubles } from '../engine/symmetricEigen.ts';
import type { Interruptible } from '../interruptible.ts';
import { powerOfTwoFor } from '../matrixInput.ts';
import type { RowSet } from './orthogonalRows.ts';

/** Norms within a group differ by at most this factor. */
const RATIO = 2 ** 12;
/** Fewer rows than this are left to rotations. */
const SMALLEST = 16;
/** Below, squares of squares leave the normal range. */
const FAINT = 1e-70;

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
  return 3 * n * ld + eigenRowsDoubles(n, ld, threads) + packingDoubles({ n, k: n }, threads);
}

/**
 * Rows of each group ← V · rows with V the eigenvectors of the group's Gram matrix, largest first: nearly orthogonal. The rounding
 * errors are small beside the group's rows, not beside the largest of all.
 * @param norms of the rows of x
 * @param g undergoes the same, if given: the identity before
 */
export function* turnGroups(scope: Scope, x: RowSet, n: number, g: RowSet | undefined, norms: Float64Array, groups: readonly RowGroup[]): Interruptible<void> {
  const { ld } = x;
  const large = groups.filter(({ start, end }) => end - start >= SMALLEST && norms[start]! > FAINT);
  if (large.length === 0) return;
  const packing = packingSpace(scope, { n, k: n });
  const [gram, vectors, turned] = [scope.allocate(n * ld), scope.allocate(n * ld), scope.allocate(n * ld)];
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
    scope.view(rows.address, count * ld).set(scope.view(turned, count * ld));
    yield;
  }
}

function byRows(address: number, ld: number): Operand {
  return { address, rowStep: ld, columnStep: 1 };
}
