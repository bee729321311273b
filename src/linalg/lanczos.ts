/**
 * Lanczos tridiagonalisation of a symmetric operator that is known by its products only, with full reorthogonalisation (Golub & Van Loan
 * §10.3; Parlett 1998 §13): the basis is kept, so Ritz values come without ghosts, and each comes with the bound β_m |s_mi| on its
 * distance from an eigenvalue. When the Krylov space is exhausted a new random direction is taken, so that multiple
 * eigenvalues are found in number.
 */
import { complete, type Interruptible } from './interruptible.ts';
import type { Random } from './random.ts';
import { orthogonalise } from './orthogonalise.ts';
import { implicitQl } from './symmetricEigen.ts';

export interface SymmetricOperator {
  readonly size: number;
  /** A v, a new array; v is not changed. */
  readonly apply: (v: Float64Array) => Interruptible<Float64Array>;
}

export interface Tridiagonal {
  /** m numbers. */
  readonly diagonal: readonly number[];
  /** off[k] couples k and k + 1; the last of the m couples to what was not followed any more, and is 0 when nothing is left. */
  readonly off: readonly number[];
}

export interface RitzPairs {
  /** Descending. */
  readonly values: Float64Array;
  /** How far each is from an eigenvalue at most. */
  readonly errors: Float64Array;
  /** First components squared of the tridiagonal matrix' unit eigenvectors: the weights of Gauss quadrature (Golub & Meurant 2010). */
  readonly weights: Float64Array;
  /** Coordinates in the basis, one pair a row, m × m. */
  readonly coordinates: Float64Array;
}

export interface Eigenpairs {
  /** Descending. */
  readonly values: Float64Array;
  /** ‖A v − λ v‖ of each: no further is the nearest eigenvalue. */
  readonly errors: Float64Array;
  /** Orthonormal. */
  readonly vectors: readonly Float64Array[];
  /** Products with the operator that it took. */
  readonly products: number;
}

export interface LanczosOptions {
  /** At most so many steps. */
  readonly steps: number;
  readonly random: Random;
  /** Orthonormal directions that are left out: the operator is taken on their complement, which it should map to itself. */
  readonly deflated?: readonly Float64Array[];
  /** Asked after every few steps whether that is enough. */
  readonly enough?: (soFar: Tridiagonal) => boolean;
}

const ASK_EVERY = 8;
/** Relative to the largest ‖A v‖ so far: what is left below this is rounding. */
const EXHAUSTED = 1e-13;

/** @param start not zero within the complement of the deflated directions */
export function* lanczos(operator: SymmetricOperator, start: Float64Array, { steps, random, deflated = [], enough }: LanczosOptions): Interruptible<Tridiagonal & { readonly basis: readonly Float64Array[] }> {
  const basis: Float64Array[] = [];
  const diagonal: number[] = [];
  const off: number[] = [];
  let next: Float64Array | undefined = start.slice();
  orthogonalise(next, deflated);
  if (!normalise(next)) return { diagonal, off, basis };
  let scale = 0;
  while (next !== undefined && basis.length < steps) {
    const v: Float64Array = next;
    basis.push(v);
    const product: Float64Array = yield* operator.apply(v);
    scale = Math.max(scale, norm(product));
    diagonal.push(dot(product, v));
    orthogonalise(product, deflated);
    orthogonalise(product, basis);
    const beta = norm(product);
    if (beta > EXHAUSTED * scale) {
      off.push(beta);
      scaleBy(product, 1 / beta);
      next = product;
    } else {
      off.push(0);
      next = newDirection(operator.size, random, deflated, basis);
    }
    if (enough !== undefined && basis.length % ASK_EVERY === 0 && enough({ diagonal, off })) break;
    yield;
  }
  return { diagonal, off, basis };
}

/** Undefined when the basis and the deflated directions span everything. */
function newDirection(size: number, random: Random, deflated: readonly Float64Array[], basis: readonly Float64Array[]): Float64Array | undefined {
  if (basis.length + deflated.length >= size) return undefined;
  const direction = Float64Array.from({ length: size }, () => random.normal());
  const before = norm(direction);
  orthogonalise(direction, deflated);
  orthogonalise(direction, basis);
  return norm(direction) > 1e-10 * before && normalise(direction) ? direction : undefined;
}

/** Eigenvalues of the tridiagonal matrix with what quadrature and error bounds need. */
export function* ritzPairs({ diagonal, off }: Tridiagonal): Interruptible<RitzPairs> {
  const m = diagonal.length;
  const d = Float64Array.from(diagonal);
  const coupling = Float64Array.from({ length: m }, (_, k) => (k === 0 ? 0 : off[k - 1]!));
  const z = new Float64Array(m * m);
  for (let i = 0; i < m; i++) z[i * m + i] = 1;
  yield* implicitQl(d, coupling, m, z);
  const order = Array.from(d.keys()).sort((i, j) => d[j]! - d[i]!);
  const rest = m === 0 ? 0 : off[m - 1]!;
  const coordinates = new Float64Array(m * m);
  order.forEach((from, to) => { coordinates.set(z.subarray(from * m, (from + 1) * m), to * m); });
  return {
    values: Float64Array.from(order, (i) => d[i]!),
    errors: Float64Array.from(order, (i) => Math.abs(rest * z[i * m + m - 1]!)),
    weights: Float64Array.from(order, (i) => z[i * m]! ** 2),
    coordinates,
  };
}

/**
 * The largest eigenvalues of an operator without negative ones, with vectors.
 * @param count how many
 * @param tolerance on the errors, relative to the largest eigenvalue; what has not reached it after `steps` comes with a larger error
 */
export function* leadingEigenpairs(operator: SymmetricOperator, count: number, tolerance: number, options: LanczosOptions): Interruptible<Eigenpairs> {
  const wanted = Math.min(count, operator.size);
  const start = Float64Array.from({ length: operator.size }, () => options.random.normal());
  const enough = (soFar: Tridiagonal): boolean => {
    if (soFar.diagonal.length < wanted) return false;
    const { values, errors } = complete(ritzPairs(soFar));
    return errors.subarray(0, wanted).every((error) => error <= tolerance * values[0]!);
  };
  const { diagonal, off, basis } = yield* lanczos(operator, start, { ...options, enough });
  const { values, errors, coordinates } = yield* ritzPairs({ diagonal, off });
  const m = basis.length;
  const found = Math.min(wanted, m);
  const vectors: Float64Array[] = [];
  for (let i = 0; i < found; i++) {
    const vector = new Float64Array(operator.size);
    basis.forEach((direction, k) => { addMultiple(vector, direction, coordinates[i * m + k]!); });
    vectors.push(vector);
    yield;
  }
  return { values: values.slice(0, found), errors: errors.slice(0, found), vectors, products: m };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

function scaleBy(a: Float64Array, factor: number): void {
  for (let k = 0; k < a.length; k++) a[k]! *= factor;
}

function addMultiple(a: Float64Array, b: Float64Array, factor: number): void {
  for (let k = 0; k < a.length; k++) a[k]! += factor * b[k]!;
}

/** False when there is nothing to normalise. */
function normalise(a: Float64Array): boolean {
  const length = norm(a);
  if (!(length > 0)) return false;
  scaleBy(a, 1 / length);
  return true;
}
