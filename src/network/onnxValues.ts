/**
 * What the values of an ONNX graph are, seen from the network that it computes: values of the network's nodes, weights in the file, and
 * the whole numbers that shapes are made of.
 */
import type { OnnxNode } from '../weights/onnxGraph.ts';
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import type { AxisOrder } from './network.ts';
import type { NodeId, TensorUse } from './networkBuilder.ts';

/** Where the size of a batch stands in a shape. */
export type Length = number | 'batch';

export interface NodeValue {
  readonly kind: 'node';
  readonly id: NodeId;
  /** Axes behind the batch as ONNX sees them; [C, 1, 1] for a vector that was pooled. */
  readonly shape: readonly number[];
  readonly order: AxisOrder;
  /** Zeros around each spatial axis that the next convolution is to add. */
  readonly zeros?: readonly (readonly [number, number])[];
}

/** A scalar expression of every entry of a node's value, not a node yet: what follows decides which activation it is. */
export interface ExpressionValue {
  readonly kind: 'expression';
  readonly base: NodeValue;
  readonly f: (x: number) => number;
  /** The node that it becomes when no activation has its values. @throws UnsupportedOperator where nothing has */
  readonly otherwise: () => NodeValue;
  /** The ONNX node it comes from. */
  readonly origin: OnnxNode;
}

/** A step on the way of a layer normalisation that is written out: mean → centred → squared → variance → + ε → root → inverse. */
export interface MomentValue {
  readonly kind: 'moment';
  readonly what: 'mean' | 'centred' | 'squared' | 'variance' | 'root' | 'inverse root';
  readonly base: NodeValue;
  readonly over: 'all' | 'channels';
  /** False for a mean of squares (RMSNorm). */
  readonly centred: boolean;
  readonly epsilon: number;
}

export interface TensorValue {
  readonly kind: 'tensor';
  readonly name: string;
  readonly fileShape: readonly number[];
  /** Axis k of the value is axis `axes[k]` of the tensor; undefined where it was reshaped. */
  readonly axes: readonly number[] | undefined;
  readonly shape: readonly number[];
}

export interface NumbersValue {
  readonly kind: 'numbers';
  readonly values: readonly Length[];
}

export type OnnxValueOf = NodeValue | ExpressionValue | MomentValue | TensorValue | NumbersValue;

/** An operator, or a way of using it, that no layer here stands for. */
export class UnsupportedOperator extends UserError {
  constructor(node: OnnxNode, detail = '') {
    super(`operator "${showName(node.domain === '' ? node.operator : `${node.domain}.${node.operator}`)}" at node "${showName(nodeName(node))}"${detail === '' ? '' : ` ${detail}`} is not supported`);
  }
}

/** Names of nodes are optional; the first output then says which it is. */
export function nodeName({ name, outputs }: OnnxNode): string {
  return name === '' ? outputs[0] ?? '' : name;
}

/** A weight whose axes are in `order` of the block: axis k of the value is axis `order[k]` of the block. */
export function weightUse({ name, fileShape, axes, shape }: TensorValue, order: readonly number[]): TensorUse | undefined {
  if (axes?.length !== order.length || shape.length !== order.length) return undefined;
  const fileAxes = new Array<number>(order.length);
  for (const [k, axis] of axes.entries()) fileAxes[axis] = order[k]!;
  return fileAxes.every((axis, k) => axis === k) ? { tensor: name, shape: fileShape } : { tensor: name, shape: fileShape, fileAxes };
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** The permutation of N × …spatial × C to N × C × …spatial, and back; `axes` do not count the batch. */
export function toChannelFirst(axes: number): number[] {
  return [0, axes, ...Array.from({ length: axes - 1 }, (_, axis) => axis + 1)];
}

export function toChannelLast(axes: number): number[] {
  return [0, ...Array.from({ length: axes - 1 }, (_, axis) => axis + 2), 1];
}
