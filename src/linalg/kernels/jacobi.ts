/**
 * One-sided Jacobi rotations that make the rows of a matrix orthogonal (Hestenes; Drmač & Veselić 2008). Rows are gathered into
 * blocks; a round pairs every block with another, so that its pairs share nothing and may run on different threads, and blocks − 1
 * rounds let every two rows meet once. The larger row of two comes first (de Rijk 1989).
 */
import { JACOBI_ROUND } from './operationCodes';
import { dot, rotate } from './simd';
import { argument, region, setArgument, takeNext } from './team';

const VANISHED: f64 = 1e-300;

/**
 * @param x rows `ldx` apart, of `length` entries; the same rotations act on rows of g (if not 0)
 * @param squares squared norms of the rows of x, kept up to date
 * @param blocks an even number of blocks of `blockRows` rows; what lies beyond `rows` is empty
 * @param round 0 … blocks − 2; in round 0 rows of the same block meet too
 */
export function jacobiRound(
  threads: i32, x: usize, ldx: i32, rows: i32, length: i32, g: usize, ldg: i32, gLength: i32, squares: usize,
  blocks: i32, blockRows: i32, round: i32, tolerance: f64,
): void {
  setArgument<usize>(0, x);
  setArgument<i32>(1, ldx);
  setArgument<i32>(2, rows);
  setArgument<i32>(3, length);
  setArgument<usize>(4, g);
  setArgument<i32>(5, ldg);
  setArgument<i32>(6, gLength);
  setArgument<usize>(7, squares);
  setArgument<i32>(8, blocks);
  setArgument<i32>(9, blockRows);
  setArgument<i32>(10, round);
  setArgument<f64>(11, tolerance);
  region(JACOBI_ROUND, threads);
}

export function jacobiRoundPart(): void {
  const rows = argument<i32>(2);
  const blocks = argument<i32>(8);
  const blockRows = argument<i32>(9);
  const round = argument<i32>(10);
  const others = blocks - 1;
  for (;;) {
    const pair = takeNext();
    if (pair >= blocks >> 1) break;
    // The circle method: the last block stays, the others go round.
    const one = pair == 0 ? others : (round + pair) % others;
    const two = pair == 0 ? round : (round + others - pair) % others;
    const first = (one < two ? one : two) * blockRows;
    const second = (one < two ? two : one) * blockRows;
    const firstEnd = first + blockRows < rows ? first + blockRows : rows;
    const secondEnd = second + blockRows < rows ? second + blockRows : rows;
    if (round == 0) {
      for (let p = first; p < firstEnd; p++) for (let q = p + 1; q < firstEnd; q++) meet(p, q);
      for (let p = second; p < secondEnd; p++) for (let q = p + 1; q < secondEnd; q++) meet(p, q);
    }
    for (let p = first; p < firstEnd; p++) for (let q = second; q < secondEnd; q++) meet(p, q);
  }
}

/** Turns rows p < q until they are orthogonal, unless they are. */
function meet(p: i32, q: i32): void {
  const row = <usize>argument<i32>(1) << 3;
  const length = argument<i32>(3);
  const squares = argument<usize>(7);
  const x = argument<usize>(0) + <usize>p * row;
  const y = argument<usize>(0) + <usize>q * row;
  const xs = squares + (<usize>p << 3);
  const ys = squares + (<usize>q << 3);
  const pp = load<f64>(xs);
  const qq = load<f64>(ys);
  if (pp < VANISHED || qq < VANISHED) return;
  const pq = dot(x, y, length);
  if (Math.abs(pq) <= argument<f64>(11) * Math.sqrt(pp) * Math.sqrt(qq)) return;
  const zeta = (qq - pp) / (2 * pq);
  const size = Math.abs(zeta);
  const t = (zeta < 0 ? -1.0 : 1.0) / (size > 1e150 ? 2 * size : size + Math.sqrt(1 + size * size));
  // As a difference from 1: rounded as 1/√(1 + t²), small angles would lengthen rows a little every time.
  const secant = Math.sqrt(1 + t * t);
  let c = 1 - (t * t) / (secant * (1 + secant));
  let s = t / secant;
  let newP = pp - t * pq;
  let newQ = qq + t * pq;
  if (pp < qq) {
    // The larger row goes first: the same plane, a quarter turn further.
    const kept = c;
    c = s;
    s = -kept;
    const other = newP;
    newP = newQ;
    newQ = other;
  }
  rotate(x, y, length, c, s);
  const g = argument<usize>(4);
  if (g != 0) {
    const grow = <usize>argument<i32>(5) << 3;
    rotate(g + <usize>p * grow, g + <usize>q * grow, argument<i32>(6), c, s);
  }
  // A small row loses digits when a large one is taken out of it: then its norm is computed afresh.
  store<f64>(xs, newP);
  store<f64>(ys, newQ > 0.1 * Math.min(pp, qq) ? newQ : dot(y, y, length));
}

export function rowSquares(x: usize, ld: i32, rows: i32, length: i32, squares: usize): void {
  for (let p = 0; p < rows; p++) {
    const row = x + (<usize>p * <usize>ld << 3);
    store<f64>(squares + (<usize>p << 3), dot(row, row, length));
  }
}
