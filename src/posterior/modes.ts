/**
 * How many modes do the draws have? Peaks of the nearest-neighbour density by their persistence (Chazal, Guibas, Oudot & Skraba 2013,
 * ToMATo; Chaudhuri & Dasgupta 2010): while balls around the draws grow, a peak is born at radius b, the distance
 * from its densest draw to the K-th nearest neighbour, and ends at radius d, where it meets a denser one. The ratio d/b is how
 * far the draws of a mode have to reach to leave it, and (d/b)^δ how much less dense they are on the way, with δ their intrinsic
 * dimension. What counts as a mode is settled by draws that have one for certain: Gaussian ones of the same number and covariance
 * spectrum. Deterministic given the draws and the seed.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import { addProduct } from '../linalg/product.ts';
import type { Random } from '../linalg/random.ts';
import { symmetricEigen } from '../linalg/symmetricEigen.ts';
import { meanSilhouette } from './silhouette.ts';

export interface Modes {
  /** Peaks whose ratio is above the threshold, and the one that outlives them all. */
  readonly count: number;
  /** How many there would be if a mode had to be half as far again above the threshold, on a logarithmic scale. */
  readonly leastCount: number;
  /** Mode of every draw of the selection, 0 for the largest. */
  readonly labels: Int32Array;
  /** Draws in each mode, descending. */
  readonly sizes: readonly number[];
  /** Smallest ratio d/b of a peak that was counted, largest of one that was not; NaN where there is none. ∞ for exact copies. */
  readonly weakest: number;
  readonly refused: number;
  /** The ratio above which a peak is a mode: at the largest one of Gaussian draws the density falls as far. */
  readonly threshold: number;
  /** Mean silhouette of the modes, from −1 to 1; NaN for one mode. */
  readonly silhouette: number;
  /** K: modes of K draws or fewer are not seen. */
  readonly neighbours: number;
}

/** Sets of Gaussian draws: with one mode, one of 39 further sets is above all of them in one case of 40. */
const REFERENCES = 39;
const neighbourCount = (n: number): number => Math.min(n - 1, Math.max(2, Math.round(Math.sqrt(n) / 2)));

/** @param squared n × n squared distances, n ≥ 2 */
export function* findModes(squared: Float64Array, n: number, random: Random): Interruptible<Modes> {
  const neighbours = neighbourCount(n);
  const tree = densityTree(squared, n, neighbours);
  const threshold = yield* referenceThreshold(squared, n, tree.dimension, neighbours, random);
  const ratios = tree.merges.map(({ ratio }) => ratio).sort((a, b) => b - a);
  const accepted = ratios.filter((ratio) => ratio > threshold);
  const labels = labelled(tree, n, threshold);
  return {
    count: accepted.length + 1,
    leastCount: ratios.filter((ratio) => Math.log(ratio) > 1.5 * Math.log(threshold)).length + 1,
    ...labels,
    weakest: accepted.at(-1) ?? Number.NaN,
    refused: ratios[accepted.length] ?? Number.NaN,
    threshold,
    silhouette: accepted.length === 0 ? Number.NaN : meanSilhouette(squared, labels.labels),
    neighbours,
  };
}

interface Merge {
  /** A draw on the side of the peak that ends, and one on the other. */
  readonly ended: number;
  readonly survivor: number;
  /** d/b ≥ 1. */
  readonly ratio: number;
}

interface DensityTree {
  /** n − 1 of them, in ascending order of d. */
  readonly merges: readonly Merge[];
  /** Intrinsic dimension δ on the scale of the K nearest neighbours (Levina & Bickel 2004, averaged as inverses); NaN when they all coincide. */
  readonly dimension: number;
}

/** Single linkage in the mutual reachability max(core_a, core_b, ‖x_a − x_b‖): a minimum spanning tree by Prim's algorithm, then union–find. */
function densityTree(squared: Float64Array, n: number, neighbours: number): DensityTree {
  const core = new Float64Array(n);
  const near = new Float64Array(neighbours);
  let logs = 0;
  let terms = 0;
  for (let a = 0; a < n; a++) {
    nearestOf(squared, n, a, near);
    const last = near[neighbours - 1]!;
    core[a] = last;
    for (const value of near.subarray(0, neighbours - 1)) {
      if (value === 0) continue;
      logs += 0.5 * Math.log(last / value);
      terms++;
    }
  }
  const edges: { readonly a: number; readonly b: number; readonly height: number }[] = [];
  const nearest = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  const from = new Int32Array(n);
  const done = new Uint8Array(n);
  let current = 0;
  for (let step = 1; step < n; step++) {
    done[current] = 1;
    let next = -1;
    for (let b = 0; b < n; b++) {
      if (done[b] === 1) continue;
      const height = Math.max(core[current]!, core[b]!, squared[current * n + b]!);
      if (height < nearest[b]!) {
        nearest[b] = height;
        from[b] = current;
      }
      if (next < 0 || nearest[b]! < nearest[next]!) next = b;
    }
    edges.push({ a: from[next]!, b: next, height: nearest[next]! });
    current = next;
  }
  edges.sort((p, q) => p.height - q.height || p.a - q.a || p.b - q.b);

  const parent = Int32Array.from({ length: n }, (_, a) => a);
  const birth = core.slice();
  const merges = edges.map(({ a, b, height }): Merge => {
    const [p, q] = [root(parent, a), root(parent, b)];
    const [older, younger] = birth[p]! < birth[q]! || (birth[p] === birth[q] && p < q) ? [p, q] : [q, p];
    const born = birth[younger]!;
    parent[younger] = older;
    return { ended: younger === p ? a : b, survivor: younger === p ? b : a, ratio: height === born ? 1 : Math.sqrt(height / born) };
  });
  return { merges, dimension: terms / logs };
}

