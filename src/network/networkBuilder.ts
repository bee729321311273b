/**
 * Puts a network together node by node: infers shapes, checks that they fit, and lays out the state vector. Everything that
 * reads a network (descriptions, state dicts, ONNX, Keras) goes through here, so that a misfit is found and named in one place.
 */
import { formatCountOf } from '../protocol/format.ts';
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import type { Activation } from './activation.ts';
import {
  type AxisOrder, type Block, type ConvolutionOperation, type Network, type NetworkNode, type Operation, type OutputHead, type PoolingGeometry, type ValueShape, valueSize,
} from './network.ts';

/** A tensor of the file that becomes a block. */
export interface TensorUse {
  readonly tensor: string;
  /** Shape in the file, without draw axes. */
  readonly shape: readonly number[];
  /** As `Block.fileAxes`; the file's order is PyTorch's when left out. */
  readonly fileAxes?: readonly number[];
  /** Leave out axes of length 1 first: a slope of shape [C, 1, 1] is C slopes. `fileAxes` then speaks of the others. */
  readonly squeeze?: boolean;
}

/** Position of a node that was added. */
export type NodeId = number;

/** The network cannot be built: `layer` is the node that does not fit, and the message says what was expected there. */
export class NetworkError extends UserError {
  readonly layer: string;
  readonly problem: string;

  constructor(layer: string, problem: string) {
    super(`layer "${showName(layer)}": ${problem}`);
    this.layer = layer;
    this.problem = problem;
  }
}

/** Blocks get their index and offset when all are known; nodes refer to them before that. */
type DraftBlock = Omit<Block, 'index' | 'offset'> & { index: number; offset: number };

export class NetworkBuilder {
  readonly #nodes: NetworkNode[] = [];
  readonly #names = new Set<string>();
  readonly #blocks = new Map<string, DraftBlock>();

  /** Shape of an added node's value. */
  shapeOf(node: NodeId): ValueShape {
    return this.#node(node).shape;
  }

