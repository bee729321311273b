/** Where Monte-Carlo dropout acts (Gal & Ghahramani 2016). */
import type { Network, NetworkNode } from '../network/network.ts';
import { UserError } from '../protocol/userError.ts';

/**
 * The graph's own dropout nodes with their rates, or, at a rate the user gives, what every hidden activation gives.
 * @throws UserError when there is neither, or a rate is none
 */
export function dropoutNodes(network: Network, rate: number | undefined): readonly { readonly node: NetworkNode; readonly rate: number }[] {
  const own = network.nodes.filter((node) => node.op === 'dropout');
  const hidden = network.nodes.filter((node) => (node.op === 'activation' || node.op === 'prelu') && node.index !== network.output);
  const nodes = rate === undefined ? own.map((node) => ({ node, rate: node.rate })) : (own.length > 0 ? own : hidden).map((node) => ({ node, rate }));
  if (nodes.length === 0) throw new UserError(`the network has no ${rate === undefined ? 'dropout layer; say at which rate its hidden activations are to be dropped (--dropout RATE)' : 'hidden activation to drop'}`);
  for (const { rate: each } of nodes) if (!(each >= 0 && each < 1)) throw new UserError(`a dropout rate lies from 0 up to, but not at, 1; it is ${each}`);
  return nodes;
}
