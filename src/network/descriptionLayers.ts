/** What each kind of entry in a network description's `layers` means: the keys that it takes, and the node that it becomes. */
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import { activationNamed, type Activation } from './activation.ts';
import type { Entry } from './descriptionEntry.ts';
import type { AxisOrder } from './network.ts';
import type { NetworkBuilder, NodeId, TensorUse } from './networkBuilder.ts';
import { inOutAxes, vectorUse, type NamedShape } from './tensorUses.ts';
import { samePadding } from './samePadding.ts';

export interface LayerSource {
  readonly entry: Entry;
  readonly builder: NetworkBuilder;
  readonly name: string;
  readonly from: readonly NodeId[];
  readonly tensors: TensorTable;
}

export interface TensorTable {
  has(name: string): boolean;
  /** Each tensor can be taken once, unless the entry says that it is `"tied"`. @throws when it is not there, or taken already */
  take(name: string, entry: Entry): NamedShape;
}

interface LayerKind {
  /** Beside the kind itself, `id`, `inputs` and, where they fit, `tied` and `activation`. */
  readonly keys: readonly string[];
  readonly build: (source: LayerSource) => NodeId;
}

/** Defaults of PyTorch, which descriptions follow. */
export const DEFAULT_EPSILON = { batchnorm: 1e-5, layernorm: 1e-5, rmsnorm: 1e-6 } as const;

const one = ({ from }: LayerSource): NodeId => from[0]!;

const windowKeys = ['stride', 'padding', 'dilation', 'groups'];
const affine = ['tied', 'activation'];

const kinds: Readonly<Record<string, LayerKind>> = {
  dense: { keys: ['weight', 'bias', 'order', 'axes', ...affine], build: (source) => source.builder.dense(source.name, one(source), weightOf(source, 2), biasOf(source)) },
  conv1d: { keys: ['weight', 'bias', 'order', 'axes', ...windowKeys, ...affine], build: (source) => convolution(source, 1) },
  conv2d: { keys: ['weight', 'bias', 'order', 'axes', ...windowKeys, ...affine], build: (source) => convolution(source, 2) },
  conv3d: { keys: ['weight', 'bias', 'order', 'axes', ...windowKeys, ...affine], build: (source) => convolution(source, 3) },
  batchnorm: { keys: ['scale', 'shift', 'mean', 'variance', 'eps', ...affine], build: batchnorm },
  layernorm: { keys: ['scale', 'shift', 'axes', 'over', 'eps', ...affine], build: (source) => layernorm(source, true) },
  rmsnorm: { keys: ['scale', 'shift', 'axes', 'over', 'eps', ...affine], build: (source) => layernorm(source, false) },
  prelu: { keys: ['weight', 'tied'], build: (source) => source.builder.prelu(source.name, one(source), vectorUse(source.tensors.take(source.entry.text('weight') ?? `${prefixOf(source.entry)}.weight`, source.entry))) },
  activation: { keys: [], build: (source) => source.builder.activation(source.name, one(source), activationOf(source.entry)) },
  maxpool: { keys: ['stride', 'padding'], build: (source) => pooling(source, 'maxpool') },
  avgpool: { keys: ['stride', 'padding', 'countPadding'], build: (source) => pooling(source, 'avgpool') },
  globalavgpool: { keys: [], build: (source) => source.builder.globalPool(source.name, one(source), 'globalavgpool') },
  globalmaxpool: { keys: [], build: (source) => source.builder.globalPool(source.name, one(source), 'globalmaxpool') },
  flatten: { keys: [], build: (source) => source.builder.flatten(source.name, one(source), flattenOrder(source.entry)) },
  dropout: { keys: [], build: (source) => source.builder.dropout(source.name, one(source), source.entry.number('dropout', 0)) },
  add: { keys: ['activation'], build: ({ builder, name, from }) => builder.add(name, from) },
  concat: { keys: ['activation'], build: ({ builder, name, from }) => builder.concat(name, from) },
};

/**
 * The kind of layer that an entry is.
 * @throws when it is none, or has keys that its kind does not take
 */
export function kindOf(entry: Entry): string {
  // `{"dense": "0", "activation": "relu"}` is a dense layer: what may stand beside others is looked at last.
  const kind = Object.keys(kinds).find((key) => key !== 'activation' && entry.has(key)) ?? (entry.has('weight') ? 'dense' : entry.has('activation') ? 'activation' : undefined);
  if (kind === undefined) {
    const key = entry.keys()[0];
    return entry.fail(key === undefined ? 'is empty; expected a layer such as {"dense": "0"}' : `"${showName(key)}" layers are not supported; expected one of ${Object.keys(kinds).join(', ')}`);
  }
  entry.allow([kind, ...kinds[kind]?.keys ?? [], 'id', 'inputs']);
  return kind;
}

