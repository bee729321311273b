/** What evaluating a network takes, for planning: numbers kept and multiplications made for one input. */
import { availableParallelism } from 'node:os';
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

/** What it takes to make a value entry by entry, in multiplications of a product. */
const PRODUCTS_A_VALUE = 25;
/** Seconds a multiplication, on one core of a small server, a weight that is brought to the engine, and one that is mixed of two there. */
const PRODUCT = 1 / 12.5e9;
const WEIGHT = 5e-9;
const MIXED_WEIGHT = 2e-9;

/** The work of one forward pass, in multiplications. */
export function workPerInput(network: Network): number {
  return productsPerInput(network) + PRODUCTS_A_VALUE * valuesPerInput(network);
}

/** About how long evaluating a network takes. */
export function forwardSeconds(network: Network, rows: number): number {
  return (rows * workPerInput(network) * PRODUCT) / Math.min(16, availableParallelism()) + network.parameters * WEIGHT;
}

/** The same for points of a line between two networks, both ends included. */
export function lineSeconds(network: Network, points: number, rows: number): number {
  return (points * rows * workPerInput(network) * PRODUCT) / Math.min(16, availableParallelism()) + network.parameters * (2 * WEIGHT + (points - 2) * MIXED_WEIGHT);
}

/** Multiplications of one forward pass; pulling back a cotangent or pushing a tangent takes about twice as many. */
export function productsPerInput(network: Network): number {
  return network.nodes.reduce((sum, node) => sum + (node.op === 'dense' || node.op === 'conv' ? node.weight.length * positions(node.shape) : valueSize(node.shape)), 0);
}
