/**
 * The walk over an ONNX graph: what each of its values is so far, which nodes use it, and the layers that have been made. Operators ask it for
 * their inputs as values of layers, as weights or as numbers; a product and the sum behind it are one layer.
 */
import type { OnnxFile } from '../weights/onnx.ts';
import { UserError } from '../protocol/userError.ts';
import type { OnnxNode, OnnxValue } from '../weights/onnxGraph.ts';
import { showName } from '../weights/weightFileError.ts';
import { activationLike, shortestDecimal } from './elementwise.ts';
import type { AxisOrder } from './network.ts';
import type { TensorUse } from './networkBuilder.ts';
import { integers } from './onnxAttributes.ts';
import { handlers } from './onnxOperators.ts';
import { type Length, nodeName, type NodeValue, type OnnxValueOf, type TensorValue, toChannelFirst, UnsupportedOperator } from './onnxValues.ts';
import { vectorUse } from './tensorUses.ts';
import type { NetworkBuilder } from './networkBuilder.ts';
import { isShapeOperator, ShapeArithmetic } from './onnxShapes.ts';

/** Of these, whole numbers and single numbers are read; the rest are weights. */
const MOST_NUMBERS = 64;

export class OnnxLayers {
  readonly builder: NetworkBuilder;
  readonly #file: OnnxFile;
  readonly #target: string;
  readonly #values = new Map<string, OnnxValueOf>();
  readonly #users = new Map<string, OnnxNode[]>();
  /** Nodes that a layer before them has taken in. */
  readonly #done = new Set<OnnxNode>();
  readonly #resolved = new Map<OnnxValueOf, NodeValue>();
  readonly #numbers = new Map<string, number>();

  /** @param target the value that the walk is for: nothing behind it is taken into a layer */
  constructor(file: OnnxFile, builder: NetworkBuilder, nodes: readonly OnnxNode[], target: string) {
    this.#file = file;
    this.builder = builder;
    this.#target = target;
    for (const node of nodes) {
      for (const input of new Set(node.inputs)) {
        const users = this.#users.get(input);
        if (users === undefined) this.#users.set(input, [node]);
        else users.push(node);
      }
    }
  }

  isDone(node: OnnxNode): boolean {
    return this.#done.has(node);
  }

  /** @throws UserError when the graph leaves its shape open */
  addInput({ name, shape }: OnnxValue): void {
    const [batch, ...axes] = shape ?? [];
    const open = axes.findIndex((length) => typeof length !== 'number' || length < 1);
    if (batch === undefined || axes.length === 0) throw new UserError(`its input "${showName(name)}" should have a batch axis and others behind it, its shape is [${(shape ?? ['?']).join(', ')}]`);
    if (open >= 0) throw new UserError(`its input "${showName(name)}" leaves the length of axis ${open + 1} open ([${(shape ?? []).map((length) => (length === '' ? '?' : showName(String(length)))).join(', ')}]); export it for one size of input`);
    const lengths = axes as readonly number[];
    // Images with channels last are turned before anything else is done with them.
    const users = this.#users.get(name) ?? [];
    const turned = lengths.length > 1 && users.length > 0 && users.every((node) => node.operator === 'Transpose' && integers(node, 'perm')?.join() === toChannelFirst(lengths.length).join());
    const order: AxisOrder = turned ? 'channel-last' : 'channel-first';
    const id = this.builder.input(turned ? [lengths.at(-1) ?? 1, ...lengths.slice(0, -1)] : lengths, order);
    this.#values.set(name, { kind: 'node', id, shape: lengths, order });
  }

