/** The networks of operations.py, built by hand, and the rules that fill them. */
import { readFileSync } from 'node:fs';
import { activationNamed } from '../../../src/network/activation.ts';
import type { AxisOrder, ConvolutionOperation, Network, PoolingGeometry } from '../../../src/network/network.ts';
import { NetworkBuilder, type NodeId } from '../../../src/network/networkBuilder.ts';

export interface OperationFigures {
  readonly name: string;
  readonly outputs: readonly number[];
  /** cᵀJ with c = cos(k) and J v with v = sin(2k), k from 1; absent where nothing is trainable. */
  readonly pulled?: readonly number[];
  readonly pushed?: readonly number[];
}

export const operationFigures = JSON.parse(readFileSync(new URL('operations.json', import.meta.url), 'utf8')) as readonly OperationFigures[];

/** Adds layers one after another under running names, so that a network reads like its PyTorch original. */
export class Layers {
  readonly builder = new NetworkBuilder();
  at: NodeId;
  #count = 0;

  constructor(shape: readonly number[], order?: AxisOrder) {
    this.at = this.builder.input(shape, order);
  }

  #next(kind: string): string {
    return `${kind}${this.#count++}`;
  }

  #set(node: NodeId): this {
    this.at = node;
    return this;
  }

  dense(outputs: number, { bias = true, name = this.#next('dense') } = {}): this {
    const [inputs] = this.builder.shapeOf(this.at);
    return this.#set(this.builder.dense(name, this.at, { tensor: `${name}.weight`, shape: [outputs, inputs!] }, bias ? { tensor: `${name}.bias`, shape: [outputs] } : undefined));
  }

  conv(outputs: number, kernel: readonly number[], { bias = true, stride, padding, dilation, groups = 1 }: { readonly bias?: boolean; readonly stride?: readonly number[]; readonly padding?: readonly (number | readonly [number, number])[]; readonly dilation?: readonly number[]; readonly groups?: number } = {}): this {
    const name = this.#next('conv');
    const channels = this.builder.shapeOf(this.at)[0]!;
    const geometry: Pick<ConvolutionOperation, 'stride' | 'padding' | 'dilation' | 'groups'> = {
      stride: stride ?? kernel.map(() => 1),
      padding: (padding ?? kernel.map(() => 0)).map((pad) => (typeof pad === 'number' ? [pad, pad] : pad)),
      dilation: dilation ?? kernel.map(() => 1),
      groups,
    };
    return this.#set(this.builder.conv(name, this.at, { tensor: `${name}.weight`, shape: [outputs, channels / groups, ...kernel] }, bias ? { tensor: `${name}.bias`, shape: [outputs] } : undefined, geometry));
  }

  batchnorm(epsilon = 1e-5, affine = true): this {
    const name = this.#next('bn');
    const shape = [this.builder.shapeOf(this.at)[0]!];
    const use = (tensor: string) => ({ tensor: `${name}.${tensor}`, shape });
    return this.#set(this.builder.batchnorm(name, this.at, { mean: use('running_mean'), variance: use('running_var'), ...(affine ? { scale: use('weight'), shift: use('bias') } : {}) }, epsilon));
  }

  layernorm(over: 'all' | 'channels', epsilon: number, { affine = true, centred = true } = {}): this {
    const name = this.#next('ln');
    const shape = over === 'all' ? this.builder.shapeOf(this.at) : [this.builder.shapeOf(this.at)[0]!];
    const use = (tensor: string) => (affine ? { tensor: `${name}.${tensor}`, shape } : undefined);
    return this.#set(this.builder.layernorm(name, this.at, over, centred, use('weight'), centred ? use('bias') : undefined, epsilon));
  }

  activation(name: string): this {
    return this.#set(this.builder.activation(this.#next(name), this.at, activationNamed(name)));
  }

  prelu(slopes: number): this {
    const name = this.#next('prelu');
    return this.#set(this.builder.prelu(name, this.at, { tensor: `${name}.weight`, shape: [slopes] }));
  }

  pool(op: 'maxpool' | 'avgpool', kernel: readonly number[], stride: readonly number[], padding = kernel.map(() => 0), countPadding = true): this {
    const geometry: PoolingGeometry = { kernel, stride, padding: padding.map((pad) => [pad, pad]), countPadding };
    return this.#set(this.builder.pool(this.#next(op), this.at, op, geometry));
  }

  globalPool(op: 'globalavgpool' | 'globalmaxpool'): this {
    return this.#set(this.builder.globalPool(this.#next(op), this.at, op));
  }

  flatten(order?: AxisOrder): this {
    return this.#set(this.builder.flatten(this.#next('flatten'), this.at, order));
  }

  dropout(rate = 0.5): this {
    return this.#set(this.builder.dropout(this.#next('dropout'), this.at, rate));
  }

  /** x + inner(x), or shortcut(x) + inner(x). */
  residual(inner: (layers: this) => unknown, shortcut?: (layers: this) => unknown): this {
    const [left, right] = this.#branches(inner, shortcut);
    return this.#set(this.builder.add(this.#next('add'), [left, right]));
  }

  /** [x, inner(x)] */
  concat(inner: (layers: this) => unknown): this {
    const [left, right] = this.#branches(inner);
    return this.#set(this.builder.concat(this.#next('concat'), [right, left]));
  }

  #branches(inner: (layers: this) => unknown, shortcut?: (layers: this) => unknown): [NodeId, NodeId] {
    const from = this.at;
    inner(this);
    const left = this.at;
    this.at = from;
    shortcut?.(this);
    return [left, this.at];
  }

  build(): Network {
    return this.builder.finish(this.at);
  }
}

