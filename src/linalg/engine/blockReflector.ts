/**
 * Several Householder reflectors as one: H_0 H_1 … H_{k−1} = I − V T Vᵀ with T upper triangular (Schreiber & Van Loan 1989), so that
 * they are applied by products.
 */
import type { Interruptible } from '../interruptible.ts';
import type { Scope } from './engine.ts';
import { packingDoubles, packingSpace, product } from './product.ts';

/** The most reflectors that are taken together. */
export const BLOCK = 64;

export interface ReflectorBlock {
  /** Where reflector l is written, with all its zeros and its one. */
  readonly row: (l: number, length: number) => Float64Array;
  /**
   * Rows x of X ← x H_0 H_1 … (`forward`) or x … H_1 H_0 (`backward`), which is H_0 H_1 … on columns. All of the same length.
   * @param tau of the reflectors that were written
   */
  readonly apply: (tau: Float64Array, length: number, x: number, ldx: number, rows: number, order: 'forward' | 'backward') => Interruptible<void>;
}

export function reflectorBlockDoubles(ld: number, rows: number, length: number, threads: number): number {
  return BLOCK * ld + 2 * rows * BLOCK + 2 * BLOCK * BLOCK + packingDoubles({ n: length, k: Math.max(length, BLOCK) }, threads);
}

/** @param ld room for a reflector; @param rows, length the largest X */
export function reflectorBlock(scope: Scope, ld: number, rows: number, length: number): ReflectorBlock {
  const v = scope.allocate(BLOCK * ld);
  const first = scope.allocate(rows * BLOCK);
  const second = scope.allocate(rows * BLOCK);
  const gram = scope.allocate(BLOCK * BLOCK);
  const factor = scope.allocate(BLOCK * BLOCK);
  const packing = packingSpace(scope, { n: Math.max(length, BLOCK), k: Math.max(length, BLOCK) });
  return {
    row: (l, count) => scope.view(v + 8 * l * ld, count),
    *apply(tau, count, x, ldx, xRows, order) {
      const k = tau.length;
      const reflectors = { address: v, rowStep: ld, columnStep: 1 };
      const transposed = { address: v, rowStep: 1, columnStep: ld };
      yield* product(scope, packing, { m: k, n: k, k: count }, reflectors, transposed, gram, BLOCK);
      compactFactor(scope.view(gram, BLOCK * BLOCK), tau, scope.view(factor, BLOCK * BLOCK));
      yield* product(scope, packing, { m: xRows, n: k, k: count }, { address: x, rowStep: ldx, columnStep: 1 }, transposed, first, BLOCK);
      const [rowStep, columnStep] = order === 'forward' ? [BLOCK, 1] : [1, BLOCK];
      yield* product(scope, packing, { m: xRows, n: k, k }, { address: first, rowStep: BLOCK, columnStep: 1 }, { address: factor, rowStep, columnStep }, second, BLOCK);
      yield* product(scope, packing, { m: xRows, n: count, k }, { address: second, rowStep: BLOCK, columnStep: 1 }, reflectors, x, ldx, { alpha: -1, add: true });
    },
  };
}

/** T from the Gram matrix of the reflectors; rows of BLOCK doubles. */
function compactFactor(gram: Float64Array, tau: Float64Array, t: Float64Array): void {
  for (let j = 0; j < tau.length; j++) {
    const tj = tau[j]!;
    for (let i = 0; i < tau.length; i++) t[i * BLOCK + j] = 0;
    // Column j above the diagonal: −τ_j T (Vᵀ v_j).
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let l = i; l < j; l++) sum += t[i * BLOCK + l]! * gram[l * BLOCK + j]!;
      t[i * BLOCK + j] = -tj * sum;
    }
    t[j * BLOCK + j] = tj;
  }
}
