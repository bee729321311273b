/**
 * What tells tied units apart when no order of their neighbours is known yet: colour refinement (Weisfeiler & Leman 1968) on the
 * weighted graph of units. Every channel gets a colour that depends only on the network and not on the order in which its
 * units are stored: two channels share one only if their biases, and their weights from and to channels of each colour, are the same. Needed
 * only for exact ties that neither columns nor rows in known order break (duplicate, pruned or integer-valued units).
 *
 * With signs to be fixed as well, each channel j whose sign is free stands for two nodes, j⁺ and j⁻ = (−u_j, −v_j), and a sign is
 * chosen by comparing their colours.
 *
 * Weights enter as signed ranks: magnitudes within the tie tolerance of one another are one rank, so that rounding does not count.
 * Channels that share a final colour are taken to be exchangeable (an automorphism maps one to the other); in graphs built to be regular this
 * can fail, and the canonical form is then not unique.
 */
import { type Block, type Network, positions } from '../network/network.ts';
import { channelClasses } from './channelClasses.ts';
import { type LinearMap, signedMaps } from './linearMaps.ts';

/** The structure on which colours are refined: objects are the groups of the sign unification, the finest there is. */
export interface UnitGraph {
  readonly objects: number;
  /** 1 where a sign may not change. */
  readonly pinned: Uint8Array;
  /** Objects that can be exchanged at all share one: their kind of class and place in a unit. */
  readonly initial: Int32Array;
  readonly maps: readonly LinearMap[];
  /** One entry an object: biases change sign with their object, statistics and slopes do not. */
  readonly entries: readonly { readonly block: Block; readonly along: Int32Array; readonly odd: boolean }[];
  /** Pairs that an operation without weights links. */
  readonly links: readonly (readonly [from: Int32Array, to: Int32Array])[];
}

export function unitGraph(network: Network): UnitGraph {
  const { unification: { values, groups, pinned }, maps } = signedMaps(network);
  const entries: { block: Block; along: Int32Array; odd: boolean }[] = maps.flatMap(({ bias, rowGroups }) => (bias === undefined ? [] : [{ block: bias, along: rowGroups, odd: true }]));
  const links: (readonly [Int32Array, Int32Array])[] = [];
  for (const node of network.nodes) {
    const along = values[node.index]!;
    if (node.op === 'batchnorm') entries.push({ block: node.mean, along, odd: false }, { block: node.variance, along, odd: false });
    if (node.op === 'prelu' && node.slope.length === along.length) entries.push({ block: node.slope, along, odd: false });
    if (node.op !== 'batchnorm' && node.op !== 'layernorm') continue;
    links.push([values[node.inputs[0]!]!, along]);
    // A shift without a scale is not the bias of any map.
    if (node.scale === undefined && node.shift !== undefined) {
      const each = node.op === 'layernorm' && node.over === 'all' ? positions(node.shape) : 1;
      entries.push({ block: node.shift, along: each === 1 ? along : Int32Array.from({ length: along.length * each }, (_, i) => along[Math.floor(i / each)]!), odd: false });
    }
  }
  return { objects: groups, pinned, initial: initialColours(network, maps, groups), maps, entries, links };
}

/** Colour of what no permutation moves: its own. Of units of a class: one for each place that a unit's objects can have. */
function initialColours(network: Network, maps: readonly LinearMap[], objects: number): Int32Array {
  const keys = Array.from({ length: objects }, (_, object) => `fixed ${object}`);
  /** Of channels within a group: which class, and which place in its unit. */
  const place = new Map<number, string>();
  // Classes of whole groups last: they make the classes within their groups alike, place by place.
  const classes = [...channelClasses(network)].sort((a, b) => Number(a.kind === 'groups') - Number(b.kind === 'groups'));
  for (const { index, uses, units, kind } of classes) {
    const owned = Array.from({ length: units }, () => [] as number[]);
    for (const { block, axis, members, multiplicity } of uses) {
      const map = maps.find((candidate) => candidate.block === block);
      if (map === undefined) continue;
      for (let unit = 0; unit < units; unit++) {
        for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) {
          const found = axis === 1 ? [map.columnGroups[members[m]!]!] : map.groups === map.rows && map.columns === 1 ? [map.columnGroups[members[m]!]!, map.rowGroups[members[m]!]!] : [map.rowGroups[members[m]!]!];
          for (const object of found) if (!owned[unit]!.includes(object)) owned[unit]!.push(object);
        }
      }
    }
    for (const list of owned) {
      list.forEach((object, p) => {
        if (kind === 'channels') {
          keys[object] = `class ${index} ${p}`;
          place.set(object, keys[object]);
        } else {
          // The first place in the group of a channel of the same class within it.
          const same = place.get(object);
          keys[object] = `groups ${index} ${same === undefined ? p : list.findIndex((other) => place.get(other) === same)}`;
        }
      });
    }
  }
  const numbers = new Map<string, number>();
  return Int32Array.from(keys, (key) => {
    const known = numbers.get(key) ?? numbers.size;
    numbers.set(key, known);
    return known;
  });
}