/** Adds the entry's nodes. @returns the one whose value the entry stands for */
export function buildLayer(kind: string, source: LayerSource): NodeId {
  const layer = kinds[kind];
  if (layer === undefined) throw new RangeError(`there is no layer "${kind}"`);
  const node = layer.build(source);
  if (kind === 'activation' || !source.entry.has('activation')) return node;
  const activation = activationOf(source.entry);
  return activation.name === 'linear' ? node : source.builder.activation(`${source.name} ${activation.name}`, node, activation);
}

/** The prefix of the entry's tensors, which is its name too; undefined for kinds that have none and where `true` stands instead. */
export function layerPrefix(kind: string, entry: Entry): string | undefined {
  if (kind === 'activation' || kind === 'flatten' || kind === 'add' || kind === 'concat') return undefined;
  const value = entry.value(kind);
  if (typeof value === 'string') return value;
  if (kind === 'dense' && !entry.has('dense')) return entry.text('weight');
  if (value === true || !['dense', 'conv1d', 'conv2d', 'conv3d', 'batchnorm', 'layernorm', 'rmsnorm', 'prelu'].includes(kind)) return undefined;
  return entry.fail(`"${kind}" should be a string`);
}

function prefixOf(entry: Entry): string {
  return layerPrefix(kindOf(entry), entry) ?? entry.fail(`"${kindOf(entry)}" should be a string, the prefix of its tensors`);
}

function activationOf(entry: Entry): Activation {
  const value = entry.value('activation');
  if (typeof value !== 'string') return entry.fail('"activation" should be a string such as "relu"');
  try {
    return activationNamed(value);
  } catch (error) {
    if (error instanceof UserError) return entry.fail(error.message);
    throw error;
  }
}

function weightOf({ entry, tensors }: LayerSource, rank: number): TensorUse {
  const { name, shape } = tensors.take(entry.text('weight') ?? `${prefixOf(entry)}.weight`, entry);
  if (shape.length !== rank) entry.fail(`tensor "${showName(name)}" should have ${rank} axes, its shape is [${shape.join(', ')}]`);
  const order = entry.oneOf('order', ['out-in', 'in-out'], 'out-in');
  const fileAxes = axesOf(entry, rank) ?? (order === 'in-out' ? inOutAxes(rank) : undefined);
  return { tensor: name, shape, ...(fileAxes === undefined ? {} : { fileAxes }) };
}

/** A permutation of the axes, when the entry gives one. */
function axesOf(entry: Entry, rank: number): readonly number[] | undefined {
  if (!entry.has('axes')) return undefined;
  const axes = entry.perAxis('axes', rank, 0, []);
  return new Set(axes).size === rank && axes.every((axis) => axis < rank) ? axes : entry.fail(`"axes" should hold each of 0 … ${rank - 1} once`);
}

/** The bias of the prefix comes by itself only where the weight does. */
function biasOf({ entry, tensors }: LayerSource): TensorUse | undefined {
  const given = entry.text('bias');
  const own = entry.has('weight') ? undefined : `${prefixOf(entry)}.bias`;
  const name = given ?? (own !== undefined && tensors.has(own) ? own : undefined);
  return name === undefined ? undefined : vectorUse(tensors.take(name, entry));
}

function convolution(source: LayerSource, axes: number): NodeId {
  const { entry, builder, name } = source;
  const spatial = builder.shapeOf(one(source)).slice(1);
  const weight = weightOf(source, axes + 2);
  const kernel = Array.from({ length: axes }, (_, axis) => weight.shape[weight.fileAxes === undefined ? axis + 2 : weight.fileAxes.indexOf(axis + 2)]!);
  const ones = new Array<number>(axes).fill(1);
  const stride = entry.perAxis('stride', axes, 1, ones);
  const dilation = entry.perAxis('dilation', axes, 1, ones);
  const groups = entry.number('groups', 1);
  if (!Number.isSafeInteger(groups) || groups < 1) entry.fail('"groups" should be a positive whole number');
  return builder.conv(name, one(source), weight, biasOf(source), { stride, dilation, groups, padding: paddingOf(entry, spatial, kernel, stride, dilation) });
}

