/**
 * The weights of a network's convolutions in the engine's memory, in the order in which they are multiplied. Bringing and packing them takes as
 * long as a few inputs; so they are packed once where several passes share a state, and on the straight line between two
 * states they are mixed as they lie packed.
 */
import { packedDoubles, packWeights, type WindowedShape } from '../linalg/engine/convolution.ts';
import type { Scope } from '../linalg/engine/engine.ts';
import { blockValues, type Network, type NodeOf } from './network.ts';

/**
 * Address of a convolution's packed weights, good until the next call. They are the same for pictures of every size, so that networks with
 * smaller inputs may share them.
 */
export type PackedWeights = (node: NodeOf<'conv'>, shape: WindowedShape) => number;

/** Doubles beyond which weights are packed anew each time. */
const KEPT_WEIGHTS = 2 ** 27;

/** Whether the packed weights of so many states may lie in the engine's memory. */
export function mayBeHeld(network: Network, states: number): boolean {
  return states * network.nodes.reduce((sum, node) => sum + (node.op === 'conv' ? node.weight.length : 0), 0) <= KEPT_WEIGHTS;
}

/** Each is packed when it is first asked for, and stays. */
export function heldWeights(scope: Scope, state: Float64Array): PackedWeights {
  const raw = place(scope);
  const held = new Map<number, number>();
  return (node, shape) => {
    const present = held.get(node.index);
    if (present !== undefined) return present;
    const packed = scope.allocate(packedDoubles(shape));
    pack(scope, state, node, shape, raw, packed);
    held.set(node.index, packed);
    return packed;
  };
}

/** Each is packed whenever it is asked for, over the one before. */
export function passingWeights(scope: Scope, state: Float64Array): PackedWeights {
  const [raw, packed] = [place(scope), place(scope)];
  return (node, shape) => {
    const address = packed(packedDoubles(shape));
    pack(scope, state, node, shape, raw, address);
    return address;
  };
}

/** a + t (b − a), t being asked for each time. */
export function mixedWeights(scope: Scope, a: PackedWeights, b: PackedWeights, share: () => number): PackedWeights {
  const mixed = place(scope);
  return (node, shape) => {
    const count = packedDoubles(shape);
    const address = mixed(count);
    scope.kernels.mix(scope.threads, a(node, shape), b(node, shape), share(), count, address);
    return address;
  };
}

function pack(scope: Scope, state: Float64Array, { weight }: NodeOf<'conv'>, shape: WindowedShape, raw: Place, packed: number): void {
  const address = raw(weight.length);
  scope.view(address, weight.length).set(blockValues(state, weight));
  packWeights(scope, shape, address, packed);
}

/** Room for the largest of what is held one after another. */
type Place = (count: number) => number;

function place(scope: Scope): Place {
  let [address, room] = [0, 0];
  return (count) => {
    if (count > room) [address, room] = [scope.allocate(count), count];
    return address;
  };
}
