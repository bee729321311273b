/**
 * Generic inputs: enough random points, over several scales and on both sides of the units' kinks, for the rank of the Jacobian on them to be
 * the functional dimension at θ, which no further data can raise (Grigsby, Lindsey & Rolnick 2023). A network of piecewise linear
 * activations shows each of its parameters in some of its linear pieces only, and these may lie far out or be narrow: points of
 * one scale miss them.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { productsPerInput, valuesPerInput } from '../network/cost.ts';
import { trace } from '../network/forward.ts';
import { type Network, type NetworkNode, positions } from '../network/network.ts';
import { outputRank, type LikelihoodModel } from './likelihood.ts';

/** Half of the points are normal; of the other half these are wider or narrower by a factor that is uniform in its logarithm. */
const SCALES = { narrowest: 1 / 4, widest: 32 } as const;
/** Parts of the points that are moved to kinks, where there are any. */
const AT_KINKS = 1 / 4;
/** At most so many halvings of the way between two points on different sides of a kink. */
const HALVINGS = 8;
/** Sides of a kink that fewer points than this see are about equally rare. */
const RARE = 0.005;
/** Steps towards a side that no point is on: so many of so many tries, up to half the distance of two points long. */
const CLIMB = { steps: 40, tries: 8, longest: 0.5, octaves: 8 } as const;
/** Multiplications that looking for kinks may take, in all and at a time, and numbers of values at a time. */
const SEARCH = { products: 1e11, chunk: 1e9, numbers: 2 ** 22 } as const;

/** How `genericInputs` draws, for a report. */
export const GENERIC_INPUTS_SENTENCE = `half standard normal, the rest ${SCALES.narrowest} to ${SCALES.widest} times as wide or on both sides of units’ kinks, from the seed`;

/** At least `requested`, and so many that twice the parameters could be told apart by counting alone. */
export function genericInputCount(network: Network, likelihood: LikelihoodModel, requested: number): number {
  return Math.max(requested, Math.ceil((2 * network.parameters) / outputRank(likelihood, network.outputs)));
}

/** Standard normal inputs, count × d row-major. */
export function standardNormalInputs(count: number, width: number, random: Random): Float64Array {
  return Float64Array.from({ length: count * width }, () => random.normal());
}

/**
 * Generic inputs, count × d row-major.
 * @param around data, N × d, whose mean and standard deviation by feature take the place of 0 and 1 (1 where the data do not vary)
 */
export function* genericInputs(network: Network, state: Float64Array, count: number, random: Random, around?: Float64Array): Interruptible<Float64Array> {
  const { inputs: width } = network;
  const { mean, deviation } = momentsOf(around ?? new Float64Array(0), width);
  const points = new Float64Array(count * width);
  const octaves = Math.log2(SCALES.widest / SCALES.narrowest);
  for (let n = 0; n < count; n++) {
    const scale = n % 2 === 0 ? 1 : SCALES.narrowest * 2 ** (octaves * random.uniform());
    for (let i = 0; i < width; i++) points[n * width + i] = mean[i]! + scale * deviation[i]! * random.normal();
  }
  yield* moveToKinks(network, state, points, random);
  return points;
}

function momentsOf(data: Float64Array, width: number): { readonly mean: Float64Array; readonly deviation: Float64Array } {
  const rows = data.length / width;
  const mean = new Float64Array(width);
  const deviation = new Float64Array(width);
  for (let k = 0; k < data.length; k++) mean[k % width]! += data[k]! / rows;
  for (let k = 0; k < data.length; k++) deviation[k % width]! += (data[k]! - mean[k % width]!) ** 2 / rows;
  for (let i = 0; i < width; i++) deviation[i] = Math.sqrt(deviation[i]!) || 1;
  return { mean, deviation };
}

/** A unit's activation at one position: an entry of a node's value, 0 there. */
interface Kink {
  readonly node: number;
  readonly entry: number;
}

interface Pair {
  readonly kink: Kink;
  /** Whether the kink's entry is positive at the first point; it is not at the second, or the other way round. */
  readonly side: boolean;
  readonly first: Float64Array;
  readonly second: Float64Array;
  readonly halvings: number;
}

/**
 * The last of every four points give way to pairs on both sides of a kink: between two points that it parts, the way is halved again
 * and again, more or less often. The rarer one side of a unit is among the points, the more pairs it gets; where all are on one side, the
 * other is searched for.
 */
function* moveToKinks(network: Network, state: Float64Array, points: Float64Array, random: Random): Interruptible<void> {
  const { inputs: width } = network;
  const count = points.length / width;
  const most = Math.floor((AT_KINKS * count) / 2);
  const kinks = someKinks(network, count, random);
  if (kinks.length === 0 || (count + HALVINGS * most + CLIMB.steps * CLIMB.tries * kinks.length) * productsPerInput(network) > SEARCH.products) return;
  const parted = yield* sidesOf(network, state, points, kinks, random);
  const total = parted.reduce((sum, { some }) => sum + rarity(some.length, count), 0);
  const pairs = parted.flatMap(({ kink, side, some, rest }) => Array.from({ length: Math.floor((most * rarity(some.length, count)) / total) }, (): Pair => (
    { kink, side, first: some[random.below(some.length)]!.slice(), second: pointOf(points, width, rest[random.below(rest.length)]!), halvings: 1 + random.below(HALVINGS) })));
  for (let halving = 0; halving < HALVINGS; halving++) {
    const open = pairs.filter(({ halvings }) => halvings > halving);
    const middles = new Float64Array(open.length * width);
    open.forEach(({ first, second }, k) => { for (let i = 0; i < width; i++) middles[k * width + i] = (first[i]! + second[i]!) / 2; });
    yield* eachValue(network, state, middles, (k, valueOf) => {
      const { kink, side, first, second } = open[k]!;
      (valueOf(kink) > 0 === side ? first : second).set(pointOf(middles, width, k));
    });
  }
  pairs.forEach(({ first, second }, k) => {
    points.set(first, (8 * k + 3) * width);
    points.set(second, (8 * k + 7) * width);
  });
}

