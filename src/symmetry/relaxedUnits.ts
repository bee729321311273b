/**
 * A network whose units are mixed by doubly stochastic matrices, one a class, on its way towards permutations (Frank–Wolfe). A weight W with
 * rows and columns in classes is P W Qᵀ, and after a step of length t towards permutations S and T
 *   ((1−t) P + t S) W ((1−t) Q + t T)ᵀ = (1−t)² P W Qᵀ + t (1−t) (S W Qᵀ + P W Tᵀ) + t² S W Tᵀ.
 * So with P W and W Qᵀ kept, a step takes no product of matrices: reordering is all that a permutation does. Only where units lie within
 * units, or columns within groups, are the matrices multiplied out.
 */
import { transposed } from '../linalg/matrixInput.ts';
import { addProduct } from '../linalg/product.ts';
import type { Block } from '../network/network.ts';
import type { MatchingClass } from './matchingClasses.ts';
import { nestedClasses } from './matchingPlaces.ts';
import type { AxisUse } from './unitClasses.ts';
import { orderUnits, rowLength, unitRows, writeUnitRows } from './unitRows.ts';

interface ClassUse {
  readonly c: number;
  readonly use: AxisUse;
}

/** How the trainable blocks of a network meet the classes. */
export interface RelaxedPlaces {
  readonly classes: readonly MatchingClass[];
  /** Blocks with units along one axis, and along both. */
  readonly single: readonly ClassUse[];
  readonly pairs: readonly (readonly [ClassUse, ClassUse])[];
  /** Uses of all other blocks, class after class. */
  readonly entangled: readonly ClassUse[];
}

export function relaxedPlaces(classes: readonly MatchingClass[]): RelaxedPlaces {
  const nested = nestedClasses(classes);
  const byBlock = new Map<Block, ClassUse[]>();
  classes.forEach(({ units: { uses } }, c) => {
    for (const use of uses) if (use.block.trainable) byBlock.set(use.block, [...(byBlock.get(use.block) ?? []), { c, use }]);
  });
  const single: ClassUse[] = [];
  const pairs: (readonly [ClassUse, ClassUse])[] = [];
  const entangled: ClassUse[] = [];
  for (const uses of byBlock.values()) {
    const [first, second, ...more] = uses;
    const apart = uses.every(({ c, use }) => use.groups === 1 && nested[c] !== true) && more.length === 0 && first?.use.axis !== second?.use.axis;
    if (!apart || first === undefined) entangled.push(...uses);
    else if (second === undefined) single.push(first);
    else pairs.push([first, second]);
  }
  return { classes, single, pairs, entangled: entangled.sort((a, b) => a.c - b.c) };
}

/** Permutations, one a class: unit i is unit order[i]. */
export type Orders = readonly Int32Array[];

export class RelaxedNetwork {
  readonly #places: RelaxedPlaces;
  readonly #state: Float64Array;
  /** P, n × n a class. */
  readonly #matrices: readonly Float64Array[];
  /** Of blocks with two uses: w with the first of them mixed alone, and the second. */
  #partial: readonly [Float64Array, Float64Array];
  #mixed: Float64Array;
  #scratch: readonly [Float64Array, Float64Array] | undefined;

