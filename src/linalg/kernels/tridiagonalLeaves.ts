/**
 * Small tridiagonal eigenproblems with vectors by implicit QL with Wilkinson's shift: the leaves of divide and conquer, each a
 * diagonal block, shared out among the threads.
 */
import { TRIDIAGONAL_LEAVES } from './operationCodes';
import { rotate } from './simd';
import { argument, region, setArgument } from './team';

const EPSILON: f64 = 2.220446049250313e-16;
/** For each eigenvalue on average. */
const MAXIMUM_ITERATIONS: i32 = 60;

/**
 * @param starts leaves + 1 integers: leaf l covers starts[l] … starts[l + 1] − 1
 * @param d, e diagonal, and the entry that couples i and i + 1; d becomes the eigenvalues, not sorted
 * @param z n × n, rows `ld` apart: row i becomes the eigenvector of d_i, nonzero within its leaf's columns only; zero before
 * @param failed one integer a leaf: 1 where QL did not converge
 */
export function tridiagonalLeaves(threads: i32, leaves: i32, starts: usize, d: usize, e: usize, z: usize, ld: i32, failed: usize): void {
  setArgument<i32>(0, leaves);
  setArgument<usize>(1, starts);
  setArgument<usize>(2, d);
  setArgument<usize>(3, e);
  setArgument<usize>(4, z);
  setArgument<i32>(5, ld);
  setArgument<usize>(6, failed);
  region(TRIDIAGONAL_LEAVES, leaves < 4 ? 1 : threads);
}

export function tridiagonalLeavesPart(thread: i32, threads: i32): void {
  const leaves = argument<i32>(0);
  const starts = argument<usize>(1);
  const row = <usize>argument<i32>(5) << 3;
  for (let leaf = thread; leaf < leaves; leaf += threads) {
    const from = load<i32>(starts + (<usize>leaf << 2));
    const n = load<i32>(starts + (<usize>leaf << 2), 4) - from;
    const at = <usize>from << 3;
    const z = argument<usize>(4) + <usize>from * row + at;
    for (let i = 0; i < n; i++) store<f64>(z + <usize>i * (row + 8), 1);
    store<i32>(argument<usize>(6) + (<usize>leaf << 2), implicitQl(n, argument<usize>(2) + at, argument<usize>(3) + at, z, row) ? 0 : 1);
  }
}

// @ts-ignore: decorator
@inline function entry(x: usize, i: i32): f64 {
  return load<f64>(x + (<usize>i << 3));
}

// @ts-ignore: decorator
@inline function put(x: usize, i: i32, value: f64): void {
  store<f64>(x + (<usize>i << 3), value);
}

function implicitQl(n: i32, d: usize, e: usize, z: usize, row: usize): bool {
  let total = 0;
  for (let l = 0; l < n; l++) {
    for (let iteration = 0; ; iteration++, total++) {
      let m = l;
      for (; m < n - 1; m++) {
        const coupling = Math.abs(entry(e, m));
        if (coupling <= EPSILON * (Math.abs(entry(d, m)) + Math.abs(entry(d, m + 1))) || coupling < 1e-300) break;
      }
      if (m == l) break;
      // QL converges on a graded block when its small end comes first (Golub & Van Loan §8.3.5).
      if (iteration == 0 && Math.abs(entry(d, l)) > Math.abs(entry(d, m))) reverse(l, m, n, d, e, z, row);
      if (total > MAXIMUM_ITERATIONS * n) return false;
      qlStep(l, m, n, d, e, z, row);
    }
  }
  return true;
}

/** Turns the block l … m around: the same matrix with its rows and columns in the opposite order. */
function reverse(l: i32, m: i32, n: i32, d: usize, e: usize, z: usize, row: usize): void {
  for (let i = l, j = m - 1; i < j; i++, j--) exchange(e + (<usize>i << 3), e + (<usize>j << 3), 1);
  for (let i = l, j = m; i < j; i++, j--) {
    exchange(d + (<usize>i << 3), d + (<usize>j << 3), 1);
    exchange(z + <usize>i * row, z + <usize>j * row, n);
  }
}

function exchange(x: usize, y: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    const kept = load<f64>(x);
    store<f64>(x, load<f64>(y));
    store<f64>(y, kept);
    x += 8;
    y += 8;
  }
}

function qlStep(l: i32, m: i32, n: i32, d: usize, e: usize, z: usize, row: usize): void {
  let g = (entry(d, l + 1) - entry(d, l)) / (2 * entry(e, l));
  const r0 = Math.sqrt(g * g + 1);
  g = entry(d, m) - entry(d, l) + entry(e, l) / (g + (g >= 0 ? r0 : -r0));
  let s = 1.0;
  let c = 1.0;
  let p = 0.0;
  for (let i = m - 1; i >= l; i--) {
    const f = s * entry(e, i);
    const b = c * entry(e, i);
    const r = Math.sqrt(f * f + g * g);
    // The leaf's last coupling belongs to its neighbour.
    if (i + 1 < n - 1) put(e, i + 1, r);
    if (r == 0) {
      put(d, i + 1, entry(d, i + 1) - p);
      if (m < n - 1) put(e, m, 0);
      return;
    }
    s = f / r;
    c = g / r;
    g = entry(d, i + 1) - p;
    const h = (entry(d, i) - g) * s + 2 * c * b;
    p = s * h;
    put(d, i + 1, g + p);
    g = c * h - b;
    rotate(z + <usize>i * row, z + <usize>(i + 1) * row, n, c, s);
  }
  put(d, l, entry(d, l) - p);
  put(e, l, g);
  if (m < n - 1) put(e, m, 0);
}
