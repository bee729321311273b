/**
 * The R factor of a tall matrix whose rows arrive in blocks (sequential TSQR: Demmel, Grigori, Hoemmen & Langou 2012). Each
 * block is stacked under the R found so far and eliminated by Householder reflectors, so a matrix of any height is reduced
 * in n² + one block of memory. Column-wise backward stable: RᵀR = AᵀA up to rounding of each column.
 *
 * A reflector of step k touches row k of R and the block only, because R is zero below its diagonal. Reflectors are applied
 * four at a time to two columns at a time, so that a block's entry is loaded once for four of them:
 * w_a = τ_a (R[k+a, j] + v_a·b_j − Σ_{c<a} (v_a·v_c) w_c), then b_j −= Σ_a w_a v_a, where the couplings v_a·v_c are
 * between the parts that lie in the block (the unit entries of different reflectors lie in different rows of R).
 */
import { norm2 } from './matrixInput.ts';
import type { Interruptible } from './interruptible.ts';

const PANEL = 4;

export class RowBlockedQr {
  readonly columns: number;
  readonly blockRows: number;
  /** n × n row-major; strictly lower triangle zero. The diagonal may have either sign. */
  readonly r: Float64Array;
  /** The block, column-major: column j begins at j × blockRows. */
  private readonly block: Float64Array;
  private readonly tau = new Float64Array(PANEL);
  private readonly coupling = new Float64Array(PANEL * PANEL);

  /** @param blockRows rows that are eliminated together; about 64–256 keeps the block in the second-level cache */
  constructor(columns: number, blockRows = 128) {
    this.columns = columns;
    this.blockRows = blockRows;
    this.r = new Float64Array(columns * columns);
    this.block = new Float64Array(columns * blockRows);
  }

  /**
   * Adds rows to the matrix.
   * @param rows count × n, row-major, finite
   */
  *absorbRows(rows: Float64Array, count: number): Interruptible<void> {
    const n = this.columns;
    if (rows.length < count * n) throw new RangeError(`${rows.length} entries do not make ${count} rows of ${n}`);
    for (let first = 0; first < count; first += this.blockRows) {
      const height = Math.min(this.blockRows, count - first);
      for (let i = 0; i < height; i++) {
        const from = (first + i) * n;
        for (let j = 0, to = i; j < n; j++, to += this.blockRows) {
          const value = rows[from + j]!;
          if (!Number.isFinite(value)) throw new RangeError(`the matrix has ${value} in row ${first + i}, column ${j}`);
          this.block[to] = value;
        }
      }
      yield* this.eliminate(height);
    }
  }

  /**
   * Adds the rows of Aᵀ, for a wide A (n × count).
   * @param a n × count, row-major, finite
   */
  *absorbColumns(a: Float64Array, count: number): Interruptible<void> {
    const n = this.columns;
    if (a.length !== count * n) throw new RangeError(`${a.length} entries do not make a ${n} × ${count} matrix`);
    for (let first = 0; first < count; first += this.blockRows) {
      const height = Math.min(this.blockRows, count - first);
      for (let j = 0; j < n; j++) {
        for (let i = 0; i < height; i++) {
          const value = a[j * count + first + i]!;
          if (!Number.isFinite(value)) throw new RangeError(`the matrix has ${value} in row ${j}, column ${first + i}`);
          this.block[j * this.blockRows + i] = value;
        }
      }
      yield* this.eliminate(height);
    }
  }

  private *eliminate(height: number): Interruptible<void> {
    const n = this.columns;
    for (let k = 0; k < n; k += PANEL) {
      const width = Math.min(PANEL, n - k);
      for (let a = 0; a < width; a++) {
        this.reflector(k + a, a, height);
        for (let j = k + a + 1; j < k + width; j++) this.applyOne(k + a, a, j, height);
      }
      if (width === PANEL) {
        this.couple(k, height);
        let j = k + PANEL;
        for (; j + 1 < n; j += 2) this.applyPanel(k, j, height);
        if (j < n) for (let a = 0; a < PANEL; a++) this.applyOne(k + a, a, j, height);
      }
      yield;
    }
  }

