/**
 * A Gram matrix to which symmetric rank-k updates C += T Tᵀ are added tile by tile, so that the rows of A are never in memory as a
 * whole. On the engine C and the tile stay in its memory, tiles are written there in the first place, and of C only the lower
 * triangle is computed; without it everything is plain arrays.
 */
import { startedEngine, type Scope } from './engine/engine.ts';
import { packingSpace, product } from './engine/product.ts';
import { addGram } from './gram.ts';
import type { Interruptible } from './interruptible.ts';

export interface GramSum {
  /** The next tile, written by the caller: n · `depth` entries at most. */
  readonly tile: Float64Array;
  /**
   * C += T Tᵀ with T n × k: row-major in `tile` (`rows`), or its transpose k × n (`columns`).
   * @throws RangeError when k exceeds the depth
   */
  add(k: number, layout: 'rows' | 'columns'): Interruptible<void>;
  /** C, n × n, both triangles, in memory of its own. */
  result(): Float64Array;
}

/** Under so many multiplications in all the engine is not worth its packing. */
const ENGINE_PRODUCTS = 2 ** 15;

/**
 * Runs an algorithm that fills a Gram matrix of order n.
 * @param depth largest k
 * @throws MemoryLimitError when the engine's memory does not hold n² + n · depth numbers
 */
export function* withGramSum<T>(what: string, n: number, depth: number, algorithm: (sum: GramSum) => Interruptible<T>): Interruptible<T> {
  const engine = n * n * depth >= ENGINE_PRODUCTS ? startedEngine() : undefined;
  if (engine === undefined) return yield* algorithm(plainSum(n, depth));
  return yield* engine.within(what, (scope) => algorithm(engineSum(scope, n, depth)));
}

function plainSum(n: number, depth: number): GramSum {
  const c = new Float64Array(n * n);
  const tile = new Float64Array(n * depth);
  return {
    tile,
    *add(k, layout) {
      requireDepth(k, depth);
      yield* addGram(c, layout === 'rows' ? tile : transposed(tile, k, n), n, k);
    },
    result: () => c.slice(),
  };
}

function engineSum(scope: Scope, n: number, depth: number): GramSum {
  const [c, a] = [scope.allocate(n * n), scope.allocate(n * depth)];
  const packing = packingSpace(scope, { n, k: depth });
  const sum = scope.view(c, n * n).fill(0);
  return {
    tile: scope.view(a, n * depth),
    *add(k, layout) {
      requireDepth(k, depth);
      const [across, along] = layout === 'rows' ? [k, 1] : [1, n];
      yield* product(scope, packing, { m: n, n, k }, { address: a, rowStep: across, columnStep: along }, { address: a, rowStep: along, columnStep: across }, c, n, { add: true, triangle: true });
    },
    result() {
      const both = new Float64Array(n * n);
      for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) both[i * n + j] = both[j * n + i] = sum[i * n + j]!;
      return both;
    },
  };
}

function requireDepth(k: number, depth: number): void {
  if (k > depth) throw new RangeError(`an update of rank ${k} is added where at most ${depth} was announced`);
}

function transposed(tile: Float64Array, k: number, n: number): Float64Array {
  const result = new Float64Array(n * k);
  for (let t = 0; t < k; t++) for (let i = 0; i < n; i++) result[i * k + t] = tile[t * n + i]!;
  return result;
}
