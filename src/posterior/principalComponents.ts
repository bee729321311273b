/**
 * The directions in which draws spread most (Pearson 1901), through the smaller of two matrices with the same spectrum: the
 * coordinates' covariance, or the Gram matrix of the draws. D × D is never formed for many parameters, and the draws are taken tile
 * by tile.
 */
import { withGramSum } from '../linalg/gramSum.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { leadingEigen } from '../linalg/leadingEigen.ts';
import type { Random } from '../linalg/random.ts';
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

/** What a draw that is not among the rows is to be projected with. */
export interface ComponentAxes extends PrincipalComponents {
  /** The two directions, of norm 1, length k; zero where the draws do not spread. */
  readonly axes: readonly [Float64Array, Float64Array];
  /** Of the `basis` draws, length k. */
  readonly mean: Float64Array;
  /** Sum of every coordinate's squared deviations from `mean`, over all rows. */
  readonly squares: Float64Array;
}

/** How many shares of the variance are returned at most. */
const COMPONENTS = 10;
/** Eigenvalues below this share of their sum are rounding. */
const NO_SPREAD = 1e-14;

/**
 * @param selection n rows
 * @param gram their centred Gram matrix; the directions come from it when there are more coordinates than selected draws, and from all
 *   rows otherwise
 */
export function principalComponents(rows: DrawRows, selection: Int32Array, gram: Float64Array, random: Random): Interruptible<ComponentAxes> {
  return rows.coordinates <= selection.length ? fromScatter(rows, random) : fromGram(rows, selection, gram, random);
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
  const scores = scoresOf(draws, coordinates);
  for (const block of blocks) {
    rows.tile(block, 0, coordinates, buffer);
    project(buffer, block, coordinates, 0, mean, axes, scores);
    yield;
  }
  return { explained: shares(values, total), ...scores, axes, mean, basis: draws };
}

function* fromGram(rows: DrawRows, selection: Int32Array, gram: Float64Array, random: Random): Interruptible<ComponentAxes> {
  const { rows: draws, coordinates } = rows;
  const n = selection.length;
  const { values, vectors } = yield* leadingEigen(gram, n, COMPONENTS, random);
  const total = trace(gram, n);
  const weightsOf = (component: number): Float64Array => (spreads(values, component, total) ? vectors.slice(component * n, (component + 1) * n).map((weight) => weight / Math.sqrt(values[component]!)) : new Float64Array(n));
  const weights = [weightsOf(0), weightsOf(1)] as const;
  const axes = [new Float64Array(coordinates), new Float64Array(coordinates)] as const;
  const mean = new Float64Array(coordinates);
  const scores = scoresOf(draws, coordinates);
  const others = n === draws ? undefined : everyRow(draws);
  const width = tileWidth(draws, coordinates);
  const buffer = new Float64Array(draws * width);
  for (let from = 0; from < coordinates; from += width) {
    const to = Math.min(coordinates, from + width);
    rows.tile(selection, from, to, buffer);
    direction(buffer, n, mean.subarray(from, to), [axes[0].subarray(from, to), axes[1].subarray(from, to)], weights);
    if (others !== undefined) rows.tile(others, from, to, buffer);
    project(buffer, others ?? selection, to - from, from, mean, axes, scores);
    yield;
  }
  const signs = axes.map(signOf);
  for (const [k, values] of [[0, axes[0]], [1, axes[1]], [0, scores.x], [1, scores.y]] as const) if (signs[k] === -1) for (let i = 0; i < values.length; i++) values[i] = -values[i]!;
  return { explained: shares(values, total), ...scores, axes, mean, basis: n };
}

/** Of one tile: x̄, and Σ_a v_a (x_a − x̄) / √λ of both components. */
function direction(tile: Float64Array, n: number, mean: Float64Array, [x, y]: readonly [Float64Array, Float64Array], [first, second]: readonly [Float64Array, Float64Array]): void {
  const width = mean.length;
  for (let a = 0, at = 0; a < n; a++) for (let j = 0; j < width; j++, at++) mean[j]! += tile[at]!;
  for (let j = 0; j < width; j++) mean[j]! /= n;
  for (let a = 0, at = 0; a < n; a++) {
    const v = first[a]!;
    const w = second[a]!;
    for (let j = 0; j < width; j++, at++) {
      const value = tile[at]! - mean[j]!;
      x[j]! += v * value;
      y[j]! += w * value;
    }
  }
}

interface Scores {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly squares: Float64Array;
}

const scoresOf = (draws: number, coordinates: number): Scores => ({ x: new Float64Array(draws), y: new Float64Array(draws), squares: new Float64Array(coordinates) });

/** Adds what coordinates from `from` on contribute. */
function project(tile: Float64Array, chosen: Int32Array, width: number, from: number, mean: Float64Array, [first, second]: readonly [Float64Array, Float64Array], { x, y, squares }: Scores): void {
  for (let a = 0, at = 0; a < chosen.length; a++) {
    let p = 0;
    let q = 0;
    for (let j = from; j < from + width; j++, at++) {
      const value = tile[at]! - mean[j]!;
      p += value * first[j]!;
      q += value * second[j]!;
      squares[j]! += value * value;
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
