/**
 * Eigenvalues and vectors of a symmetric tridiagonal matrix by divide and conquer (Cuppen 1981; LAPACK's dstedc): the matrix is
 * torn into blocks by rank-one changes, the blocks are solved, and neighbours are merged by a rank-one update. Components
 * that the update does not change beyond rounding are deflated first (Dongarra & Sorensen 1987); the rest is one secular
 * equation (kernels/secular.ts) and two products, one for each half, of the rows that are nonzero there.
 *
 * A block's eigenvectors are rows of Z, nonzero in the block's columns only, and not sorted: an order goes with them.
 */
import type { Interruptible } from '../interruptible.ts';
import type { Scope } from './engine.ts';
import { packingDoubles, packingSpace, product, type PackingSpace } from './product.ts';

const LEAF = 32;

/** A diagonal block start … end − 1 that has been solved. */
interface Block {
  readonly start: number;
  readonly end: number;
  /** Rows of Z relative to start, by ascending eigenvalue. */
  readonly order: Int32Array;
}

/** Where in its block a row of Z is nonzero. */
const UPPER = 0;
const BOTH = 1;
const LOWER = 2;

interface Workspace {
  /** Eigenvalues, in the order of the rows of Z. */
  readonly d: Float64Array;
  readonly z: number;
  readonly ld: number;
  readonly secular: number;
  readonly kept: number;
  readonly poles: number;
  readonly weights: number;
  readonly squares: number;
  readonly roots: number;
  readonly entries: number;
  readonly hats: number;
  readonly scratch: number;
  readonly packing: PackingSpace;
}

export function divideAndConquerDoubles(n: number, ld: number, threads: number): number {
  return 2 * n * ld + 7 * ld + threads * ld + packingDoubles({ n, k: n }, threads);
}

/**
 * @param diagonal address of n doubles, overwritten with the eigenvalues, in the order of the rows of z
 * @param couplings address of n − 1 doubles, the i-th between i and i + 1; overwritten
 * @param z address of n rows `ld` apart; row i becomes an eigenvector
 * @returns rows by ascending eigenvalue
 */
export function* divideAndConquer(scope: Scope, diagonal: number, couplings: number, n: number, z: number, ld: number, progress: (done: number) => void): Interruptible<Int32Array> {
  const d = scope.view(diagonal, n);
  const e = scope.view(couplings, Math.max(0, n - 1));
  for (let i = 0; i < n; i++) scope.view(z + 8 * i * ld, n).fill(0);
  const starts = leafStarts(n);
  const couplingAt = new Map<number, number>();
  for (const start of starts.subarray(1, starts.length - 1)) {
    const coupling = e[start - 1]!;
    couplingAt.set(start, coupling);
    d[start - 1]! -= Math.abs(coupling);
    d[start]! -= Math.abs(coupling);
  }
  let blocks = yield* solveLeaves(scope, starts, diagonal, couplings, n, z, ld);
  const threadScratch = scope.threads * ld;
  const work: Workspace = {
    d, z, ld,
    secular: scope.allocate(n * ld), kept: scope.allocate(n * ld),
    poles: scope.allocate(ld), weights: scope.allocate(ld), squares: scope.allocate(ld), roots: scope.allocate(ld),
    entries: scope.allocate(ld), hats: scope.allocate(ld), scratch: scope.allocate(threadScratch),
    packing: packingSpace(scope, { n, k: n }),
  };
  let share = 1 / 2 ** (2 * Math.ceil(Math.log2(Math.max(2, blocks.length))));
  while (blocks.length > 1) {
    const merged: Block[] = [];
    for (let b = 0; b < blocks.length; b += 2) {
      const upper = blocks[b]!;
      const lower = blocks[b + 1];
      merged.push(lower === undefined ? upper : yield* merge(scope, work, upper, lower, couplingAt.get(upper.end) ?? 0));
    }
    blocks = merged;
    share *= 4;
    progress(Math.min(1, share));
  }
  return blocks[0]?.order ?? new Int32Array(0);
}

