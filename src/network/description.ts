/**
 * Network descriptions: the JSON that says which tensors form which layers, in `NAME.network.json` beside the weights or under
 * the key `quotient.network` of safetensors metadata.
 *
 *     { "input": [2], "layers": [ { "dense": "0", "activation": "relu" }, { "dense": "2" } ] }
 *
 * A dense entry names a prefix with `weight` (out × in) and optional `bias`, or gives `"weight"`, `"bias"` and
 * `"order": "in-out" | "out-in"` itself. `{"activation": NAME}` and `{"dropout": RATE}` may stand between dense entries;
 * dropout does nothing in evaluation.
 */
import { UserError } from '../protocol/userError.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { activationNamed, LINEAR, type Activation } from './activation.ts';
import { denseChain, type DenseChain, type DenseLayerShape } from './denseChain.ts';

/** Name and shape of a tensor as the description sees it: without any leading draw axes. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * @param text the JSON
 * @param source the file it stands in, for messages
 * @param tensors what the weight file holds
 * @throws WeightFileError that says where in the description, what was expected and what is there
 */
export function readDescription(text: string, source: string, tensors: readonly NamedShape[]): DenseChain {
  const fail = (place: string, problem: string): never => {
    throw new WeightFileError(source, place, problem);
  };
  const description = object(parse(text, fail), '', fail);
  allowKeys(description, ['input', 'layers', '$schema'], '', fail);
  const layers = description.get('layers');
  if (!Array.isArray(layers) || layers.length === 0) return fail('layers', 'expected a list with at least one layer');

  const shapes = new Map(tensors.map((tensor) => [tensor.name, tensor.shape]));
  const usedBy = new Map<string, string>();
  const available: Tensors = {
    has: (name) => shapes.has(name),
    take(name, place, rank) {
      const shape = shapes.get(name);
      if (shape === undefined) return fail(place, `there is no tensor "${showName(name)}" in the weight file`);
      const other = usedBy.get(name);
      if (other !== undefined) return fail(place, `tensor "${showName(name)}" is already used by ${other}`);
      if (shape.length !== rank) return fail(place, `tensor "${showName(name)}" should have ${rank} ${rank === 1 ? 'axis' : 'axes'}, its shape is [${shape.join(', ')}]`);
      usedBy.set(name, place);
      return shape;
    },
  };

  let width = inputWidth(description.get('input'), fail);
  const read: DenseLayerShape[] = [];
  for (const [index, value] of layers.entries()) {
    const place = `layers[${index}]`;
    const entry = object(value, place, fail);
    if (entry.has('dense') || entry.has('weight')) {
      const layer = denseEntry(entry, place, available, fail);
      if (width !== undefined && layer.inputs !== width) fail(place, `takes ${layer.inputs} inputs, what comes before it gives ${width}`);
      width = layer.outputs;
      read.push(layer);
    } else if (entry.has('activation')) {
      allowKeys(entry, ['activation'], place, fail);
      const previous = read.pop() ?? fail(place, 'an activation needs a dense layer before it');
      if (previous.activation !== LINEAR) fail(place, 'the layer before it has an activation already');
      read.push({ ...previous, activation: namedActivation(entry.get('activation'), place, fail) });
    } else if (entry.has('dropout')) {
      allowKeys(entry, ['dropout'], place, fail);
    } else {
      const kind = [...entry.keys()][0];
      fail(place, kind === undefined ? 'is empty; expected a layer such as {"dense": "0"}' : `"${showName(kind)}" layers are not supported; expected "dense", "activation" or "dropout"`);
    }
  }
  if (read.length === 0) return fail('layers', 'expected at least one dense layer');
  return denseChain(read);
}

/** The description from which `readDescription` makes the same chain again. */
export function writeDescription(chain: DenseChain): string {
  const layers = chain.layers.map(({ weight, bias, activation }) => ({
    weight: weight.tensor,
    ...(bias === undefined ? {} : { bias: bias.tensor }),
    ...(weight.transposed ? { order: 'in-out' } : {}),
    ...(activation.name === 'linear' ? {} : { activation: activation.name }),
  }));
  return JSON.stringify({ input: [chain.inputs], layers });
}

type Fail = (place: string, problem: string) => never;
type Entry = ReadonlyMap<string, unknown>;

interface Tensors {
  has(name: string): boolean;
  /** The tensor's shape; each tensor can be taken once. */
  take(name: string, place: string, rank: number): readonly number[];
}

function denseEntry(entry: Entry, place: string, tensors: Tensors, fail: Fail): DenseLayerShape {
  allowKeys(entry, ['dense', 'weight', 'bias', 'order', 'activation'], place, fail);
  const text = (key: string): string | undefined => {
    const value = entry.get(key);
    return value === undefined || typeof value === 'string' ? value : fail(place, `"${key}" should be a string`);
  };
  const order = text('order') ?? 'out-in';
  if (order !== 'out-in' && order !== 'in-out') fail(place, `"order" should be "out-in" or "in-out", it is "${showName(order)}"`);
  const transposed = order === 'in-out';

  const prefix = text('dense');
  const weight = text('weight') ?? `${prefix ?? ''}.weight`;
  const [rows, columns] = tensors.take(weight, place, 2) as [number, number];
  const [outputs, inputs] = transposed ? [columns, rows] : [rows, columns];

  const biasOfPrefix = prefix !== undefined && tensors.has(`${prefix}.bias`) ? `${prefix}.bias` : undefined;
  const bias = text('bias') ?? biasOfPrefix;
  if (bias !== undefined) {
    const [length] = tensors.take(bias, place, 1) as [number];
    if (length !== outputs) fail(place, `bias "${showName(bias)}" has length ${length}, the layer has ${outputs} outputs`);
  }
  const activation = entry.has('activation') ? namedActivation(entry.get('activation'), place, fail) : LINEAR;
  return { name: prefix ?? weight, inputs, outputs, weight, bias, transposed, activation };
}

function namedActivation(value: unknown, place: string, fail: Fail): Activation {
  if (typeof value !== 'string') return fail(place, '"activation" should be a string such as "relu"');
  try {
    return activationNamed(value);
  } catch (error) {
    if (error instanceof UserError) return fail(place, error.message);
    throw error;
  }
}

function inputWidth(value: unknown, fail: Fail): number | undefined {
  if (value === undefined) return undefined;
  const [width] = Array.isArray(value) && value.length === 1 ? (value as unknown[]) : [];
  if (typeof width === 'number' && Number.isInteger(width) && width > 0) return width;
  return fail('input', 'expected a list with one positive whole number, the input width of the first dense layer, such as [2]');
}

function parse(text: string, fail: Fail): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail('', `is not JSON (${error instanceof Error ? showName(error.message) : 'unknown error'})`);
  }
}

function object(value: unknown, place: string, fail: Fail): Entry {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(place, 'expected a JSON object');
  return new Map(Object.entries(value));
}

function allowKeys(entry: Entry, allowed: readonly string[], place: string, fail: Fail): void {
  for (const key of entry.keys()) {
    if (!allowed.includes(key)) fail(place, `unknown key "${showName(key)}"; expected ${allowed.filter((k) => k !== '$schema').join(', ')}`);
  }
}
