/**
 * The graph of an ONNX model (`GraphProto`, `NodeProto`, `AttributeProto` of `onnx/onnx.proto`) as plain data: nodes in the file's order with their
 * operator, inputs, outputs and attributes. What an operator means is not decided here. Graphs within attributes (the branches of `If`, the body
 * of `Loop`) are not entered, so that no file can nest them deeper than the reader can go.
 */
import type { ByteCursor } from './byteCursor.ts';
import type { StoredDtype } from './dtype.ts';
import { onnxDtype, readOnnxTensor, readPackedIntegers, type OnnxTensorReading } from './onnxTensor.ts';
import { bytesField, integerField, readText, visitMessage, wrongWire, type ProtoField } from './protobuf.ts';

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  /** Without those that are initializers as well. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export interface OnnxNode {
  /** May be empty. */
  readonly name: string;
  readonly operator: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  /** Names of values; an empty one stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

export type OnnxAttribute =
  | { readonly kind: 'float'; readonly value: number }
  /** Beyond ±2⁵³ rounded to the nearest double. */
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'floats' | 'ints'; readonly values: readonly number[] }
  | { readonly kind: 'texts'; readonly values: readonly string[] }
  /** Its values are read under the name of the node's first output. */
  | { readonly kind: 'tensor'; readonly reading: OnnxTensorReading }
  /** A graph, a type, a sparse tensor, or a list that is too long to be a setting. */
  | { readonly kind: 'other' };

/** An input or output of the graph. */
export interface OnnxValue {
  readonly name: string;
  /** Undefined when it is no tensor, or of no known type. */
  readonly dtype: StoredDtype | undefined;
  /** Lengths, or the names of those that are left open; undefined when the rank is. */
  readonly shape: readonly (number | string)[] | undefined;
}

const MOST_NODES = 1_000_000;
const LONGEST_LIST = 65_536;
const MOST_DIMENSIONS = 64;

/** What a graph holds besides the tensors that `onTensor` is given. */
export interface GraphReading {
  readonly graph: OnnxGraph;
  readonly sparseTensors: number;
  readonly subgraphs: number;
}

/**
 * @param onTensor gets each initializer in turn
 * @throws WeightFileError naming the byte
 */
export async function readGraph(cursor: ByteCursor, field: ProtoField, onTensor: (reading: OnnxTensorReading) => void): Promise<GraphReading> {
  const { start, length } = bytesField(cursor, field, 'the model');
  const what = 'the graph';
  const nodes: OnnxNode[] = [];
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const initializers = new Set<string>();
  let name = '';
  let sparseTensors = 0;
  let subgraphs = 0;
  await visitMessage(cursor, start + length, what, async (part) => {
    switch (part.number) {
      case 1: {
        if (nodes.length === MOST_NODES) throw cursor.error(`${what} has more than ${MOST_NODES} nodes`, part.at);
        const node = await readNode(cursor, part);
        subgraphs += node.subgraphs;
        nodes.push(node.node);
        break;
      }
      case 2: name = await readText(cursor, part, what); break;
      case 5: {
        if (initializers.size === MOST_NODES) throw cursor.error(`${what} has more than ${MOST_NODES} initializers`, part.at);
        const reading = await readOnnxTensor(cursor, part, '');
        initializers.add('tensor' in reading ? reading.tensor.info.name : reading.name);
        onTensor(reading);
        break;
      }
      case 11: case 12: {
        const values = part.number === 11 ? inputs : outputs;
        if (values.length === MOST_NODES) throw cursor.error(`${what} has more than ${MOST_NODES} inputs or outputs`, part.at);
        values.push(await readValue(cursor, part));
        break;
      }
      case 15: sparseTensors++; break;
      default:
    }
  });
  return { graph: { name, nodes, inputs: inputs.filter((input) => !initializers.has(input.name)), outputs }, sparseTensors, subgraphs };
}

async function readNode(cursor: ByteCursor, field: ProtoField): Promise<{ readonly node: OnnxNode; readonly subgraphs: number }> {
  const { start, length } = bytesField(cursor, field, 'the graph');
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  let name = '';
  let operator = '';
  let domain = '';
  let subgraphs = 0;
  await visitMessage(cursor, start + length, 'a node', async (part) => {
    switch (part.number) {
      case 1: inputs.push(await readText(cursor, part, 'a node')); break;
      case 2: outputs.push(await readText(cursor, part, 'a node')); break;
      case 3: name = await readText(cursor, part, 'a node'); break;
      case 4: operator = await readText(cursor, part, 'a node'); break;
      case 5: {
        const attribute = await readAttribute(cursor, part, outputs[0] ?? '');
        if (attributes.has(attribute.name)) throw cursor.error('a node has two attributes of one name', part.at);
        attributes.set(attribute.name, attribute.value);
        subgraphs += attribute.subgraphs;
        break;
      }
      case 7: domain = await readText(cursor, part, 'a node'); break;
      default:
    }
  });
  return { node: { name, operator, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes }, subgraphs };
}

/** `AttributeProto.AttributeType`. */
const kinds: readonly (OnnxAttribute['kind'] | undefined)[] = [undefined, 'float', 'int', 'text', 'tensor', 'other', 'floats', 'ints', 'texts'];

