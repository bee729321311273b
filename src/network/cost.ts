/** What evaluating a network takes, for planning: numbers kept and multiplications made for one input. */
import { positions, type Network, valueSize } from './network.ts';

/** Numbers that one input's values take, all nodes together. */
export function valuesPerInput(network: Network): number {
  return network.nodes.reduce((sum, { shape }) => sum + valueSize(shape), 0);
}

/** Multiplications of one forward pass; pulling back a cotangent or pushing a tangent takes about twice as many. */
export function productsPerInput(network: Network): number {
  return network.nodes.reduce((sum, node) => sum + (node.op === 'dense' || node.op === 'conv' ? node.weight.length * positions(node.shape) : valueSize(node.shape)), 0);
}
