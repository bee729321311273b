/** Figures of other people's code for sets of draws that a formula gives; written by `drawFigures.py`. */
import { readFileSync } from 'node:fs';
import { complete } from '../../../src/linalg/interruptible.ts';
import { drawGram, type DrawGram } from '../../../src/posterior/drawGram.ts';
import { everyRow, rowsOf } from '../../../src/posterior/drawRows.ts';

interface Draws {
  readonly count: number;
  readonly width: number;
  readonly shift: number;
}

interface Figures {
  readonly discrepancies: readonly (Draws & { readonly bandwidth: number; readonly mmd2: number; readonly exactP: number | null; readonly exactDeviation: number | null })[];
  readonly silhouettes: readonly (Draws & { readonly groups: number; readonly silhouette: number })[];
  readonly components: readonly (Draws & { readonly explained: readonly number[]; readonly first: readonly number[]; readonly second: readonly number[] })[];
  readonly betaQuantiles: readonly { readonly p: number; readonly a: number; readonly b: number; readonly x: number }[];
}

export const figures = JSON.parse(readFileSync(new URL('drawFigures.json', import.meta.url), 'utf8')) as Figures;

export function drawsOf({ count, width, shift }: Draws): Float64Array {
  return Float64Array.from({ length: count * width }, (_, k) => {
    const [i, j] = [Math.floor(k / width), k % width];
    return Math.sin(1.7 * i + 0.9 * j * j + 0.3 * i * j) + (i >= Math.floor(count / 2) ? shift : 0);
  });
}

export function gramOf(features: Float64Array, width: number): DrawGram {
  return complete(drawGram(rowsOf(features, width), everyRow(features.length / width)));
}
