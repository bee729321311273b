/** A network as the chain of dense layers that it is, for analyses that take these only. θ has the same layout. */
import { LINEAR } from './activation.ts';
import { denseChain, type DenseChain, type DenseLayerShape } from './denseChain.ts';
import type { Network } from './network.ts';

/** Undefined when the network has other layers, ties weights, or is no chain. */
export function denseChainOf(network: Network): DenseChain | undefined {
  const layers: DenseLayerShape[] = [];
  for (const node of network.nodes.slice(1)) {
    if (node.inputs.length !== 1 || node.inputs[0] !== node.index - 1) return undefined;
    if (node.op === 'dense') {
      const { weight, bias } = node;
      const [outputs, inputs] = weight.shape as readonly [number, number];
      layers.push({ name: node.name, inputs, outputs, weight: weight.tensor, bias: bias?.tensor, transposed: weight.fileAxes[0] === 1, activation: LINEAR });
    } else if (node.op === 'activation') {
      const last = layers.pop();
      if (last?.activation !== LINEAR) return undefined;
      layers.push({ ...last, activation: node.activation });
    } else if (node.op !== 'dropout') return undefined;
  }
  if (layers.length === 0) return undefined;
  const chain = denseChain(layers);
  const blocks = chain.layers.flatMap(({ weight, bias }) => (bias === undefined ? [weight] : [weight, bias]));
  return blocks.length === network.blocks.length && blocks.every(({ tensor, offset }, index) => tensor === network.blocks[index]?.tensor && offset === network.blocks[index].offset) ? chain : undefined;
}