  /** @param state w, left unchanged; the matrices are the identity */
  constructor(places: RelaxedPlaces, state: Float64Array) {
    this.#places = places;
    this.#state = state;
    this.#matrices = places.classes.map(({ units: { units: n } }) => {
      const identity = new Float64Array(n * n);
      for (let i = 0; i < n; i++) identity[i * (n + 1)] = 1;
      return identity;
    });
    this.#partial = [state, state];
    this.#mixed = state;
  }

  get matrices(): readonly Float64Array[] {
    return this.#matrices;
  }

  /** w mixed; running statistics as they are. */
  get mixed(): Float64Array {
    return this.#mixed;
  }

  /** ∂⟨others, mixed⟩/∂P of class c, n × n. */
  gradient(c: number, others: Float64Array): Float64Array {
    const n = this.#places.classes[c]!.units.units;
    const gradient = new Float64Array(n * n);
    const add = (use: AxisUse, without: Float64Array): void => { addProduct(gradient, unitRows(others, use), unitRows(without, use), n, n, rowLength(use), 'nt'); };
    for (const { use } of this.#places.single.filter((one) => one.c === c)) add(use, this.#state);
    for (const [first, second] of this.#places.pairs) {
      if (first.c === c) add(first.use, this.#partial[1]);
      if (second.c === c) add(second.use, this.#partial[0]);
    }
    // U_k … P … U_1 w: what acts on the block before P is on w, what acts after it, transposed, on the others.
    for (const one of this.#places.entangled.filter((each) => each.c === c)) {
      const acting = this.#places.entangled.filter(({ use }) => use.block === one.use.block);
      const [before, after] = [acting.slice(0, acting.indexOf(one)), acting.slice(acting.indexOf(one) + 1)];
      const [onto, from] = [this.#blockOf(others, one.use.block, 0), this.#blockOf(this.#state, one.use.block, 1)];
      this.#multiply(from, before, (k) => this.#matrices[k]!);
      this.#multiply(onto, after.toReversed(), (k) => transposed(this.#matrices[k]!, this.#places.classes[k]!.units.units, this.#places.classes[k]!.units.units));
      addProduct(gradient, unitRows(onto, one.use), unitRows(from, one.use), n, n, rowLength(one.use), 'nt');
    }
    return gradient;
  }

  towards(orders: Orders): RelaxedStep {
    const { single, pairs, entangled, classes } = this.#places;
    const target = this.#state.slice();
    const [first, second] = [this.#state.slice(), this.#state.slice()];
    const [crossed, other] = [this.#partial[1].slice(), this.#partial[0].slice()];
    for (const { c, use } of single) reorder(target, use, orders[c]!);
    for (const [a, b] of pairs) {
      for (const state of [target, first, crossed]) reorder(state, a.use, orders[a.c]!);
      for (const state of [target, second, other]) reorder(state, b.use, orders[b.c]!);
    }
    const isPair = new Set(pairs.map(([{ use: { block } }]) => block.index));
    const mixed = this.#mixed;
    // Where one matrix acts, or none: (1−t) M + t D, written in the same form.
    for (let i = 0; i < crossed.length; i++) crossed[i]! += other[i]!;
    for (const { use: { block: { offset, length, index } } } of [...single, ...entangled]) {
      if (!isPair.has(index)) for (let i = offset; i < offset + length; i++) crossed[i] = mixed[i]! + target[i]!;
    }
    const at = (t: number): Float64Array => {
      const [p, q, r] = [(1 - t) ** 2, t * (1 - t), t * t];
      const result = new Float64Array(target.length);
      for (let i = 0; i < result.length; i++) result[i] = p * mixed[i]! + q * crossed[i]! + r * target[i]!;
      for (const { use: { block: { offset, length } } } of entangled) result.set(this.#state.subarray(offset, offset + length), offset);
      this.#multiply(result, entangled, (c) => between(this.#matrices[c]!, orders[c]!, t));
      return result;
    };
    return {
      at,
      take: (t) => {
        const along = (from: Float64Array, to: Float64Array): Float64Array => {
          for (let i = 0; i < to.length; i++) to[i] = (1 - t) * from[i]! + t * to[i]!;
          return to;
        };
        this.#mixed = at(t);
        this.#partial = [along(this.#partial[0], first), along(this.#partial[1], second)];
        classes.forEach((_one, c) => { this.#matrices[c]!.set(between(this.#matrices[c]!, orders[c]!, t)); });
      },
    };
  }

  /** One block of a state, in place, in memory that is used again. */
  #blockOf(state: Float64Array, { offset, length }: Block, k: 0 | 1): Float64Array {
    const scratch = (this.#scratch ??= [new Float64Array(state.length), new Float64Array(state.length)])[k];
    scratch.set(state.subarray(offset, offset + length), offset);
    return scratch;
  }

  /** Unit i becomes Σ_j P_ij × unit j at these uses, one after another. */
  #multiply(state: Float64Array, uses: readonly ClassUse[], matrixOf: (c: number) => Float64Array): void {
    for (const { c, use } of uses) {
      const n = this.#places.classes[c]!.units.units;
      const length = rowLength(use);
      const rows = new Float64Array(n * length);
      addProduct(rows, matrixOf(c), unitRows(state, use), n, length, n, 'nn');
      writeUnitRows(state, use, rows, Int32Array.from({ length: n }, (_, i) => i));
    }
  }
}

export interface RelaxedStep {
  /** The mixed state after a step of length t. */
  readonly at: (t: number) => Float64Array;
  /** Goes there. */
  readonly take: (t: number) => void;
}

function reorder(state: Float64Array, use: AxisUse, order: Int32Array): void {
  orderUnits(state, { uses: [use] }, { order, signs: new Int8Array(order.length).fill(1) });
}

/** (1 − t) P + t S */
function between(matrix: Float64Array, order: Int32Array, t: number): Float64Array {
  const result = matrix.map((entry) => (1 - t) * entry);
  order.forEach((from, i) => { result[i * order.length + from]! += t; });
  return result;
}