async function readAttribute(cursor: ByteCursor, field: ProtoField, tensorName: string): Promise<{ readonly name: string; readonly value: OnnxAttribute; readonly subgraphs: number }> {
  const { start, length } = bytesField(cursor, field, 'a node');
  const what = 'an attribute';
  const numbers: number[] = [];
  const texts: string[] = [];
  let name = '';
  let type = 0;
  let number = 0;
  let text = '';
  let reading: OnnxTensorReading | undefined;
  let found: OnnxAttribute['kind'] = 'other';
  let subgraphs = 0;
  const flags: { tooLong: boolean } = { tooLong: false };
  const add = <T>(list: T[], value: T): void => {
    if (list.length < LONGEST_LIST) list.push(value);
    else flags.tooLong = true;
  };
  await visitMessage(cursor, start + length, what, async (part) => {
    switch (part.number) {
      case 1: name = await readText(cursor, part, what); break;
      case 2:
        if (part.wire !== 'fixed32') throw wrongWire(cursor, part, what);
        number = part.value;
        found = 'float';
        break;
      case 3: number = Number(integerField(cursor, part, what)); found = 'int'; break;
      case 4: text = await readBytesAsText(cursor, part); found = 'text'; break;
      case 5: reading = await readOnnxTensor(cursor, part, tensorName); found = 'tensor'; break;
      case 6: case 11: subgraphs++; break;
      case 7:
        if (part.wire === 'fixed32') add(numbers, part.value);
        else if (await readPackedFloats(cursor, part, numbers)) flags.tooLong = true;
        found = 'floats';
        break;
      case 8:
        if (part.wire === 'varint') add(numbers, Number(integerField(cursor, part, what)));
        else await readPackedIntegers(cursor, part, what, (value) => { add(numbers, Number(value)); });
        found = 'ints';
        break;
      case 9: add(texts, await readBytesAsText(cursor, part)); found = 'texts'; break;
      case 20: type = Number(integerField(cursor, part, what)); break;
      default:
    }
  });
  // Files of the first versions of the format have no type.
  const kind = flags.tooLong ? 'other' : type === 0 ? found : kinds[type] ?? 'other';
  return { name, subgraphs, value: attributeOf(kind, number, text, numbers, texts, reading) };
}

function attributeOf(kind: OnnxAttribute['kind'], value: number, text: string, values: readonly number[], texts: readonly string[], reading: OnnxTensorReading | undefined): OnnxAttribute {
  switch (kind) {
    case 'float':
    case 'int': return { kind, value };
    case 'text': return { kind, value: text };
    case 'floats':
    case 'ints': return { kind, values };
    case 'texts': return { kind, values: texts };
    case 'tensor': return reading === undefined ? { kind: 'other' } : { kind, reading };
    case 'other': return { kind };
  }
}

/** Attributes are bytes; those that are no text are shown as far as they are. At most 10,000 are kept. */
async function readBytesAsText(cursor: ByteCursor, field: ProtoField): Promise<string> {
  const { length } = bytesField(cursor, field, 'an attribute');
  const kept = Math.min(length, 10_000);
  await cursor.load(kept, 'a text');
  return Buffer.from(cursor.bytes(kept)).toString('utf8');
}

/** @returns whether there are too many to keep */
async function readPackedFloats(cursor: ByteCursor, field: ProtoField, numbers: number[]): Promise<boolean> {
  const { length } = bytesField(cursor, field, 'an attribute');
  if (length % 4 !== 0) throw cursor.error(`field ${field.number} of an attribute is a list of float32 of ${length} bytes`, field.at);
  if (length / 4 + numbers.length > LONGEST_LIST) return true;
  await cursor.load(length, 'a list');
  for (let i = 0; i < length / 4; i++) numbers.push(cursor.f32());
  return false;
}

/** `ValueInfoProto` with a `TypeProto.Tensor`. */
async function readValue(cursor: ByteCursor, field: ProtoField): Promise<OnnxValue> {
  const within = (part: ProtoField, what: string, visit: (inner: ProtoField) => Promise<void> | undefined): Promise<void> => {
    const { start, length } = bytesField(cursor, part, what);
    return visitMessage(cursor, start + length, what, visit);
  };
  let name = '';
  let dtype: StoredDtype | undefined;
  let shape: (number | string)[] | undefined;
  await within(field, 'a value', (part) => {
    if (part.number === 1) return readText(cursor, part, 'a value').then((text) => { name = text; });
    if (part.number !== 2) return undefined;
    return within(part, 'a type', (kind) => (kind.number !== 1 ? undefined : within(kind, 'a tensor type', (inner) => {
      if (inner.number === 1) dtype = onnxDtype(Number(integerField(cursor, inner, 'a tensor type')));
      if (inner.number !== 2) return undefined;
      const lengths: (number | string)[] = [];
      shape = lengths;
      return within(inner, 'a shape', (dimension) => {
        if (dimension.number !== 1) return undefined;
        if (lengths.length === MOST_DIMENSIONS) throw cursor.error(`a shape has more than ${MOST_DIMENSIONS} dimensions`, dimension.at);
        const axis = lengths.push('') - 1;
        return within(dimension, 'a dimension', (inside) => {
          if (inside.number === 1) lengths[axis] = Number(integerField(cursor, inside, 'a dimension'));
          return inside.number === 2 ? readText(cursor, inside, 'a dimension').then((text) => { lengths[axis] = text; }) : undefined;
        });
      });
    })));
  });
  return { name, dtype, shape };
}
