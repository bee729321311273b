/**
 * Activation matching (Li et al. 2015, "Convergent learning"; Ainsworth et al. 2023, §3.1): units of two networks are paired by how alike they
 * respond to the same inputs. Each class is one linear assignment on the correlations of what its consumers see, over inputs and positions; no
 * class depends on another, but for channels within groups (`nestedResponses.ts`).
 */
import { leastCostAssignment } from '../linalg/assignment.ts';
import type { Interruptible } from '../linalg/interruptible.ts';
import { addProduct } from '../linalg/product.ts';
import { trace } from '../network/forward.ts';
import { type Network, positions, valueSize } from '../network/network.ts';
import type { ChannelClass } from './channelClasses.ts';
import type { MatchingClass } from './matchingClasses.ts';
import { nestedClasses } from './matchingPlaces.ts';
import { matchNested, nestedGroups } from './nestedResponses.ts';
import { OrderTracker } from './orderTracker.ts';
import type { UnitOrder } from './unitOrder.ts';

export interface ActivationMatching {
  readonly orders: readonly UnitOrder[];
  /** Per class, of classes within others once these are matched: mean correlation of paired units before and after. Constant units correlate with nothing (0). */
  readonly correlation: readonly { readonly before: number; readonly after: number }[];
}

/** Numbers that the values of one chunk of inputs take, all nodes together. */
const CHUNK_VALUES = 2 ** 22;

/**
 * @param x inputs, N × d row-major; the more, the better the correlations: their standard error is about 1/√(N · positions)
 * @param sampleWeights c, N: how often each input counts; 1 each when left out
 */
export function* activationMatching(network: Network, classes: readonly MatchingClass[], reference: Float64Array, state: Float64Array, x: Float64Array, sampleWeights?: Float64Array): Interruptible<ActivationMatching> {
  const rows = x.length / network.inputs;
  const nested = nestedClasses(classes);
  const groups = nestedGroups(classes, nested, (c) => sourcesOf(network, classes[c]!.units));
  // Of classes within classes: each channel of the values where they are seen.
  const channelwise = new Map([...new Set(groups.flatMap(({ parts }) => parts.flat().map(({ node }) => node)))].map((node) => [node, new CrossMoments(network.nodes[node]!.shape[0]!, [everyChannel(network, node)])] as const));
  const moments = classes.map(({ units }, c) => new CrossMoments(units.units, nested[c] === true ? [] : sourcesOf(network, units)));
  const perInput = network.nodes.reduce((sum, { shape }) => sum + valueSize(shape), 0);
  const chunk = Math.max(1, Math.floor(CHUNK_VALUES / perInput));
  for (let first = 0; first < rows; first += chunk) {
    const part = x.subarray(first * network.inputs, Math.min(rows, first + chunk) * network.inputs);
    const [left, right] = [trace(network, reference, part), trace(network, state, part)];
    for (const moment of [...moments, ...channelwise.values()]) {
      moment.add(left.values, right.values, left.rows, sampleWeights?.subarray(first, first + left.rows));
      yield;
    }
  }
  const tracker = new OrderTracker(classes);
  const correlation: { before: number; after: number }[] = classes.map(() => ({ before: 0, after: 0 }));
  for (const [c, { units: { units: n }, signed }] of classes.entries()) {
    if (nested[c] === true) continue;
    const correlations = moments[c]!.correlations();
    const { columns } = yield* leastCostAssignment(correlations.map((value) => (signed ? -Math.abs(value) : -value)), n);
    const signs = Int8Array.from(columns, (j, i) => (signed && correlations[i * n + j]! < 0 ? -1 : 1));
    let [before, after] = [0, 0];
    for (let i = 0; i < n; i++) {
      before += correlations[i * n + i]! / n;
      after += (signs[i]! * correlations[i * n + columns[i]!]!) / n;
    }
    tracker.apply(c, { order: columns, signs });
    correlation[c] = { before, after };
  }
  const between = new Map([...channelwise].map(([node, moment]) => [node, moment.correlations()] as const));
  for (const group of groups) {
    for (const { c, order, before, after } of yield* matchNested(group, (node, i, j) => between.get(node)?.[i * network.nodes[node]!.shape[0]! + j] ?? 0)) {
      tracker.apply(c, order);
      correlation[c] = { before, after };
    }
  }
  return { orders: tracker.orders(), correlation };
}

