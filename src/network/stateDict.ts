/**
 * A state dict as the families of PyTorch networks look at it: modules by their names, each tensor taken once, so that what is left over
 * shows that it is another network.
 */
import type { NetworkBuilder, NodeId, TensorUse } from './networkBuilder.ts';
import type { NamedShape } from './tensorUses.ts';

/** The default of `torch.nn.BatchNorm2d`, which state dicts do not hold. */
const BATCHNORM_EPSILON = 1e-5;

export class StateDict {
  readonly #tensors: ReadonlyMap<string, NamedShape>;
  readonly #taken = new Set<string>();

  /** @param prefix in front of every name, "module." for instance, which is not looked at */
  constructor(tensors: readonly NamedShape[], prefix = '') {
    this.#tensors = new Map(tensors.map((tensor) => [tensor.name.slice(prefix.length), tensor]));
  }

  names(): readonly string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** [] when there is no such tensor. */
  shape(name: string): readonly number[] {
    return this.#tensors.get(name)?.shape ?? [];
  }

  /**
   * The highest k for which some name begins with PREFIXk, and a dot or nothing behind it; −1 without one.
   * @throws NotThisFamily when it counts far more modules than there are tensors
   */
  last(prefix: string): number {
    let last = -1;
    for (const name of this.#tensors.keys()) {
      const number = name.startsWith(prefix) ? /^\d+(?=\.|$)/.exec(name.slice(prefix.length)) : null;
      if (number !== null) last = Math.max(last, Number(number[0]));
    }
    if (last > 8 * (this.#tensors.size + 1)) throw new NotThisFamily(`"${prefix}${last}" is one of too few tensors`);
    return last;
  }

  left(): readonly string[] {
    return [...this.#tensors.keys()].filter((name) => !this.#taken.has(name));
  }

  /** @throws NotThisFamily */
  take(name: string): TensorUse {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new NotThisFamily(`there is no tensor "${name}"`);
    this.#taken.add(name);
    return { tensor: tensor.name, shape: tensor.shape };
  }

  bias(module: string): TensorUse | undefined {
    return this.has(`${module}.bias`) ? this.take(`${module}.bias`) : undefined;
  }

  dense(builder: NetworkBuilder, module: string, from: NodeId): NodeId {
    return builder.dense(module, from, this.take(`${module}.weight`), this.bias(module));
  }

  /**
   * As many groups as its channels ask for.
   * @param padding half the kernel when left out, which keeps the size
   */
  conv(builder: NetworkBuilder, module: string, from: NodeId, stride = 1, padding?: number): NodeId {
    const weight = this.take(`${module}.weight`);
    const [, perGroup = 1, ...kernel] = weight.shape;
    const channels = builder.shapeOf(from)[0] ?? 1;
    const groups = channels % perGroup === 0 ? Math.max(1, channels / perGroup) : 1;
    return builder.conv(module, from, weight, this.bias(module), {
      stride: kernel.map(() => stride), dilation: kernel.map(() => 1), groups,
      padding: kernel.map((length) => [padding ?? Math.floor((length - 1) / 2), padding ?? Math.floor((length - 1) / 2)] as const),
    });
  }

  batchnorm(builder: NetworkBuilder, module: string, from: NodeId): NodeId {
    const affine = this.has(`${module}.weight`);
    return builder.batchnorm(module, from, {
      scale: affine ? this.take(`${module}.weight`) : undefined, shift: affine ? this.take(`${module}.bias`) : undefined,
      mean: this.take(`${module}.running_mean`), variance: this.take(`${module}.running_var`),
    }, BATCHNORM_EPSILON);
  }
}

/** The state dict is of another kind of network. */
export class NotThisFamily extends Error {}

/** A pooling of square windows. */
export function squarePool(builder: NetworkBuilder, name: string, from: NodeId, op: 'maxpool' | 'avgpool', kernel: number, stride: number, padding = 0): NodeId {
  return builder.pool(name, from, op, { kernel: [kernel, kernel], stride: [stride, stride], padding: [[padding, padding], [padding, padding]], countPadding: op === 'avgpool' });
}
