/**
 * A network as a graph of operations, f_w : R^d → R^O, and the layout of its state vector w. Chains of dense layers, convolutional,
 * normalised and residual networks are all this one type; what reads files builds it, what analyses networks walks it.
 *
 * Values. For one input a node's value has a shape [channels, …spatial], channel first, row-major; [features] for a vector. A batch
 * of N is N such values one after another.
 *
 * State. w = [θ; buffers]: first the D trainable parameters θ, then the running statistics of batch normalisation, which every symmetry has
 * to carry along but which are constants of the function. Each tensor of the file is one block, in PyTorch's axis order (dense out × in,
 * convolution out × in/groups × kernel). Two nodes that name the same block share it (weight tying).
 */
import type { Activation } from './activation.ts';

/** [channels, …spatial]; [features] for a vector. */
export type ValueShape = readonly number[];

export interface Block {
  /** Position in `Network.blocks`. */
  readonly index: number;
  /** Name of the tensor in the weight file. */
  readonly tensor: string;
  /** Shape in w, PyTorch's axis order. */
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly length: number;
  /** Where the block begins in w; from D on it is a buffer. */
  readonly offset: number;
  /** False for running statistics. */
  readonly trainable: boolean;
  /** Shape of the tensor in the file. */
  readonly fileShape: readonly number[];
  /**
   * How the file stores it: of the tensor's axes (those of length 1 left out where the block does not have them) number k is axis `fileAxes[k]`
   * of the block; [0, 1, …] when the orders agree. A dense kernel of Keras (in × out) has [1, 0], its convolution kernel
   * (h × w × in × out) has [2, 3, 1, 0].
   */
  readonly fileAxes: readonly number[];
}

/** Order of the axes of a multi-dimensional value where it is flat: PyTorch's and ONNX's, or TensorFlow's (…spatial, channels). */
export type AxisOrder = 'channel-first' | 'channel-last';

export type Operation =
  /** Rows of x are in `order`. */
  | { readonly op: 'input'; readonly order: AxisOrder }
  /** y = W x + b on a vector. W: out × in, b: out. */
  | { readonly op: 'dense'; readonly weight: Block; readonly bias: Block | undefined }
  | ConvolutionOperation
  /** y_c = γ_c (x_c − μ_c) / √(v_c + ε) + β_c with running statistics (evaluation mode); γ = 1 and β = 0 where there is none. */
  | { readonly op: 'batchnorm'; readonly scale: Block | undefined; readonly shift: Block | undefined; readonly mean: Block; readonly variance: Block; readonly epsilon: number }
  /**
   * y = γ ⊙ (x − mean) / √(variance + ε) + β over all entries of the value (`all`; γ, β of the value's shape) or over the channels at each
   * position (`channels`; γ, β per channel). Not `centred` (RMSNorm): y = γ ⊙ x / √(mean of x² + ε).
   */
  | { readonly op: 'layernorm'; readonly over: 'all' | 'channels'; readonly centred: boolean; readonly scale: Block | undefined; readonly shift: Block | undefined; readonly epsilon: number }
  | { readonly op: 'activation'; readonly activation: Activation }
  /** y = x for x > 0, else a_c x; a has one entry a channel, or one in all. */
  | { readonly op: 'prelu'; readonly slope: Block }
  | PoolingOperation
  | { readonly op: 'globalavgpool' }
  | { readonly op: 'globalmaxpool' }
  /** To a vector; `channel-last` walks the positions first and the channels within each, as TensorFlow stores them. */
  | { readonly op: 'flatten'; readonly order: AxisOrder }
  /** The identity in evaluation; the rate is kept for Monte-Carlo dropout. */
  | { readonly op: 'dropout'; readonly rate: number }
  /** Sum of two or more values of one shape. */
  | { readonly op: 'add' }
  /** Along the channels. */
  | { readonly op: 'concat' };

/** Cross-correlation, as in every framework. One entry a spatial axis in each list. */
export interface ConvolutionOperation {
  readonly op: 'conv';
  /** out × in/groups × …kernel. */
  readonly weight: Block;
  readonly bias: Block | undefined;
  readonly stride: readonly number[];
  /** Zeros before and after. */
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
  /** `groups` = channels is a depthwise convolution. */
  readonly groups: number;
}

export type PoolingOperation = (PoolingGeometry & { readonly op: 'maxpool' }) | (PoolingGeometry & { readonly op: 'avgpool' });

export interface PoolingGeometry {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  /** Average pooling: whether padded positions count in the divisor. */
  readonly countPadding: boolean;
}

export type NetworkNode = Operation & {
  /** Position in `Network.nodes`. */
  readonly index: number;
  /** For people and for messages: the layer's name in the file, "layer1.0.conv2"; unique. */
  readonly name: string;
  /** Positions of the nodes whose values it takes, all smaller than its own. */
  readonly inputs: readonly number[];
  /** Shape of its value for one input. */
  readonly shape: ValueShape;
};

export type NodeOf<Op extends Operation['op']> = Extract<NetworkNode, { readonly op: Op }>;

