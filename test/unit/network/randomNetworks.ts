/** Random networks of every operation, with tensors stored in every order that a file may have them in. */
import { seededRandom, type Random } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { blocksOf, type Network } from '../../../src/network/network.ts';
import { NetworkBuilder, type NodeId, type TensorUse } from '../../../src/network/networkBuilder.ts';
import { inOutAxes, type NamedShape } from '../../../src/network/tensorUses.ts';

export function randomGraph(seed: number): Network {
  const random = seededRandom(seed);
  const axes = random.below(4);
  const builder = new NetworkBuilder();
  const input = builder.input([1 + random.below(4), ...Array.from({ length: axes }, () => 4 + random.below(4))], random.below(2) === 0 ? 'channel-first' : 'channel-last');
  const layers = new RandomLayers(builder, random);
  let node = input;
  const nodes: NodeId[] = [];
  for (let k = 0; k < 2 + random.below(10); k++) nodes.push(node = layers.next(node));
  // Join what leads nowhere to the output.
  if (builder.shapeOf(node).length > 1) node = random.below(2) === 0 ? builder.flatten('flatten', node, 'channel-last') : builder.globalPool('globalavgpool', node, 'globalavgpool');
  return builder.finish(layers.dense(node), (['none', 'softmax', 'sigmoid'] as const)[random.below(3)]);
}

/** The tensors that a file with this network would hold. */
export function tensorsOf(network: Network): NamedShape[] {
  return network.blocks.map(({ tensor, fileShape }) => ({ name: tensor, shape: fileShape }));
}

/** What has to be equal for two networks to be the same. */
export function plain({ nodes, output, head, blocks, ...sizes }: Network): unknown {
  return { sizes, output, head, blocks, nodes: nodes.map((node) => ({ ...node, ...('activation' in node ? { activation: node.activation.name } : {}), blocks: blocksOf(node).map(({ index }) => index) })) };
}

class RandomLayers {
  readonly #builder: NetworkBuilder;
  readonly #random: Random;
  #count = 0;

  constructor(builder: NetworkBuilder, random: Random) {
    this.#builder = builder;
    this.#random = random;
  }

