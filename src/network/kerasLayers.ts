/**
 * The layers of Keras as layers here (Keras' API documentation; kernels are …spatial × in × out). Values are kept with channels first whatever
 * the model's data format is: that shows at the input and where a value is made flat.
 */
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import { activationNamed, type Activation } from './activation.ts';
import { activationOf, type KerasActivation } from './kerasActivation.ts';
import type { KerasLayerConfig } from './kerasConfig.ts';
import type { KerasRole, KerasWeights } from './kerasWeights.ts';
import type { AxisOrder, OutputHead } from './network.ts';
import type { NetworkBuilder, NodeId, TensorUse } from './networkBuilder.ts';
import { samePadding } from './samePadding.ts';
import { inOutAxes, vectorUse, type NamedShape } from './tensorUses.ts';

export interface KerasValue {
  readonly id: NodeId;
  /** Zeros around each spatial axis that the layer behind is to add. */
  readonly zeros?: readonly (readonly [number, number])[];
  /** Whether no entry can be negative: around these, zeros and nothing are the same to a maximum. */
  readonly nonNegative: boolean;
}

export interface KerasContext {
  readonly builder: NetworkBuilder;
  readonly order: AxisOrder;
  readonly weights: KerasWeights;
  /** The network's output: a softmax or sigmoid on it is its head. */
  readonly isOutput: boolean;
}

interface Added {
  readonly value: KerasValue;
  readonly head?: OutputHead;
}

/** Everything a layer's reader needs. */
interface Source extends KerasContext {
  readonly layer: KerasLayerConfig;
  readonly from: readonly KerasValue[];
}

/** @throws UserError that names the layer, when there is none like it here or it does not fit */
export function addKerasLayer(layer: KerasLayerConfig, from: readonly KerasValue[], context: KerasContext): Added {
  const read = readers.get(layer.className);
  if (read === undefined) {
    const code = layer.className === 'Lambda' ? '; it holds code, which is never run' : '';
    throw new UserError(`layer "${showName(layer.name)}" of class "${showName(layer.className)}" is not supported${code}`);
  }
  const source = { ...context, layer, from };
  if (layer.config.value('data_format') === 'channels_first' && context.order === 'channel-last') refuse(source, 'with channels first');
  return read(source);
}

function refuse({ layer }: Pick<Source, 'layer'>, what: string): never {
  throw new UserError(`layer "${showName(layer.name)}" of class "${showName(layer.className)}" ${what} is not supported`);
}

/** The one value a layer takes, without pending zeros. */
function one(source: Source): KerasValue {
  const [value] = source.from;
  if (value === undefined || source.from.length !== 1) return refuse(source, `of ${source.from.length} values`);
  if (value.zeros !== undefined) refuse(source, 'behind zero padding');
  return value;
}

const spatialOf = ({ builder }: Source, { id }: KerasValue): readonly number[] => builder.shapeOf(id).slice(1);

/** One number for every axis, or one each. */
function sizes(source: Source, key: string, axes: number, otherwise: readonly number[] | undefined): readonly number[] {
  const value = source.layer.config.value(key);
  return source.layer.config.perAxis(key, axes, 1, otherwise ?? new Array<number>(axes).fill(1)).map((size) => (value === null ? 1 : size));
}

const flag = ({ layer }: Source, key: string, otherwise: boolean): boolean => layer.config.flag(key, otherwise);

/** The layer's activation behind its node. */
function activated(source: Source, id: NodeId, activation: KerasActivation = activationOf(source.layer)): Added {
  const { builder, isOutput, layer } = source;
  const size = builder.shapeOf(id).length;
  if (activation === 'softmax') return isOutput && size === 1 ? { value: { id, nonNegative: true }, head: 'softmax' } : refuse(source, 'with a softmax that is not the last layer of a vector');
  if (isOutput && activation.name === 'sigmoid') return { value: { id, nonNegative: true }, head: 'sigmoid' };
  if (activation.name === 'linear') return { value: { id, nonNegative: false } };
  return { value: { id: builder.activation(`${layer.name} ${activation.name}`, id, activation), nonNegative: isNonNegative(activation) } };
}

const isNonNegative = ({ name }: Activation): boolean => ['relu', 'relu6', 'sigmoid', 'softplus'].includes(name);

