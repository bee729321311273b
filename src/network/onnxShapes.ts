/**
 * The arithmetic of shapes in ONNX graphs: exporters write `x.view(len(x), -1)` as Shape, Gather, Unsqueeze and Concat of whole numbers. The size
 * of the batch is kept as a symbol.
 */
import type { OnnxNode } from '../weights/onnxGraph.ts';
import { integer, integers } from './onnxAttributes.ts';
import type { Length, NumbersValue, OnnxValueOf } from './onnxValues.ts';

const operators = new Set(['Constant', 'Shape', 'Gather', 'Slice', 'Concat', 'Unsqueeze', 'Squeeze', 'Cast', 'Identity']);

export function isShapeOperator(operator: string): boolean {
  return operators.has(operator);
}

export class ShapeArithmetic {
  readonly #value: (name: string) => OnnxValueOf | undefined;

  constructor(value: (name: string) => OnnxValueOf | undefined) {
    this.#value = value;
  }

  /** Undefined when the node is not about shapes. */
  result(node: OnnxNode): OnnxValueOf | undefined {
    if (node.operator === 'Constant') return this.#constant(node);
    if (node.operator === 'Shape') return this.#shape(node);
    const lists = node.inputs.filter((name) => name !== '').map((name) => this.#numbers(name));
    const [values] = lists;
    if (values === undefined) return undefined;
    switch (node.operator) {
      case 'Gather': {
        const picked = lists[1]?.map((index) => (index === 'batch' ? undefined : values.at(index)));
        return picked?.every((value) => value !== undefined) === true ? { kind: 'numbers', values: picked } : undefined;
      }
      case 'Slice': return this.#slice(node, values, lists);
      case 'Concat': return lists.every((list) => list !== undefined) ? { kind: 'numbers', values: lists.flat() } : undefined;
      default: return { kind: 'numbers', values };
    }
  }

  #numbers(name: string): readonly Length[] | undefined {
    const value = this.#value(name);
    return value?.kind === 'numbers' ? value.values : undefined;
  }

  /** Constants are tensors of the file; those that are written in other attributes are numbers. */
  #constant(node: OnnxNode): OnnxValueOf | undefined {
    const values = integers(node, 'value_ints') ?? (node.attributes.get('value_int')?.kind === 'int' ? [integer(node, 'value_int', 0)] : undefined);
    return values === undefined ? this.#value(node.outputs[0] ?? '') : { kind: 'numbers', values };
  }

  #shape(node: OnnxNode): NumbersValue | undefined {
    const value = this.#value(node.inputs[0] ?? '');
    const shape = value?.kind === 'node' ? value.shape : value?.kind === 'expression' ? value.base.shape : undefined;
    return shape === undefined ? undefined : { kind: 'numbers', values: (['batch', ...shape] as const).slice(integer(node, 'start', 0), node.attributes.has('end') ? integer(node, 'end', 0) : undefined) };
  }

  #slice(node: OnnxNode, values: readonly Length[], lists: readonly (readonly Length[] | undefined)[]): NumbersValue | undefined {
    const start = (integers(node, 'starts') ?? lists[1])?.[0];
    const end = (integers(node, 'ends') ?? lists[2])?.[0];
    if (typeof start !== 'number' || typeof end !== 'number' || (lists[4]?.[0] ?? 1) !== 1) return undefined;
    return { kind: 'numbers', values: values.slice(start, end) };
  }
}
