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
import { type BlockAxis, type ChannelClass, numbered, unitClasses } from './unitClasses.ts';

export type { ChannelClass } from './unitClasses.ts';

const keeps: Passage = { keeps: true, pinsInput: false, pinsOutput: false };

/** The classes of a network, in the order of their first producers. Classes of one unit are listed too. */
export function channelClasses(network: Network): readonly ChannelClass[] {
  const axes = blockAxes(network);
  const along = (unification: Unification, chosen: readonly BlockAxis[]) => chosen.map((axis) => ({ axis, along: groupsAlong(axis, network, unification) }));
  const whole = unify(network, { passage: () => keeps, groupedConvolutions: 'tied' });
  const grouped = network.nodes.filter((node) => node.op === 'conv').filter(({ groups }) => groups > 1);
  // The columns of a grouped convolution move with its rows when whole groups move.
  let drafts = unitClasses(network, whole, along(whole, axes.filter(({ groups }) => groups === 1)));
  if (grouped.length > 0) {
    const touched = new Set(grouped.flatMap((node) => Array.from(whole.values[node.index]!)));
    drafts = drafts.map((draft) => (touched.has(draft.members[0]!) ? { ...draft, kind: 'groups' as const } : draft)).filter(({ kind, units }) => kind === 'channels' || units > 1);
    const fine = unify(network, { passage: () => keeps, groupedConvolutions: 'free' });
    const groupOf = new Int32Array(fine.groups);
    fine.values.forEach((slots, node) => { slots.forEach((slot, c) => { groupOf[slot] = whole.values[node]![c]!; }); });
    const within = unitClasses(network, fine, along(fine, axes), 'within').filter(({ units, members }) => units > 1 && touched.has(groupOf[members[0]!]!));
    drafts = [...within, ...drafts];
  }
  return numbered(drafts);
}

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
