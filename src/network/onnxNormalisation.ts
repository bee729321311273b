/**
 * Normalisations in ONNX: their own operators, and layer normalisation (Ba et al. 2016) and RMSNorm (Zhang & Sennrich 2019) written out as
 * means, squares and roots, which is how they are exported below operator set 17.
 */
import type { OnnxNode } from '../weights/onnxGraph.ts';
import type { TensorUse } from './networkBuilder.ts';
import { float, integer, integers } from './onnxAttributes.ts';
import type { Arithmetic } from './onnxElementwise.ts';
import type { OnnxLayers } from './onnxLayers.ts';
import { elementsOf, type MomentValue, nodeName, type NodeValue, type OnnxValueOf, type TensorValue, UnsupportedOperator } from './onnxValues.ts';
import { vectorUse } from './tensorUses.ts';

export function batchNormalization(layers: OnnxLayers, node: OnnxNode): NodeValue {
  const base = layers.input(node, 0);
  if (integer(node, 'training_mode', 0) !== 0) throw new UnsupportedOperator(node, 'in training mode');
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((k) => layers.vector(node, k)) as [TensorUse, TensorUse, TensorUse, TensorUse];
  return { ...base, id: layers.builder.batchnorm(nodeName(node), base.id, { scale, shift, mean, variance }, float(node, 'epsilon', 1e-5)) };
}

export function layerNormalization(layers: OnnxLayers, node: OnnxNode): NodeValue {
  const base = layers.input(node, 0, 'any');
  const rank = base.shape.length + 1;
  const axis = integer(node, 'axis', -1);
  const over = normalisedOver(base, Array.from({ length: rank }, (_, each) => each).slice(axis));
  const [scale, shift] = [layers.tensor(node, 1), layers.tensor(node, 2)];
  if (over === undefined || scale === undefined || (over === 'all' && base.order === 'channel-last')) throw new UnsupportedOperator(node, `along axis ${axis} of [N, ${base.shape.join(', ')}]`);
  const use = (tensor: TensorValue): TensorUse => (over === 'channels' ? vectorUse({ name: tensor.name, shape: tensor.fileShape }) : { tensor: tensor.name, shape: tensor.fileShape });
  return { ...base, id: layers.builder.layernorm(nodeName(node), base.id, over, true, use(scale), shift === undefined ? undefined : use(shift), float(node, 'epsilon', 1e-5)) };
}

/** Steps of a layer normalisation, and the normalisation itself where it ends. */
export function momentStep(layers: OnnxLayers, node: OnnxNode, operator: Arithmetic): OnnxValueOf | undefined {
  const [a, b] = [layers.value(node, 0), layers.value(node, 1)];
  const moment = a?.kind === 'moment' ? a : b?.kind === 'moment' ? b : undefined;
  if (moment === undefined) return undefined;
  const isBase = (value: OnnxValueOf | undefined): boolean => layers.settle(value?.kind === 'moment' ? undefined : value)?.id === moment.base.id;
  if (operator === 'Sub' && b === moment && moment.what === 'mean' && isBase(a)) return { ...moment, what: 'centred' };
  if (moment.what === 'centred' && a?.kind === 'moment' && a.what === 'centred' && a.base.id === moment.base.id) {
    if ((operator === 'Pow' && layers.scalar(node, 1) === 2) || (operator === 'Mul' && b?.kind === 'moment' && b.what === 'centred' && b.base.id === a.base.id)) return { ...moment, what: 'squared' };
    if ((operator === 'Div' && b?.kind === 'moment' && b.what === 'root') || (operator === 'Mul' && b?.kind === 'moment' && b.what === 'inverse root')) {
      if (b.base.id === a.base.id && b.over === a.over && b.centred) return normalised(layers, node, b);
    }
  }
  const number = layers.scalar(node, a === moment ? 1 : 0);
  if (operator === 'Add' && moment.what === 'variance' && number !== undefined && moment.epsilon === 0) return { ...moment, epsilon: number };
  if (operator === 'Div' && b === moment && moment.what === 'root' && layers.scalar(node, 0) === 1) return { ...moment, what: 'inverse root' };
  if (operator === 'Pow' && a === moment && moment.what === 'variance' && number === 0.5) return { ...moment, what: 'root' };
  if (!moment.centred && ((operator === 'Div' && b === moment && moment.what === 'root' && isBase(a)) || (operator === 'Mul' && moment.what === 'inverse root' && isBase(a === moment ? b : a)))) return normalised(layers, node, moment);
  throw new UnsupportedOperator(node);
}

