/**
 * Eigenvalues alone of a symmetric tridiagonal matrix: implicit QL without square roots, on the squares of the couplings (Pal,
 * Walker & Kahan; Parlett 1998, §8.15; LAPACK's dsterf). A step waits for one division where QL with rotations waits for a square
 * root and a division. Errors are of order n · eps · ‖T‖ in every eigenvalue.
 */
import type { Interruptible } from './interruptible.ts';

/** For each eigenvalue on average; where tiny ones meet large ones the shift is lost in rounding and some take a hundred. */
const MAXIMUM_ITERATIONS = 60;
const EPSILON_SQUARED = Number.EPSILON ** 2;
/** A coupling whose square is below it couples nothing. */
const NO_COUPLING = 1e-300;

/**
 * @param d the diagonal, of magnitude about 1 at most; becomes the eigenvalues, not sorted
 * @param off n entries, off[i] couples i − 1 and i
 */
export function* tridiagonalValues(d: Float64Array, off: Float64Array, n: number): Interruptible<void> {
  // squares[i] couples i and i + 1.
  const squares = new Float64Array(n);
  for (let i = 1; i < n; i++) squares[i - 1] = off[i]! * off[i]!;
  let total = 0;
  for (let l = 0; l < n; l++) {
    for (let iteration = 0; ; iteration++, total++) {
      const m = endOfBlock(d, squares, l, n);
      if (m === l) break;
      // QL converges on a graded block when its small end comes first (Golub & Van Loan §8.3.5).
      if (iteration === 0 && Math.abs(d[l]!) > Math.abs(d[m]!)) {
        d.subarray(l, m + 1).reverse();
        squares.subarray(l, m).reverse();
      }
      if (total > MAXIMUM_ITERATIONS * n) throw new Error(`QL without square roots did not converge in ${total} iterations`);
      qlStep(d, squares, l, m);
      if ((iteration & 7) === 0) yield;
    }
  }
}

/** The last row of the unreduced block that begins at l. */
function endOfBlock(d: Float64Array, squares: Float64Array, l: number, n: number): number {
  let m = l;
  for (; m < n - 1; m++) {
    const size = Math.abs(d[m]!) + Math.abs(d[m + 1]!);
    if (squares[m]! <= EPSILON_SQUARED * size * size || squares[m]! < NO_COUPLING) break;
  }
  return m;
}

/** One sweep over the block l … m, from below, with Wilkinson's shift. */
function qlStep(d: Float64Array, squares: Float64Array, l: number, m: number): void {
  const coupling = Math.sqrt(squares[l]!);
  const g = (d[l + 1]! - d[l]!) / (2 * coupling);
  const shift = d[l]! - coupling / (g + (g >= 0 ? 1 : -1) * Math.sqrt(g * g + 1));
  let c = 1;
  let s = 0;
  let gamma = d[m]! - shift;
  let p = gamma * gamma;
  for (let i = m - 1; i >= l; i--) {
    const square = squares[i]!;
    const r = p + square;
    if (i < m - 1) squares[i + 1] = s * r;
    const before = c;
    const next = r / p;
    c = p / r;
    s = square / r;
    const kept = gamma;
    gamma = c * (d[i]! - shift) - s * kept;
    d[i + 1] = kept + (d[i]! - gamma);
    // γ²/c: its division is that of r, and does not wait for c.
    p = c === 0 ? before * square : gamma * gamma * next;
  }
  squares[l] = s * p;
  d[l] = shift + gamma;
}
