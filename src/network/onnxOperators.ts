/** Dense layers, convolutions and pooling of ONNX, and the table of all operators. */
import type { OnnxNode } from '../weights/onnxGraph.ts';
import { showName } from '../weights/weightFileError.ts';
import type { TensorUse } from './networkBuilder.ts';
import { float, integer, integers, text, windowsOf } from './onnxAttributes.ts';
import { addValues, applyBinary, applyUnary, type Arithmetic, arithmetic, clip, unary } from './onnxElementwise.ts';
import type { OnnxLayers } from './onnxLayers.ts';
import { batchNormalization, globalPool, layerNormalization, reduceMax, reduceMean, root } from './onnxNormalisation.ts';
import { flatten, reshape, squeeze, transpose, unsqueeze } from './onnxReshaping.ts';
import { elementsOf, type Length, nodeName, type NodeValue, type OnnxValueOf, type TensorValue, UnsupportedOperator, weightUse } from './onnxValues.ts';
import { vectorUse } from './tensorUses.ts';

type Handler = (layers: OnnxLayers, node: OnnxNode) => OnnxValueOf;

/** @param order of the weight's axes: [0, 1] for out × in */
function dense(layers: OnnxLayers, node: OnnxNode, weight: TensorValue, order: readonly [number, number], bias: TensorUse | undefined): NodeValue {
  const base = layers.input(node, 0);
  const use = weightUse(weight, order);
  if (use === undefined) throw new UnsupportedOperator(node, `with a weight of shape [${weight.shape.join(', ')}]`);
  if (base.shape.length !== 1) throw new UnsupportedOperator(node, `of a value of shape [N, ${base.shape.join(', ')}]`);
  const outputs = weight.shape[order[0] === 0 ? 0 : 1]!;
  let following: ReturnType<OnnxLayers['takeFollowing']>;
  if (bias === undefined) following = layers.takeFollowing(node.outputs[0] ?? '', 'Add', ({ shape }) => shape.at(-1) === outputs && elementsOf(shape) === outputs);
  const id = layers.builder.dense(nodeName(node), base.id, use, bias ?? (following === undefined ? undefined : vectorUse({ name: following.tensor.name, shape: following.tensor.fileShape })));
  const value: NodeValue = { kind: 'node', id, shape: [outputs], order: 'channel-first' };
  if (following !== undefined) layers.set(following.output, value);
  return value;
}

function gemm(layers: OnnxLayers, node: OnnxNode): NodeValue {
  const weight = layers.tensor(node, 1);
  const [alpha, beta] = [float(node, 'alpha', 1), float(node, 'beta', 1)];
  const bias = (node.inputs[2] ?? '') === '' ? undefined : layers.vector(node, 2);
  if (alpha !== 1 || (beta !== 1 && bias !== undefined)) throw new UnsupportedOperator(node, `with alpha ${alpha} and beta ${beta}`);
  if (weight === undefined || integer(node, 'transA', 0) !== 0) throw new UnsupportedOperator(node, weight === undefined ? 'without a weight in the file' : 'with transA');
  return dense(layers, node, weight, integer(node, 'transB', 0) === 0 ? [1, 0] : [0, 1], bias);
}

function convolution(layers: OnnxLayers, node: OnnxNode): NodeValue {
  const base = layers.input(node, 0);
  const weight = layers.tensor(node, 1);
  if (weight === undefined) throw new UnsupportedOperator(node, 'without a weight in the file');
  const use = weightUse(weight, weight.shape.map((_, axis) => axis));
  const [outputs, , ...kernel] = weight.shape;
  if (use === undefined || outputs === undefined || kernel.length === 0) throw new UnsupportedOperator(node, `with a weight of shape [${weight.shape.join(', ')}]`);
  const spatial = base.shape.slice(1);
  const { stride, dilation, padding } = windowsOf(node, kernel, spatial);
  const zeros = padding.map(([before, after], axis) => [before + (base.zeros?.[axis]?.[0] ?? 0), after + (base.zeros?.[axis]?.[1] ?? 0)] as const);
  const given = (node.inputs[2] ?? '') === '' ? undefined : layers.vector(node, 2);
  let following: ReturnType<OnnxLayers['takeFollowing']>;
  // A bias of its own, [1, C, 1, 1] or [C, 1, 1].
  if (given === undefined) following = layers.takeFollowing(node.outputs[0] ?? '', 'Add', ({ shape }) => elementsOf(shape) === outputs && shape.at(-1 - kernel.length) === outputs);
  const bias = given ?? (following === undefined ? undefined : vectorUse({ name: following.tensor.name, shape: following.tensor.fileShape }));
  const id = layers.builder.conv(nodeName(node), base.id, use, bias, { stride, dilation, padding: zeros, groups: integer(node, 'group', 1) });
  const value: NodeValue = { kind: 'node', id, shape: layers.builder.shapeOf(id), order: 'channel-first' };
  if (following !== undefined) layers.set(following.output, value);
  return value;
}

