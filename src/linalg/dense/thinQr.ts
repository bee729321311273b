/** Thin QR factorisation A = Q R, or A P = Q R with the columns in an order of descending diagonal of R. */
import { reflectorBlockDoubles } from '../engine/blockReflector.ts';
import { sharedEngine, type Engine, type Scope, type Work } from '../engine/engine.ts';
import { rowDistance } from '../engine/product.ts';
import { applyQ, blockedQr, PANEL, pivotedQrOnEngine, upperRow } from '../engine/qr.ts';
import { complete, type Interruptible } from '../interruptible.ts';
import { powerOfTwoScale, requireFiniteMatrix } from '../matrixInput.ts';
import { pivotedQr, type PivotedQr } from '../pivotedQr.ts';

export interface QrOptions {
  readonly pivoting: boolean;
  readonly wantQ: boolean;
}

const PLAIN_COLUMNS = 24;

/**
 * @param a m × n row-major, m ≥ n
 * @returns R, n × n row-major (its diagonal of either sign, but of descending magnitude with pivoting), Qᵀ (n × m, empty unless asked for)
 *   and the permutation: column k of A P is column permutation[k] of A
 * @throws RangeError for m < n, NaN or infinite entries; MemoryLimitError beforehand
 */
export async function thinQr(a: Float64Array, m: number, n: number, { pivoting, wantQ }: QrOptions, work: Work = {}, engine?: Engine): Promise<PivotedQr> {
  requireFiniteMatrix(a, m, n);
  if (m < n) throw new RangeError(`thin QR needs at least as many rows as columns, not ${m} × ${n}`);
  if (n <= PLAIN_COLUMNS && pivoting) return complete(pivotedQr(a, m, n, wantQ));
  const team = engine ?? await sharedEngine();
  const ld = rowDistance(m);
  const blocks = reflectorBlockDoubles(ld, n, m, team.threads);
  const bytes = 8 * (n * ld + (pivoting ? 2 * n : n > PANEL ? blocks : 0) + (wantQ ? n * ld + blocks : 0));
  return team.run(`The QR factorisation of a ${m} × ${n} matrix`, bytes, work, (scope) => factor(scope, a, m, n, pivoting, wantQ));
}

function* factor(scope: Scope, a: Float64Array, m: number, n: number, pivoting: boolean, wantQ: boolean): Interruptible<PivotedQr> {
  const ld = rowDistance(m);
  const w = scope.allocate(n * ld);
  const scale = powerOfTwoScale(a);
  loadColumns(scope, a, m, n, scale, w, ld);
  yield;
  const progress = (done: number): void => { scope.progress(done * (wantQ ? 0.5 : 1)); };
  const identity = Int32Array.from({ length: n }, (_, k) => k);
  const { factored, permutation } = pivoting ? yield* pivotedQrOnEngine(scope, w, ld, m, n, progress)
    : { factored: yield* blockedQr(scope, w, ld, m, n, progress), permutation: identity };
  const r = new Float64Array(n * n);
  for (let i = 0; i < n; i++) upperRow(scope, factored, i, r.subarray(i * n, (i + 1) * n));
  for (let k = 0; k < r.length; k++) r[k]! /= scale;
  const qTransposed = new Float64Array(wantQ ? n * m : 0);
  if (wantQ && n > 0) {
    const q = scope.allocate(n * ld);
    unitRows(scope, q, ld, n, m);
    yield* applyQ(scope, factored, q, ld, n);
    for (let i = 0; i < n; i++) qTransposed.set(scope.view(q + 8 * i * ld, m), i * m);
  }
  return { r, qTransposed, permutation };
}

/** Aᵀ times a power of two, rows `ld` apart. @param order row i of what is loaded is row order[i] of A */
export function loadColumns(scope: Scope, a: Float64Array, m: number, n: number, scale: number, w: number, ld: number, order?: Int32Array): void {
  const target = scope.view(w, n * ld);
  const tile = 16;
  for (let i0 = 0; i0 < m; i0 += tile) {
    const i1 = Math.min(m, i0 + tile);
    for (let j = 0; j < n; j++) for (let i = i0; i < i1; i++) target[j * ld + i] = a[(order === undefined ? i : order[i]!) * n + j]! * scale;
  }
}

/** The first unit vectors, as rows. */
function unitRows(scope: Scope, address: number, ld: number, rows: number, length: number): void {
  for (let i = 0; i < rows; i++) {
    const row = scope.view(address + 8 * i * ld, length);
    row.fill(0);
    row[i] = 1;
  }
}