  /** @throws UnsupportedOperator, NetworkError */
  async add(node: OnnxNode): Promise<void> {
    await this.#readNumbers(node);
    const handler = node.domain === '' ? handlers[node.operator] : undefined;
    const shape = isShapeOperator(node.operator) ? new ShapeArithmetic((name) => this.#value(name)).result(node) : undefined;
    if (shape === undefined && handler === undefined) throw new UnsupportedOperator(node);
    const value = shape ?? handler?.(this, node);
    const output = node.outputs[0];
    if (value !== undefined && output !== undefined) this.#values.set(output, value);
  }

  /** A node's value where one is needed, with everything pending settled. */
  node(name: string, otherwise: () => UserError): NodeValue {
    const value = this.#value(name);
    const settled = this.settle(value);
    if (settled === undefined) throw otherwise();
    return settled;
  }

  /** The value of input k as a network's value, channels first. */
  input(node: OnnxNode, k = 0, order: AxisOrder | 'any' = 'channel-first'): NodeValue {
    const value = this.node(node.inputs[k] ?? '', () => new UnsupportedOperator(node, `of "${showName(node.inputs[k] ?? '')}", which is no value of a layer,`));
    if (order !== 'any' && value.order !== order && value.shape.length > 1) throw new UnsupportedOperator(node, 'of a value with channels last');
    if (value.zeros !== undefined && node.operator !== 'Conv' && node.operator !== 'AveragePool') throw new UnsupportedOperator(node, 'of a padded value');
    return value;
  }

  /** Undefined for tensors and numbers. */
  settle(value: OnnxValueOf | undefined): NodeValue | undefined {
    if (value === undefined || value.kind === 'tensor' || value.kind === 'numbers') return undefined;
    if (value.kind === 'node') return value;
    if (value.kind === 'moment') throw new UserError('its graph takes a mean or a variance of a value for more than a normalisation');
    const present = this.#resolved.get(value);
    if (present !== undefined) return present;
    const activation = activationLike(value.f);
    const settled = activation === undefined ? value.otherwise() : { ...value.base, id: this.builder.activation(nodeName(value.origin), value.base.id, activation) };
    this.#resolved.set(value, settled);
    return settled;
  }

  value(node: OnnxNode, k: number): OnnxValueOf | undefined {
    return this.#value(node.inputs[k] ?? '');
  }

  tensor(node: OnnxNode, k: number): TensorValue | undefined {
    const value = this.value(node, k);
    return value?.kind === 'tensor' ? value : undefined;
  }

  /** @throws UnsupportedOperator when input k is no tensor of one axis beside those of length 1 */
  vector(node: OnnxNode, k: number): TensorUse {
    const tensor = this.tensor(node, k) ?? this.#refuseInput(node, k);
    if (tensor.fileShape.filter((length) => length !== 1).length > 1) this.#refuseInput(node, k);
    return vectorUse({ name: tensor.name, shape: tensor.fileShape });
  }

  /** The one number that input k is. */
  scalar(node: OnnxNode, k: number): number | undefined {
    return this.#numbers.get(node.inputs[k] ?? '');
  }

  wholeNumbers(node: OnnxNode, k: number): readonly Length[] | undefined {
    const value = this.value(node, k);
    return value?.kind === 'numbers' ? value.values : undefined;
  }

  /** The node that alone uses this output, when it is `operator` with a tensor as its other input: taken into the layer before it. */
  takeFollowing(output: string, operator: string, fits: (tensor: TensorValue) => boolean): { readonly tensor: TensorValue; readonly output: string } | undefined {
    const users = this.#users.get(output) ?? [];
    const [user] = users;
    if (users.length !== 1 || user?.operator !== operator || user.domain !== '' || output === this.#target) return undefined;
    const other = this.#value(user.inputs[user.inputs[0] === output ? 1 : 0] ?? '');
    const result = user.outputs[0];
    if (other?.kind !== 'tensor' || result === undefined || !fits(other)) return undefined;
    this.#done.add(user);
    return { tensor: other, output: result };
  }

  /** As the output of a node that was taken into a layer before it. */
  set(output: string, value: OnnxValueOf): void {
    this.#values.set(output, value);
  }

  #refuseInput(node: OnnxNode, k: number): never {
    throw new UnsupportedOperator(node, `with "${showName(node.inputs[k] ?? '')}", which is not a tensor of the file of the shape that is expected there,`);
  }

  #value(name: string): OnnxValueOf | undefined {
    const present = this.#values.get(name);
    if (present !== undefined || name === '') return present;
    const info = this.#file.tensor(name);
    if (info === undefined) return undefined;
    const value: TensorValue = { kind: 'tensor', name, fileShape: info.shape, axes: info.shape.map((_, axis) => axis), shape: info.shape };
    this.#values.set(name, value);
    return value;
  }

  /** Whole numbers and single numbers are needed as such; they are read before a node is looked at. */
  async #readNumbers(node: OnnxNode): Promise<void> {
    for (const name of node.inputs) {
      if (this.#values.has(name) && this.#values.get(name)?.kind !== 'tensor') continue;
      const info = this.#file.tensor(name);
      if (info === undefined || this.#numbers.has(name)) continue;
      if (info.elements === 1 && /^(B?F|[IU])\d/.test(info.dtype)) {
        const [number] = await this.#file.read(name);
        this.#numbers.set(name, info.dtype === 'F32' ? shortestDecimal(number ?? 0) : number ?? 0);
      }
      if (/^[IU]\d/.test(info.dtype) && info.elements <= MOST_NUMBERS && info.shape.length <= 1) this.#values.set(name, { kind: 'numbers', values: [...await this.#file.read(name)] });
    }
  }
}
