/**
 * Matrices C that many products C += A Bᵀ are added to while an algorithm runs. On the engine they stay in its memory, operands are
 * written there in the first place, and nothing is copied; without it everything is plain arrays.
 */
import { type Assignment, leastCostAssignment, type Nearby, solve } from './assignment.ts';
import { assignmentSpace, EngineSolver } from './engine/assignment.ts';
import { startedEngine, type Scope } from './engine/engine.ts';
import { type PackingSpace, packingSpace, product } from './engine/product.ts';
import { complete, type Interruptible } from './interruptible.ts';
import { addProduct } from './product.ts';

export interface ProductSums {
  /** n × n each, row-major, zero at first. */
  readonly sums: readonly Float64Array[];
  /** The operands of the next product, written by the caller: `sizes[c]` · `depth` entries at most. */
  readonly left: Float64Array;
  readonly right: Float64Array;
  /**
   * sums[c] += A Bᵀ with A and B n × k: `rows` when they lie row-major in `left` and `right`, `columns` when their transposes do.
   * @throws RangeError when k exceeds the depth
   */
  add(c: number, k: number, layout: 'rows' | 'columns'): void;
  /** The assignment that makes sums[c] largest in total, or its magnitudes; costs are their negatives. */
  assign(c: number, reading: 'gains' | 'magnitudes', nearby?: Nearby): Interruptible<Assignment>;
}

/** Under so many multiplications in all the engine is not worth its packing. */
const ENGINE_PRODUCTS = 2 ** 15;

/**
 * Runs an algorithm that adds to square sums.
 * @param sizes n of each sum
 * @param depth largest k
 * @throws MemoryLimitError when the engine's memory does not hold them
 */
export function* withProductSums<T>(what: string, sizes: readonly number[], depth: number, algorithm: (sums: ProductSums) => Interruptible<T>): Interruptible<T> {
  const widest = Math.max(0, ...sizes);
  const engine = widest * widest * depth >= ENGINE_PRODUCTS ? startedEngine() : undefined;
  if (engine === undefined) return yield* algorithm(plainSums(sizes, widest, depth));
  return yield* engine.within(what, (scope) => algorithm(engineSums(scope, sizes, widest, depth)));
}

function requireDepth(k: number, depth: number): void {
  if (k > depth) throw new RangeError(`products of depth ${k} are added where at most ${depth} was announced`);
}

function plainSums(sizes: readonly number[], widest: number, depth: number): ProductSums {
  const sums = sizes.map((n) => new Float64Array(n * n));
  const [left, right] = [new Float64Array(widest * depth), new Float64Array(widest * depth)];
  return {
    sums, left, right,
    add(c, k, layout) {
      requireDepth(k, depth);
      const n = sizes[c]!;
      if (layout === 'rows') addProduct(sums[c]!, left, right, n, n, k, 'nt');
      else addProduct(sums[c]!, left, right, n, n, k, 'tn');
    },
    assign: (c, reading, nearby) => leastCostAssignment(sums[c]!.map((gain) => (reading === 'gains' ? -gain : -Math.abs(gain))), sizes[c]!, nearby),
  };
}

function engineSums(scope: Scope, sizes: readonly number[], widest: number, depth: number): ProductSums {
  const addresses = sizes.map((n) => scope.allocate(n * n));
  const sums = addresses.map((address, c) => scope.view(address, sizes[c]! ** 2).fill(0));
  const [a, b] = [scope.allocate(widest * depth), scope.allocate(widest * depth)];
  const packing: PackingSpace = packingSpace(scope, { n: widest, k: depth });
  const assigning = assignmentSpace(scope, widest);
  return {
    sums, left: scope.view(a, widest * depth), right: scope.view(b, widest * depth),
    add(c, k, layout) {
      requireDepth(k, depth);
      const n = sizes[c]!;
      const [across, along] = layout === 'rows' ? [k, 1] : [1, n];
      complete(product(scope, packing, { m: n, n, k }, { address: a, rowStep: across, columnStep: along }, { address: b, rowStep: along, columnStep: across }, addresses[c]!, n, { add: true }));
    },
    assign: (c, reading, nearby) => solve(new EngineSolver(scope, assigning, addresses[c]!, sizes[c]!, reading), nearby),
  };
}
