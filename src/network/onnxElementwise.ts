/**
 * Element-wise operators of ONNX. One by itself is an activation; several on one value are an expression, which is the activation whose values
 * it has.
 */
import type { OnnxNode } from '../weights/onnxGraph.ts';
import { showName } from '../weights/weightFileError.ts';
import { activationNamed } from './activation.ts';
import { activationLike } from './elementwise.ts';
import { float, text } from './onnxAttributes.ts';
import type { OnnxLayers } from './onnxLayers.ts';
import { momentStep } from './onnxNormalisation.ts';
import { type ExpressionValue, type MomentValue, nodeName, type NodeValue, type OnnxValueOf, UnsupportedOperator } from './onnxValues.ts';

/** Operators that do the same to every entry, with no or one setting. */
export const unary: Readonly<Record<string, (node: OnnxNode) => string | ((x: number) => number)>> = {
  Relu: () => 'relu',
  LeakyRelu: (node) => `leaky_relu:${float(node, 'alpha', 0.01)}`,
  Tanh: () => 'tanh',
  Sigmoid: () => 'sigmoid',
  Gelu: (node) => (text(node, 'approximate', 'none') === 'tanh' ? 'gelu_tanh' : 'gelu'),
  Softplus: () => 'softplus',
  Softsign: () => 'softsign',
  Erf: () => 'erf',
  Sin: () => 'sin',
  Elu: (node) => { const alpha = float(node, 'alpha', 1); return (x) => (x > 0 ? x : alpha * Math.expm1(x)); },
  Selu: (node) => { const [alpha, gamma] = [float(node, 'alpha', 1.67326), float(node, 'gamma', 1.0507)]; return (x) => gamma * (x > 0 ? x : alpha * Math.expm1(x)); },
  HardSigmoid: (node) => { const [alpha, beta] = [float(node, 'alpha', 0.2), float(node, 'beta', 0.5)]; return (x) => Math.max(0, Math.min(1, alpha * x + beta)); },
  HardSwish: () => (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5)),
  Neg: () => (x) => -x,
  Abs: () => Math.abs,
  Exp: () => Math.exp,
  Log: () => Math.log,
};

export function applyUnary(layers: OnnxLayers, node: OnnxNode): ExpressionValue | MomentValue {
  const value = layers.value(node, 0);
  const named = unary[node.operator]?.(node) ?? 'linear';
  const activation = typeof named === 'string' ? activationNamed(named) : undefined;
  const f = typeof named === 'string' ? activationNamed(named).value : named;
  // Alone, it is the activation of its name; behind an expression it may be part of a longer one.
  const alone = (): NodeValue => {
    const base = layers.input(node, 0, 'any');
    const own = activation ?? activationLike(f);
    if (own === undefined) throw new UnsupportedOperator(node);
    return { ...base, id: layers.builder.activation(nodeName(node), base.id, own) };
  };
  if (value?.kind === 'expression') return { kind: 'expression', base: value.base, f: (x) => f(value.f(x)), otherwise: alone, origin: node };
  return { kind: 'expression', base: layers.input(node, 0, 'any'), f, otherwise: alone, origin: node };
}

/** As an expression of a node's value. */
function asExpression(layers: OnnxLayers, node: OnnxNode, k: number): ExpressionValue | undefined {
  const value = layers.value(node, k);
  if (value?.kind === 'expression') return value;
  if (value?.kind !== 'node' || value.zeros !== undefined) return undefined;
  return { kind: 'expression', base: value, f: (x) => x, otherwise: () => value, origin: node };
}

export type Arithmetic = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Pow';

export const arithmetic: Readonly<Record<Arithmetic, (a: number, b: number) => number>> = { Add: (a, b) => a + b, Sub: (a, b) => a - b, Mul: (a, b) => a * b, Div: (a, b) => a / b, Pow: (a, b) => a ** b };

/** With one number, or with another expression of the same value. */
export function applyBinary(layers: OnnxLayers, node: OnnxNode, operator: Arithmetic): OnnxValueOf {
  const moment = momentStep(layers, node, operator);
  if (moment !== undefined) return moment;
  const [left, right] = [asExpression(layers, node, 0), asExpression(layers, node, 1)];
  const [a, b] = [layers.scalar(node, 0), layers.scalar(node, 1)];
  const combine = arithmetic[operator];
  const unsupported = (): never => { throw new UnsupportedOperator(node); };
  if (left !== undefined && b !== undefined) return { kind: 'expression', base: left.base, f: (x) => combine(left.f(x), b), otherwise: unsupported, origin: node };
  if (right !== undefined && a !== undefined) return { kind: 'expression', base: right.base, f: (x) => combine(a, right.f(x)), otherwise: unsupported, origin: node };
  if (left !== undefined && right !== undefined) {
    const sum = (): NodeValue => (operator === 'Add' ? addValues(layers, node) : unsupported());
    if (left.base.id !== right.base.id || left.base.order !== right.base.order) return sum();
    return { kind: 'expression', base: left.base, f: (x) => combine(left.f(x), right.f(x)), otherwise: sum, origin: node };
  }
  if (left === undefined && right === undefined) return unsupported();
  const k = left === undefined ? 0 : 1;
  const other = showName(node.inputs[k] ?? '');
  throw new UnsupportedOperator(node, layers.tensor(node, k) === undefined ? `of "${other}", which nothing before it computes,` : `of a value and the tensor "${other}"`);
}

export function addValues(layers: OnnxLayers, node: OnnxNode): NodeValue {
  const values = node.inputs.map((_, k) => layers.input(node, k, 'any'));
  const [first] = values;
  if (first === undefined || values.some(({ order, shape }) => order !== first.order || shape.join() !== first.shape.join())) throw new UnsupportedOperator(node, `of values of shapes ${values.map(({ shape }) => `[N, ${shape.join(', ')}]`).join(' and ')}`);
  return { ...first, id: layers.builder.add(nodeName(node), values.map(({ id }) => id)) };
}

export function clip(layers: OnnxLayers, node: OnnxNode): OnnxValueOf {
  const limit = (k: number, name: string, otherwise: number): number => {
    if (node.attributes.has(name)) return float(node, name, otherwise);
    if ((node.inputs[k] ?? '') === '') return otherwise;
    const number = layers.scalar(node, k);
    if (number === undefined) throw new UnsupportedOperator(node, 'with limits that the graph computes');
    return number;
  };
  const [min, max] = [limit(1, 'min', -Infinity), limit(2, 'max', Infinity)];
  const value = asExpression(layers, node, 0);
  if (value === undefined) throw new UnsupportedOperator(node);
  return { kind: 'expression', base: value.base, f: (x) => Math.min(max, Math.max(min, value.f(x))), otherwise: () => { throw new UnsupportedOperator(node, `to ${min} … ${max}`); }, origin: node };
}
