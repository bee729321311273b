/**
 * The general linear factor divided out: a class of units with nothing nonlinear between its rows X (weights and biases of the maps before, n × p)
 * and its columns Y (the maps behind, q × n) acts through Y X alone, W₁ → A W₁, W₂ → W₂ A⁻¹ being its orbit. Of all factorisations the ones of least
 * ‖X‖² + ‖Y‖² are X = O Σ^½ Vᵀ, Y = U Σ^½ Oᵀ with Y X = U Σ Vᵀ and O orthogonal (Srebro 2004; the minimal vectors of Kempf & Ness 1979): O = 1 is taken here,
 * units in descending order of σ, each up to its sign. Between two networks the O that is left where σ are equal is Procrustes' (Schönemann 1966).
 */
import { multiply } from '../linalg/dense/multiply.ts';
import { singularValues, svd } from '../linalg/dense/svd.ts';
import type { ChannelClass } from './unitClasses.ts';
import { rowLength, unitRows, writeUnitRows } from './unitRows.ts';

/** Multiplications beyond which it would take minutes. */
const MOST_PRODUCTS = 2e9;

/** Classes whose linear group can be divided out in reasonable time. */
export function dividedClasses(mixed: readonly ChannelClass[]): readonly ChannelClass[] {
  return mixed.filter(({ units, uses }) => units ** 2 * uses.reduce((sum, use) => sum + rowLength(use), 0) <= MOST_PRODUCTS);
}

/** Below this share of the largest singular value a direction counts as missing. */
const MISSING = 1e-10;

/** Whether rows and columns have as many directions as there are units: only then a factorisation of least mass is on the orbit. */
export async function hasFullRank(state: Float64Array, { units: n, uses }: ChannelClass, signal: AbortSignal): Promise<boolean> {
  for (const { values, width } of sidesOf(state, uses, n)) {
    if (width < n) return false;
    const found = await singularValues(values, n, width, { signal });
    if (!(found[n - 1]! > MISSING * found[0]!)) return false;
  }
  return true;
}

/** Brings the units of a class into the factorisation of least mass, in place. */
export async function factorise(state: Float64Array, { units: n, uses }: ChannelClass, signal: AbortSignal): Promise<void> {
  const [rows, columns] = sidesOf(state, uses, n);
  const before = await svd(rows.values, n, rows.width, { signal });
  const behind = await svd(columns.values, n, columns.width, { signal });
  const [r, s] = [before.values.length, behind.values.length];
  // Y X = V_y (Σ_y U_yᵀ U_x Σ_x) V_xᵀ, and the factor in the middle is small.
  const middle = await multiply({ a: behind.left, b: before.left, m: s, n: r, k: n, transposeB: true }, { signal });
  for (let i = 0; i < s; i++) for (let j = 0; j < r; j++) middle[i * r + j]! *= behind.values[i]! * before.values[j]!;
  const product = await svd(middle, s, r, { signal });
  const roots = product.values.map(Math.sqrt);
  const half = async (turn: Float64Array, vectors: Float64Array, inner: number, width: number): Promise<Float64Array> => {
    const turned = await multiply({ a: turn, b: vectors, m: roots.length, n: width, k: inner }, { signal });
    const all = new Float64Array(n * width);
    for (let i = 0; i < roots.length; i++) for (let k = 0; k < width; k++) all[i * width + k] = roots[i]! * turned[i * width + k]!;
    return all;
  };
  rows.write(state, await half(product.right, before.right, r, rows.width));
  columns.write(state, await half(product.left, behind.right, s, columns.width));
}

/** Turns the units of a class, in place, as close to a reference as an orthogonal matrix brings them. */
export async function turnTowards(reference: Float64Array, state: Float64Array, { units: n, uses }: ChannelClass, signal: AbortSignal): Promise<void> {
  const [to, from] = [sidesOf(reference, uses, n), sidesOf(state, uses, n)];
  const sum = new Float64Array(n * n);
  for (const [k, { values, width }] of to.entries()) {
    const part = await multiply({ a: values, b: from[k]!.values, m: n, n, k: width, transposeB: true }, { signal });
    for (let i = 0; i < sum.length; i++) sum[i]! += part[i]!;
  }
  const { left, right } = await svd(sum, n, n, { signal });
  const turn = await multiply({ a: left, b: right, m: n, n, k: n, transposeA: true }, { signal });
  for (const side of from) side.write(state, await multiply({ a: turn, b: side.values, m: n, n: side.width, k: n }, { signal }));
}

interface Side {
  /** units × width. */
  readonly values: Float64Array;
  readonly width: number;
  readonly write: (state: Float64Array, values: Float64Array) => void;
}

/** X, and Yᵀ. */
function sidesOf(state: Float64Array, uses: ChannelClass['uses'], n: number): [Side, Side] {
  const side = (chosen: ChannelClass['uses']): Side => {
    const widths = chosen.map(rowLength);
    const width = widths.reduce((sum, one) => sum + one, 0);
    const copy = (into: Float64Array, intoWidth: number, intoFirst: number, from: Float64Array, fromWidth: number, fromFirst: number, count: number): void => {
      for (let i = 0; i < n; i++) into.set(from.subarray(i * fromWidth + fromFirst, i * fromWidth + fromFirst + count), i * intoWidth + intoFirst);
    };
    const values = new Float64Array(n * width);
    let first = 0;
    for (const [k, use] of chosen.entries()) {
      copy(values, width, first, unitRows(state, use), widths[k]!, 0, widths[k]!);
      first += widths[k]!;
    }
    const order = Int32Array.from({ length: n }, (_, i) => i);
    return {
      values, width,
      write(target, all) {
        let at = 0;
        for (const [k, use] of chosen.entries()) {
          const own = new Float64Array(n * widths[k]!);
          copy(own, widths[k]!, 0, all, width, at, widths[k]!);
          writeUnitRows(target, use, own, order);
          at += widths[k]!;
        }
      },
    };
  };
  const own = uses.filter(({ block }) => block.trainable);
  return [side(own.filter(({ role }) => role !== 'consumer')), side(own.filter(({ role }) => role === 'consumer'))];
}