function rarity(some: number, count: number): number {
  return 1 / (some / count + RARE);
}

/** A kink with points on its rarer side, and the numbers of those on the other. */
interface Parted {
  readonly kink: Kink;
  /** Whether the rarer side is the positive one. */
  readonly side: boolean;
  readonly some: readonly Float64Array[];
  readonly rest: readonly number[];
}

function* sidesOf(network: Network, state: Float64Array, points: Float64Array, kinks: readonly Kink[], random: Random): Interruptible<Parted[]> {
  const { inputs: width } = network;
  const sides = kinks.map((): [number[], number[]] => [[], []]);
  const nearest = kinks.map(() => ({ value: Number.POSITIVE_INFINITY, point: 0 }));
  yield* eachValue(network, state, points, (n, valueOf) => {
    kinks.forEach((kink, k) => {
      const value = valueOf(kink);
      sides[k]![value > 0 ? 1 : 0].push(n);
      if (Math.abs(value) < nearest[k]!.value) nearest[k] = { value: Math.abs(value), point: n };
    });
  });
  const alone = kinks.flatMap((kink, k) => (sides[k]!.some(({ length }) => length === 0) ? [{ kink, side: sides[k]![1].length === 0, from: pointOf(points, width, nearest[k]!.point), k }] : []));
  const found = yield* acrossKinks(network, state, points, alone, random);
  return kinks.flatMap((kink, k): Parted[] => {
    const [negative, positive] = sides[k]!;
    const side = positive.length < negative.length;
    const [some, rest] = side ? [positive, negative] : [negative, positive];
    const other = found.get(k);
    if (some.length === 0 && other === undefined) return [];
    return [{ kink, side, some: other === undefined ? some.map((n) => pointOf(points, width, n)) : [other], rest }];
  });
}

/** Points on the side of each kink where there is none yet, by random steps that come nearer; by number of the kink. */
function* acrossKinks(network: Network, state: Float64Array, points: Float64Array, alone: readonly { readonly kink: Kink; readonly side: boolean; readonly from: Float64Array; readonly k: number }[], random: Random): Interruptible<Map<number, Float64Array>> {
  const { inputs: width } = network;
  const count = points.length / width;
  const found = new Map<number, Float64Array>();
  const best = alone.map(({ from }) => ({ point: from, value: Number.NEGATIVE_INFINITY }));
  for (let step = 0; step < CLIMB.steps && found.size < alone.length; step++) {
    const open = alone.map((_, a) => a).filter((a) => !found.has(alone[a]!.k));
    const candidates = new Float64Array(open.length * CLIMB.tries * width);
    for (let c = 0; c < open.length * CLIMB.tries; c++) {
      const { point } = best[open[Math.floor(c / CLIMB.tries)]!]!;
      // The difference of two points has the scales of all.
      const [one, other] = [random.below(count) * width, random.below(count) * width];
      const size = c % CLIMB.tries === 0 && step === 0 ? 0 : CLIMB.longest * 2 ** (-CLIMB.octaves * random.uniform());
      for (let i = 0; i < width; i++) candidates[c * width + i] = point[i]! + size * (points[one + i]! - points[other + i]!);
    }
    yield* eachValue(network, state, candidates, (c, valueOf) => {
      const a = open[Math.floor(c / CLIMB.tries)]!;
      const { kink, side, k } = alone[a]!;
      const value = side ? valueOf(kink) : -valueOf(kink);
      if (value <= best[a]!.value) return;
      best[a] = { point: pointOf(candidates, width, c), value };
      if (valueOf(kink) > 0 === side) found.set(k, best[a].point);
    });
  }
  return found;
}

/** One of every unit, at any of its positions; `most` units, when there are more. */
function someKinks(network: Network, most: number, random: Random): Kink[] {
  const units = network.nodes.filter(isKinked).flatMap(({ inputs, shape }) => Array.from({ length: shape[0]! }, (_, unit) => ({ node: inputs[0]!, unit, area: positions(shape) })));
  const chosen = units.length <= most ? units : Array.from(random.permutation(units.length).subarray(0, most), (k) => units[k]!);
  return chosen.map(({ node, unit, area }) => ({ node, entry: unit * area + random.below(area) }));
}

function isKinked(node: NetworkNode): boolean {
  return node.op === 'prelu' || (node.op === 'activation' && node.activation.name !== 'linear' && (node.activation.positivelyHomogeneous || node.activation.name === 'relu6'));
}

function pointOf(points: Float64Array, width: number, n: number): Float64Array {
  return points.slice(n * width, (n + 1) * width);
}

/** Visits each point with what entries of nodes' values are there. */
function* eachValue(network: Network, state: Float64Array, points: Float64Array, visit: (n: number, valueOf: (kink: Kink) => number) => void): Interruptible<void> {
  const { inputs: width } = network;
  const step = Math.max(1, Math.floor(Math.min(SEARCH.numbers / valuesPerInput(network), SEARCH.chunk / productsPerInput(network))));
  for (let first = 0; first * width < points.length; first += step) {
    const { values, rows } = trace(network, state, points.subarray(first * width, (first + step) * width));
    for (let n = 0; n < rows; n++) visit(first + n, ({ node, entry }) => values[node]![n * (values[node]!.length / rows) + entry]!);
    yield;
  }
}