function pooling(source: LayerSource, op: 'maxpool' | 'avgpool'): NodeId {
  const { entry, builder, name } = source;
  const spatial = builder.shapeOf(one(source)).slice(1);
  const kernel = entry.perAxis(op, spatial.length, 1, []);
  const stride = entry.perAxis('stride', spatial.length, 1, kernel);
  const padding = paddingOf(entry, spatial, kernel, stride, new Array<number>(spatial.length).fill(1));
  return builder.pool(name, one(source), op, { kernel, stride, padding, countPadding: op === 'avgpool' && entry.flag('countPadding', true) });
}

/** A number for all sides, one an axis, a pair an axis, or "same". */
function paddingOf(entry: Entry, spatial: readonly number[], kernel: readonly number[], stride: readonly number[], dilation: readonly number[]): readonly (readonly [number, number])[] {
  const value = entry.value('padding');
  if (value === 'same') return spatial.map((length, axis) => samePadding(length, kernel[axis] ?? 1, stride[axis] ?? 1, dilation[axis]));
  const whole = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (Array.isArray(value) && value.length === kernel.length && value.every((pair: unknown) => Array.isArray(pair) && pair.length === 2 && pair.every(whole))) return value as [number, number][];
  if (value !== undefined && !whole(value) && !(Array.isArray(value) && value.length === kernel.length && value.every(whole))) {
    entry.fail(`"padding" should be a whole number, a list of ${kernel.length} of them, a list of ${kernel.length} pairs [before, after], or "same"`);
  }
  return entry.perAxis('padding', kernel.length, 0, kernel.map(() => 0)).map((zeros) => [zeros, zeros] as const);
}

function batchnorm(source: LayerSource): NodeId {
  const { entry, builder, name, tensors } = source;
  const explicit = ['scale', 'shift', 'mean', 'variance'].some((key) => entry.has(key));
  const own = (key: string, standard: string, needed: boolean): TensorUse | undefined => {
    const standardName = explicit ? undefined : `${prefixOf(entry)}.${standard}`;
    const tensor = entry.text(key) ?? (standardName !== undefined && (needed || tensors.has(standardName)) ? standardName : undefined);
    return tensor === undefined ? undefined : vectorUse(tensors.take(tensor, entry));
  };
  const scale = own('scale', 'weight', false);
  const shift = own('shift', 'bias', false);
  const mean = own('mean', 'running_mean', true) ?? entry.fail('"mean" should name the tensor of running means');
  const variance = own('variance', 'running_var', true) ?? entry.fail('"variance" should name the tensor of running variances');
  return builder.batchnorm(name, one(source), { scale, shift, mean, variance }, epsilonOf(entry, DEFAULT_EPSILON.batchnorm));
}

function layernorm(source: LayerSource, centred: boolean): NodeId {
  const { entry, builder, name, tensors } = source;
  const explicit = entry.has('scale') || entry.has('shift');
  const bare = entry.value(centred ? 'layernorm' : 'rmsnorm') === true;
  const over = entry.oneOf('over', ['all', 'channels'], 'all');
  const use = (tensor: string | undefined): TensorUse | undefined => {
    if (tensor === undefined) return undefined;
    const named = tensors.take(tensor, entry);
    if (over === 'channels') return vectorUse(named);
    const fileAxes = axesOf(entry, named.shape.length);
    return { tensor, shape: named.shape, ...(fileAxes === undefined ? {} : { fileAxes }) };
  };
  const prefix = explicit || bare ? undefined : prefixOf(entry);
  const shiftOfPrefix = prefix !== undefined && tensors.has(`${prefix}.bias`) ? `${prefix}.bias` : undefined;
  const scale = use(prefix === undefined ? entry.text('scale') : `${prefix}.weight`);
  const shift = use(entry.text('shift') ?? shiftOfPrefix);
  return builder.layernorm(name, one(source), over, centred, scale, shift, epsilonOf(entry, centred ? DEFAULT_EPSILON.layernorm : DEFAULT_EPSILON.rmsnorm));
}

function epsilonOf(entry: Entry, otherwise: number): number {
  const epsilon = entry.number('eps', otherwise);
  return epsilon >= 0 ? epsilon : entry.fail('"eps" should not be negative');
}

function flattenOrder(entry: Entry): AxisOrder {
  return entry.value('flatten') === true ? 'channel-first' : entry.oneOf('flatten', ['channel-first', 'channel-last'], 'channel-first');
}
