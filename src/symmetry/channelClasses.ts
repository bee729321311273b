/**
 * Channel classes: sets of interchangeable units (hidden channels of a network), each with every place in the state vector w where
 * its units occur. Reordering the units of a class at all of these places leaves the function as it is; so the permutation
 * symmetry of a network is the product of the symmetric groups of its classes, derived from the graph and never typed in.
 *
 * Two units belong to one class when the same tensors' axes mention them equally often. A unit occurs several times along an axis where a
 * flattened channel becomes H·W columns, or where a value is joined to itself.
 *
 * Grouped convolutions restrict the order: channels move within their group, and whole groups, inputs and outputs together, move as units
 * of a class of their own (a wreath product). A depthwise convolution has one input a group: its inputs and outputs are one class.
 */
import { type Block, blocksOf, type Network } from '../network/network.ts';
import { layerNormSlots, type Passage, type Unification, unify } from './unification.ts';

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
  /** For people: the layer that produces its units first, "layer1.0.conv2"; with the group for units within one. */
  readonly name: string;
  /** n. */
  readonly units: number;
  /** In the order of the nodes, each block axis once. */
  readonly uses: readonly AxisUse[];
  /** Whether a unit is a whole group of a grouped convolution, or a channel. */
  readonly kind: 'channels' | 'groups';
}

const keeps: Passage = { keeps: true, pinsInput: false, pinsOutput: false };

/** The classes of a network, in the order of their first producers. Classes of one unit are listed too. */
export function channelClasses(network: Network): readonly ChannelClass[] {
  const axes = blockAxes(network);
  const whole = unify(network, { passage: () => keeps, tiesGroups: true });
  const grouped = network.nodes.filter((node) => node.op === 'conv').filter(({ groups }) => groups > 1);
  // The columns of a grouped convolution move with its rows when whole groups move.
  let drafts = classesOf(network, whole, axes.filter(({ groups }) => groups === 1), 'channels');
  if (grouped.length > 0) {
    const touched = new Set(grouped.flatMap((node) => Array.from(whole.values[node.index]!)));
    drafts = drafts.map((draft) => (touched.has(draft.members[0]!) ? { ...draft, kind: 'groups' as const } : draft)).filter(({ kind, units }) => kind === 'channels' || units > 1);
    const fine = unify(network, { passage: () => keeps, tiesGroups: false });
    const groupOf = new Int32Array(fine.groups);
    fine.values.forEach((slots, node) => { slots.forEach((slot, c) => { groupOf[slot] = whole.values[node]![c]!; }); });
    const within = classesOf(network, fine, axes, 'within').filter(({ units, members }) => units > 1 && touched.has(groupOf[members[0]!]!));
    drafts = [...within, ...drafts].sort((a, b) => firstNode(a) - firstNode(b));
  }
  return drafts.map(({ name, units, uses, kind }, index) => ({ index, name, units, uses, kind }));
}

function firstNode({ uses }: Draft): number {
  return uses.find(({ role }) => role !== 'consumer')?.node ?? 0;
}

/** A class, with the groups of the unification that are its units. */
type Draft = Omit<ChannelClass, 'index'> & { readonly members: readonly number[] };

/** Every axis of every block that runs along channels, in the order of the nodes. A block that several nodes use is listed once. */
function blockAxes(network: Network): BlockAxis[] {
  const seen = new Set<Block>();
  const axes: BlockAxis[] = [];
  const add = (axis: BlockAxis): void => {
    if (seen.has(axis.block)) return;
    axes.push(axis);
  };
  for (const node of network.nodes) {
    const whole = (block: Block, role: 'producer' | 'elementwise', length = block.length): BlockAxis => ({ block, axis: 0, outer: 1, length, inner: block.length / length, groups: 1, role, node: node.index });
    switch (node.op) {
      case 'dense':
      case 'conv': {
        const { weight, bias } = node;
        const [rows, columns] = [weight.shape[0]!, weight.shape[1]!];
        add({ ...whole(weight, 'producer'), role: 'consumer', axis: 1, outer: rows, length: columns, inner: weight.length / (rows * columns), groups: node.op === 'conv' ? node.groups : 1 });
        add(whole(weight, 'producer', rows));
        if (bias !== undefined) add(whole(bias, 'producer'));
        break;
      }
      case 'batchnorm':
      case 'layernorm':
        for (const block of blocksOf(node)) add(whole(block, 'elementwise'));
        break;
      case 'prelu':
        // One slope for all channels moves with none.
        if (node.slope.length === node.shape[0]) add(whole(node.slope, 'elementwise'));
        break;
      default:
    }
    for (const block of blocksOf(node)) seen.add(block);
  }
  return axes;
}

/** Group of each index along a block's axis. */
function groupsAlong({ axis, node: index }: BlockAxis, network: Network, { values }: Unification): Int32Array {
  const node = network.nodes[index]!;
  if (axis === 1) return values[node.inputs[0]!]!;
  return node.op === 'layernorm' ? layerNormSlots(node, values[index]!) : values[index]!;
}

/**
 * Groups that may move, put together when every value and every axis mentions them equally often; `within`, also when they lie in the same group
 * of every grouped convolution.
 */
function classesOf(network: Network, unification: Unification, axes: readonly BlockAxis[], of: 'channels' | 'within'): Draft[] {
  const { values, groups, pinned } = unification;
  const along = axes.map((axis) => groupsAlong(axis, network, unification));
  const colours = new Colours(groups);
  for (const slots of new Set([...values, ...along])) colours.refine((visit) => { slots.forEach((group) => { visit(group, 1); }); });
  if (of === 'within') {
    for (const node of network.nodes) {
      if (node.op !== 'conv' || node.groups === 1) continue;
      for (const slots of [values[node.inputs[0]!]!, values[node.index]!]) {
        colours.refine((visit) => { slots.forEach((group, c) => { visit(group, 1 + Math.floor((c * node.groups) / slots.length)); }); });
      }
    }
  }
  const unitOf = new Int32Array(groups).fill(-1);
  return colours.cells((group) => pinned[group] === 0).map((members): Draft => {
    members.forEach((group, unit) => { unitOf[group] = unit; });
    const uses = axes.flatMap((axis, a): AxisUse[] => {
      const found = membersAlong(along[a]!, unitOf, members.length);
      return found === undefined ? [] : [{ ...axis, ...found }];
    });
    for (const group of members) unitOf[group] = -1;
    const producer = uses.find(({ role }) => role !== 'consumer') ?? uses[0];
    const layer = network.nodes[producer?.node ?? 0]!.name;
    const range = of === 'within' && producer !== undefined ? `[${producer.members[0]!}…${producer.members[producer.members.length - 1]!}]` : '';
    return { members, uses, units: members.length, kind: 'channels', name: `${layer}${range}` };
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

  /** Tells apart groups with different sequences of labels. */
  refine(labels: (visit: (group: number, label: number) => void) => void): void {
    const seen = new Map<number, string>();
    labels((group, label) => { seen.set(group, `${seen.get(group) ?? ''},${label}`); });
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
