/**
 * Operators of ONNX that move axes: a network here flattens, takes axes of length 1 from vectors and gives them back, and turns channels
 * to the other end.
 */
import type { OnnxNode } from '../weights/onnxGraph.ts';
import { integer, integers } from './onnxAttributes.ts';
import type { OnnxLayers } from './onnxLayers.ts';
import { elementsOf, nodeName, type NodeValue, type OnnxValueOf, toChannelFirst, toChannelLast, UnsupportedOperator } from './onnxValues.ts';

/** @param shape behind the batch */
function reshapeTo(layers: OnnxLayers, node: OnnxNode, value: NodeValue, shape: readonly number[]): NodeValue {
  const own = layers.builder.shapeOf(value.id);
  if (elementsOf(shape) !== elementsOf(value.shape)) throw new UnsupportedOperator(node, `from [N, ${value.shape.join(', ')}] to [N, ${shape.join(', ')}]`);
  if (shape.length === 1) return { kind: 'node', id: own.length === 1 ? value.id : layers.builder.flatten(nodeName(node), value.id, value.order), shape, order: 'channel-first' };
  if (shape.join() === value.shape.join()) return value;
  // A vector may get axes of length 1 behind it, or lose some.
  if (own.length === 1 && shape[0] === own[0]) return { kind: 'node', id: value.id, shape, order: 'channel-first' };
  throw new UnsupportedOperator(node, `from [N, ${value.shape.join(', ')}] to [N, ${shape.join(', ')}]`);
}

export function flatten(layers: OnnxLayers, node: OnnxNode): NodeValue {
  const value = layers.input(node, 0, 'any');
  const axis = integer(node, 'axis', 1);
  if (axis !== 1 && axis !== -value.shape.length) throw new UnsupportedOperator(node, `from axis ${axis}`);
  return reshapeTo(layers, node, value, [elementsOf(value.shape)]);
}

export function reshape(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const target = layers.wholeNumbers(node, 1) ?? integers(node, 'shape');
  const tensor = layers.tensor(node, 0);
  if (target === undefined) throw new UnsupportedOperator(node, 'to a shape that the graph computes');
  if (tensor !== undefined) {
    // Of weights: vectors that get axes of length 1.
    const lengths = target.map((length, axis) => (length === 'batch' ? 1 : length === 0 ? tensor.shape[axis] ?? 1 : length));
    return { ...tensor, axes: undefined, shape: lengths.map((length) => (length === -1 ? Math.abs(elementsOf(tensor.shape) / elementsOf(lengths)) : length)) };
  }
  const value = layers.input(node, 0, 'any');
  const [batch, ...rest] = target;
  const known = rest.map((length, axis) => (length === 'batch' ? -1 : length === 0 ? value.shape[axis] ?? 1 : length));
  const open = known.filter((length) => length < 0).length;
  // The first axis stays the batch: as many as there are, one (an export for a single input), or what is left over.
  const keepsBatch = batch === 'batch' || batch === 0 || batch === 1 || (batch === -1 && open === 0);
  const product = known.reduce((each, length) => (length < 0 ? each : each * length), 1);
  if (!keepsBatch || open > 1 || rest.length === 0) throw new UnsupportedOperator(node, `to [${target.join(', ')}]`);
  return reshapeTo(layers, node, value, known.map((length) => (length < 0 ? elementsOf(value.shape) / product : length)));
}

/** @param axes as the node gives them, counted with the batch */
export function squeeze(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const tensor = layers.tensor(node, 0);
  if (tensor !== undefined) return { ...tensor, axes: undefined, shape: tensor.shape.filter((length) => length !== 1) };
  const value = layers.input(node, 0, 'any');
  const rank = value.shape.length + 1;
  const axes = integers(node, 'axes') ?? layers.wholeNumbers(node, 1)?.filter((axis) => axis !== 'batch');
  const gone = new Set(axes?.map((axis) => (axis < 0 ? axis + rank : axis)) ?? value.shape.flatMap((length, axis) => (length === 1 ? [axis + 1] : [])));
  if (gone.has(0) || value.shape.some((length, axis) => gone.has(axis + 1) && length !== 1)) throw new UnsupportedOperator(node, `along axes [${[...gone].join(', ')}] of [N, ${value.shape.join(', ')}]`);
  return reshapeTo(layers, node, value, value.shape.filter((_, axis) => !gone.has(axis + 1)));
}

export function unsqueeze(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const axes = (integers(node, 'axes') ?? layers.wholeNumbers(node, 1)?.filter((axis) => axis !== 'batch') ?? []).slice(0, 16);
  const insert = (shape: readonly number[], from: number): number[] => {
    const rank = shape.length + from + axes.length;
    const at = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
    const left = [...shape];
    return Array.from({ length: rank - from }, (_, axis) => (at.has(axis + from) ? 1 : left.shift() ?? 1));
  };
  const tensor = layers.tensor(node, 0);
  if (tensor !== undefined) return { ...tensor, axes: undefined, shape: insert(tensor.shape, 0) };
  const value = layers.input(node, 0, 'any');
  return reshapeTo(layers, node, value, insert(value.shape, 1));
}

export function transpose(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const tensor = layers.tensor(node, 0);
  if (tensor !== undefined) {
    const order = integers(node, 'perm') ?? tensor.shape.map((_, axis) => tensor.shape.length - 1 - axis);
    if (order.length !== tensor.shape.length || new Set(order).size !== order.length || order.some((axis) => tensor.shape[axis] === undefined)) throw new UnsupportedOperator(node, `by [${order.join(', ')}]`);
    return { ...tensor, axes: tensor.axes === undefined ? undefined : order.map((axis) => tensor.axes?.[axis] ?? axis), shape: order.map((axis) => tensor.shape[axis]!) };
  }
  const value = layers.input(node, 0, 'any');
  const order = integers(node, 'perm')?.join();
  const { shape } = value;
  if (value.order === 'channel-last' && order === toChannelFirst(shape.length).join()) return { ...value, order: 'channel-first', shape: [shape.at(-1) ?? 1, ...shape.slice(0, -1)] };
  if (value.order === 'channel-first' && shape.length > 1 && order === toChannelLast(shape.length).join()) return { ...value, order: 'channel-last', shape: [...shape.slice(1), shape[0] ?? 1] };
  throw new UnsupportedOperator(node, `by [${integers(node, 'perm')?.join(', ') ?? ''}] of [N, ${shape.join(', ')}]`);
}