export const operations: Readonly<Record<string, () => Layers>> = {
  dense: () => new Layers([3]).dense(2),
  'dense without bias': () => new Layers([3]).dense(2, { bias: false }),
  conv: () => new Layers([2, 5, 4]).conv(3, [3, 3]),
  'conv 1d stride padding dilation': () => new Layers([2, 9]).conv(3, [3], { stride: [2], padding: [2], dilation: [2] }),
  'conv 2d uneven': () => new Layers([2, 6, 5]).conv(4, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2, bias: false }),
  'conv depthwise': () => new Layers([3, 4, 4]).conv(6, [3, 3], { padding: [1, 1], groups: 3 }),
  'conv 3d': () => new Layers([1, 3, 4, 3]).conv(2, [2, 2, 2], { padding: [1, 1, 1] }),
  'conv one-sided padding': () => new Layers([2, 4, 4]).conv(2, [3, 3], { stride: [2, 2], padding: [[0, 1], [0, 1]] }),
  batchnorm: () => new Layers([3]).batchnorm(1e-3),
  'batchnorm 2d without affine': () => new Layers([2, 3, 2]).batchnorm(1e-5, false),
  'layernorm all': () => new Layers([2, 3, 2]).layernorm('all', 1e-4),
  'layernorm channels': () => new Layers([4, 3]).layernorm('channels', 1e-5),
  'layernorm plain': () => new Layers([5]).layernorm('all', 1e-5, { affine: false }),
  rmsnorm: () => new Layers([5]).layernorm('all', 1e-4, { centred: false }),
  'rmsnorm channels': () => new Layers([4, 3]).layernorm('channels', 1e-4, { centred: false }),
  'prelu one': () => new Layers([2, 3]).prelu(1),
  'prelu channels': () => new Layers([3, 2]).prelu(3),
  maxpool: () => new Layers([2, 5, 5]).pool('maxpool', [3, 3], [2, 2], [1, 1]),
  'avgpool counting': () => new Layers([2, 5, 5]).pool('avgpool', [3, 3], [2, 2], [1, 1]),
  'avgpool inside': () => new Layers([2, 5, 4]).pool('avgpool', [3, 2], [2, 1], [1, 1], false),
  globalavgpool: () => new Layers([2, 3, 2]).globalPool('globalavgpool'),
  globalmaxpool: () => new Layers([2, 3, 2]).globalPool('globalmaxpool'),
  flatten: () => new Layers([2, 3, 2]).flatten().dense(2),
  'flatten channel-last': () => new Layers([2, 3, 2]).flatten('channel-last').dense(2),
  'input channel-last': () => new Layers([2, 3, 4], 'channel-last').conv(2, [2, 2]),
  tied: () => new Layers([3]).dense(3, { name: 'layer' }).activation('tanh').dense(3, { name: 'layer' }).activation('tanh').dense(2),
  lenet: () => new Layers([1, 10, 10]).conv(2, [3, 3]).activation('relu').pool('maxpool', [2, 2], [2, 2]).conv(3, [2, 2]).activation('tanh').pool('avgpool', [2, 2], [2, 2]).flatten().dense(4).activation('relu').dense(3),
  residual: () => new Layers([2, 5, 5]).conv(3, [3, 3], { padding: [1, 1], bias: false }).batchnorm().activation('relu')
    .residual((x) => x.conv(3, [3, 3], { padding: [1, 1], bias: false }).batchnorm().activation('relu').conv(3, [3, 3], { padding: [1, 1], bias: false }).batchnorm()).activation('relu')
    .residual((x) => x.conv(4, [3, 3], { stride: [2, 2], padding: [1, 1] }).activation('silu'), (x) => x.conv(4, [1, 1], { stride: [2, 2] }))
    .globalPool('globalavgpool').dense(3),
  concat: () => new Layers([2, 4, 4]).concat((x) => x.conv(2, [3, 3], { padding: [1, 1] }).activation('sigmoid')).batchnorm().concat((x) => x.conv(1, [1, 1])).globalPool('globalmaxpool').dense(2),
  'mlp mixer': () => new Layers([6]).dense(4).layernorm('all', 1e-5).activation('gelu').residual((x) => x.dense(5).prelu(5).dropout().dense(4)).layernorm('all', 1e-6, { centred: false }).dense(2),
};

/** w: parameters sin(0.7 k), means 0.3 sin(k), variances 0.5 + 0.4 cos(k), as in operations.py. */
export function ruledState(network: Network): Float64Array {
  const state = new Float64Array(network.stateSize);
  for (let k = 0; k < network.parameters; k++) state[k] = Math.sin(0.7 * (k + 1));
  let at = 0;
  for (const node of network.nodes) {
    if (node.op !== 'batchnorm') continue;
    for (let c = 0; c < node.mean.length; c++) {
      at++;
      state[node.mean.offset + c] = 0.3 * Math.sin(at);
      state[node.variance.offset + c] = 0.5 + 0.4 * Math.cos(at);
    }
  }
  return state;
}

/** Two inputs, cos(1.3 k). */
export function ruledInputs(network: Network): Float64Array {
  return Float64Array.from({ length: 2 * network.inputs }, (_, k) => Math.cos(1.3 * (k + 1)));
}
