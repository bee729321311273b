/**
 * What scaling and sign symmetries act on, the same for every layer: a linear map y_o = Σ_i W[o, i] x_i + b_o from groups of entries to
 * groups of entries. With each group r divided by its own number d_r, W[o, i] becomes W[o, i] d_i / d_o and b_o becomes b_o / d_o.
 * Dense layers and convolutions are such maps; a normalisation's γ is a diagonal one with bias β.
 *
 * For batch normalisation that needs its shift in the form in which it scales, β̃ = β − γ μ/√(v + ε): then
 * y = γ/√(v + ε) · x + β̃ with the running statistics as they are, exact for any ε.
 */
import { type Block, type Network, type NetworkNode, type NodeOf } from '../network/network.ts';
import { layerNormSlots, type Passage, type Unification, type UnificationRules, unify } from './unification.ts';
import { type AlongGroups, type BlockAxis, type ChannelClass, numbered, unitClasses } from './unitClasses.ts';

export interface LinearMap {
  readonly node: number;
  /** rows × columns × inner entries, row-major. */
  readonly block: Block;
  /** b or β, one entry a row. */
  readonly bias: Block | undefined;
  readonly rows: number;
  /** Inputs of one group. */
  readonly columns: number;
  /** Row o belongs to group ⌊o · groups / rows⌋ and reads that group's columns. A diagonal map has as many groups as rows. */
  readonly groups: number;
  /** Entries that share row and column: the kernel's positions. */
  readonly inner: number;
  /** Group of the unification of each row. */
  readonly rowGroups: Int32Array;
  /** Group of the unification of each input, groups × columns. */
  readonly columnGroups: Int32Array;
}

export interface GroupedMaps {
  readonly unification: Unification;
  /** In the order of the nodes; a block that several nodes use is listed once. */
  readonly maps: readonly LinearMap[];
  /** The groups that may move, as classes of units that move alike; rows are `producer` uses, columns `consumer` uses. */
  readonly classes: readonly ChannelClass[];
}

/** Groups that may be divided by any d > 0: along positively homogeneous paths. Normalisation gives its output a scale of its own. */
export function scaledMaps(network: Network): GroupedMaps {
  return groupedMaps(network, (node) => node.op === 'activation' ? node.activation.positivelyHomogeneous : true);
}

/** Groups whose sign may change: along odd paths. The maximum is not odd. */
export function signedMaps(network: Network): GroupedMaps {
  return groupedMaps(network, (node) => node.op === 'activation' ? node.activation.odd : node.op !== 'prelu' && node.op !== 'maxpool' && node.op !== 'globalmaxpool');
}

/** Classes of units that any invertible matrix may mix: nothing but linear operations, the same for all channels, along their paths. */
export function mixedClasses(network: Network): readonly ChannelClass[] {
  const linear = (node: NetworkNode): boolean => node.op === 'avgpool' || node.op === 'globalavgpool' || node.op === 'dropout' || (node.op === 'activation' && node.activation.name === 'linear');
  const unification = unify(network, { passage: (node) => (linear(node) ? KEEPS : PINS), groupedConvolutions: 'pinned' });
  const shared = sharedBlocks(network);
  const maps = linearMaps(network, unification);
  return numbered(unitClasses(network, unification, axesOf(maps))).filter(({ uses }) => {
    const producers = uses.filter(({ role }) => role === 'producer');
    const rows = new Set(producers.map(({ block }) => block));
    // A map within one class would be mixed from both sides.
    return producers.every(({ multiplicity }) => multiplicity === 1) && uses.every(({ block, role }) => !shared.has(block) && (role === 'producer' || !rows.has(block)));
  });
}

const KEEPS: Passage = { keeps: true, pinsInput: false, pinsOutput: false };
const PINS: Passage = { keeps: true, pinsInput: true, pinsOutput: true };

function groupedMaps(network: Network, keeps: (node: NetworkNode) => boolean): GroupedMaps {
  const shared = sharedBlocks(network);
  const passage: UnificationRules['passage'] = (node) => {
    switch (node.op) {
      case 'batchnorm':
        // Without γ and β, or when other statistics share them, nothing makes up for another scale before it.
        return { keeps: false, pinsInput: node.scale === undefined || node.shift === undefined || shared.has(node.scale) || shared.has(node.shift), pinsOutput: node.scale === undefined };
      case 'layernorm':
        // What it divides by has ε in it, so that it does not divide out exactly.
        return { keeps: false, pinsInput: true, pinsOutput: node.scale === undefined };
      default:
        return keeps(node) ? KEEPS : PINS;
    }
  };
  const unification = unify(network, { passage, groupedConvolutions: 'free' });
  const maps = linearMaps(network, unification);
  return { unification, maps, classes: numbered(unitClasses(network, unification, axesOf(maps))) };
}

/** Blocks that more than one node uses. */
export function sharedBlocks(network: Network): ReadonlySet<Block> {
  const seen = new Set<Block>();
  const shared = new Set<Block>();
  for (const node of network.nodes) {
    for (const block of weightAndBias(node)) {
      if (seen.has(block)) shared.add(block);
      seen.add(block);
    }
  }
  return shared;
}

