/**
 * The directions in which draws spread most (Pearson 1901), through the smaller of two matrices with the same spectrum: the
 * coordinates' covariance, or the Gram matrix of the draws. D × D is never formed for many parameters, and the draws are taken tile
 * by tile.
 */
import { withGramSum } from '../linalg/gramSum.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { leadingEigen } from '../linalg/leadingEigen.ts';
import type { Random } from '../linalg/random.ts';
import type { DrawGram } from './drawGram.ts';
import { everyRow, tileHeight, tileWidth, type DrawRows } from './drawRows.ts';

export interface PrincipalComponents {
  /** Shares of the total variance, descending. */
  readonly explained: Float64Array;
  /** Of every draw on the first two components, in the unit of the draws; the second is 0 when there is one coordinate only. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Draws from which the directions were taken. */
  readonly basis: number;
}

/** What a draw that is not among the rows is to be projected with, and how the `basis` draws spread in every coordinate. */
export interface ComponentAxes extends PrincipalComponents {
  /** The two directions, of norm 1, length k; zero where the draws do not spread. */
  readonly axes: readonly [Float64Array, Float64Array];
  /** Mean of the `basis` draws and sum of their squared deviations from it, length k. */
  readonly mean: Float64Array;
  readonly squares: Float64Array;
}

/** How many shares of the variance are returned at most. */
const COMPONENTS = 10;
/** Eigenvalues below this share of their sum are rounding. */
const NO_SPREAD = 1e-14;

/**
 * @param selection n rows
 * @param known their inner products; the directions come from these when there are more coordinates than selected draws, and from all
 *   rows otherwise
 */
export function principalComponents(rows: DrawRows, selection: Int32Array, known: DrawGram, random: Random): Interruptible<ComponentAxes> {
  return rows.coordinates <= selection.length ? fromScatter(rows, random) : fromGram(rows, selection, known, random);
}

function* fromScatter(rows: DrawRows, random: Random): Interruptible<ComponentAxes> {
  const { rows: draws, coordinates } = rows;
  const blocks = rowBlocks(draws, coordinates);
  const buffer = new Float64Array((blocks[0]?.length ?? 0) * coordinates);
  const mean = new Float64Array(coordinates);
  for (const block of blocks) {
    rows.tile(block, 0, coordinates, buffer);
    for (let m = 0, at = 0; m < block.length; m++) for (let j = 0; j < coordinates; j++, at++) mean[j]! += buffer[at]!;
    yield;
  }
  for (let j = 0; j < coordinates; j++) mean[j]! /= draws;
  const scatter = yield* withGramSum('Covariance of draws', coordinates, blocks[0]?.length ?? 0, function* (sum) {
    for (const block of blocks) {
      rows.tile(block, 0, coordinates, sum.tile);
      for (let m = 0, at = 0; m < block.length; m++) for (let j = 0; j < coordinates; j++, at++) sum.tile[at]! -= mean[j]!;
      yield* sum.add(block.length, 'columns');
    }
    return sum.result();
  });
  const { values, vectors } = yield* leadingEigen(scatter, coordinates, COMPONENTS, random);
  const total = trace(scatter, coordinates);
  const axis = (component: number): Float64Array => (spreads(values, component, total) ? upright(vectors.slice(component * coordinates, (component + 1) * coordinates)) : new Float64Array(coordinates));
  const axes = [axis(0), axis(1)] as const;
  const [x, y] = [new Float64Array(draws), new Float64Array(draws)];
  for (const block of blocks) {
    rows.tile(block, 0, coordinates, buffer);
    project(buffer, block, mean, axes, x, y);
    yield;
  }
  const squares = Float64Array.from({ length: coordinates }, (_, j) => scatter[j * coordinates + j]!);
  return { explained: shares(values, total), x, y, axes, mean, squares, basis: draws };
}

function* fromGram(rows: DrawRows, selection: Int32Array, { gram, mean, squares }: DrawGram, random: Random): Interruptible<ComponentAxes> {
  const { rows: draws, coordinates } = rows;
  const n = selection.length;
  const { values, vectors } = yield* leadingEigen(gram, n, COMPONENTS, random);
  const total = trace(gram, n);
  const weightsOf = (component: number): Float64Array => (spreads(values, component, total) ? vectors.slice(component * n, (component + 1) * n).map((weight) => weight / Math.sqrt(values[component]!)) : new Float64Array(n));
  const weights = [weightsOf(0), weightsOf(1)] as const;
  const axes = [new Float64Array(coordinates), new Float64Array(coordinates)] as const;
  const width = tileWidth(n, coordinates);
  const buffer = new Float64Array(n * width);
  for (let from = 0; from < coordinates; from += width) {
    const to = Math.min(coordinates, from + width);
    rows.tile(selection, from, to, buffer);
    combine(buffer, n, mean.subarray(from, to), [axes[0].subarray(from, to), axes[1].subarray(from, to)], weights);
    yield;
  }
  const [x, y] = [new Float64Array(draws), new Float64Array(draws)];
  for (const [k, scores] of [x, y].entries()) {
    const sign = signOf(axes[k]!);
    if (sign < 0) for (let j = 0; j < coordinates; j++) axes[k]![j] = -axes[k]![j]!;
    // ⟨x_a − x̄, axis⟩ = √λ v_a.
    selection.forEach((m, a) => { scores[m] = sign * weights[k]![a]! * values[k]!; });
  }
  if (n < draws) yield* projectOthers(rows, selection, mean, axes, x, y);
  return { explained: shares(values, total), x, y, axes, mean, squares, basis: n };
}

