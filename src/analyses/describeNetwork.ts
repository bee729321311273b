/**
 * A network in a line: "3×32×32 → conv 16 relu → … 15 layers … → 10; 9 sums". Layers with weights and pooling are told, with the activation
 * behind them; of a long network the first and the last.
 */
import { valueSize, type Network, type NetworkNode } from '../network/network.ts';
import { formatCount, formatCountOf } from '../protocol/format.ts';

/** Layers told before the middle is left out, and what is then told of the beginning and the end. */
const MOST_LAYERS = 8;
const FIRST_LAYERS = 3;
const LAST_LAYERS = 2;

export function describeNetwork(network: Network): string {
  const words: string[] = [];
  for (const node of network.nodes.slice(1)) {
    const word = wordOf(node);
    if (word !== undefined) words.push(word);
    else if (node.op === 'activation' || node.op === 'prelu') words.push(`${words.pop() ?? ''} ${node.op === 'prelu' ? 'prelu' : node.activation.name}`.trim());
  }
  const left = words.length - FIRST_LAYERS - LAST_LAYERS;
  const told = words.length <= MOST_LAYERS ? words : [...words.slice(0, FIRST_LAYERS), `… ${formatCount(left)} layers …`, ...words.slice(-LAST_LAYERS)];
  const count = (op: NetworkNode['op']): number => network.nodes.filter((node) => node.op === op).length;
  const joints = ([['add', 'sum'], ['concat', 'concatenation']] as const).flatMap(([op, word]) => (count(op) === 0 ? [] : [formatCountOf(count(op), word)]));
  const head = network.head === 'none' ? [] : [network.head];
  return [[network.nodes[0]?.shape.join('×') ?? '', ...told, ...head].join(' → '), ...joints].join('; ');
}

/** Undefined for what is told with the layer before it, or not at all. */
function wordOf(node: NetworkNode): string | undefined {
  switch (node.op) {
    case 'dense': return String(node.shape[0]);
    case 'conv': {
      const depthwise = node.groups > 1 && node.groups === node.shape[0];
      const stride = node.stride.every((step) => step === node.stride[0]) ? String(node.stride[0]) : node.stride.join('×');
      return `${depthwise ? 'depthwise ' : ''}conv ${node.shape[0] ?? 0}${stride === '1' ? '' : ` /${stride}`}`;
    }
    case 'maxpool': case 'avgpool': return `${node.op} ${node.kernel.every((length) => length === node.kernel[0]) ? String(node.kernel[0]) : node.kernel.join('×')}`;
    case 'globalavgpool': case 'globalmaxpool': return node.op;
    default: return undefined;
  }
}

/** The layers as rows: name, what it is, shape of its value, parameters. */
export function layerRows({ nodes }: Network, parametersOf: (node: NetworkNode) => number): (string | number)[][] {
  return nodes.map((node) => [node.name, detailOf(node), node.shape.join(' × '), parametersOf(node), node.inputs.map((input) => nodes[input]?.name ?? '').join(', ')]);
}

function detailOf(node: NetworkNode): string {
  switch (node.op) {
    case 'input': return node.order === 'channel-last' ? 'input, channels last' : 'input';
    case 'dense': return node.bias === undefined ? 'dense, no bias' : 'dense';
    case 'conv': {
      const [, , ...kernel] = node.weight.shape;
      return [
        `conv ${kernel.join('×')}`,
        ...(node.stride.some((step) => step !== 1) ? [`stride ${node.stride.join('×')}`] : []),
        ...(node.padding.flat().some((zeros) => zeros !== 0) ? [`padding ${paddingText(node.padding)}`] : []),
        ...(node.dilation.some((step) => step !== 1) ? [`dilation ${node.dilation.join('×')}`] : []),
        ...(node.groups === 1 ? [] : [`${formatCount(node.groups)} groups`]),
        ...(node.bias === undefined ? ['no bias'] : []),
      ].join(', ');
    }
    case 'batchnorm': return `batchnorm, ε ${node.epsilon}`;
    case 'layernorm': return `${node.centred ? 'layernorm' : 'rmsnorm'}${node.over === 'channels' ? ' over channels' : ''}, ε ${node.epsilon}`;
    case 'activation': return node.activation.name;
    case 'prelu': return `prelu, ${node.slope.length === 1 ? 'one slope' : `${formatCount(node.slope.length)} slopes`}`;
    case 'maxpool':
    case 'avgpool': return `${node.op} ${node.kernel.join('×')}, stride ${node.stride.join('×')}${node.padding.flat().some((zeros) => zeros !== 0) ? `, padding ${paddingText(node.padding)}` : ''}`;
    case 'dropout': return `dropout ${node.rate}`;
    case 'flatten': return node.order === 'channel-last' ? 'flatten, channels last' : `flatten ${formatCount(valueSize(node.shape))}`;
    default: return node.op;
  }
}

function paddingText(padding: readonly (readonly [number, number])[]): string {
  return padding.map(([before, after]) => (before === after ? String(before) : `${before}+${after}`)).join('×');
}