/** The squared distances of draw `a` to its nearest others, ascending. */
function nearestOf(squared: Float64Array, n: number, a: number, near: Float64Array): void {
  near.fill(Number.POSITIVE_INFINITY);
  const last = near.length - 1;
  for (let b = 0; b < n; b++) {
    const value = squared[a * n + b]!;
    if (b === a || value >= near[last]!) continue;
    let at = last;
    for (; at > 0 && near[at - 1]! > value; at--) near[at] = near[at - 1]!;
    near[at] = value;
  }
}

function root(parent: Int32Array, a: number): number {
  let at = a;
  while (parent[at] !== at) {
    parent[at] = parent[parent[at]!]!;
    at = parent[at]!;
  }
  return at;
}

/** A peak that is no mode goes to the mode on the other side of the link at which it ends: it holds no mode of its own then. */
function labelled({ merges }: DensityTree, n: number, threshold: number): { readonly labels: Int32Array; readonly sizes: readonly number[] } {
  const parent = Int32Array.from({ length: n }, (_, a) => a);
  for (const { ended, survivor, ratio } of merges) if (!(ratio > threshold)) parent[root(parent, ended)] = root(parent, survivor);
  const sizes = new Map<number, number>();
  for (let a = 0; a < n; a++) sizes.set(root(parent, a), (sizes.get(root(parent, a)) ?? 0) + 1);
  const order = [...sizes].sort(([a, p], [b, q]) => q - p || a - b);
  const rank = new Map(order.map(([mode], r) => [mode, r]));
  return { labels: Int32Array.from({ length: n }, (_, a) => rank.get(root(parent, a)) ?? 0), sizes: order.map(([, size]) => size) };
}

/** The largest ratio among all peaks of all reference sets, at the dimension of the draws: they may lie on a curved ridge, of which no Gaussian knows. */
function* referenceThreshold(squared: Float64Array, n: number, dimension: number, neighbours: number, random: Random): Interruptible<number> {
  const { values } = yield* symmetricEigen(doublyCentred(squared, n), n, false);
  const top = values[0] ?? 0;
  const deviations = values.filter((value) => value > 1e-12 * top).map((value) => Math.sqrt(value / (n - 1)));
  const rank = deviations.length;
  if (rank === 0) return 1;
  const draws = new Float64Array(n * rank);
  const inner = new Float64Array(n * n);
  const distances = new Float64Array(n * n);
  let largest = 1;
  let dimensions = 0;
  for (let r = 0; r < REFERENCES; r++) {
    for (let i = 0; i < draws.length; i++) draws[i] = deviations[i % rank]! * random.normal();
    inner.fill(0);
    addProduct(inner, draws, draws, n, n, rank, 'nt');
    for (let a = 0; a < n; a++) {
      for (let b = 0; b < a; b++) distances[a * n + b] = distances[b * n + a] = Math.max(0, inner[a * n + a]! + inner[b * n + b]! - 2 * inner[a * n + b]!);
    }
    const tree = densityTree(distances, n, neighbours);
    dimensions += tree.dimension / REFERENCES;
    for (const { ratio } of tree.merges) largest = Math.max(largest, ratio);
    yield;
  }
  return largest ** Math.max(1, Number.isNaN(dimension) ? 1 : dimensions / dimension);
}

/** −½ J D² J: the Gram matrix of the centred draws (Torgerson 1952). */
function doublyCentred(squared: Float64Array, n: number): Float64Array {
  const means = new Float64Array(n);
  let mean = 0;
  for (let a = 0; a < n; a++) {
    for (let b = 0; b < n; b++) means[a]! += squared[a * n + b]! / n;
    mean += means[a]! / n;
  }
  return squared.map((value, i) => -0.5 * (value - means[Math.floor(i / n)]! - means[i % n]! + mean));
}