/** What the file's own graph applies after f: the outputs here are then logits. */
export type OutputHead = 'none' | 'softmax' | 'sigmoid';

export interface Network {
  /** In an order in which every node comes after its inputs; `nodes[0]` is the one input. */
  readonly nodes: readonly NetworkNode[];
  /** Position of the node whose value is f. */
  readonly output: number;
  readonly head: OutputHead;
  /** Trainable blocks first, then buffers; offsets ascend. */
  readonly blocks: readonly Block[];
  /** d: entries of one input. */
  readonly inputs: number;
  /** O: entries of one output. */
  readonly outputs: number;
  /** D: length of θ. */
  readonly parameters: number;
  /** D + buffers: length of w. */
  readonly stateSize: number;
}

/** Entries of a block in w. */
export function blockValues(state: Float64Array, block: Block): Float64Array {
  return state.subarray(block.offset, block.offset + block.length);
}

/** Entries of a value of this shape. */
export function valueSize(shape: ValueShape): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Positions each channel has: 1 for a vector. */
export function positions(shape: ValueShape): number {
  return valueSize(shape.slice(1));
}

/**
 * Why states of two networks cannot be compared entry by entry as weights of one function: undefined when they can, because both do the same
 * operations on blocks of the same shapes, whatever their tensors are called; otherwise where they differ first, for a message.
 */
export function layoutDifference(a: Network, b: Network): string | undefined {
  for (const [k, node] of a.nodes.entries()) {
    const other = b.nodes[k];
    if (other === undefined) break;
    const [own, theirs] = [operationText(node), operationText(other)];
    if (own !== theirs) return `its layer "${other.name}" is ${theirs}, there "${node.name}" is ${own}`;
  }
  if (a.nodes.length !== b.nodes.length) return `it has ${b.nodes.length - 1} layers, there are ${a.nodes.length - 1}`;
  const k = a.blocks.findIndex(({ shape }, index) => b.blocks[index]?.shape.join() !== shape.join());
  return k < 0 && a.blocks.length === b.blocks.length && a.stateSize === b.stateSize ? undefined : 'their tensors are shared differently';
}

/** An operation with all that its function depends on but its weights; a dropout's rate and the order of the inputs' axes do not count. */
function operationText(node: NetworkNode): string {
  const parts: string[] = [node.op];
  const list = (what: string, values: readonly (number | readonly number[])[]): void => { parts.push(`${what} ${values.map((value) => (typeof value === 'number' ? value : value.join('+'))).join('×')}`); };
  switch (node.op) {
    case 'activation':
      parts[0] = node.activation.name;
      break;
    case 'dense':
      parts.push(node.bias === undefined ? 'without bias' : '');
      break;
    case 'conv':
      list('kernel', node.weight.shape.slice(2));
      list('stride', node.stride);
      list('padding', node.padding);
      list('dilation', node.dilation);
      parts.push(`groups ${node.groups}`, node.bias === undefined ? 'without bias' : '');
      break;
    case 'batchnorm':
    case 'layernorm':
      // ONNX keeps ε in float32.
      parts.push(node.op === 'batchnorm' ? '' : `over ${node.over}`, node.op === 'batchnorm' || node.centred ? '' : 'not centred', `ε ${Number(node.epsilon.toPrecision(6))}`, node.scale === undefined ? 'without scale' : '', node.shift === undefined ? 'without shift' : '');
      break;
    case 'prelu':
      parts.push(`slopes ${node.slope.length}`);
      break;
    case 'maxpool':
    case 'avgpool':
      list('kernel', node.kernel);
      list('stride', node.stride);
      list('padding', node.padding);
      parts.push(node.op === 'avgpool' && !node.countPadding && node.padding.some(([before, after]) => before + after > 0) ? 'without its padding' : '');
      break;
    case 'flatten':
      parts.push(node.order);
      break;
    default:
  }
  return `${parts.filter((part) => part !== '').join(', ')} to ${node.shape.join('×')}${node.inputs.length > 1 || node.inputs[0] !== node.index - 1 ? ` of values ${node.inputs.join(', ')}` : ''}`;
}

/** ‖θ_a − θ_b‖₂ over the trainable parameters of two states; ‖θ_a‖₂ of one. */
export function parameterDistance({ parameters }: Network, a: Float64Array, b?: Float64Array): number {
  let square = 0;
  for (let i = 0; i < parameters; i++) square += (b === undefined ? a[i]! : a[i]! - b[i]!) ** 2;
  return Math.sqrt(square);
}

/** The blocks that a node uses, in the order weight or scale, bias or shift, mean, variance. */
export function blocksOf(node: NetworkNode): readonly Block[] {
  switch (node.op) {
    case 'dense':
    case 'conv':
      return present([node.weight, node.bias]);
    case 'batchnorm':
      return present([node.scale, node.shift, node.mean, node.variance]);
    case 'layernorm':
      return present([node.scale, node.shift]);
    case 'prelu':
      return [node.slope];
    default:
      return [];
  }
}

function present(blocks: readonly (Block | undefined)[]): readonly Block[] {
  return blocks.filter((block) => block !== undefined);
}