function pooling(layers: OnnxLayers, node: OnnxNode, op: 'maxpool' | 'avgpool'): NodeValue {
  const base = layers.input(node, 0);
  const spatial = base.shape.slice(1);
  const kernel = integers(node, 'kernel_shape') ?? [];
  const { stride, dilation, padding } = windowsOf(node, kernel, spatial);
  if (kernel.length !== spatial.length || dilation.some((step) => step !== 1)) throw new UnsupportedOperator(node, `with a kernel [${kernel.join(', ')}] and dilations [${dilation.join(', ')}]`);
  // Rounding up, the last window reaches behind the padding; a maximum does not see what is there.
  const beyond = integer(node, 'ceil_mode', 0) === 0 ? kernel.map(() => 0) : kernel.map((length, axis) => {
    const [before, after] = padding[axis]!;
    const surplus = (spatial[axis]! + before + after - length) % stride[axis]!;
    return surplus <= 0 ? 0 : stride[axis]! - surplus;
  });
  if (op === 'avgpool' && beyond.some((length) => length > 0)) throw new UnsupportedOperator(node, 'with ceil_mode');
  // Zeros that a Pad has put there are values like others, and count.
  const counted = integer(node, 'count_include_pad', 0) === 1 || base.zeros !== undefined;
  if (base.zeros !== undefined && integer(node, 'count_include_pad', 0) !== 1 && padding.flat().some((length) => length > 0)) throw new UnsupportedOperator(node, 'of a padded value');
  const zeros = base.zeros ?? padding.map(() => [0, 0] as const);
  const id = layers.builder.pool(nodeName(node), base.id, op, {
    kernel, stride, padding: padding.map(([before, after], axis) => [before + zeros[axis]![0], after + zeros[axis]![1] + beyond[axis]!] as const), countPadding: op === 'avgpool' && counted,
  });
  return { kind: 'node', id, shape: layers.builder.shapeOf(id), order: 'channel-first' };
}

/** Zeros around the spatial axes, for the convolution behind it. */
function pad(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const value = layers.input(node, 0);
  const pads = integers(node, 'pads') ?? layers.wholeNumbers(node, 1) ?? [];
  const rank = value.shape.length + 1;
  const spatial = Array.from({ length: rank - 2 }, (_, axis) => [pads[axis + 2], pads[axis + 2 + rank]] as const);
  const whole = (length: Length | undefined): length is number => typeof length === 'number' && length >= 0;
  const zero = (node.inputs[2] ?? '') === '' ? float(node, 'value', 0) === 0 : layers.scalar(node, 2) === 0;
  if (text(node, 'mode', 'constant') !== 'constant' || !zero || pads.length !== 2 * rank || [0, 1, rank, rank + 1].some((at) => pads[at] !== 0) || !spatial.every(([before, after]) => whole(before) && whole(after)) || (node.inputs[3] ?? '') !== '') {
    throw new UnsupportedOperator(node, `by [${pads.join(', ')}]`);
  }
  return pads.every((length) => length === 0) ? value : { ...value, shape: value.shape, zeros: spatial as readonly (readonly [number, number])[] };
}

function concat(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const values = node.inputs.map((_, k) => layers.input(node, k, 'any'));
  const [first] = values;
  if (first === undefined) throw new UnsupportedOperator(node, 'of nothing');
  const rank = first.shape.length + 1;
  const axis = integer(node, 'axis', 1);
  const channels = first.order === 'channel-first' ? 1 : rank - 1;
  if ((axis < 0 ? axis + rank : axis) !== channels || values.some(({ order, shape }) => order !== first.order || shape.length !== rank - 1)) throw new UnsupportedOperator(node, `along axis ${axis} of [N, ${first.shape.join(', ')}]`);
  const sum = values.reduce((total, { shape }) => total + shape[channels - 1]!, 0);
  return { ...first, id: layers.builder.concat(nodeName(node), values.map(({ id }) => id)), shape: first.shape.map((length, each) => (each === channels - 1 ? sum : length)) };
}

/** Undefined for operators that no layer here stands for. */
export const handlers: Readonly<Record<string, Handler | undefined>> = {
  __proto__: null as unknown as undefined,
  ...Object.fromEntries(Object.keys(unary).map((operator) => [operator, applyUnary])),
  ...Object.fromEntries((Object.keys(arithmetic) as Arithmetic[]).map((operator): [string, Handler] => [operator, (layers, node) => applyBinary(layers, node, operator)])),
  Sum: (layers, node) => addValues(layers, node),
  Gemm: gemm,
  MatMul: (layers, node) => dense(layers, node, layers.tensor(node, 1) ?? refuse(node, 'of two values'), [1, 0], undefined),
  Conv: convolution,
  MaxPool: (layers, node) => pooling(layers, node, 'maxpool'),
  AveragePool: (layers, node) => pooling(layers, node, 'avgpool'),
  GlobalAveragePool: (layers, node) => globalPool(layers, node, layers.input(node), 'globalavgpool', true),
  GlobalMaxPool: (layers, node) => globalPool(layers, node, layers.input(node), 'globalmaxpool', true),
  ReduceMean: reduceMean,
  ReduceMax: reduceMax,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  PRelu: (layers, node) => { const base = layers.input(node); return { ...base, id: layers.builder.prelu(nodeName(node), base.id, layers.vector(node, 1)) }; },
  Dropout: (layers, node) => { const base = layers.input(node, 0, 'any'); return { ...base, id: layers.builder.dropout(nodeName(node), base.id, layers.scalar(node, 1) ?? float(node, 'ratio', 0.5)) }; },
  Identity: (layers, node) => layers.value(node, 0) ?? refuse(node, `of "${showName(node.inputs[0] ?? '')}", which nothing before it computes,`),
  Cast: (layers, node) => layers.value(node, 0) ?? refuse(node),
  Flatten: flatten,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Clip: clip,
  Sqrt: root,
  Reciprocal: root,
  Pad: pad,
};

function refuse(node: OnnxNode, detail = ''): never {
  throw new UnsupportedOperator(node, detail);
}
