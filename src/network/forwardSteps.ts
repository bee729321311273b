/**
 * The forward pass as steps for the engine: a convolution together with what follows it entry by entry (batch normalisation, one sum, one
 * piecewise linear activation), so that values between them are never written. Values that something else reads are kept.
 */
import type { Network, NetworkNode, NodeOf } from './network.ts';

type Rectifier = NodeOf<'activation' | 'prelu'>;

/** In this order. */
export interface Following {
  readonly norm: NodeOf<'batchnorm'> | undefined;
  /** Node whose value is added. */
  readonly other: number | undefined;
  readonly rectifier: Rectifier | undefined;
}

export interface Step {
  /** What is computed first; 'finish' passes on a value that only `following` changes; 'same' changes nothing at all, 'plain' is done by `evaluate`. */
  readonly kind: 'convolve' | 'pool' | 'finish' | 'concat' | 'same' | 'plain';
  readonly node: NetworkNode;
  /** Nodes whose values are read, `following.other` not among them. */
  readonly inputs: readonly number[];
  readonly following: Following;
  /** Node whose value results. */
  readonly result: number;
}

const nothing: Following = { norm: undefined, other: undefined, rectifier: undefined };
const plans = new WeakMap<Network, readonly Step[]>();

/** Steps in an order in which all that a step reads is there. */
export function forwardSteps(network: Network): readonly Step[] {
  const present = plans.get(network);
  if (present !== undefined) return present;
  const readers: number[][] = network.nodes.map(() => []);
  for (const node of network.nodes) for (const input of node.inputs) readers[input]!.push(node.index);
  const steps: Step[] = [];
  const done = new Set<number>();
  for (const node of network.nodes) {
    if (done.has(node.index)) continue;
    const kind = kindOf(node);
    const step = kind === 'convolve' || kind === 'finish' ? withFollowing(network, node, kind, readers, done) : { kind, node, inputs: node.inputs, following: nothing, result: node.index };
    done.add(node.index).add(step.result);
    steps.push(step);
  }
  plans.set(network, steps);
  return steps;
}

function kindOf(node: NetworkNode): Step['kind'] {
  switch (node.op) {
    case 'conv':
      return 'convolve';
    case 'maxpool':
    case 'avgpool':
      return 'pool';
    case 'batchnorm':
    case 'prelu':
      return 'finish';
    case 'activation':
      if (node.activation.name === 'linear') return 'same';
      return isRectifier(node) ? 'finish' : 'plain';
    case 'add':
      return node.inputs.length === 2 ? 'finish' : 'plain';
    case 'concat':
      return 'concat';
    case 'dropout':
      return 'same';
    case 'flatten':
      return node.order === 'channel-first' ? 'same' : 'plain';
    default:
      return 'plain';
  }
}

function isRectifier(node: NetworkNode): boolean {
  return node.op === 'prelu' || (node.op === 'activation' && /^(relu6?$|leaky_relu)/.test(node.activation.name));
}

/** Takes up the nodes behind as long as nothing else reads what is between. */
function withFollowing(network: Network, start: NetworkNode, kind: 'convolve' | 'finish', readers: readonly (readonly number[])[], done: Set<number>): Step {
  const found: { -readonly [K in keyof Following]: Following[K] } = { ...nothing };
  const [first] = start.inputs;
  let last = start;
  /** Whether the node fits behind what was found; takes it when it does. */
  const takes = (node: NetworkNode, from: number): boolean => {
    if (found.rectifier !== undefined) return false;
    if (node.op === 'batchnorm' && found.norm === undefined && found.other === undefined) {
      found.norm = node;
      return true;
    }
    if ((node.op === 'prelu' || node.op === 'activation') && isRectifier(node)) {
      found.rectifier = node;
      return true;
    }
    if (node.op !== 'add' || node.inputs.length !== 2 || found.other !== undefined) return false;
    const other = node.inputs[0] === from ? node.inputs[1] : node.inputs[0];
    if (other === undefined || !done.has(other)) return false;
    found.other = other;
    return true;
  };
  if (kind === 'finish') takes(start, first ?? -1);
  for (;;) {
    const [next] = readers[last.index]!;
    if (last.index === network.output || next === undefined || readers[last.index]!.length > 1) break;
    const node = network.nodes[next]!;
    if (!takes(node, last.index)) break;
    done.add(last.index);
    last = node;
  }
  return { kind, node: start, inputs: first === undefined ? [] : [first], following: found, result: last.index };
}
