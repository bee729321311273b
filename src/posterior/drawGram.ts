/**
 * Inner products and distances of a selection of draws, n × n however many parameters there are: all that discrepancies, principal
 * components and modes need of them. One pass over tiles of parameters; draws that are much closer to each other than to the others'
 * mean take part in a second one around a mean of their own, because ‖x‖² + ‖y‖² − 2⟨x, y⟩ has no digits left of what they differ by.
 */
import { withGramSum } from '../linalg/gramSum.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { tileWidth, type DrawRows } from './drawRows.ts';

export interface DrawGram {
  /** n × n: ⟨x_a − x̄, x_b − x̄⟩ with x̄ the mean of the selection. */
  readonly gram: Float64Array;
  /** n × n: ‖x_a − x_b‖². Exactly 0 for draws closer than `SAME` of their root mean square norm. */
  readonly squared: Float64Array;
  /** x̄, and every coordinate's Σ (x_a − x̄)², length k. */
  readonly mean: Float64Array;
  readonly squares: Float64Array;
}

/** Draws whose distance is below this share of their norm are the same: canonical forms of copies agree to about 1e-10. */
const SAME = 1e-9;
/** Squared distances below this share of the squared distance from the mean are computed anew: the others have ten digits. */
const CLOSE = 1e-6;

/** @param selection n rows */
export function* drawGram(rows: DrawRows, selection: Int32Array): Interruptible<DrawGram> {
  const n = selection.length;
  const { gram, mean, squares } = yield* centredGram(rows, selection);
  const squared = new Float64Array(n * n);
  let trace = 0;
  for (let a = 0; a < n; a++) {
    trace += gram[a * n + a]!;
    for (let b = 0; b < a; b++) squared[a * n + b] = squared[b * n + a] = gram[a * n + a]! + gram[b * n + b]! - 2 * gram[a * n + b]!;
  }
  for (const group of closeGroups(gram, squared, n)) {
    const m = group.length;
    const { gram: own } = yield* centredGram(rows, group.map((a) => selection[a]!));
    for (let p = 0; p < m; p++) {
      for (let q = 0; q < p; q++) squared[group[p]! * n + group[q]!] = squared[group[q]! * n + group[p]!] = own[p * m + p]! + own[q * m + q]! - 2 * own[p * m + q]!;
    }
  }
  let meanSquare = 0;
  for (const entry of mean) meanSquare += entry * entry;
  const same = SAME ** 2 * (trace / n + meanSquare);
  for (let i = 0; i < squared.length; i++) if (!(squared[i]! > same)) squared[i] = 0;
  return { gram, squared, mean, squares };
}

function* centredGram(rows: DrawRows, selection: Int32Array): Interruptible<Omit<DrawGram, 'squared'>> {
  const n = selection.length;
  const { coordinates } = rows;
  const depth = tileWidth(n, coordinates);
  return yield* withGramSum('Inner products of draws', n, depth, function* (sum) {
    const [mean, squares] = [new Float64Array(coordinates), new Float64Array(coordinates)];
    for (let from = 0; from < coordinates; from += depth) {
      const to = Math.min(coordinates, from + depth);
      rows.tile(selection, from, to, sum.tile);
      centre(sum.tile, n, mean.subarray(from, to), squares.subarray(from, to));
      yield;
      yield* sum.add(to - from, 'rows');
    }
    return { gram: sum.result(), mean, squares };
  });
}

/** Subtracts the rows' mean from each. @param mean @param squares zero at first */
function centre(tile: Float64Array, n: number, mean: Float64Array, squares: Float64Array): void {
  const width = mean.length;
  for (let a = 0, at = 0; a < n; a++) for (let j = 0; j < width; j++, at++) mean[j]! += tile[at]!;
  for (let j = 0; j < width; j++) mean[j]! /= n;
  for (let a = 0, at = 0; a < n; a++) {
    for (let j = 0; j < width; j++, at++) {
      const value = tile[at]! - mean[j]!;
      tile[at] = value;
      squares[j]! += value * value;
    }
  }
}

/** Draws that hang together by distances without digits, group by group; a group of all has the right mean already. */
function closeGroups(gram: Float64Array, squared: Float64Array, n: number): Int32Array[] {
  const group = new Int32Array(n).fill(-1);
  const groups: Int32Array[] = [];
  for (let start = 0; start < n; start++) {
    if (group[start]! >= 0) continue;
    const members = [start];
    group[start] = start;
    // Those that are added on the way have their turn, too.
    for (const a of members) {
      for (let b = 0; b < n; b++) {
        if (group[b]! >= 0 || squared[a * n + b]! > CLOSE * Math.max(gram[a * n + a]!, gram[b * n + b]!)) continue;
        group[b] = start;
        members.push(b);
      }
    }
    if (members.length > 1 && members.length < n) groups.push(Int32Array.from(members).sort());
  }
  return groups;
}