/** Σ c a_i, Σ c b_j, Σ c a_i², Σ c b_j², Σ c a_i b_j of a class's units over everything that its consumers see. */
class CrossMoments {
  readonly #units: number;
  readonly #sources: readonly Source[];
  readonly #products: Float64Array;
  readonly #sums: readonly [Float64Array, Float64Array];
  readonly #squares: readonly [Float64Array, Float64Array];
  #count = 0;

  constructor(units: number, sources: readonly Source[]) {
    this.#units = units;
    this.#sources = sources;
    this.#products = new Float64Array(units ** 2);
    this.#sums = [new Float64Array(units), new Float64Array(units)];
    this.#squares = [new Float64Array(units), new Float64Array(units)];
  }

  add(left: readonly Float64Array[], right: readonly Float64Array[], rows: number, weights: Float64Array | undefined): void {
    const n = this.#units;
    for (const source of this.#sources) {
      const [a, b] = [responses(left[source.node]!, source, n, rows), responses(right[source.node]!, source, n, rows)];
      const length = a.length / n;
      const each = length / rows;
      this.#count += each * (weights?.reduce((sum, c) => sum + c, 0) ?? rows);
      // Times √c each, their products count c times; so do their sums after another √c.
      if (weights !== undefined) for (const values of [a, b]) for (let k = 0; k < values.length; k++) values[k]! *= Math.sqrt(weights[Math.floor((k % length) / each)]!);
      addProduct(this.#products, a, b, n, n, length, 'nt');
      for (const [side, values] of [a, b].entries()) {
        const sums = side === 0 ? this.#sums[0] : this.#sums[1];
        const squares = side === 0 ? this.#squares[0] : this.#squares[1];
        for (let i = 0, at = 0; i < n; i++) {
          for (let k = 0; k < length; k++, at++) {
            sums[i]! += (weights === undefined ? 1 : Math.sqrt(weights[Math.floor(k / each)]!)) * values[at]!;
            squares[i]! += values[at]! ** 2;
          }
        }
      }
    }
  }

  correlations(): Float64Array {
    const n = this.#units;
    const deviations = [0, 1].map((side) => this.#squares[side]!.map((square, i) => Math.sqrt(Math.max(0, square - this.#sums[side]![i]! ** 2 / this.#count))));
    return this.#products.map((product, k) => {
      const [i, j] = [Math.floor(k / n), k % n];
      const scale = deviations[0]![i]! * deviations[1]![j]!;
      const covariance = product - (this.#sums[0][i]! * this.#sums[1][j]!) / this.#count;
      return scale > 0 && Math.abs(covariance) <= 1.001 * scale ? covariance / scale : 0;
    });
  }
}

/** A node whose value's channels are units of the class. */
interface Source {
  readonly node: number;
  /** Entries of the node's value for one input. */
  readonly size: number;
  readonly channelLength: number;
  readonly members: Int32Array;
  readonly multiplicity: number;
}

function everyChannel(network: Network, node: number): Source {
  const { shape } = network.nodes[node]!;
  return { node, size: valueSize(shape), channelLength: positions(shape), members: Int32Array.from({ length: shape[0]! }, (_, i) => i), multiplicity: 1 };
}

function sourcesOf(network: Network, { uses }: ChannelClass): Source[] {
  const sources = new Map<number, Source>();
  for (const { role, node, members, multiplicity } of uses) {
    const source = role === 'consumer' ? network.nodes[node]!.inputs[0] : undefined;
    if (source === undefined) continue;
    const { shape } = network.nodes[source]!;
    sources.set(source, { node: source, size: valueSize(shape), channelLength: positions(shape), members, multiplicity });
  }
  return [...sources.values()];
}

/** units × (rows · multiplicity · positions). */
function responses(values: Float64Array, { size, channelLength, members, multiplicity }: Source, units: number, rows: number): Float64Array {
  const perRow = multiplicity * channelLength;
  const result = new Float64Array(units * rows * perRow);
  let to = 0;
  for (let unit = 0; unit < units; unit++) {
    for (let row = 0; row < rows; row++) {
      for (let m = 0; m < multiplicity; m++) {
        const from = row * size + members[unit * multiplicity + m]! * channelLength;
        for (let p = 0; p < channelLength; p++) result[to++] = values[from + p]!;
      }
    }
  }
  return result;
}
