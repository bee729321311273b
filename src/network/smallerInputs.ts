/**
 * The same network for smaller pictures. Convolutions and pooling do not ask for a size, and a network that ends in pooling over all positions
 * gives as many outputs whatever it was shown; its weights do at a small size all that they do at a large one, as long as every window still
 * lies wholly within its picture somewhere. Inputs that stand in for data need no more than that, at a fraction of the work.
 */
import { workPerInput } from './cost.ts';
import { type Network, type NetworkNode, positions, valueSize, type ValueShape } from './network.ts';

const found = new WeakMap<Network, Network | undefined>();

/** Undefined where the size is fixed (flattened positions, outputs with positions) or little would be saved. The state vector is the same. */
export function withSmallerInputs(network: Network): Network | undefined {
  if (!found.has(network)) found.set(network, smallest(network));
  return found.get(network);
}

/** "65×65", of a network whose inputs have positions; '' of one whose inputs are vectors. */
export function inputSizeText({ nodes }: Network): string {
  return nodes[0]!.shape.slice(1).join('×');
}

function smallest(network: Network): Network | undefined {
  const [channels, ...spatial] = network.nodes[0]!.shape;
  if (channels === undefined || spatial.length === 0) return undefined;
  const longest = Math.max(...spatial);
  for (let length = 1; length < longest; length++) {
    const smaller = resized(network, [channels, ...spatial.map((own) => Math.ceil((own * length) / longest))]);
    if (smaller === undefined) continue;
    return workPerInput(smaller) <= workPerInput(network) / 2 ? smaller : undefined;
  }
  return undefined;
}

/** Undefined when some layer does not fit, or has no window that is free of padding. */
function resized(network: Network, input: ValueShape): Network | undefined {
  const nodes: NetworkNode[] = [];
  for (const node of network.nodes) {
    const shape = node.op === 'input' ? input : shapeBehind(node, node.inputs.map((k) => nodes[k]!.shape));
    if (shape === undefined) return undefined;
    nodes.push({ ...node, shape });
  }
  const outputs = valueSize(nodes[network.output]!.shape);
  return outputs === network.outputs ? { ...network, nodes, inputs: valueSize(input) } : undefined;
}

function shapeBehind(node: NetworkNode, [first = [], ...others]: readonly ValueShape[]): ValueShape | undefined {
  switch (node.op) {
    case 'dense':
      return first.length === 1 && first[0] === node.weight.shape[1] ? node.shape : undefined;
    case 'conv':
      return windowed(node.shape[0]!, first, node.weight.shape.slice(2), node);
    case 'maxpool':
    case 'avgpool':
      return windowed(first[0]!, first, node.kernel, { ...node, dilation: [] });
    case 'globalavgpool':
    case 'globalmaxpool':
      return first.slice(0, 1);
    case 'flatten':
      return [valueSize(first)];
    case 'layernorm':
      // Its parameters have one entry for each of the values.
      return node.over === 'channels' || valueSize(first) === valueSize(node.shape) ? first : undefined;
    case 'concat':
      return [others.reduce((sum, shape) => sum + shape[0]!, first[0]!), ...first.slice(1)];
    default:
      return first;
  }
}

interface Windows {
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
}

function windowed(channels: number, from: ValueShape, kernel: readonly number[], { stride, padding, dilation }: Windows): ValueShape | undefined {
  if (positions(from) === 0) return undefined;
  const sizes: number[] = [];
  for (const [axis, taps] of kernel.entries()) {
    const length = from[axis + 1] ?? 0;
    const [before, after] = padding[axis] ?? [0, 0];
    const step = stride[axis] ?? 1;
    const reach = (dilation[axis] ?? 1) * (taps - 1) + 1;
    const firstInside = Math.ceil(before / step) * step - before;
    if (firstInside + reach > length) return undefined;
    sizes.push(Math.floor((length + before + after - reach) / step) + 1);
  }
  return [channels, ...sizes];
}
