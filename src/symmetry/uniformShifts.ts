/**
 * Shifts that are the same for all channels at a place, W ← W + 1 tᵀ and b ← b + c 1: what centres a layer normalisation's input
 * subtracts, and what softmax does not see of its logits.
 */
import { type Block, type Network, type NetworkNode, positions } from '../network/network.ts';
import { sharedBlocks } from './linearMaps.ts';

export interface UniformShift {
  readonly node: NetworkNode;
  readonly into: 'layernorm' | 'output';
  /** rows × width; undefined where the rows see different inputs. */
  readonly weight: { readonly block: Block; readonly rows: number; readonly width: number } | undefined;
  readonly bias: Block | undefined;
}

/** @param output whether the network's output, a vector of logits, is one that does not see such shifts */
export function uniformShifts(network: Network, output: boolean): readonly UniformShift[] {
  const shared = sharedBlocks(network);
  return network.nodes.flatMap((node): UniformShift[] => {
    const owned = ownBlocks(node, shared);
    if (owned === undefined) return [];
    const into = destination(network, node, output);
    return into === undefined ? [] : [{ node, into, ...owned }];
  });
}

function ownBlocks(node: NetworkNode, shared: ReadonlySet<Block>): Pick<UniformShift, 'weight' | 'bias'> | undefined {
  const own = (block: Block | undefined): Block | undefined => (block === undefined || shared.has(block) ? undefined : block);
  switch (node.op) {
    case 'dense':
    case 'conv': {
      const block = node.op === 'conv' && node.groups > 1 ? undefined : own(node.weight);
      const rows = node.weight.shape[0]!;
      const weight = block === undefined ? undefined : { block, rows, width: block.length / rows };
      const bias = own(node.bias);
      return weight === undefined && bias === undefined ? undefined : { weight, bias };
    }
    case 'batchnorm':
    case 'layernorm': {
      const bias = own(node.shift);
      return bias === undefined ? undefined : { weight: undefined, bias };
    }
    default:
      return undefined;
  }
}

/** Where the shift of a node's value ends without a trace, if it does everywhere. */
function destination(network: Network, source: NetworkNode, output: boolean): UniformShift['into'] | undefined {
  const moved = new Set([source.index]);
  let into: UniformShift['into'] = 'layernorm';
  for (const node of network.nodes.slice(source.index)) {
    const fromMoved = node === source || node.inputs.some((input) => moved.has(input));
    if (!fromMoved) continue;
    if (node !== source) {
      const passes = node.op === 'dropout' || node.op === 'add' || node.op === 'avgpool' || node.op === 'globalavgpool' || (node.op === 'activation' && node.activation.name === 'linear');
      const flat = node.op === 'flatten' && positions(network.nodes[node.inputs[0]!]!.shape) === 1;
      if (node.op === 'layernorm' && node.centred && (node.over === 'channels' || positions(node.shape) === 1)) continue;
      if (!passes && !flat) return undefined;
      moved.add(node.index);
    }
    if (node.index !== network.output) continue;
    if (!output || positions(node.shape) !== 1) return undefined;
    into = 'output';
  }
  return into;
}
