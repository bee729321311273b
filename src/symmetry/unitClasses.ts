/**
 * Classes of units that move alike, whatever the symmetry: groups of a unification are told apart by where the tensors' axes mention them,
 * and those that nothing tells apart are the units of one class.
 */
import type { Block, Network } from '../network/network.ts';
import type { Unification } from './unification.ts';

/** The entries of a block that mention units: along one axis, `length` indices, each with outer × inner entries. */
export interface BlockAxis {
  readonly block: Block;
  /** 0: a weight's rows (outputs), or the entries of a bias or scale; 1: a weight's columns (inputs). */
  readonly axis: 0 | 1;
  /**
   * Entry (a, i, b) of index i is w[block.offset + (a · length + i) · inner + b]. In the columns of a convolution with G groups the index
   * counts the channels of its input, g · length + i, and only the rows a of group g mention it.
   */
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** G for the columns of a grouped convolution, otherwise 1. */
  readonly groups: number;
  /** `producer`: a row of a linear map, weight or bias; `consumer`: a column; `elementwise`: a normalisation's or PReLU's entry. */
  readonly role: 'producer' | 'consumer' | 'elementwise';
  /** The first node that uses the block. */
  readonly node: number;
}

export interface AxisUse extends BlockAxis {
  /** Indices along the axis that one unit has. */
  readonly multiplicity: number;
  /** members[unit · multiplicity + m]: index m of a unit; ascending in m. */
  readonly members: Int32Array;
}

export interface ChannelClass {
  /** Position in the list of classes. */
  readonly index: number;
  /** For people: the layer that produces its units first, "layer1.0.conv2"; with the range of units for those within a group. */
  readonly name: string;
  /** n. */
  readonly units: number;
  /** In the order of the nodes, each block axis once. */
  readonly uses: readonly AxisUse[];
  /** Whether a unit is a whole group of a grouped convolution, or a channel. */
  readonly kind: 'channels' | 'groups';
}

/** An axis, with the group of each of its indices. */
export interface AlongGroups {
  readonly axis: BlockAxis;
  readonly along: Int32Array;
}

/** A class before it has its place, with the groups of the unification that are its units. */
export type Draft = Omit<ChannelClass, 'index'> & { readonly members: readonly number[] };

/**
 * Groups that may move, put together when every value and every axis mentions them equally often; `within`, also when they lie in the same group
 * of every grouped convolution.
 */
export function unitClasses(network: Network, unification: Unification, axes: readonly AlongGroups[], of: 'channels' | 'within' = 'channels'): Draft[] {
  const { values, groups, pinned } = unification;
  const colours = new Colours(groups);
  for (const slots of new Set([...values, ...axes.map(({ along }) => along)])) colours.refineByCount(slots);
  if (of === 'within') {
    for (const node of network.nodes) {
      if (node.op !== 'conv' || node.groups === 1) continue;
      for (const slots of [values[node.inputs[0]!]!, values[node.index]!]) {
        colours.refineByLabels(slots, (c) => Math.floor((c * node.groups) / slots.length));
      }
    }
  }
  const unitOf = new Int32Array(groups).fill(-1);
  return colours.cells((group) => pinned[group] === 0).map((members): Draft => {
    members.forEach((group, unit) => { unitOf[group] = unit; });
    const uses = axes.flatMap(({ axis, along }): AxisUse[] => {
      const found = membersAlong(along, unitOf, members.length);
      return found === undefined ? [] : [{ ...axis, ...found }];
    });
    for (const group of members) unitOf[group] = -1;
    const producer = uses.find(({ role }) => role !== 'consumer') ?? uses[0];
    const layer = network.nodes[producer?.node ?? 0]!.name;
    return { members, uses, units: members.length, kind: 'channels', name: of === 'within' ? `${layer}${rangeOf(uses)}` : layer };
  });
}

/** The node that produces a class first. */
export function firstProducer({ uses }: Pick<ChannelClass, 'uses'>): number {
  return uses.find(({ role }) => role !== 'consumer')?.node ?? 0;
}

/** In the order of their first producers. Classes that begin in one layer are told apart by their range in it. */
export function numbered(drafts: readonly Draft[]): readonly ChannelClass[] {
  const sorted = [...drafts].sort((a, b) => firstProducer(a) - firstProducer(b));
  const names = new Map<string, number>();
  for (const { name } of sorted) names.set(name, (names.get(name) ?? 0) + 1);
  return sorted.map(({ name, units, uses, kind }, index) => ({ index, name: (names.get(name) ?? 0) > 1 ? `${name}${rangeOf(uses)}` : name, units, uses, kind }));
}

function rangeOf(uses: readonly AxisUse[]): string {
  const producer = uses.find(({ role }) => role !== 'consumer') ?? uses[0];
  return producer === undefined ? '' : `[${producer.members[0]!}…${producer.members[producer.members.length - 1]!}]`;
}

/** Where each unit's members begin in the state vector, as `members`; the entries of one member follow at a · length · inner + b. */
export function memberStarts({ block, outer, length, inner, groups, members }: AxisUse): Int32Array {
  return members.map((index) => {
    const group = groups === 1 ? 0 : Math.floor(index / length);
    return block.offset + ((group * outer * length) / groups + index - group * length) * inner;
  });
}

/** Indices of each unit along an axis, ascending; undefined when the axis does not mention them. */
function membersAlong(along: Int32Array, unitOf: Int32Array, units: number): Pick<AxisUse, 'members' | 'multiplicity'> | undefined {
  let count = 0;
  for (const group of along) if (unitOf[group]! >= 0) count++;
  if (count === 0) return undefined;
  const multiplicity = count / units;
  const members = new Int32Array(count);
  const filled = new Int32Array(units);
  along.forEach((group, index) => {
    const unit = unitOf[group]!;
    if (unit >= 0) members[unit * multiplicity + filled[unit]!++] = index;
  });
  return { multiplicity, members };
}

/** A partition of groups under refinement by what they are seen to have. */
class Colours {
  #colour: Int32Array;

  constructor(size: number) {
    this.#colour = new Int32Array(size);
  }

  /** Tells apart groups that an axis mentions unequally often. */
  refineByCount(along: Int32Array): void {
    const counts = new Int32Array(this.#colour.length);
    let most = 0;
    for (const group of along) most = Math.max(most, ++counts[group]!);
    const numbers = new Map<number, number>();
    for (let group = 0; group < counts.length; group++) {
      const key = this.#colour[group]! * (most + 1) + counts[group]!;
      let number = numbers.get(key);
      if (number === undefined) numbers.set(key, number = numbers.size);
      this.#colour[group] = number;
    }
  }

  /** Tells apart groups whose entries along an axis have other labels. */
  refineByLabels(along: Int32Array, label: (entry: number) => number): void {
    const seen = new Map<number, string>();
    along.forEach((group, entry) => { seen.set(group, `${seen.get(group) ?? ''},${label(entry)}`); });
    const numbers = new Map<string, number>();
    this.#colour = this.#colour.map((colour, group) => {
      const key = `${colour}:${seen.get(group) ?? ''}`;
      const known = numbers.get(key) ?? numbers.size;
      numbers.set(key, known);
      return known;
    });
  }

  /** The cells of the chosen groups, by first member; members ascend. */
  cells(chosen: (group: number) => boolean): number[][] {
    const cells = new Map<number, number[]>();
    this.#colour.forEach((colour, group) => {
      if (!chosen(group)) return;
      const cell = cells.get(colour);
      if (cell === undefined) cells.set(colour, [group]);
      else cell.push(group);
    });
    return [...cells.values()];
  }
}
