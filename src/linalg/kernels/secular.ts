/**
 * The rank-one update diag(d) + ρ z zᵀ, d ascending, ρ > 0, ‖z‖ = 1, no entry of z negligible and no two of d equal: the middle of
 * a merge of the divide-and-conquer eigensolver (Cuppen 1981). Its eigenvalues are the roots of f(λ) = 1/ρ + Σ z_i²/(d_i − λ),
 * one between each two neighbours of d and one above. Each root is found as an offset τ from its nearer pole, by a rational
 * interpolation with both neighbouring poles ("the middle way", Li 1993) inside a bracket. Vectors come from the entries ẑ for
 * which the computed roots are exact, which makes them orthogonal to working precision (Gu & Eisenstat 1994).
 */
import { SECULAR_ROOTS, SECULAR_VECTORS, SECULAR_WEIGHTS } from './operationCodes';
import { madd, total } from './simd';
import { argument, region, setArgument, takeNext } from './team';

const EPSILON: f64 = 2.220446049250313e-16;
const ROOTS_AT_A_TIME: i32 = 8;
const THREADED: i32 = 96;

/** Of the last evaluation: Σ z²/(δ − τ) over the poles below and above the root, and its derivative's two parts. */
let below: f64 = 0;
let belowSlope: f64 = 0;
let above: f64 = 0;
let aboveSlope: f64 = 0;

/**
 * @param d, z2, z of length k; z2 holds squares
 * @param roots k of them, ascending
 * @param vectors k × k, rows `ld` apart: row j is the unit eigenvector of root j, its entries in the order that `entries` names
 * @param weights k doubles of scratch
 * @param scratch k doubles for each thread
 */
export function rankOneEigen(threads: i32, k: i32, d: usize, z: usize, z2: usize, rho: f64, roots: usize, vectors: usize, ld: i32, entries: usize, weights: usize, scratch: usize): void {
  setArgument<i32>(0, k);
  setArgument<usize>(1, d);
  setArgument<usize>(2, z);
  setArgument<usize>(3, z2);
  setArgument<f64>(4, rho);
  setArgument<usize>(5, roots);
  setArgument<usize>(6, vectors);
  setArgument<i32>(7, ld);
  setArgument<usize>(8, entries);
  setArgument<usize>(9, weights);
  setArgument<usize>(10, scratch);
  if (k < THREADED) threads = 1;
  region(SECULAR_ROOTS, threads);
  region(SECULAR_WEIGHTS, threads);
  region(SECULAR_VECTORS, threads);
}

export function secularRootsPart(): void {
  const k = argument<i32>(0);
  const d = argument<usize>(1);
  const z2 = argument<usize>(3);
  const rho = argument<f64>(4);
  const roots = argument<usize>(5);
  const vectors = argument<usize>(6);
  const row = <usize>argument<i32>(7) << 3;
  for (;;) {
    const first = takeNext() * ROOTS_AT_A_TIME;
    if (first >= k) return;
    const last = first + ROOTS_AT_A_TIME < k ? first + ROOTS_AT_A_TIME : k;
    for (let j = first; j < last; j++) {
      store<f64>(roots + (<usize>j << 3), root(j, k, d, z2, rho, vectors + <usize>j * row));
    }
  }
}

// @ts-ignore: decorator
@inline function entry(x: usize, i: i32): f64 {
  return load<f64>(x + (<usize>i << 3));
}