function* projectOthers(rows: DrawRows, selection: Int32Array, mean: Float64Array, axes: readonly [Float64Array, Float64Array], x: Float64Array, y: Float64Array): Interruptible<void> {
  const { coordinates } = rows;
  const chosen = new Set(selection);
  const others = everyRow(rows.rows).filter((m) => !chosen.has(m));
  const width = tileWidth(others.length, coordinates);
  const buffer = new Float64Array(others.length * width);
  for (let from = 0; from < coordinates; from += width) {
    const to = Math.min(coordinates, from + width);
    rows.tile(others, from, to, buffer);
    project(buffer, others, mean.subarray(from, to), [axes[0].subarray(from, to), axes[1].subarray(from, to)], x, y);
    yield;
  }
}

/** Of one tile: Σ_a v_a (x_a − x̄) / √λ of both components. Rows four by four, so that the sums are fetched less often. */
function combine(tile: Float64Array, n: number, mean: Float64Array, [x, y]: readonly [Float64Array, Float64Array], [first, second]: readonly [Float64Array, Float64Array]): void {
  const width = mean.length;
  for (let a = 0; a < n; a += 4) {
    const [p0, p1, p2, p3] = [first[a]!, first[a + 1] ?? 0, first[a + 2] ?? 0, first[a + 3] ?? 0];
    const [q0, q1, q2, q3] = [second[a]!, second[a + 1] ?? 0, second[a + 2] ?? 0, second[a + 3] ?? 0];
    // A row that is not there has no weight.
    const [r0, r1, r2, r3] = [a, Math.min(a + 1, n - 1), Math.min(a + 2, n - 1), Math.min(a + 3, n - 1)].map((row) => row * width) as [number, number, number, number];
    for (let j = 0; j < width; j++) {
      const centre = mean[j]!;
      const v0 = tile[r0 + j]! - centre;
      const v1 = tile[r1 + j]! - centre;
      const v2 = tile[r2 + j]! - centre;
      const v3 = tile[r3 + j]! - centre;
      x[j]! += p0 * v0 + p1 * v1 + p2 * v2 + p3 * v3;
      y[j]! += q0 * v0 + q1 * v1 + q2 * v2 + q3 * v3;
    }
  }
}

/** Adds what the coordinates of one tile contribute to the chosen rows' places. */
function project(tile: Float64Array, chosen: Int32Array, mean: Float64Array, [first, second]: readonly [Float64Array, Float64Array], x: Float64Array, y: Float64Array): void {
  for (let a = 0, at = 0; a < chosen.length; a++) {
    let p = 0;
    let q = 0;
    for (let j = 0; j < mean.length; j++, at++) {
      const value = tile[at]! - mean[j]!;
      p += value * first[j]!;
      q += value * second[j]!;
    }
    x[chosen[a]!]! += p;
    y[chosen[a]!]! += q;
  }
}

function rowBlocks(draws: number, coordinates: number): readonly Int32Array[] {
  const height = tileHeight(draws, coordinates);
  return Array.from({ length: Math.ceil(draws / height) }, (_, k) => Int32Array.from({ length: Math.min(height, draws - k * height) }, (__, m) => k * height + m));
}

const trace = (matrix: Float64Array, n: number): number => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += matrix[i * n + i]!;
  return sum;
};

const spreads = (values: Float64Array, component: number, total: number): boolean => component < values.length && values[component]! > NO_SPREAD * total;
const shares = (values: Float64Array, total: number): Float64Array => values.map((value) => (total > 0 ? Math.max(0, value) / total : 0));

/** −1 when the largest entry is negative: its sign is positive, so that it does not depend on the method. */
function signOf(direction: Float64Array): 1 | -1 {
  let largest = 0;
  for (const entry of direction) if (Math.abs(entry) > Math.abs(largest)) largest = entry;
  return largest < 0 ? -1 : 1;
}

const upright = (direction: Float64Array): Float64Array => (signOf(direction) < 0 ? direction.map((value) => -value) : direction);
