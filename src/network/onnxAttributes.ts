/** Attributes of ONNX nodes, with the defaults of the specification. */
import type { OnnxNode } from '../weights/onnxGraph.ts';
import { shortestDecimal } from './elementwise.ts';
import { UnsupportedOperator } from './onnxValues.ts';
import { samePadding } from './samePadding.ts';

export function integer(node: OnnxNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'int' ? attribute.value : otherwise;
}

/** A float32 as the decimal that was meant. */
export function float(node: OnnxNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'float' ? shortestDecimal(attribute.value) : otherwise;
}

export function integers(node: OnnxNode, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'ints' ? attribute.values : undefined;
}

export function text(node: OnnxNode, name: string, otherwise: string): string {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'text' ? attribute.value : otherwise;
}

export interface Windows {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
}

/**
 * Strides, dilations and padding of `Conv` and the pooling operators.
 * @throws UnsupportedOperator when a list has another length than the kernel, or zeros are taken away
 */
export function windowsOf(node: OnnxNode, kernel: readonly number[], spatial: readonly number[]): Windows {
  const ones = kernel.map(() => 1);
  const stride = integers(node, 'strides') ?? ones;
  const dilation = integers(node, 'dilations') ?? ones;
  const pads = integers(node, 'pads') ?? [...kernel, ...kernel].map(() => 0);
  const positive = (values: readonly number[], least: number): boolean => values.every((value) => Number.isSafeInteger(value) && value >= least);
  if (stride.length !== kernel.length || dilation.length !== kernel.length || pads.length !== 2 * kernel.length || !positive(stride, 1) || !positive(dilation, 1) || !positive(pads, 0)) {
    throw new UnsupportedOperator(node, `with strides [${stride.join(', ')}], dilations [${dilation.join(', ')}] and pads [${pads.join(', ')}]`);
  }
  const mode = text(node, 'auto_pad', 'NOTSET');
  switch (mode) {
    case 'NOTSET': case '': return { stride, dilation, padding: kernel.map((_, axis) => [pads[axis]!, pads[axis + kernel.length]!]) };
    case 'VALID': return { stride, dilation, padding: kernel.map(() => [0, 0]) };
    case 'SAME_UPPER': case 'SAME_LOWER': {
      const upper = kernel.map((length, axis) => samePadding(spatial[axis] ?? 1, length, stride[axis]!, dilation[axis]));
      return { stride, dilation, padding: mode === 'SAME_UPPER' ? upper : upper.map(([before, after]) => [after, before] as const) };
    }
    default: throw new UnsupportedOperator(node, `with auto_pad "${mode}"`);
  }
}