/** Leaves d_i − λ_j in `delta`. */
function root(j: i32, k: i32, d: usize, z2: usize, rho: f64, delta: usize): f64 {
  const inverse = 1 / rho;
  let origin = j;
  let lo = 0.0;
  let hi = 0.0;
  let tau = 0.0;
  if (j + 1 < k) {
    const gap = entry(d, j + 1) - entry(d, j);
    const middle = 0.5 * gap;
    shift(d, entry(d, j), delta, k);
    evaluate(j, k, z2, delta, middle);
    const f = inverse + below + above;
    const zj = entry(z2, j);
    const zn = entry(z2, j + 1);
    // All but the two nearest poles, held constant, give the first guess.
    const rest = f - zj / (entry(delta, j) - middle) - zn / (entry(delta, j + 1) - middle);
    if (f >= 0) {
      hi = middle;
      const a = rest * gap + zj + zn;
      const b = zj * gap;
      const root = Math.sqrt(Math.abs(a * a - 4 * b * rest));
      tau = a > 0 ? (2 * b) / (a + root) : (a - root) / (2 * rest);
    } else {
      origin = j + 1;
      lo = -middle;
      shift(d, entry(d, j + 1), delta, k);
      const a = rest * gap - zj - zn;
      const b = zn * gap;
      const root = Math.sqrt(Math.abs(a * a + 4 * b * rest));
      tau = a < 0 ? (2 * b) / (a - root) : -(a + root) / (2 * rest);
    }
  } else {
    shift(d, entry(d, j), delta, k);
    hi = rho * 1.0000000001;
    const gap = k > 1 ? -entry(delta, j - 1) : 0;
    evaluate(j, k, z2, delta, 0.5 * rho);
    const f = inverse + below;
    if (f >= 0) hi = 0.5 * rho;
    else lo = 0.5 * rho;
    const zj = entry(z2, j);
    const zp = k > 1 ? entry(z2, j - 1) : 0;
    const rest = f + zj / (0.5 * rho) + (k > 1 ? zp / (gap + 0.5 * rho) : 0);
    if (rest > 0) {
      const a = rest * gap - zp - zj;
      const root = Math.sqrt(a * a + 4 * rest * zj * gap);
      tau = a > 0 ? (2 * zj * gap) / (a + root) : (root - a) / (2 * rest);
    }
  }
  if (!(tau > lo && tau < hi)) tau = between(lo, hi);
  let previous = Infinity;
  let slow = 0;
  for (let iteration = 0; iteration < 100; iteration++) {
    evaluate(j, k, z2, delta, tau);
    const f = inverse + below + above;
    const slope = belowSlope + aboveSlope;
    if (Math.abs(f) <= EPSILON * (8 * (above - below) + 2 * inverse + Math.abs(tau) * slope)) break;
    if (f < 0) lo = tau;
    else hi = tau;
    slow = Math.abs(f) > 0.2 * previous ? slow + 1 : 0;
    previous = Math.abs(f);
    let next = slow >= 3 ? between(lo, hi) : j + 1 < k ? middleWay(j, delta, tau, f) : simplePole(tau, f);
    if (slow >= 3) slow = 0;
    if (!(next > lo && next < hi)) {
      // One Newton step may still lie inside.
      next = tau - f / slope;
      if (!(next > lo && next < hi)) next = between(lo, hi);
    }
    if (next == tau || !(next > lo && next < hi)) break;
    const step = Math.abs(next - tau);
    tau = next;
    if (step <= 0.5 * EPSILON * Math.abs(tau)) break;
  }
  const t = f64x2.splat(tau);
  let at = delta;
  let i = 0;
  for (; i + 2 <= k; i += 2) {
    v128.store(at, f64x2.sub(v128.load(at), t));
    at += 16;
  }
  if (i < k) store<f64>(at, load<f64>(at) - tau);
  return entry(d, origin) + tau;
}

function between(lo: f64, hi: f64): f64 {
  if (lo == 0) return hi * 0.125;
  if (hi == 0) return lo * 0.125;
  return lo > 0 && hi > 4 * lo ? Math.sqrt(lo) * Math.sqrt(hi) : hi < 0 && lo < 4 * hi ? -Math.sqrt(-lo) * Math.sqrt(-hi) : 0.5 * (lo + hi);
}

/** Interpolates both sums by one pole each that keep their slopes; exact for two poles. */
function middleWay(j: i32, delta: usize, tau: f64, f: f64): f64 {
  const p = entry(delta, j) - tau;
  const q = entry(delta, j + 1) - tau;
  const c = f - p * belowSlope - q * aboveSlope;
  const a = (p + q) * f - p * q * (belowSlope + aboveSlope);
  const b = p * q * f;
  if (c == 0) return tau + b / a;
  const root = Math.sqrt(Math.abs(a * a - 4 * b * c));
  return tau + (a <= 0 ? (a - root) / (2 * c) : (2 * b) / (a + root));
}

/** Above all poles: s − r/τ with the same value and slope. */
function simplePole(tau: f64, f: f64): f64 {
  const r = belowSlope * tau * tau;
  return r / (f + r / tau);
}

/** delta_i = d_i − from */
function shift(d: usize, from: f64, delta: usize, k: i32): void {
  for (let i = 0; i < k; i++) store<f64>(delta + (<usize>i << 3), entry(d, i) - from);
}

function evaluate(j: i32, k: i32, z2: usize, delta: usize, tau: f64): void {
  sums(0, j + 1, z2, delta, tau);
  below = sum;
  belowSlope = sumSlope;
  sums(j + 1, k, z2, delta, tau);
  above = sum;
  aboveSlope = sumSlope;
}

let sum: f64 = 0;
let sumSlope: f64 = 0;