function weightAndBias(node: NetworkNode): readonly Block[] {
  const blocks = node.op === 'dense' || node.op === 'conv' ? [node.weight, node.bias] : node.op === 'batchnorm' || node.op === 'layernorm' ? [node.scale, node.shift] : [];
  return blocks.filter((block) => block !== undefined);
}

function linearMaps(network: Network, { values }: Unification): readonly LinearMap[] {
  const seen = new Set<Block>();
  return network.nodes.flatMap((node): LinearMap[] => {
    const rowsOf = values[node.index]!;
    const from = node.inputs[0];
    const columnsOf = from === undefined ? rowsOf : values[from]!;
    const map = mapOf(node, rowsOf, columnsOf);
    if (map === undefined || seen.has(map.block)) return [];
    const bias = map.bias !== undefined && seen.has(map.bias) ? undefined : map.bias;
    seen.add(map.block);
    if (bias !== undefined) seen.add(bias);
    return [{ ...map, bias }];
  });
}

function mapOf(node: NetworkNode, rowGroups: Int32Array, columnGroups: Int32Array): LinearMap | undefined {
  switch (node.op) {
    case 'dense':
    case 'conv': {
      const [rows, columns] = [node.weight.shape[0]!, node.weight.shape[1]!];
      return { node: node.index, block: node.weight, bias: node.bias, rows, columns, groups: node.op === 'conv' ? node.groups : 1, inner: node.weight.length / (rows * columns), rowGroups, columnGroups };
    }
    case 'batchnorm':
      return node.scale === undefined ? undefined : diagonal(node.index, node.scale, node.shift, rowGroups, columnGroups);
    case 'layernorm':
      return node.scale === undefined ? undefined : diagonal(node.index, node.scale, node.shift, layerNormSlots(node, rowGroups), layerNormSlots(node, columnGroups));
    default:
      return undefined;
  }
}

function diagonal(node: number, block: Block, bias: Block | undefined, rowGroups: Int32Array, columnGroups: Int32Array): LinearMap {
  return { node, block, bias, rows: block.length, columns: 1, groups: block.length, inner: 1, rowGroups, columnGroups };
}

function axesOf(maps: readonly LinearMap[]): AlongGroups[] {
  return maps.flatMap(({ node, block, bias, rows, columns, groups, inner, rowGroups, columnGroups }): AlongGroups[] => {
    const row = (entries: Block, width: number): BlockAxis => ({ block: entries, axis: 0, outer: 1, length: rows, inner: width, groups: 1, role: 'producer', node });
    return [
      { axis: { block, axis: 1, outer: rows, length: columns, inner, groups, role: 'consumer', node }, along: columnGroups },
      { axis: row(block, columns * inner), along: rowGroups },
      ...(bias === undefined ? [] : [{ axis: row(bias, 1), along: rowGroups }]),
    ];
  });
}

/** Divides a unit's rows by s and multiplies its columns by s, in place: the scaling symmetry for s > 0, the sign symmetry for s = −1. */
export function divideUnit(state: Float64Array, { uses }: ChannelClass, unit: number, s: number): void {
  for (const use of uses) {
    const { block, outer, length, inner, groups, members, multiplicity, role } = use;
    const rows = outer / groups;
    for (let m = unit * multiplicity; m < (unit + 1) * multiplicity; m++) {
      const index = members[m]!;
      const group = groups === 1 ? 0 : Math.floor(index / length);
      let at = block.offset + (group * rows * length + index - group * length) * inner;
      for (let a = 0; a < rows; a++, at += length * inner) {
        if (role === 'consumer') for (let b = at; b < at + inner; b++) state[b]! *= s;
        else for (let b = at; b < at + inner; b++) state[b]! /= s;
      }
    }
  }
}

/** The batch normalisations whose β enters as β̃. */
export function normalisedShifts(network: Network): readonly NodeOf<'batchnorm'>[] {
  const shared = sharedBlocks(network);
  return network.nodes.filter((node) => node.op === 'batchnorm').filter(({ scale, shift }) => scale !== undefined && shift !== undefined && !shared.has(scale) && !shared.has(shift));
}

/**
 * β ← β ∓ γ μ/√(v + ε), in place: from β to β̃ with `sign` −1, back with +1.
 * @param target w itself, or a tangent vector
 * @param state where the running statistics are
 */
export function moveShifts(target: Float64Array, state: Float64Array, nodes: readonly NodeOf<'batchnorm'>[], sign: 1 | -1): void {
  for (const { scale, shift, mean, variance, epsilon } of nodes) {
    if (scale === undefined || shift === undefined) continue;
    for (let c = 0; c < shift.length; c++) {
      const before = target[shift.offset + c]!;
      target[shift.offset + c] = cleared(before + (sign * target[scale.offset + c]! * state[mean.offset + c]!) / Math.sqrt(state[variance.offset + c]! + epsilon), before);
    }
  }
}

/** A sum that cancels but for rounding is zero, so that ties with zero are seen. @param term one of the two that were added up */
export function cleared(sum: number, term: number): number {
  return Math.abs(sum) <= 64 * Number.EPSILON * Math.abs(term) ? 0 : sum;
}
