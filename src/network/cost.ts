/** What evaluating a network takes, for planning: numbers kept and multiplications made for one input. */
import { positions, type Network, valueSize } from './network.ts';

/** Numbers that one input's values take, all nodes together. */
export function valuesPerInput(network: Network): number {
  return network.nodes.reduce((sum, { shape }) => sum + valueSize(shape), 0);
}

/** Numbers that are in use at once for one input when values are forgotten behind their last reader. */
export function liveValuesPerInput({ nodes, output }: Network): number {
  const lastUse = new Int32Array(nodes.length);
  for (const node of nodes) for (const input of node.inputs) lastUse[input] = node.index;
  lastUse[output] = nodes.length;
  let live = 0;
  let most = 0;
  for (const node of nodes) {
    live += valueSize(node.shape);
    most = Math.max(most, live);
    for (const input of new Set(node.inputs)) if (lastUse[input] === node.index) live -= valueSize(nodes[input]!.shape);
  }
  return most;
}

/** Multiplications of one forward pass; pulling back a cotangent or pushing a tangent takes about twice as many. */
export function productsPerInput(network: Network): number {
  return network.nodes.reduce((sum, node) => sum + (node.op === 'dense' || node.op === 'conv' ? node.weight.length * positions(node.shape) : valueSize(node.shape)), 0);
}