function sums(first: i32, last: i32, z2: usize, delta: usize, tau: f64): void {
  const t = f64x2.splat(tau);
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let p0 = s0;
  let p1 = s0;
  let z = z2 + (<usize>first << 3);
  let x = delta + (<usize>first << 3);
  let i = first;
  for (; i + 4 <= last; i += 4) {
    const a0 = f64x2.sub(v128.load(x), t);
    const a1 = f64x2.sub(v128.load(x, 16), t);
    const r0 = f64x2.div(v128.load(z), a0);
    const r1 = f64x2.div(v128.load(z, 16), a1);
    s0 = f64x2.add(s0, r0);
    s1 = f64x2.add(s1, r1);
    p0 = f64x2.add(p0, f64x2.div(r0, a0));
    p1 = f64x2.add(p1, f64x2.div(r1, a1));
    z += 32;
    x += 32;
  }
  let s = total(f64x2.add(s0, s1));
  let p = total(f64x2.add(p0, p1));
  for (; i < last; i++) {
    const a = load<f64>(x) - tau;
    const r = load<f64>(z) / a;
    s += r;
    p += r / a;
    z += 8;
    x += 8;
  }
  sum = s;
  sumSlope = p;
}

/** ẑ_i = sign(z_i) √|Π_j (d_i − λ_j) / Π_{j≠i} (d_i − d_j)|, entry by entry. */
export function secularWeightsPart(thread: i32, threads: i32): void {
  const k = argument<i32>(0);
  const d = argument<usize>(1);
  const z = argument<usize>(2);
  const vectors = argument<usize>(6);
  const row = <usize>argument<i32>(7) << 3;
  const weights = argument<usize>(9);
  const from = ((k * thread) / threads) & ~1;
  const to = thread + 1 == threads ? k : ((k * (thread + 1)) / threads) & ~1;
  for (let i = from; i < to; i++) store<f64>(weights + (<usize>i << 3), 1);
  for (let j = 0; j < k; j++) {
    const delta = vectors + <usize>j * row;
    const own = entry(d, j);
    const left = j < from ? from : j < to ? j : to;
    factors(from, left, d, own, delta, weights);
    if (j >= from && j < to) {
      const at = weights + (<usize>j << 3);
      store<f64>(at, load<f64>(at) * entry(delta, j));
    }
    factors(j < from ? from : j < to ? j + 1 : to, to, d, own, delta, weights);
  }
  for (let i = from; i < to; i++) {
    const at = weights + (<usize>i << 3);
    const size = Math.sqrt(Math.abs(load<f64>(at)));
    store<f64>(at, entry(z, i) < 0 ? -size : size);
  }
}

function factors(first: i32, last: i32, d: usize, own: f64, delta: usize, weights: usize): void {
  const o = f64x2.splat(own);
  let i = first;
  for (; i + 2 <= last; i += 2) {
    const at = <usize>i << 3;
    v128.store(weights + at, f64x2.mul(v128.load(weights + at), f64x2.div(v128.load(delta + at), f64x2.sub(v128.load(d + at), o))));
  }
  if (i < last) {
    const at = <usize>i << 3;
    store<f64>(weights + at, load<f64>(weights + at) * (load<f64>(delta + at) / (load<f64>(d + at) - own)));
  }
}

/** Row j ← ẑ / (d − λ_j), normalised, its entries put in order. */
export function secularVectorsPart(thread: i32, threads: i32): void {
  const k = argument<i32>(0);
  const vectors = argument<usize>(6);
  const row = <usize>argument<i32>(7) << 3;
  const entries = argument<usize>(8);
  const weights = argument<usize>(9);
  const scratch = argument<usize>(10) + <usize>thread * row;
  const from = (k * thread) / threads;
  const to = (k * (thread + 1)) / threads;
  for (let j = from; j < to; j++) {
    const vector = vectors + <usize>j * row;
    let squares = f64x2.splat(0);
    let i = 0;
    for (; i + 2 <= k; i += 2) {
      const at = <usize>i << 3;
      const x = f64x2.div(v128.load(weights + at), v128.load(vector + at));
      v128.store(scratch + at, x);
      squares = madd(x, x, squares);
    }
    let norm = total(squares);
    if (i < k) {
      const at = <usize>i << 3;
      const x = load<f64>(weights + at) / load<f64>(vector + at);
      store<f64>(scratch + at, x);
      norm += x * x;
    }
    norm = 1 / Math.sqrt(norm);
    for (let q = 0; q < k; q++) {
      const from = load<i32>(entries + (<usize>q << 2));
      store<f64>(vector + (<usize>q << 3), norm * entry(scratch, from));
    }
  }
}
