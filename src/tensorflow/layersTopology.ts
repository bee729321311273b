/**
 * A Keras or TensorFlow.js configuration in the form that the layers of TensorFlow.js read, which is that of Keras 2: Keras 3's calls, shapes and
 * policies turned back, initialisers left out (weights follow), the final softmax or sigmoid taken off. Lambda layers hold code and are refused;
 * so is what TensorFlow.js would compute otherwise. What it does not know at all it refuses itself.
 */
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import { differenceOfLayer, isNonZero } from './layersDifferences.ts';
import type { OutputHead } from './messages.ts';

export interface LayersTopology {
  readonly json: string;
  readonly head: OutputHead;
}

type Json = Record<string, unknown>;

/** Models nest in models; configurations in wrappers. Deeper ones are nobody's. */
const DEEPEST = 32;

/** @param text JSON of `Model.get_config()`, with or without the versions of what wrote it @throws UserError that says what in it cannot be run */
export function layersTopology(text: string): LayersTopology {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UserError('its Keras configuration is not valid JSON');
  }
  const outer = object(parsed);
  const model = object(outer['model_config'] ?? outer);
  const converted = modelOf(model, 0);
  const head = takeOffHead(converted);
  return { json: JSON.stringify(converted), head };
}

function object(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UserError('its Keras configuration should be a JSON object where it is not');
  return value as Json;
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function modelOf(model: Json, depth: number): Json {
  if (depth > DEEPEST) throw new UserError('its Keras configuration nests models too deeply');
  const className = model['class_name'];
  if (className !== 'Sequential' && className !== 'Functional' && className !== 'Model') {
    throw new UserError(`a Keras model of class "${showName(typeof className === 'string' ? className : '?')}" is code and not layers, and cannot be run`);
  }
  // Before Keras 2.2.3 the configuration of a sequential model is the list itself.
  const config = Array.isArray(model['config']) ? { layers: model['config'] } : object(model['config']);
  const layers: unknown = config['layers'];
  if (!Array.isArray(layers)) throw new UserError('its Keras configuration has no layers');
  const converted = layers.map((layer) => layerOf(object(layer), depth + 1));
  if (className === 'Sequential') {
    // Keras 3 may keep the shape of the input beside the layers.
    const built: unknown = config['build_input_shape'];
    const first = converted[0];
    const firstConfig = first === undefined ? undefined : object(first['config']);
    if (firstConfig !== undefined && firstConfig['batch_input_shape'] === undefined && Array.isArray(built)) firstConfig['batch_input_shape'] = built;
    return { class_name: 'Sequential', config: { name: config['name'] ?? 'sequential', layers: converted } };
  }
  return { class_name: 'Functional', config: { name: config['name'] ?? 'model', layers: converted, input_layers: listed(config['input_layers']), output_layers: listed(config['output_layers']) } };
}

/** Keras 3 gives a single reference where there is one. */
function listed(references: unknown): unknown {
  return Array.isArray(references) && typeof references[0] === 'string' ? [references] : references;
}

function layerOf(layer: Json, depth: number): Json {
  const className = layer['class_name'];
  if (typeof className !== 'string') throw new UserError('a layer of its Keras configuration has no class');
  const config = object(layer['config'] ?? {});
  const given: unknown = layer['name'] ?? config['name'];
  const name = typeof given === 'string' ? given : className;
  if (className === 'Lambda') throw new UserError(`layer "${showName(name)}" is a Lambda: code within the file, which is never run`);
  // Keras 3 says where a class is from.
  const difference = differenceOfLayer(className, config, typeof layer['module'] === 'string');
  if (difference !== undefined) throw new UserError(`layer "${showName(name)}" is ${difference}, which TensorFlow.js does not have, or has in another way`);
  const inbound = layer['inbound_nodes'] === undefined ? {} : { inbound_nodes: inboundNodes(layer['inbound_nodes'], name) };
  if (className === 'Sequential' || className === 'Functional' || className === 'Model') return { ...modelOf(layer, depth), name, ...inbound };
  // A ReLU with a slope is another layer in TensorFlow.js.
  const own = className === 'ReLU' && isNonZero(config['negative_slope']) ? 'LeakyReLU' : className;
  return { class_name: own, name, config: { ...configOf(config, own, depth), name }, ...inbound };
}

function configOf(config: Json, className: string, depth: number): Json {
  if (depth > DEEPEST) throw new UserError('its Keras configuration nests layers too deeply');
  const converted: Json = {};
  for (const [key, value] of Object.entries(config)) {
    if (key === 'batch_shape') converted['batch_input_shape'] = value;
    else if (key === 'dtype') converted['dtype'] = typeof value === 'string' ? value : 'float32';
    else if (key.endsWith('_initializer')) converted[key] = { class_name: 'Zeros', config: {} };
    else if (key.endsWith('_regularizer') || key.endsWith('_constraint')) continue;
    else if (key === 'negative_slope' && className === 'LeakyReLU') converted['alpha'] = value;
    else if (key.endsWith('activation') && (value === 'silu' || value === 'swish')) converted[key] = 'swish';
    else if (key === 'axis' && Array.isArray(value) && value.length === 1) converted[key] = value[0];
    else if ((key === 'layer' || key === 'backward_layer' || key === 'cell') && isObject(value)) converted[key] = layerOf(value, depth + 1);
    else converted[key] = value;
  }
  return converted;
}

/**
 * Keras 2: for each call a list of [layer, node, tensor, arguments]. Keras 3: for each call arguments in which tensors stand as their history
 * (`keras/src/models/functional.py`, `serialize_node`).
 */
function inboundNodes(nodes: unknown, layer: string): unknown {
  if (!Array.isArray(nodes) || !nodes.some(isObject)) return nodes;
  return nodes.map((node: unknown) => {
    const { args, kwargs } = object(node);
    if (isObject(kwargs) && Object.values(kwargs).some(holdsTensor)) throw new UserError(`layer "${showName(layer)}" takes tensors by name, which TensorFlow.js does not know`);
    return tensorsOf(args, 0);
  });
}

function tensorsOf(value: unknown, depth: number): unknown[] {
  if (depth > DEEPEST) return [];
  if (Array.isArray(value)) return value.flatMap((each) => tensorsOf(each, depth + 1));
  if (!isObject(value) || value['class_name'] !== '__keras_tensor__') return [];
  const history = object(value['config'])['keras_history'];
  return Array.isArray(history) ? [[...(history as unknown[]), {}]] : [];
}

const holdsTensor = (value: unknown): boolean => tensorsOf(value, 0).length > 0;

/** The last layer's softmax or sigmoid becomes the identity, where nothing else takes that layer's value. */
function takeOffHead(model: Json): OutputHead {
  const config = object(model['config']);
  const layers = config['layers'] as Json[];
  const output: unknown = Array.isArray(config['output_layers']) ? (config['output_layers'] as unknown[])[0] : undefined;
  const last = Array.isArray(output) ? layers.find(({ name }) => name === output[0]) : layers.at(-1);
  if (last === undefined || isTaken(layers, last['name'])) return 'none';
  if (last['class_name'] === 'Sequential' || last['class_name'] === 'Functional') return takeOffHead(last);
  const own = object(last['config']);
  if (last['class_name'] === 'Softmax' && (own['axis'] === undefined || own['axis'] === -1)) {
    last['class_name'] = 'Activation';
    last['config'] = { name: own['name'], activation: 'linear', ...(own['batch_input_shape'] === undefined ? {} : { batch_input_shape: own['batch_input_shape'] }) };
    return 'softmax';
  }
  // Of a recurrent layer the activation is within its steps.
  const isPlain = ['Dense', 'Activation', 'Conv1D', 'Conv2D', 'Conv3D'].includes(last['class_name'] as string);
  const activation = own['activation'];
  if (!isPlain || (activation !== 'softmax' && activation !== 'sigmoid')) return 'none';
  own['activation'] = 'linear';
  return activation;
}

function isTaken(layers: readonly Json[], name: unknown): boolean {
  const names = (value: unknown, depth: number): boolean => depth < 8 && Array.isArray(value) && ((value[0] === name && typeof value[1] === 'number') || value.some((each) => names(each, depth + 1)));
  return layers.some(({ inbound_nodes: inbound }) => names(inbound, 0));
}
