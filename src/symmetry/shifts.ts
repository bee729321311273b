/**
 * Constants that one layer adds and others take away again: b_c ← b_c + δ_c for the channels of one layer, made up for wherever the
 * moved value arrives. Batch normalisation makes up in β (β − γ δ/√(v + ε) with the running statistics as they are), a linear
 * layer in its own bias (b − W δ; a convolution only without zero padding, which does not move). Where a sum joins two layers with
 * biases, one can give to the other.
 */
import { type Block, type Network, type NetworkNode, type NodeOf, positions } from '../network/network.ts';
import { sharedBlocks } from './linearMaps.ts';

export type BiasedNode = NodeOf<'dense'> | NodeOf<'conv'> | NodeOf<'batchnorm'> | NodeOf<'layernorm'>;

/** Entry to[k] of the value that `node` takes, or of the value it gives for `side` "output", moves by δ[from[k]]. */
export interface Absorber {
  readonly node: BiasedNode;
  readonly side: 'input' | 'output';
  readonly to: Int32Array;
  readonly from: Int32Array;
}

export interface BiasShift {
  readonly node: BiasedNode;
  /** Where δ is added: one entry a channel. */
  readonly bias: Block;
  readonly absorbers: readonly Absorber[];
  /** Who makes up for it: batch normalisations only; linear layers (and perhaps normalisations); the other operand of a sum. */
  readonly into: 'normalisation' | 'linear' | 'sum';
}

export function biasShifts(network: Network): readonly BiasShift[] {
  const shared = sharedBlocks(network);
  const consumers = network.nodes.map((): NetworkNode[] => []);
  for (const node of network.nodes) for (const input of node.inputs) consumers[input]!.push(node);
  const forward = new Map<number, BiasShift>();
  for (const node of network.nodes) {
    const bias = channelBias(node, shared);
    const absorbers = bias === undefined ? undefined : absorbersOf(network, node, shared);
    if (bias === undefined || absorbers === undefined) continue;
    forward.set(node.index, { ...bias, absorbers, into: absorbers.every((absorber) => absorber.node.op === 'batchnorm') ? 'normalisation' : 'linear' });
  }
  return [...forward.values(), ...sumShifts(network, shared, consumers, forward)].sort((a, b) => a.node.index - b.node.index);
}

/** The node and its bias, when that has one entry a channel and nobody else uses it. */
function channelBias(node: NetworkNode, shared: ReadonlySet<Block>): Pick<BiasShift, 'node' | 'bias'> | undefined {
  if (node.op !== 'dense' && node.op !== 'conv' && node.op !== 'batchnorm' && node.op !== 'layernorm') return undefined;
  const bias = node.op === 'dense' || node.op === 'conv' ? node.bias : node.shift;
  return bias === undefined || shared.has(bias) || bias.length !== node.shape[0] ? undefined : { node, bias };
}

/** One Int32Array for each way on which δ reaches a value: the source of each entry, −1 for none. */
type Moved = readonly Int32Array[];

function absorbersOf(network: Network, source: NetworkNode, shared: ReadonlySet<Block>): Absorber[] | undefined {
  if (source.index === network.output) return undefined;
  const moved = new Map<number, Moved>([[source.index, [Int32Array.from({ length: source.shape[0]! }, (_, c) => c)]]]);
  const absorbers: Absorber[] = [];
  for (const node of network.nodes.slice(source.index + 1)) {
    const inputs = node.inputs.map((input) => moved.get(input) ?? []);
    if (inputs.every((input) => input.length === 0)) continue;
    const through = passedOn(network, node, inputs);
    if (through !== undefined) {
      if (node.index === network.output) return undefined;
      moved.set(node.index, through);
      continue;
    }
    const own = channelBias(node, shared);
    const absorbs = own !== undefined && node.op !== 'layernorm' && (node.op !== 'conv' || node.padding.every(([before, after]) => before === 0 && after === 0));
    if (!absorbs) return undefined;
    const pairs = inputs.flat().flatMap((sources) => Array.from(sources, (from, to) => ({ from, to }))).filter(({ from }) => from >= 0);
    absorbers.push({ node: own.node, side: 'input', to: Int32Array.from(pairs, ({ to }) => to), from: Int32Array.from(pairs, ({ from }) => from) });
  }
  return absorbers;
}