/** A power of two of leaves of nearly equal size, so that every merge is one of equals. */
function leafStarts(n: number): Int32Array {
  let leaves = 1;
  while (n / leaves > LEAF) leaves *= 2;
  return Int32Array.from({ length: leaves + 1 }, (_, l) => Math.round((n * l) / leaves));
}

function* solveLeaves(scope: Scope, starts: Int32Array, diagonal: number, couplings: number, n: number, z: number, ld: number): Interruptible<Block[]> {
  const leaves = starts.length - 1;
  const startsAddress = scope.allocate(starts.length);
  scope.integers(startsAddress, starts.length).set(starts);
  const failed = scope.allocate(leaves);
  scope.kernels.tridiagonalLeaves(scope.threads, leaves, startsAddress, diagonal, couplings, z, ld, failed);
  yield;
  if (scope.integers(failed, leaves).some((flag) => flag !== 0)) throw new Error(`implicit QL did not converge on a block of a matrix of order ${n}`);
  const d = scope.view(diagonal, n);
  return Array.from({ length: leaves }, (_, l) => {
    const start = starts[l]!;
    const end = starts[l + 1]!;
    const own = d.slice(start, end);
    return { start, end, order: Int32Array.from(own.keys()).sort((i, j) => own[i]! - own[j]!) };
  });
}

/** The union of two solved neighbours whose common coupling is `coupling`. */
function* merge(scope: Scope, work: Workspace, upper: Block, lower: Block, coupling: number): Interruptible<Block> {
  const { z, ld } = work;
  const start = upper.start;
  const middle = upper.end;
  const n = lower.end - start;
  const n1 = middle - start;
  const d = work.d.subarray(start, start + n);
  const rowAt = (i: number): number => z + 8 * ((start + i) * ld + start);
  // The update is ρ u uᵀ with u = (last entries of the upper vectors, ± first entries of the lower ones)/√2.
  const u = new Float64Array(n);
  const sign = coupling < 0 ? -1 : 1;
  for (let i = 0; i < n; i++) {
    const row = scope.view(rowAt(i), n);
    u[i] = (i < n1 ? row[n1 - 1]! : sign * row[n1]!) * Math.SQRT1_2;
  }
  const rho = 2 * Math.abs(coupling);
  const sorted = mergedOrder(d, upper.order, lower.order.map((i) => i + n1));
  const { kept, deflated, support } = deflate(scope, d, u, rho, sorted, n1, rowAt, n);
  if (kept.length === 0) return { start, end: lower.end, order: Int32Array.from(deflated).sort((i, j) => d[i]! - d[j]!) };
  yield;

  // Rows in the order upper, both, lower: those that reach into a half are contiguous.
  const k = kept.length;
  const grouped = [UPPER, BOTH, LOWER].flatMap((group) => [...kept.keys()].filter((q) => support[kept[q]!] === group));
  const reachLower = grouped.findIndex((q) => support[kept[q]!] !== UPPER);
  const firstLower = reachLower < 0 ? k : reachLower;
  const onlyLower = grouped.findIndex((q) => support[kept[q]!] === LOWER);
  const lastUpper = onlyLower < 0 ? k : onlyLower;
  const n2 = n - n1;
  const lowerRows = work.kept + 8 * lastUpper * n1;
  const aside = lowerRows + 8 * (k - firstLower) * n2;
  grouped.forEach((q, position) => {
    const from = rowAt(kept[q]!);
    if (position < lastUpper) scope.view(work.kept + 8 * position * n1, n1).set(scope.view(from, n1));
    if (position >= firstLower) scope.view(lowerRows + 8 * (position - firstLower) * n2, n2).set(scope.view(from + 8 * n1, n2));
  });
  const deflatedValues = Float64Array.from(deflated, (i) => d[i]!);
  deflated.forEach((i, position) => { scope.view(aside + 8 * position * n, n).set(scope.view(rowAt(i), n)); });
  yield;

  const poles = scope.view(work.poles, k);
  const weights = scope.view(work.weights, k);
  const squares = scope.view(work.squares, k);
  let norm = 0;
  for (const i of kept) norm += u[i]! * u[i]!;
  kept.forEach((i, q) => {
    poles[q] = d[i]!;
    weights[q] = u[i]!;
    squares[q] = (u[i]! * u[i]!) / norm;
  });
  scope.integers(work.entries, k).set(grouped);
  scope.kernels.rankOneEigen(
    scope.threads, k, work.poles, work.weights, work.squares, rho * norm, work.roots, work.secular, ld, work.entries, work.hats, work.scratch,
  );
  yield;
  const coefficients = { address: work.secular, rowStep: ld, columnStep: 1 };
  if (lastUpper > 0) yield* product(scope, work.packing, { m: k, n: n1, k: lastUpper }, coefficients, { address: work.kept, rowStep: n1, columnStep: 1 }, rowAt(0), ld);
  else for (let i = 0; i < k; i++) scope.view(rowAt(i), n1).fill(0);
  const right = { address: work.secular + 8 * firstLower, rowStep: ld, columnStep: 1 };
  if (firstLower < k) yield* product(scope, work.packing, { m: k, n: n2, k: k - firstLower }, right, { address: lowerRows, rowStep: n2, columnStep: 1 }, rowAt(0) + 8 * n1, ld);
  else for (let i = 0; i < k; i++) scope.view(rowAt(i) + 8 * n1, n2).fill(0);
  d.set(scope.view(work.roots, k));
  deflatedValues.forEach((value, position) => {
    d[k + position] = value;
    scope.view(rowAt(k + position), n).set(scope.view(aside + 8 * position * n, n));
  });
  const rest = Int32Array.from(deflatedValues.keys()).sort((i, j) => deflatedValues[i]! - deflatedValues[j]!).map((i) => i + k);
  return { start, end: lower.end, order: mergedOrder(d, Int32Array.from({ length: k }, (_, i) => i), rest) };
}