  /** v = (1; x / (α − β)) with β = −sign(α)‖(α; x)‖, τ = (β − α)/β, so that (I − τvvᵀ)(α; x) = (β; 0). */
  private reflector(k: number, slot: number, height: number): void {
    const { r, block, blockRows, columns } = this;
    const from = k * blockRows;
    const below = norm2(block, from, height);
    if (below === 0) {
      this.tau[slot] = 0;
      return;
    }
    const alpha = r[k * columns + k]!;
    const beta = alpha > 0 ? -Math.hypot(alpha, below) : Math.hypot(alpha, below);
    this.tau[slot] = (beta - alpha) / beta;
    // Dividing, because the reciprocal of a subnormal overflows.
    const pivot = alpha - beta;
    for (let i = from; i < from + height; i++) block[i]! /= pivot;
    r[k * columns + k] = beta;
  }

  private applyOne(k: number, slot: number, j: number, height: number): void {
    const { r, block, blockRows, columns } = this;
    const v = k * blockRows;
    const b = j * blockRows;
    let dot = r[k * columns + j]!;
    for (let i = 0; i < height; i++) dot += block[v + i]! * block[b + i]!;
    const w = this.tau[slot]! * dot;
    r[k * columns + j]! -= w;
    for (let i = 0; i < height; i++) block[b + i]! -= w * block[v + i]!;
  }

  private couple(k: number, height: number): void {
    const { block, blockRows } = this;
    for (let a = 1; a < PANEL; a++) {
      for (let c = 0; c < a; c++) {
        const v = (k + a) * blockRows;
        const u = (k + c) * blockRows;
        let sum = 0;
        for (let i = 0; i < height; i++) sum += block[v + i]! * block[u + i]!;
        this.coupling[a * PANEL + c] = sum;
      }
    }
  }

  private applyPanel(k: number, j: number, height: number): void {
    const { r, block, blockRows, columns, tau, coupling } = this;
    const v0 = k * blockRows;
    const v1 = v0 + blockRows;
    const v2 = v1 + blockRows;
    const v3 = v2 + blockRows;
    const p = j * blockRows;
    const q = p + blockRows;
    const r0 = k * columns + j;
    const r1 = r0 + columns;
    const r2 = r1 + columns;
    const r3 = r2 + columns;
    let p0 = r[r0]!, p1 = r[r1]!, p2 = r[r2]!, p3 = r[r3]!;
    let q0 = r[r0 + 1]!, q1 = r[r1 + 1]!, q2 = r[r2 + 1]!, q3 = r[r3 + 1]!;
    for (let i = 0; i < height; i++) {
      const x = block[p + i]!;
      const y = block[q + i]!;
      const a = block[v0 + i]!;
      const b = block[v1 + i]!;
      const c = block[v2 + i]!;
      const d = block[v3 + i]!;
      p0 += a * x;
      q0 += a * y;
      p1 += b * x;
      q1 += b * y;
      p2 += c * x;
      q2 += c * y;
      p3 += d * x;
      q3 += d * y;
    }
    const g10 = coupling[4]!, g20 = coupling[8]!, g21 = coupling[9]!, g30 = coupling[12]!, g31 = coupling[13]!, g32 = coupling[14]!;
    const t0 = tau[0]!, t1 = tau[1]!, t2 = tau[2]!, t3 = tau[3]!;
    p0 *= t0;
    q0 *= t0;
    p1 = t1 * (p1 - g10 * p0);
    q1 = t1 * (q1 - g10 * q0);
    p2 = t2 * (p2 - g20 * p0 - g21 * p1);
    q2 = t2 * (q2 - g20 * q0 - g21 * q1);
    p3 = t3 * (p3 - g30 * p0 - g31 * p1 - g32 * p2);
    q3 = t3 * (q3 - g30 * q0 - g31 * q1 - g32 * q2);
    r[r0]! -= p0;
    r[r0 + 1]! -= q0;
    r[r1]! -= p1;
    r[r1 + 1]! -= q1;
    r[r2]! -= p2;
    r[r2 + 1]! -= q2;
    r[r3]! -= p3;
    r[r3 + 1]! -= q3;
    for (let i = 0; i < height; i++) {
      const a = block[v0 + i]!;
      const b = block[v1 + i]!;
      const c = block[v2 + i]!;
      const d = block[v3 + i]!;
      block[p + i]! -= a * p0 + b * p1 + c * p2 + d * p3;
      block[q + i]! -= a * q0 + b * q1 + c * q2 + d * q3;
    }
  }
}
