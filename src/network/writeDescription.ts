/** The inverse of `readDescription`: a network as the description from which the same network is read again. */
import { DEFAULT_EPSILON } from './descriptionLayers.ts';
import { type Block, blocksOf, type Network, type NetworkNode } from './network.ts';
import { inOutAxes } from './tensorUses.ts';

type Json = Record<string, unknown>;

export function writeDescription(network: Network): string {
  const input = network.nodes[0];
  const users = new Map<number, number>();
  for (const { inputs } of network.nodes) for (const from of inputs) users.set(from, (users.get(from) ?? 0) + 1);
  const used = new Set<Block>();
  const layers: Json[] = [];
  let previous = 0;
  for (let index = 1; index < network.nodes.length; index++) {
    const node = network.nodes[index]!;
    const next = network.nodes[index + 1];
    const tied = blocksOf(node).some((block) => used.has(block));
    for (const block of blocksOf(node)) used.add(block);
    const several = node.op === 'add' || node.op === 'concat';
    const names = node.inputs.map((from) => (from === 0 ? 'input' : network.nodes[from]!.name));
    const from = several || node.inputs[0] === previous ? {} : { inputs: names };
    const entry = { ...layerOf(node, names), ...from, ...(tied ? { tied: true } : {}) };
    const follows = next?.op === 'activation' && next.inputs[0] === index && users.get(index) === 1 && next.name === `${node.name} ${next.activation.name}` && takesActivation(node)
      // Called by its own name the entry would stand for the layer without its activation.
      && !network.nodes.some(({ inputs }, user) => inputs.includes(index + 1) && (user !== index + 2 || inputs.length > 1));
    layers.push(follows ? { ...entry, activation: next.activation.name } : entry);
    if (follows) index++;
    previous = index;
  }
  return JSON.stringify({
    input: input?.shape ?? [],
    ...(input?.op === 'input' && input.order === 'channel-last' ? { order: input.order } : {}),
    layers,
    ...(network.head === 'none' ? {} : { head: network.head }),
  });
}

const takesActivation = ({ op, name }: NetworkNode): boolean => ['dense', 'conv', 'batchnorm', 'layernorm', 'add', 'concat'].includes(op) && name !== '';

function layerOf(node: NetworkNode, names: readonly string[]): Json {
  const { name } = node;
  /** Kinds that have no tensors are called by an id where their kind is not their name. */
  const id = (kind: string): Json => (name === kind ? {} : { id: name });
  switch (node.op) {
    case 'input': throw new RangeError('an input is no layer');
    case 'dense': return { dense: name, ...affineTensors(node.name, node.weight, node.bias) };
    case 'conv': {
      const { weight, bias, stride, padding, dilation, groups } = node;
      return {
        [`conv${weight.shape.length - 2}d`]: name, ...affineTensors(name, weight, bias),
        ...unless('stride', stride, 1), ...unless('padding', padding, 0), ...unless('dilation', dilation, 1), ...(groups === 1 ? {} : { groups }),
      };
    }
    case 'batchnorm': {
      const { scale, shift, mean, variance, epsilon } = node;
      const standard = scale?.tensor === `${name}.weight` && shift?.tensor === `${name}.bias` && mean.tensor === `${name}.running_mean` && variance.tensor === `${name}.running_var`;
      return { batchnorm: name, ...(standard ? {} : { ...tensor('scale', scale), ...tensor('shift', shift), ...tensor('mean', mean), ...tensor('variance', variance) }), ...eps(epsilon, DEFAULT_EPSILON.batchnorm) };
    }
    case 'layernorm': {
      const { scale, shift, epsilon, over, centred } = node;
      const kind = centred ? 'layernorm' : 'rmsnorm';
      const bare = scale === undefined && shift === undefined;
      const standard = scale?.tensor === `${name}.weight` && shift?.tensor === `${name}.bias`;
      const axes = over === 'all' ? [scale, shift].find((block) => block !== undefined && !ascending(block.fileAxes)) : undefined;
      return {
        ...(bare ? { [kind]: true, ...id(kind) } : { [kind]: name, ...(standard ? {} : { ...tensor('scale', scale), ...tensor('shift', shift) }) }),
        ...(axes === undefined ? {} : { axes: axes.fileAxes }), ...(over === 'all' ? {} : { over }), ...eps(epsilon, centred ? DEFAULT_EPSILON.layernorm : DEFAULT_EPSILON.rmsnorm),
      };
    }
    case 'activation': return { activation: node.activation.name, ...id('activation') };
    case 'prelu': return { prelu: name, ...(node.slope.tensor === `${name}.weight` ? {} : { weight: node.slope.tensor }) };
    case 'maxpool':
    case 'avgpool': return {
      [node.op]: node.kernel, stride: node.stride, ...unless('padding', node.padding, 0), ...(node.op === 'avgpool' && !node.countPadding ? { countPadding: false } : {}), ...id(node.op),
    };
    case 'globalavgpool':
    case 'globalmaxpool': return { [node.op]: true, ...id(node.op) };
    case 'flatten': return { flatten: node.order === 'channel-first' ? true : node.order, ...id('flatten') };
    case 'dropout': return { dropout: node.rate, ...id('dropout') };
    case 'add':
    case 'concat': return { [node.op]: names, ...id(node.op) };
  }
}

/** Tensors and the order of the weight's axes, as far as they are not what the prefix says. */
function affineTensors(name: string, weight: Block, bias: Block | undefined): Json {
  const standard = weight.tensor === `${name}.weight` && bias?.tensor === `${name}.bias`;
  const rank = weight.shape.length;
  const order = ascending(weight.fileAxes) ? {} : weight.fileAxes.join() === inOutAxes(rank).join() ? { order: 'in-out' } : { axes: weight.fileAxes };
  return { ...(standard ? {} : { ...tensor('weight', weight), ...tensor('bias', bias) }), ...order };
}

const ascending = (axes: readonly number[]): boolean => axes.every((axis, k) => axis === k);
const tensor = (key: string, block: Block | undefined): Json => (block === undefined ? {} : { [key]: block.tensor });
const eps = (epsilon: number, standard: number): Json => (epsilon === standard ? {} : { eps: epsilon });
const unless = (key: string, values: readonly (number | readonly number[])[], standard: number): Json => (values.flat().every((value) => value === standard) ? {} : { [key]: values });