/** Two orders that are ascending in d, merged into one. */
function mergedOrder(d: Float64Array, first: Int32Array, second: Int32Array): Int32Array {
  const merged = new Int32Array(first.length + second.length);
  let i = 0;
  let j = 0;
  for (let k = 0; k < merged.length; k++) {
    const takeFirst = j >= second.length || (i < first.length && d[first[i]!]! <= d[second[j]!]!);
    merged[k] = takeFirst ? first[i++]! : second[j++]!;
  }
  return merged;
}

interface Deflation {
  /** Rows that the update mixes, ascending in d. */
  readonly kept: readonly number[];
  /** Rows that are eigenvectors of the union already. */
  readonly deflated: readonly number[];
  readonly support: Uint8Array;
}

/**
 * Sets aside rows whose component of u is negligible, and, where two values of d are equal within rounding, rotates one
 * component into the other.
 */
function deflate(scope: Scope, d: Float64Array, u: Float64Array, rho: number, sorted: Int32Array, n1: number, rowAt: (i: number) => number, n: number): Deflation {
  let largest = 0;
  for (const value of d) largest = Math.max(largest, Math.abs(value));
  for (const value of u) largest = Math.max(largest, Math.abs(value));
  const tolerance = 8 * Number.EPSILON * largest;
  const support = Uint8Array.from({ length: n }, (_, i) => (i < n1 ? UPPER : LOWER));
  const kept: number[] = [];
  const deflated: number[] = [];
  let pending = -1;
  for (const i of sorted) {
    if (rho * Math.abs(u[i]!) <= tolerance) {
      deflated.push(i);
      continue;
    }
    if (pending >= 0) {
      const radius = Math.hypot(u[i]!, u[pending]!);
      const c = u[i]! / radius;
      const s = u[pending]! / radius;
      if (Math.abs((d[i]! - d[pending]!) * c * s) <= tolerance) {
        scope.kernels.rotate(rowAt(pending), rowAt(i), n, c, s);
        const dp = d[pending]!;
        const di = d[i]!;
        d[pending] = dp * c * c + di * s * s;
        d[i] = dp * s * s + di * c * c;
        u[i] = radius;
        u[pending] = 0;
        if (support[i] !== support[pending]) support[i] = support[pending] = BOTH;
        deflated.push(pending);
      } else {
        kept.push(pending);
      }
    }
    pending = i;
  }
  if (pending >= 0) kept.push(pending);
  return { kept, deflated, support };
}