/** One weight as an object sees it: which weight it is by structure, the other object, the signed rank. */
interface Edges {
  readonly label: number[];
  readonly other: number[];
  readonly rank: number[];
}

export class ColourRefinement {
  /** Nodes 2·object and 2·object + 1 are j⁺ and j⁻; j⁻ is there only where the sign is free. */
  readonly #doubled: readonly boolean[];
  readonly #nodes: Int32Array;
  readonly #colour: Int32Array;
  readonly #edges: readonly Edges[];
  /** Ranks of an object's own entries: [rank, changes sign] each. */
  readonly #own: readonly (readonly (readonly [rank: number, odd: boolean])[])[];
  #cells = 0;
  readonly #base: number;
  readonly #labels: number;

  /** @param signs whether channels whose sign is free stand for two nodes each */
  constructor({ objects, pinned, initial, maps, entries, links }: UnitGraph, state: Float64Array, tolerance: number, signs: boolean) {
    this.#doubled = Array.from({ length: objects }, (_, object) => signs && pinned[object] === 0);
    this.#nodes = Int32Array.from(this.#doubled.flatMap((doubled, object) => (doubled ? [2 * object, 2 * object + 1] : [2 * object])));
    this.#colour = new Int32Array(2 * objects);
    const edges = Array.from({ length: objects }, (): Edges => ({ label: [], other: [], rank: [] }));
    const own = Array.from({ length: objects }, (): (readonly [number, boolean])[] => []);
    for (const { block, along, odd } of entries) {
      const ranks = signedRanks(state.subarray(block.offset, block.offset + block.length), tolerance);
      along.forEach((object, i) => { own[object]!.push([ranks[i]!, odd]); });
    }
    this.#own = own;
    let labels = 0;
    let base = 1;
    const connect = (a: number, b: number, label: number, rank: number): void => {
      for (const [from, to, side] of [[a, b, 0], [b, a, 1]] as const) {
        edges[from]!.label.push(2 * label + side);
        edges[from]!.other.push(to);
        edges[from]!.rank.push(rank);
      }
    };
    for (const { block, rows, columns, groups, inner, rowGroups, columnGroups } of maps) {
      const ranks = signedRanks(state.subarray(block.offset, block.offset + block.length), tolerance);
      base = Math.max(base, ranks.length);
      const rowRank = occurrences(rowGroups);
      const columnRank = occurrences(columnGroups);
      const places = 1 + columnRank.reduce((most, rank) => Math.max(most, rank), 0);
      for (let o = 0, at = 0; o < rows; o++) {
        const first = Math.floor((o * groups) / rows) * columns;
        for (let i = 0; i < columns; i++) {
          for (let b = 0; b < inner; b++, at++) {
            connect(rowGroups[o]!, columnGroups[first + i]!, labels + (rowRank[o]! * places + columnRank[first + i]!) * inner + b, ranks[at]!);
          }
        }
      }
      labels += (1 + rowRank.reduce((most, rank) => Math.max(most, rank), 0)) * places * inner;
    }
    for (const [from, to] of links) {
      // Linked values keep or pin their signs separately, so that the link has none.
      from.forEach((object, c) => { connect(object, to[c]!, labels, 0); });
      labels++;
    }
    this.#edges = edges;
    this.#labels = 2 * labels;
    this.#base = 2 * base + 1;
    for (const node of this.#nodes) this.#colour[node] = initial[node >> 1]!;
    this.#recolour(true);
    this.#refine();
  }

  /** Colour of an object; larger sorts first. `sign` −1 asks for j⁻. */
  colour(object: number, sign: 1 | -1 = 1): number {
    return this.#colour[this.#doubled[object] === true && sign < 0 ? 2 * object + 1 : 2 * object]!;
  }

  /** Makes one object (or signed object) the largest of its colour, and carries the consequences through the network. */
  individualise(object: number): void {
    const node = 2 * object;
    const own = this.#colour[node]!;
    for (const other of this.#nodes) if (other === node || this.#colour[other]! > own) this.#colour[other]!++;
    this.#cells++;
    this.#refine();
  }

  #refine(): void {
    while (this.#recolour(false));
  }

  /** Splits every cell by what its nodes see; the order of colours already told apart stays. Returns whether anything was split. */
  #recolour(first: boolean): boolean {
    if (!first && this.#cells === this.#nodes.length) return false;
    const sizes = new Map<number, number>();
    for (const node of this.#nodes) sizes.set(this.#colour[node]!, (sizes.get(this.#colour[node]!) ?? 0) + 1);
    // Nodes alone in their cell need no signature.
    const seen = new Map<number, Float64Array>();
    for (const node of this.#nodes) if ((sizes.get(this.#colour[node]!) ?? 0) > 1 && !first) seen.set(node, this.#signature(node));
    const compareNodes = (a: number, b: number): number => {
      const difference = this.#colour[a]! - this.#colour[b]!;
      const [p, q] = [seen.get(a), seen.get(b)];
      return difference !== 0 || p === undefined || q === undefined ? difference : compare(p, q);
    };
    const order = Array.from(this.#nodes).sort(compareNodes);
    let count = 0;
    const next = new Map<number, number>();
    order.forEach((node, p) => {
      if (p === 0 || compareNodes(order[p - 1]!, node) !== 0) count++;
      next.set(node, count - 1);
    });
    for (const [node, colour] of next) this.#colour[node] = colour;
    const split = count > this.#cells;
    this.#cells = count;
    return split;
  }

  /** [entries; weights with the colours at their other end, as a sorted multiset]. */
  #signature(node: number): Float64Array {
    const object = node >> 1;
    const sign = (node & 1) === 1 ? -1 : 1;
    const { label, other, rank } = this.#edges[object]!;
    const own = this.#own[object]!;
    const keys: number[] = [];
    for (let e = 0; e < label.length; e++) {
      const to = other[e]!;
      const linked = rank[e]! * sign;
      keys.push(this.#key(label[e]!, 2 * to, linked));
      if (this.#doubled[to] === true) keys.push(this.#key(label[e]!, 2 * to + 1, -linked));
    }
    const signature = new Float64Array(own.length + keys.length);
    own.forEach(([value, odd], i) => { signature[i] = odd ? sign * value : value; });
    signature.set(keys, own.length);
    signature.subarray(own.length).sort();
    return signature;
  }

  #key(label: number, node: number, rank: number): number {
    return (this.#colour[node]! * this.#labels + label) * this.#base + rank;
  }
}

/** How often the same group came before. */
function occurrences(groups: Int32Array): Int32Array {
  const count = new Map<number, number>();
  return groups.map((group) => {
    const before = count.get(group) ?? 0;
    count.set(group, before + 1);
    return before;
  });
}

/** Whole numbers in the order of the values: equal for values tied in magnitude and of one sign, negated for the other sign, 0 for 0. */
export function signedRanks(values: Float64Array, tolerance: number): Int32Array {
  const sizes = Float64Array.from(values, Math.abs).sort();
  const begins: number[] = [];
  let previous = 0;
  for (const size of sizes) {
    if (size > 0 && size - previous > tolerance * size) begins.push(size);
    previous = size;
  }
  return Int32Array.from(values, (value) => {
    let low = 0;
    let high = begins.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (begins[middle]! <= Math.abs(value)) low = middle + 1;
      else high = middle;
    }
    return value < 0 ? -low : low;
  });
}

function compare(a: Float64Array, b: Float64Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