  /** The one input. @param shape [channels, …spatial] */
  input(shape: ValueShape, order: AxisOrder = 'channel-first'): NodeId {
    if (this.#nodes.length > 0) throw new NetworkError('input', 'a network has one input here, this one has several');
    if (shape.length === 0 || shape.some((length) => !Number.isSafeInteger(length) || length < 1)) throw new NetworkError('input', `expected a shape of positive whole numbers, not [${shape.join(', ')}]`);
    return this.#add('input', [], shape, { op: 'input', order });
  }

  dense(name: string, from: NodeId, weight: TensorUse, bias?: TensorUse): NodeId {
    const shape = this.shapeOf(from);
    const w = this.#block(name, weight, true);
    const [outputs, inputs] = w.shape;
    if (outputs === undefined || inputs === undefined || w.shape.length !== 2) throw new NetworkError(name, `its weight should have 2 axes, it has [${w.shape.join(', ')}]`);
    if (shape.length !== 1) throw new NetworkError(name, `a dense layer takes a vector, what comes before it gives [${shape.join(', ')}]; flatten it first`);
    if (shape[0] !== inputs) throw new NetworkError(name, `takes ${inputs} inputs, what comes before it gives ${shape[0] ?? 0}`);
    return this.#add(name, [from], [outputs], { op: 'dense', weight: w, bias: this.#channelBlock(name, bias, outputs, 'bias') });
  }

  conv(name: string, from: NodeId, weight: TensorUse, bias: TensorUse | undefined, geometry: Pick<ConvolutionOperation, 'stride' | 'padding' | 'dilation' | 'groups'>): NodeId {
    const [channels, ...spatial] = this.shapeOf(from);
    const w = this.#block(name, weight, true);
    const [outputs, inputs, ...kernel] = w.shape;
    const { groups, stride, padding, dilation } = geometry;
    if (outputs === undefined || inputs === undefined || kernel.length === 0) throw new NetworkError(name, `its weight should have at least 3 axes, it has [${w.shape.join(', ')}]`);
    if (kernel.length !== spatial.length) throw new NetworkError(name, `its kernel has ${kernel.length} axes, what comes before it has ${spatial.length}`);
    if (inputs * groups !== channels) throw new NetworkError(name, `takes ${inputs * groups} channels, what comes before it gives ${channels ?? 0}`);
    if (outputs % groups !== 0) throw new NetworkError(name, `its ${outputs} output channels do not divide into ${groups} groups`);
    const size = spatial.map((length, axis) => windowCount(name, length, kernel[axis]!, stride[axis], padding[axis], dilation[axis]));
    return this.#add(name, [from], [outputs, ...size], { op: 'conv', weight: w, bias: this.#channelBlock(name, bias, outputs, 'bias'), stride, padding, dilation, groups });
  }

  batchnorm(name: string, from: NodeId, tensors: { readonly scale?: TensorUse | undefined; readonly shift?: TensorUse | undefined; readonly mean: TensorUse; readonly variance: TensorUse }, epsilon: number): NodeId {
    const shape = this.shapeOf(from);
    const channels = shape[0]!;
    return this.#add(name, [from], shape, {
      op: 'batchnorm',
      scale: this.#channelBlock(name, tensors.scale, channels, 'scale'),
      shift: this.#channelBlock(name, tensors.shift, channels, 'shift'),
      mean: this.#buffer(name, tensors.mean, channels),
      variance: this.#buffer(name, tensors.variance, channels),
      epsilon,
    });
  }

  layernorm(name: string, from: NodeId, over: 'all' | 'channels', centred: boolean, scale: TensorUse | undefined, shift: TensorUse | undefined, epsilon: number): NodeId {
    const shape = this.shapeOf(from);
    const length = over === 'all' ? valueSize(shape) : shape[0]!;
    const block = (use: TensorUse | undefined, what: string): Block | undefined => {
      if (use === undefined) return undefined;
      const found = this.#block(name, use, true);
      if (found.length !== length) throw new NetworkError(name, `its ${what} has ${found.length} entries, it normalises ${length}`);
      return found;
    };
    return this.#add(name, [from], shape, { op: 'layernorm', over, centred, scale: block(scale, 'scale'), shift: block(shift, 'shift'), epsilon });
  }

  activation(name: string, from: NodeId, activation: Activation): NodeId {
    return this.#add(name, [from], this.shapeOf(from), { op: 'activation', activation });
  }

  prelu(name: string, from: NodeId, slope: TensorUse): NodeId {
    const shape = this.shapeOf(from);
    const block = this.#block(name, slope, true);
    if (block.length !== 1 && block.length !== shape[0]) throw new NetworkError(name, `has ${block.length} slopes, what comes before it ${shape[0] ?? 0} channels`);
    return this.#add(name, [from], shape, { op: 'prelu', slope: block });
  }

  pool(name: string, from: NodeId, op: 'maxpool' | 'avgpool', geometry: PoolingGeometry): NodeId {
    const spatial = this.shapeOf(from).slice(1);
    const { kernel, stride, padding } = geometry;
    if (kernel.length !== spatial.length) throw new NetworkError(name, `pools ${kernel.length} axes, what comes before it has ${spatial.length}`);
    const size = spatial.map((length, axis) => windowCount(name, length, kernel[axis]!, stride[axis], padding[axis], 1));
    return this.#add(name, [from], [this.shapeOf(from)[0]!, ...size], { op, ...geometry });
  }

  globalPool(name: string, from: NodeId, op: 'globalavgpool' | 'globalmaxpool'): NodeId {
    return this.#add(name, [from], [this.shapeOf(from)[0]!], { op });
  }

  flatten(name: string, from: NodeId, order: AxisOrder = 'channel-first'): NodeId {
    return this.#add(name, [from], [valueSize(this.shapeOf(from))], { op: 'flatten', order });
  }

  dropout(name: string, from: NodeId, rate: number): NodeId {
    return this.#add(name, [from], this.shapeOf(from), { op: 'dropout', rate });
  }

  add(name: string, from: readonly NodeId[]): NodeId {
    const shapes = from.map((node) => this.shapeOf(node));
    const [first, ...others] = shapes;
    if (first === undefined || others.length === 0) throw new NetworkError(name, 'adds fewer than two values');
    const other = others.find((shape) => !sameShape(shape, first));
    if (other !== undefined) throw new NetworkError(name, `adds values of different shapes, [${first.join(', ')}] and [${other.join(', ')}]`);
    return this.#add(name, from, first, { op: 'add' });
  }

  concat(name: string, from: readonly NodeId[]): NodeId {
    const shapes = from.map((node) => this.shapeOf(node));
    const [first, ...others] = shapes;
    if (first === undefined) throw new NetworkError(name, 'joins nothing');
    const other = others.find((shape) => !sameShape(shape.slice(1), first.slice(1)));
    if (other !== undefined) throw new NetworkError(name, `joins values of different sizes, [${first.join(', ')}] and [${other.join(', ')}]`);
    return this.#add(name, from, [shapes.reduce((sum, shape) => sum + shape[0]!, 0), ...first.slice(1)], { op: 'concat' });
  }

  /**
   * @param output the node whose value is f
   * @throws NetworkError when a node does not lead to the output
   */
  finish(output: NodeId, head: OutputHead = 'none'): Network {
    const used = new Set<number>([output]);
    for (let index = output; index >= 0; index--) if (used.has(index)) for (const input of this.#node(index).inputs) used.add(input);
    const stray = this.#nodes.find(({ index }) => !used.has(index));
    if (stray !== undefined) throw new NetworkError(stray.name, 'does not lead to the output of the network');
    let offset = 0;
    const all = [...this.#blocks.values()];
    const blocks = [...all.filter(({ trainable }) => trainable), ...all.filter(({ trainable }) => !trainable)];
    let parameters = 0;
    for (const [index, block] of blocks.entries()) {
      block.index = index;
      block.offset = offset;
      offset += block.length;
      if (block.trainable) parameters = offset;
    }
    return {
      nodes: this.#nodes, output, head, blocks, parameters, stateSize: offset,
      inputs: valueSize(this.#node(0).shape), outputs: valueSize(this.#node(output).shape),
    };
  }

  #node(id: NodeId): NetworkNode {
    const node = this.#nodes[id];
    if (node === undefined) throw new RangeError(`there is no node ${id}`);
    return node;
  }

  #add(name: string, inputs: readonly NodeId[], shape: ValueShape, operation: Operation): NodeId {
    const index = this.#nodes.length;
    let unique = name;
    for (let k = 2; this.#names.has(unique); k++) unique = `${name} (${k})`;
    this.#names.add(unique);
    this.#nodes.push({ ...operation, index, name: unique, inputs: [...inputs], shape });
    return index;
  }

  #buffer(layer: string, use: TensorUse, channels: number): Block {
    const block = this.#block(layer, use, false);
    if (block.length !== channels) throw new NetworkError(layer, `tensor "${showName(use.tensor)}" has ${block.length} entries, the layer ${channels} channels`);
    return block;
  }

  #channelBlock(layer: string, use: TensorUse | undefined, channels: number, what: string): Block | undefined {
    if (use === undefined) return undefined;
    const block = this.#block(layer, use, true);
    if (block.length !== channels) throw new NetworkError(layer, `${what} "${showName(use.tensor)}" has length ${block.length}, the layer has ${channels} outputs`);
    return block;
  }

  /** The block of a tensor; asked for again, the same one (tied weights). */
  #block(layer: string, { tensor, shape: fileShape, squeeze = false, fileAxes }: TensorUse, trainable: boolean): Block {
    const lengths = squeeze ? fileShape.filter((length) => length !== 1) : fileShape;
    const axes = fileAxes ?? lengths.map((_, axis) => axis);
    if (axes.length !== lengths.length) throw new NetworkError(layer, `tensor "${showName(tensor)}" should have ${formatCountOf(axes.length, 'axis', 'axes')}, its shape is [${fileShape.join(', ')}]`);
    const shape = new Array<number>(lengths.length);
    axes.forEach((axis, k) => { shape[axis] = lengths[k]!; });
    const length = valueSize(shape);
    if (length === 0) throw new NetworkError(layer, `tensor "${showName(tensor)}" is empty`);
    const present = this.#blocks.get(tensor);
    if (present !== undefined) {
      if (present.trainable !== trainable || !sameShape(present.fileAxes, axes)) throw new NetworkError(layer, `tensor "${showName(tensor)}" is already used in another way`);
      return present;
    }
    const block = { index: -1, offset: -1, tensor, shape, length, trainable, fileAxes: axes, fileShape };
    this.#blocks.set(tensor, block);
    return block;
  }
}

function sameShape(a: ValueShape, b: ValueShape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** How many windows fit along one axis; one at least. */
function windowCount(name: string, length: number, kernel: number, stride = 1, [before, after]: readonly [number, number] = [0, 0], dilation = 1): number {
  const reach = dilation * (kernel - 1) + 1;
  const count = Math.floor((length + before + after - reach) / stride) + 1;
  if (!(count >= 1)) throw new NetworkError(name, `its window of ${reach} does not fit into ${length + before + after} positions`);
  return count;
}