/** An activation that is a layer of its own. */
function activationLayer(source: Source, activation: KerasActivation): Added {
  const { id, nonNegative } = one(source);
  const { builder, isOutput, layer } = source;
  if (activation === 'softmax' || (isOutput && activation.name === 'sigmoid')) return activated(source, id, activation);
  if (activation.name === 'linear') return { value: { id, nonNegative } };
  return { value: { id: builder.activation(layer.name, id, activation), nonNegative: isNonNegative(activation) } };
}

function dense(source: Source): Added {
  const { builder, layer, weights } = source;
  const { id } = one(source);
  const bias = flag(source, 'use_bias', true);
  const found = weights.of(layer, bias ? ['kernel', 'bias'] : ['kernel']);
  return activated(source, builder.dense(layer.name, id, kernelUse(found, 'kernel', [1, 0]), vectorOf(found, 'bias')));
}

function kernelUse(found: ReadonlyMap<KerasRole, NamedShape>, role: KerasRole, fileAxes: readonly number[]): TensorUse {
  const { name, shape } = found.get(role) ?? { name: role, shape: [] };
  return { tensor: name, shape, fileAxes };
}

function vectorOf(found: ReadonlyMap<KerasRole, NamedShape>, role: KerasRole): TensorUse | undefined {
  const tensor = found.get(role);
  return tensor === undefined ? undefined : vectorUse(tensor);
}

