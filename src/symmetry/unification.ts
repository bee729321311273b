/**
 * Which channels of a network must move together: a walk over the graph that gives every entry of every value's channel axis a
 * group, and joins the groups of entries that an operation ties (union–find). What ties depends on the symmetry that is asked about: batch
 * normalisation keeps the order of channels but not their scale, tanh keeps signs but not scale, and so on; the rules say it.
 *
 * The coupling problem is that of structured pruning (Fang et al. 2023, DepGraph) and of permutation specifications (Ainsworth
 * et al. 2023); here both come out of the graph.
 */
import { type Block, type ConvolutionOperation, type Network, type NetworkNode, type NodeOf, positions } from '../network/network.ts';

/** What one operation does to the channels of its input. */
export interface Passage {
  /** The channels of its value are those of its input; otherwise it gives new ones. */
  readonly keeps: boolean;
  /** Its input's channels may not move. */
  readonly pinsInput: boolean;
  /** Its value's channels may not move. */
  readonly pinsOutput: boolean;
}

export interface UnificationRules {
  /** For operations with one input; dense, convolution, add, concat and flatten are the same for every symmetry. */
  readonly passage: (node: NetworkNode) => Passage;
  /** What happens to a group of a grouped convolution: nothing; its inputs and outputs become one thing; they may not move. */
  readonly groupedConvolutions: 'free' | 'tied' | 'pinned';
}

export interface Unification {
  /** Per node, the group of each entry along the first axis of its value. Nodes may share one array. */
  readonly values: readonly Int32Array[];
  /** Groups are numbered 0 … groups − 1 in the order in which they first occur. */
  readonly groups: number;
  /** 1 for a group that may not move: it reaches the network's input or output, or an operation that pins it. */
  readonly pinned: Uint8Array;
}

export function unify(network: Network, { passage, groupedConvolutions }: UnificationRules): Unification {
  const ties = new Ties();
  const values: Int32Array[] = [];
  const uses = new BlockTies(ties);
  for (const node of network.nodes) {
    const from = node.inputs.map((input) => values[input]!);
    const value = valueOf(node, from, ties, passage);
    values.push(value);
    if (node.op === 'conv' && node.groups > 1) {
      if (groupedConvolutions === 'tied') tieGroups(node, from[0]!, value, ties);
      if (groupedConvolutions === 'pinned') for (const slots of [from[0]!, value]) slots.forEach((slot) => { ties.pin(slot); });
    }
    uses.add(node, from[0], value);
  }
  for (const slot of values[network.output]!) ties.pin(slot);
  return ties.number(values);
}

function valueOf(node: NetworkNode, from: readonly Int32Array[], ties: Ties, passage: UnificationRules['passage']): Int32Array {
  const first = from[0];
  switch (node.op) {
    case 'input':
      return ties.fresh(node.shape[0]!, true);
    case 'dense':
    case 'conv':
      return ties.fresh(node.shape[0]!, false);
    case 'concat':
      return Int32Array.from(from.flatMap((slots) => Array.from(slots)));
    case 'add':
      for (const other of from.slice(1)) other.forEach((slot, c) => { ties.join(slot, from[0]![c]!); });
      return from[0]!;
    case 'flatten': {
      const channels = from[0]!.length;
      const each = node.shape[0]! / channels;
      return Int32Array.from({ length: node.shape[0]! }, (_, i) => from[0]![node.order === 'channel-first' ? Math.floor(i / each) : i % channels]!);
    }
    default: {
      if (first === undefined) throw new RangeError(`node "${node.name}" has no input`);
      const { keeps, pinsInput, pinsOutput } = passage(node);
      if (pinsInput) first.forEach((slot) => { ties.pin(slot); });
      const value = keeps ? first : ties.fresh(first.length, false);
      if (pinsOutput) value.forEach((slot) => { ties.pin(slot); });
      return value;
    }
  }
}

function tieGroups({ groups }: ConvolutionOperation, from: Int32Array, to: Int32Array, ties: Ties): void {
  const inputs = from.length / groups;
  const outputs = to.length / groups;
  for (let g = 0; g < groups; g++) {
    for (let i = 1; i < inputs; i++) ties.join(from[g * inputs + i]!, from[g * inputs]!);
    for (let o = 0; o < outputs; o++) ties.join(to[g * outputs + o]!, from[g * inputs]!);
  }
}

/** A block that several nodes use moves with all of them. */
class BlockTies {
  readonly #ties: Ties;
  readonly #seen = new Map<Block, readonly Int32Array[]>();

  constructor(ties: Ties) {
    this.#ties = ties;
  }

  add(node: NetworkNode, from: Int32Array | undefined, value: Int32Array): void {
    if (from === undefined) return;
    switch (node.op) {
      case 'dense':
      case 'conv':
        this.#use(node.weight, [value, from]);
        this.#use(node.bias, [value]);
        return;
      case 'batchnorm':
        for (const block of [node.scale, node.shift, node.mean, node.variance]) this.#use(block, [value, from]);
        return;
      case 'layernorm': {
        const slots = layerNormSlots(node, value);
        this.#use(node.scale, [slots]);
        this.#use(node.shift, [slots]);
        return;
      }
      case 'prelu':
        // One slope for all channels moves with none.
        if (node.slope.length === value.length) this.#use(node.slope, [value]);
        return;
      default:
    }
  }

  #use(block: Block | undefined, axes: readonly Int32Array[]): void {
    if (block === undefined) return;
    const before = this.#seen.get(block);
    if (before === undefined) this.#seen.set(block, axes);
    else axes.forEach((slots, axis) => { slots.forEach((slot, i) => { this.#ties.join(slot, before[axis]![i]!); }); });
  }
}

/** Group of each entry of a layer normalisation's scale: one a channel, or, over all entries of the value, each channel's positions. */
export function layerNormSlots(node: NodeOf<'layernorm'>, channels: Int32Array): Int32Array {
  if (node.over === 'channels') return channels;
  const each = positions(node.shape);
  return each === 1 ? channels : Int32Array.from({ length: channels.length * each }, (_, i) => channels[Math.floor(i / each)]!);
}

/** Union–find with path halving; the smaller slot is the root, so that numbers do not depend on the order of joining. */
class Ties {
  readonly #parent: number[] = [];
  readonly #pins: number[] = [];

  fresh(count: number, pinned: boolean): Int32Array {
    const begin = this.#parent.length;
    const slots = Int32Array.from({ length: count }, (_, c) => begin + c);
    for (const slot of slots) this.#parent.push(slot);
    if (pinned) this.#pins.push(...slots);
    return slots;
  }

  join(a: number, b: number): void {
    const [p, q] = [this.#root(a), this.#root(b)];
    if (p < q) this.#parent[q] = p;
    else this.#parent[p] = q;
  }

  pin(slot: number): void {
    this.#pins.push(slot);
  }

  number(values: readonly Int32Array[]): Unification {
    const numbers = new Int32Array(this.#parent.length).fill(-1);
    const numbered = new Map<Int32Array, Int32Array>();
    let groups = 0;
    const result = values.map((slots) => {
      const known = numbered.get(slots);
      if (known !== undefined) return known;
      const own = slots.map((slot) => {
        const root = this.#root(slot);
        if (numbers[root] === -1) numbers[root] = groups++;
        return numbers[root]!;
      });
      numbered.set(slots, own);
      return own;
    });
    const pinned = new Uint8Array(groups);
    for (const slot of this.#pins) pinned[numbers[this.#root(slot)]!] = 1;
    return { values: result, groups, pinned };
  }

  #root(slot: number): number {
    const parent = this.#parent;
    let at = slot;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  }
}
