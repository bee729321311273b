/** A network as plain data, for another thread: functions do not cross to one, so that activations go by their names. */
import { activationNamed } from './activation.ts';
import type { Network, NetworkNode, NodeOf } from './network.ts';

type PortableNode = Exclude<NetworkNode, { readonly op: 'activation' }> | (Omit<NodeOf<'activation'>, 'activation'> & { readonly activation: string });

export type PortableNetwork = Omit<Network, 'nodes'> & { readonly nodes: readonly PortableNode[] };

export function portable({ nodes, ...rest }: Network): PortableNetwork {
  return { ...rest, nodes: nodes.map((node) => (node.op === 'activation' ? { ...node, activation: node.activation.name } : node)) };
}

export function fromPortable({ nodes, ...rest }: PortableNetwork): Network {
  return { ...rest, nodes: nodes.map((node) => (node.op === 'activation' ? { ...node, activation: activationNamed(node.activation) } : node)) };
}