interface Geometry {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

/** Of a convolution with this kernel, zeros pending before it included. */
function geometry(source: Source, value: KerasValue, kernel: readonly number[]): Geometry {
  const spatial = spatialOf(source, value);
  const axes = kernel.length;
  if (spatial.length !== axes) refuse(source, `of a value with ${spatial.length} spatial axes`);
  const stride = sizes(source, 'strides', axes, undefined);
  const dilation = sizes(source, 'dilation_rate', axes, undefined);
  const padded = spatial.map((length, axis) => length + (value.zeros?.[axis]?.[0] ?? 0) + (value.zeros?.[axis]?.[1] ?? 0));
  const own = paddingOf(source, padded, kernel, stride, dilation);
  return { stride, dilation, padding: own.map(([before, after], axis) => [before + (value.zeros?.[axis]?.[0] ?? 0), after + (value.zeros?.[axis]?.[1] ?? 0)] as const) };
}

function paddingOf(source: Source, spatial: readonly number[], kernel: readonly number[], stride: readonly number[], dilation: readonly number[]): readonly (readonly [number, number])[] {
  const padding = source.layer.config.text('padding') ?? 'valid';
  switch (padding) {
    case 'valid': return kernel.map(() => [0, 0]);
    case 'same': return kernel.map((length, axis) => samePadding(spatial[axis]!, length, stride[axis]!, dilation[axis]));
    case 'causal': return kernel.map((length, axis) => [dilation[axis]! * (length - 1), 0]);
    default: return refuse(source, `with padding "${showName(padding)}"`);
  }
}

function convolution(source: Source, axes: number): Added {
  const { builder, layer, weights, from } = source;
  const value = from[0] ?? one(source);
  const found = weights.of(layer, flag(source, 'use_bias', true) ? ['kernel', 'bias'] : ['kernel']);
  const kernel = sizes(source, 'kernel_size', axes, undefined);
  const groups = layer.config.value('groups') === null ? 1 : layer.config.number('groups', 1);
  const id = builder.conv(layer.name, value.id, kernelUse(found, 'kernel', inOutAxes(axes + 2)), vectorOf(found, 'bias'), { ...geometry(source, value, kernel), groups });
  return activated(source, id);
}

/** Kernel …spatial × in × multiplier; with a multiplier of one its in is the out here. */
function depthwise(source: Source, axes: number): Added {
  const { builder, layer, weights, from } = source;
  const value = from[0] ?? one(source);
  const multiplier = layer.config.number('depth_multiplier', 1);
  if (multiplier !== 1) refuse(source, `with a depth multiplier of ${multiplier}`);
  // Keras 3 calls its kernel what every other layer does; files list the same variable.
  const role: KerasRole = rolesInFile(source, ['depthwise_kernel', 'kernel']);
  const found = weights.of(layer, flag(source, 'use_bias', true) ? [role, 'bias'] : [role]);
  const kernel = sizes(source, 'kernel_size', axes, undefined);
  const id = builder.conv(layer.name, value.id, kernelUse(found, role, depthwiseAxes(axes)), vectorOf(found, 'bias'), { ...geometry(source, value, kernel), groups: builder.shapeOf(value.id)[0] ?? 1 });
  return activated(source, id);
}

const depthwiseAxes = (axes: number): number[] => [...Array.from({ length: axes }, (_, axis) => axis + 2), 0, 1];

/** Of several names for one variable, the one that the file uses. */
function rolesInFile({ weights, layer }: Source, roles: readonly [KerasRole, KerasRole]): KerasRole {
  try {
    weights.of(layer, [roles[0]]);
    return roles[0];
  } catch (error) {
    if (error instanceof UserError) return roles[1];
    throw error;
  }
}

/** A depthwise convolution and a 1 × 1 convolution behind it, which has the bias. */
function separable(source: Source, axes: number): Added {
  const { builder, layer, weights, from } = source;
  const value = from[0] ?? one(source);
  const multiplier = layer.config.number('depth_multiplier', 1);
  if (multiplier !== 1) refuse(source, `with a depth multiplier of ${multiplier}`);
  const found = weights.of(layer, ['depthwise_kernel', 'pointwise_kernel', ...(flag(source, 'use_bias', true) ? ['bias'] as const : [])]);
  const kernel = sizes(source, 'kernel_size', axes, undefined);
  const ones = kernel.map(() => 1);
  const depth = builder.conv(`${layer.name} depthwise`, value.id, kernelUse(found, 'depthwise_kernel', depthwiseAxes(axes)), undefined, { ...geometry(source, value, kernel), groups: builder.shapeOf(value.id)[0] ?? 1 });
  const point = builder.conv(layer.name, depth, kernelUse(found, 'pointwise_kernel', inOutAxes(axes + 2)), vectorOf(found, 'bias'), { stride: ones, dilation: ones, padding: ones.map(() => [0, 0] as const), groups: 1 });
  return activated(source, point);
}

function pooling(source: Source, axes: number, op: 'maxpool' | 'avgpool'): Added {
  const { builder, layer } = source;
  const value = source.from[0] ?? one(source);
  const spatial = spatialOf(source, value);
  if (spatial.length !== axes) refuse(source, `of a value with ${spatial.length} spatial axes`);
  const kernel = sizes(source, 'pool_size', axes, new Array<number>(axes).fill(2));
  const stride = layer.config.value('strides') === null ? kernel : sizes(source, 'strides', axes, kernel);
  const zeros = value.zeros ?? spatial.map(() => [0, 0] as const);
  const padded = spatial.map((length, axis) => length + zeros[axis]![0] + zeros[axis]![1]);
  const own = paddingOf(source, padded, kernel, stride, kernel.map(() => 1));
  // A maximum over zeros and over nothing differ where all else is negative; an average counts zeros and not what "same" adds.
  if (value.zeros !== undefined && (op === 'maxpool' ? !value.nonNegative : own.flat().some((length) => length > 0))) refuse(source, 'behind zero padding');
  const id = builder.pool(layer.name, value.id, op, { kernel, stride, padding: own.map(([before, after], axis) => [before + zeros[axis]![0], after + zeros[axis]![1]] as const), countPadding: op === 'avgpool' && value.zeros !== undefined });
  return { value: { id, nonNegative: value.nonNegative } };
}

function globalPool(source: Source, op: 'globalavgpool' | 'globalmaxpool'): Added {
  const value = one(source);
  if (flag(source, 'keepdims', false)) refuse(source, 'with keepdims');
  return { value: { id: source.builder.globalPool(source.layer.name, value.id, op), nonNegative: value.nonNegative } };
}

/** Axes that a normalisation names, counted with the batch, as axes of a value here, channels first: 0 are the channels. */
function axesOf(source: Source, value: KerasValue, otherwise: number): number[] {
  const { builder, layer, order } = source;
  const rank = builder.shapeOf(value.id).length;
  const given = layer.config.value('axis') ?? otherwise;
  return (Array.isArray(given) ? given as unknown[] : [given]).map((axis) => {
    const at = typeof axis === 'number' ? axis < 0 ? axis + rank : axis - 1 : -1;
    if (!Number.isInteger(at) || at < 0 || at >= rank) refuse(source, `along axis ${showName(String(axis))}`);
    return order === 'channel-first' || rank === 1 ? at : (at + 1) % rank;
  });
}

function batchnorm(source: Source): Added {
  const { builder, layer, weights } = source;
  const value = one(source);
  if (axesOf(source, value, -1).join() !== '0') refuse(source, 'along an axis that is not the channels');
  const found = weights.of(layer, [...(flag(source, 'scale', true) ? ['gamma'] as const : []), ...(flag(source, 'center', true) ? ['beta'] as const : []), 'moving_mean', 'moving_variance']);
  const vector = (role: KerasRole): TensorUse => vectorOf(found, role) ?? refuse(source, `without ${role}`);
  const id = builder.batchnorm(layer.name, value.id, { scale: vectorOf(found, 'gamma'), shift: vectorOf(found, 'beta'), mean: vector('moving_mean'), variance: vector('moving_variance') }, layer.config.number('epsilon', 1e-3));
  return { value: { id, nonNegative: false } };
}

function layernorm(source: Source, centred: boolean): Added {
  const { builder, layer, weights } = source;
  const value = one(source);
  const axes = axesOf(source, value, -1);
  const rank = builder.shapeOf(value.id).length;
  const over = axes.length === rank ? 'all' : axes.join() === '0' ? 'channels' : refuse(source, 'along these axes');
  if (layer.config.value('rms_scaling') === true) refuse(source, 'with rms_scaling');
  const roles: readonly KerasRole[] = centred ? [...(flag(source, 'scale', true) ? ['gamma'] as const : []), ...(flag(source, 'center', true) ? ['beta'] as const : [])] : ['scale'];
  const found = weights.of(layer, roles);
  const use = (role: KerasRole): TensorUse | undefined => {
    const tensor = found.get(role);
    if (tensor === undefined) return undefined;
    return over === 'channels' || rank === 1 ? vectorUse(tensor) : { tensor: tensor.name, shape: tensor.shape, fileAxes: axes };
  };
  const id = builder.layernorm(layer.name, value.id, over, centred, use(centred ? 'gamma' : 'scale'), use('beta'), layer.config.number('epsilon', centred ? 1e-3 : 1e-6));
  return { value: { id, nonNegative: false } };
}

function zeroPadding(source: Source, axes: number): Added {
  const value = one(source);
  const given = source.layer.config.value('padding') ?? 1;
  const pairs: readonly unknown[] = Array.isArray(given) ? (axes === 1 && given.every((each) => typeof each === 'number') ? [given] : given) : new Array<unknown>(axes).fill(given);
  const zeros = pairs.map((pair): readonly [number, number] => {
    const [before, after] = Array.isArray(pair) ? pair as readonly unknown[] : [pair, pair];
    const whole = (length: unknown): length is number => Number.isSafeInteger(length) && (length as number) >= 0;
    return whole(before) && whole(after) ? [before, after] : refuse(source, 'with this padding');
  });
  if (zeros.length !== axes) refuse(source, 'with this padding');
  return { value: zeros.flat().every((length) => length === 0) ? value : { ...value, zeros } };
}

function flatten(source: Source): Added {
  const { builder, order, layer } = source;
  const value = one(source);
  return { value: builder.shapeOf(value.id).length === 1 ? value : { ...value, id: builder.flatten(layer.name, value.id, order) } };
}

function reshape(source: Source): Added {
  const target = source.layer.config.value('target_shape');
  return Array.isArray(target) && target.length === 1 ? flatten(source) : refuse(source, 'to more than one axis');
}

function joined(source: Source, op: 'add' | 'concat'): Added {
  const { builder, layer, from } = source;
  if (from.some(({ zeros }) => zeros !== undefined)) refuse(source, 'behind zero padding');
  const nonNegative = from.every((value) => value.nonNegative);
  const ids = from.map(({ id }) => id);
  if (op === 'add') return { value: { id: builder.add(layer.name, ids), nonNegative } };
  if (from[0] !== undefined && axesOf(source, from[0], -1).join() !== '0') refuse(source, 'along an axis that is not the channels');
  return { value: { id: builder.concat(layer.name, ids), nonNegative } };
}

function relu(source: Source): Added {
  const { config } = source.layer;
  const limit = config.value('max_value') ?? null;
  const slope = config.value('negative_slope') === null ? 0 : config.number('negative_slope', 0);
  const threshold = config.value('threshold') === null ? 0 : config.number('threshold', 0);
  if (threshold !== 0 || (limit !== null && (limit !== 6 || slope !== 0))) refuse(source, 'with these limits');
  return activationLayer(source, activationNamed(limit === 6 ? 'relu6' : slope === 0 ? 'relu' : `leaky_relu:${slope}`));
}

function prelu(source: Source): Added {
  const { builder, layer, weights } = source;
  const value = one(source);
  const alpha = weights.of(layer, ['alpha']).get('alpha') ?? refuse(source, 'without slopes');
  return { value: { id: builder.prelu(layer.name, value.id, vectorUse(alpha)), nonNegative: false } };
}

function unchanged(source: Source): Added {
  return { value: one(source) };
}

function dropout(source: Source): Added {
  const value = one(source);
  return { value: { ...value, id: source.builder.dropout(source.layer.name, value.id, source.layer.config.number('rate', 0.5)) } };
}

function rescaling(source: Source): Added {
  const { config } = source.layer;
  return config.value('scale') === 1 && (config.value('offset') ?? 0) === 0 ? unchanged(source) : refuse(source, 'of data');
}

function elu(source: Source): Added {
  const alpha = source.layer.config.number('alpha', 1);
  return alpha === 1 ? activationLayer(source, activationNamed('elu')) : refuse(source, `with alpha ${alpha}`);
}

function leakyRelu(source: Source): Added {
  const { config } = source.layer;
  // Keras 3 has another name for it.
  return activationLayer(source, activationNamed(`leaky_relu:${config.number('negative_slope', config.number('alpha', 0.3))}`));
}

const readers: ReadonlyMap<string, (source: Source) => Added> = new Map<string, (source: Source) => Added>([
  ['Dense', dense],
  ['Conv1D', (source) => convolution(source, 1)], ['Conv2D', (source) => convolution(source, 2)], ['Conv3D', (source) => convolution(source, 3)],
  ['Convolution1D', (source) => convolution(source, 1)], ['Convolution2D', (source) => convolution(source, 2)],
  ['DepthwiseConv1D', (source) => depthwise(source, 1)], ['DepthwiseConv2D', (source) => depthwise(source, 2)],
  ['SeparableConv1D', (source) => separable(source, 1)], ['SeparableConv2D', (source) => separable(source, 2)],
  ['MaxPooling1D', (source) => pooling(source, 1, 'maxpool')], ['MaxPooling2D', (source) => pooling(source, 2, 'maxpool')], ['MaxPooling3D', (source) => pooling(source, 3, 'maxpool')],
  ['AveragePooling1D', (source) => pooling(source, 1, 'avgpool')], ['AveragePooling2D', (source) => pooling(source, 2, 'avgpool')], ['AveragePooling3D', (source) => pooling(source, 3, 'avgpool')],
  ...[1, 2, 3].flatMap((axes): [string, (source: Source) => Added][] => [
    [`GlobalAveragePooling${axes}D`, (source) => globalPool(source, 'globalavgpool')], [`GlobalMaxPooling${axes}D`, (source) => globalPool(source, 'globalmaxpool')],
    [`SpatialDropout${axes}D`, dropout], [`ZeroPadding${axes}D`, (source) => zeroPadding(source, axes)],
  ]),
  ['BatchNormalization', batchnorm], ['BatchNormalizationV1', batchnorm], ['LayerNormalization', (source) => layernorm(source, true)], ['RMSNormalization', (source) => layernorm(source, false)],
  ['Activation', (source) => activationLayer(source, activationOf(source.layer))], ['ReLU', relu], ['LeakyReLU', leakyRelu], ['PReLU', prelu], ['ELU', elu],
  ['Softmax', (source) => activationLayer(source, 'softmax')],
  ['Flatten', flatten], ['Reshape', reshape], ['Dropout', dropout], ['AlphaDropout', dropout], ['GaussianDropout', dropout],
  ['GaussianNoise', unchanged], ['ActivityRegularization', unchanged], ['Identity', unchanged], ['Rescaling', rescaling],
  ['Add', (source) => joined(source, 'add')], ['Concatenate', (source) => joined(source, 'concat')],
]);