/** With the scale and the shift that follow. */
function normalised(layers: OnnxLayers, node: OnnxNode, { base, over, centred, epsilon }: MomentValue): NodeValue {
  const length = over === 'all' ? elementsOf(base.shape) : base.shape.at(-1) ?? 0;
  const fits = (tensor: TensorValue): boolean => elementsOf(tensor.shape) === length && (over === 'channels' || tensor.shape.filter((each) => each !== 1).join() === base.shape.filter((each) => each !== 1).join());
  let output = node.outputs[0] ?? '';
  const scale = layers.takeFollowing(output, 'Mul', fits);
  output = scale?.output ?? output;
  const shift = layers.takeFollowing(output, 'Add', fits);
  const use = (tensor: TensorValue | undefined): TensorUse | undefined => {
    if (tensor === undefined) return undefined;
    return over === 'channels' || base.shape.length === 1 ? vectorUse({ name: tensor.name, shape: tensor.fileShape }) : { tensor: tensor.name, shape: tensor.fileShape };
  };
  const value: NodeValue = { ...base, id: layers.builder.layernorm(nodeName(node), base.id, over, centred, use(scale?.tensor), use(shift?.tensor), epsilon) };
  if (scale !== undefined) layers.set(scale.output, value);
  if (shift !== undefined) layers.set(shift.output, value);
  return value;
}

/** What a normalisation over these axes, counted with the batch, is over; undefined when it is none here. */
function normalisedOver({ shape, order }: NodeValue, axes: readonly number[]): 'all' | 'channels' | undefined {
  const rank = shape.length + 1;
  const set = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  if (set.size === rank - 1 && !set.has(0)) return 'all';
  return set.size === 1 && order === 'channel-last' && set.has(rank - 1) ? 'channels' : undefined;
}

export function reduceMean(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const value = layers.value(node, 0);
  const axes = integers(node, 'axes') ?? layers.wholeNumbers(node, 1)?.filter((axis) => axis !== 'batch') ?? [];
  if (value?.kind === 'moment') {
    if (value.what === 'squared' && normalisedOver(value.base, axes) === value.over) return { ...value, what: 'variance' };
    throw new UnsupportedOperator(node);
  }
  // A mean of squares, as RMSNorm takes it.
  if (value?.kind === 'expression' && [-2, 0.5, 3].every((x) => value.f(x) === x * x)) {
    const over = normalisedOver(value.base, axes);
    if (over !== undefined) return { kind: 'moment', what: 'variance', base: value.base, over, centred: false, epsilon: 0 };
  }
  const base = layers.input(node, 0, 'any');
  if (isSpatial(base, axes)) return globalPool(layers, node, base, 'globalavgpool', integer(node, 'keepdims', 1) === 1);
  const over = normalisedOver(base, axes);
  if (over === undefined || integer(node, 'keepdims', 1) !== 1) throw new UnsupportedOperator(node, `over axes [${axes.join(', ')}] of [N, ${base.shape.join(', ')}]`);
  return { kind: 'moment', what: 'mean', base, over, centred: true, epsilon: 0 };
}

export function reduceMax(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const axes = integers(node, 'axes') ?? layers.wholeNumbers(node, 1)?.filter((axis) => axis !== 'batch') ?? [];
  const base = layers.input(node, 0, 'any');
  if (!isSpatial(base, axes)) throw new UnsupportedOperator(node, `over axes [${axes.join(', ')}] of [N, ${base.shape.join(', ')}]`);
  return globalPool(layers, node, base, 'globalmaxpool', integer(node, 'keepdims', 1) === 1);
}

/** Whether these are all axes but the batch and the channels. */
function isSpatial({ shape, order }: NodeValue, axes: readonly number[]): boolean {
  const rank = shape.length + 1;
  const first = order === 'channel-first' ? 2 : 1;
  const set = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  return rank > 2 && set.size === rank - 2 && [...set].every((axis) => axis >= first && axis < first + rank - 2);
}

export function globalPool(layers: OnnxLayers, node: OnnxNode, base: NodeValue, op: 'globalavgpool' | 'globalmaxpool', keep: boolean): NodeValue {
  if (base.shape.length < 2) throw new UnsupportedOperator(node, 'of a vector');
  const channels = base.order === 'channel-first' ? base.shape[0]! : base.shape.at(-1) ?? 1;
  const ones = keep ? base.shape.slice(1).map(() => 1) : [];
  return { kind: 'node', id: layers.builder.globalPool(nodeName(node), base.id, op), shape: base.order === 'channel-first' ? [channels, ...ones] : [...ones, channels], order: ones.length === 0 ? 'channel-first' : base.order };
}

export function root(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const value = layers.value(node, 0);
  if (value?.kind !== 'moment') throw new UnsupportedOperator(node);
  if (node.operator === 'Sqrt' && value.what === 'variance') return { ...value, what: 'root' };
  if (node.operator === 'Reciprocal' && value.what === 'root') return { ...value, what: 'inverse root' };
  throw new UnsupportedOperator(node);
}