  /** One or several random nodes behind `from`. */
  next(from: NodeId): NodeId {
    const builder = this.#builder;
    const shape = builder.shapeOf(from);
    const name = this.#name();
    switch (this.#random.below(11)) {
      case 0: return builder.activation(this.#random.below(2) === 0 ? name : 'activation', from, activationNamed(['relu', 'tanh', 'leaky_relu:0.2', 'linear'][this.#random.below(4)]!));
      case 1: return builder.prelu(name, from, this.#random.below(2) === 0 ? { tensor: `${name}.weight`, shape: [1] } : this.#vector(`${name}.slopes`, shape[0]!));
      case 2: return builder.dropout(name, from, 0.25);
      case 3: return builder.batchnorm(name, from, this.#random.below(2) === 0
        ? { scale: this.#vector(`${name}.weight`, shape[0]!), shift: this.#vector(`${name}.bias`, shape[0]!), mean: this.#vector(`${name}.running_mean`, shape[0]!), variance: this.#vector(`${name}.running_var`, shape[0]!) }
        : { mean: this.#vector(`${name}/mean`, shape[0]!), variance: this.#vector(`${name}.running_var`, shape[0]!) }, this.#random.below(2) === 0 ? 1e-5 : 1e-3);
      case 4: {
        const over = this.#random.below(2) === 0 ? 'all' : 'channels';
        const order = [...this.#random.permutation(shape.length)];
        const use = (tensor: string): TensorUse => (over === 'channels' ? this.#vector(tensor, shape[0]!) : { tensor, shape: order.map((axis) => shape[axis]!), fileAxes: order });
        return builder.layernorm(name, from, over, this.#random.below(2) === 0, this.#random.below(3) === 0 ? undefined : use(`${name}.weight`), this.#random.below(3) === 0 ? undefined : use(`${name}.bias`), 1e-5);
      }
      case 5: {
        const branch = this.#same(from);
        return this.#after(builder.add(name, [from, branch]), name);
      }
      case 6: return builder.concat(name, [this.#same(from), from]);
      case 7: return shape.length === 1 ? this.dense(from) : builder.flatten(this.#random.below(2) === 0 ? name : 'flatten', from, this.#random.below(2) === 0 ? 'channel-first' : 'channel-last');
      case 8: {
        if (shape.length === 1) return this.dense(from);
        const kernel = shape.slice(1).map(() => 1 + this.#random.below(2));
        return shape.slice(1).some((length) => length < 2) ? builder.globalPool(name, from, 'globalmaxpool') : builder.pool(name, from, this.#random.below(2) === 0 ? 'maxpool' : 'avgpool', {
          kernel, stride: kernel.map(() => 1 + this.#random.below(2)), padding: kernel.map((length) => (length === 2 ? [this.#random.below(2), 1] : [0, 0])), countPadding: false,
        });
      }
      default: return this.#after(shape.length === 1 ? this.dense(from) : this.#conv(from), `layer${this.#count}`);
    }
  }

  dense(from: NodeId, outputs = 1 + this.#random.below(5)): NodeId {
    const name = this.#name();
    const [inputs] = this.#builder.shapeOf(from);
    const transposed = this.#random.below(2) === 0;
    const weight = this.#random.below(3) === 0 ? `${name}/kernel` : `${name}.weight`;
    const bias = this.#random.below(2) === 0 ? undefined : this.#vector(`${name}.bias`, outputs);
    const node = this.#builder.dense(name, from, transposed ? { tensor: weight, shape: [inputs!, outputs], fileAxes: [1, 0] } : { tensor: weight, shape: [outputs, inputs!] }, bias);
    // Tied, once more.
    return outputs === inputs && this.#random.below(2) === 0 ? this.#builder.dense(`${name} again`, node, transposed ? { tensor: weight, shape: [inputs, outputs], fileAxes: [1, 0] } : { tensor: weight, shape: [outputs, inputs] }, bias) : node;
  }

  #conv(from: NodeId, same = false): NodeId {
    const name = this.#name();
    const [channels, ...spatial] = this.#builder.shapeOf(from) as [number, ...number[]];
    const groups = this.#random.below(3) === 0 ? channels : 1;
    const outputs = same ? channels : groups * (1 + this.#random.below(3));
    const shape = [outputs, channels / groups, ...spatial.map(() => (same ? 3 : 1 + this.#random.below(3)))];
    const order = this.#random.below(3) === 0 ? [...this.#random.permutation(shape.length)] : this.#random.below(2) === 0 ? inOutAxes(shape.length) : shape.map((_, axis) => axis);
    const one = spatial.map(() => 1);
    return this.#builder.conv(name, from, { tensor: `${name}.weight`, shape: order.map((axis) => shape[axis]!), fileAxes: order }, this.#random.below(2) === 0 ? undefined : this.#vector(`${name}.bias`, outputs), {
      stride: same ? one : spatial.map(() => 1 + this.#random.below(2)), padding: spatial.map(() => (same ? [1, 1] : [1, 1 + this.#random.below(2)])), dilation: one, groups,
    });
  }

  /** A layer that keeps the shape. */
  #same(from: NodeId): NodeId {
    const shape = this.#builder.shapeOf(from);
    return shape.length === 1 ? this.dense(from, shape[0]) : this.#conv(from, true);
  }

  #after(node: NodeId, name: string): NodeId {
    return this.#random.below(2) === 0 ? node : this.#builder.activation(`${name} relu`, node, activationNamed('relu'));
  }

  #vector(tensor: string, length: number): TensorUse {
    return this.#random.below(3) === 0 && length > 1 ? { tensor, shape: [length, 1, 1], squeeze: true } : { tensor, shape: [length] };
  }

  #name(): string {
    return `layer${++this.#count}`;
  }
}