/** How the shifts of its inputs show in its value, if as shifts. */
function passedOn(network: Network, node: NetworkNode, inputs: readonly Moved[]): Moved | undefined {
  switch (node.op) {
    case 'dropout':
    case 'maxpool':
    case 'globalmaxpool':
    case 'globalavgpool':
      return inputs[0];
    case 'avgpool':
      return node.countPadding && node.padding.some(([before, after]) => before + after > 0) ? undefined : inputs[0];
    case 'activation':
      return node.activation.name === 'linear' ? inputs[0] : undefined;
    case 'add':
      return inputs.flat();
    case 'concat': {
      const widths = node.inputs.map((input) => network.nodes[input]!.shape[0]!);
      return inputs.flatMap((ways, k) => ways.map((sources) => {
        const all = new Int32Array(node.shape[0]!).fill(-1);
        all.set(sources, widths.slice(0, k).reduce((sum, width) => sum + width, 0));
        return all;
      }));
    }
    case 'flatten': {
      const each = positions(network.nodes[node.inputs[0]!]!.shape);
      return inputs[0]!.map((sources) => Int32Array.from({ length: node.shape[0]! }, (_, i) => sources[node.order === 'channel-first' ? Math.floor(i / each) : i % sources.length]!));
    }
    default:
      return undefined;
  }
}

function sumShifts(network: Network, shared: ReadonlySet<Block>, consumers: readonly (readonly NetworkNode[])[], forward: ReadonlyMap<number, BiasShift>): BiasShift[] {
  /** The layer whose bias arrives at this value, and nowhere else, as it is. */
  const direct = (node: NetworkNode): Pick<BiasShift, 'node' | 'bias'> | undefined => {
    if (consumers[node.index]!.length !== 1 || node.index === network.output) return undefined;
    const own = channelBias(node, shared);
    if (own !== undefined) return own;
    const passes = node.op === 'dropout' || node.op === 'add' || (node.op === 'activation' && node.activation.name === 'linear');
    if (!passes) return undefined;
    return node.inputs.map((input) => direct(network.nodes[input]!)).find((found) => found !== undefined);
  };
  return network.nodes.flatMap((node): BiasShift[] => {
    if (node.op !== 'add') return [];
    const [base, ...others] = node.inputs.map((input) => direct(network.nodes[input]!)).filter((found) => found !== undefined);
    if (base === undefined) return [];
    return others.filter(({ node: { index } }) => !forward.has(index)).map((giver): BiasShift => {
      const channels = Int32Array.from({ length: giver.bias.length }, (_, c) => c);
      return { ...giver, absorbers: [{ node: base.node, side: 'output', to: channels, from: channels }], into: 'sum' };
    });
  });
}

/**
 * b ← b + δ with all that makes up for it, in place; the same for β̃ as for β.
 * @param delta one entry a channel
 */
export function shiftBias(state: Float64Array, shift: BiasShift, delta: Float64Array): void {
  for (let c = 0; c < delta.length; c++) state[shift.bias.offset + c]! += delta[c]!;
  for (const absorber of shift.absorbers) absorb(state, state, absorber, delta);
}

/** The bias in which a layer makes up for what arrives. */
export function absorbingBias({ node }: Absorber): Block | undefined {
  return node.op === 'dense' || node.op === 'conv' ? node.bias : node.shift;
}

/**
 * target ← target − what δ does at the absorber under the weights of `state`; with target = state the compensation, with target = 0 its derivative.
 * @param sizes one entry a channel of the absorber's bias: the magnitudes of all terms that are added there are added to it
 */
export function absorb(target: Float64Array, state: Float64Array, absorber: Absorber, delta: Float64Array, sizes?: Float64Array): void {
  const { node, side, to, from } = absorber;
  const bias = absorbingBias(absorber);
  if (bias === undefined) return;
  for (let k = 0; k < to.length; k++) {
    const by = delta[from[k]!]!;
    const at = to[k]!;
    if (by === 0) continue;
    if (side === 'input' && (node.op === 'dense' || node.op === 'conv')) {
      absorbLinear(target, state, node, bias, at, by, sizes);
      continue;
    }
    const factor = side === 'output' || node.op !== 'batchnorm' ? 1 : (node.scale === undefined ? 1 : state[node.scale.offset + at]!) / Math.sqrt(state[node.variance.offset + at]! + node.epsilon);
    target[bias.offset + at]! -= by * factor;
    if (sizes !== undefined) sizes[at]! += Math.abs(by * factor);
  }
}

function absorbLinear(target: Float64Array, state: Float64Array, node: NodeOf<'dense'> | NodeOf<'conv'>, bias: Block, channel: number, by: number, sizes: Float64Array | undefined): void {
  const [rows, columns] = [node.weight.shape[0]!, node.weight.shape[1]!];
  const inner = node.weight.length / (rows * columns);
  const perGroup = rows / (node.op === 'conv' ? node.groups : 1);
  const group = Math.floor(channel / columns);
  for (let o = group * perGroup; o < (group + 1) * perGroup; o++) {
    const begin = node.weight.offset + (o * columns + (channel - group * columns)) * inner;
    let sum = 0;
    let size = 0;
    for (let b = begin; b < begin + inner; b++) {
      sum += state[b]!;
      size += Math.abs(state[b]!);
    }
    target[bias.offset + o]! -= by * sum;
    if (sizes !== undefined) sizes[o]! += Math.abs(by) * size;
  }
}
