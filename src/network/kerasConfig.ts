/**
 * The configuration of a Keras model (`Model.get_config()`: `config.json` of `.keras` files, the attribute `model_config` of `.h5` files, `modelTopology` of
 * TensorFlow.js layers models) as calls of layers on each other's values. Sequential and functional models, as Keras 2 and Keras 3 write them.
 * Nothing in it is run: what is not a known layer is a name.
 */
import { UserError } from '../protocol/userError.ts';
import { showName } from '../weights/weightFileError.ts';
import { Entry, parseJson } from './descriptionEntry.ts';

export interface KerasCall {
  readonly layer: KerasLayerConfig;
  /** Calls whose values it takes. */
  readonly from: readonly KerasCall[];
}

export interface KerasLayerConfig {
  readonly name: string;
  /** "Conv2D". */
  readonly className: string;
  /** How many layers of its class stand before it in the configuration. */
  readonly ordinal: number;
  readonly config: Entry;
}

export interface KerasModel {
  /** Every call that leads to the output, each behind those that it takes values of; the first is the input layer's. */
  readonly calls: readonly KerasCall[];
  readonly output: KerasCall;
  /** Of one input, as the data have it: [32, 32, 3]. */
  readonly inputShape: readonly (number | null)[];
}

const fail = (place: string, problem: string): never => {
  throw new UserError(place === '' ? `its Keras configuration ${problem}` : `in its Keras configuration, ${place}: ${problem}`);
};

/** @throws UserError that says what in the configuration is not understood */
export function parseKerasModel(text: string): KerasModel {
  let model = new Entry(parseJson(text, fail), 'the model', fail);
  // TensorFlow.js keeps the model within the versions of what wrote it.
  if (model.has('model_config')) model = new Entry(model.value('model_config'), 'the model', fail);
  const className = model.text('class_name');
  const config = model.value('config');
  if (className === 'Sequential') return sequential(config);
  if (className === 'Functional' || className === 'Model') return functional(new Entry(config, 'the model', fail));
  throw new UserError(`a Keras model of class "${showName(className ?? '?')}" is code and not layers, and is not supported`);
}

function layersOf(value: unknown): KerasLayerConfig[] {
  if (!Array.isArray(value) || value.length === 0) return fail('layers', 'expected a list of layers');
  const counts = new Map<string, number>();
  return value.map((each: unknown, index) => {
    const entry = new Entry(each, `layer ${index + 1}`, fail);
    const config = new Entry(entry.value('config') ?? {}, `layer ${index + 1}`, fail);
    const name = entry.text('name') ?? config.text('name') ?? `layer ${index + 1}`;
    const className = entry.text('class_name') ?? '?';
    const ordinal = counts.get(className) ?? 0;
    counts.set(className, ordinal + 1);
    return { name, className, ordinal, config: new Entry(entry.value('config') ?? {}, `layer "${showName(name)}"`, fail) };
  });
}

function sequential(config: unknown): KerasModel {
  // Before Keras 2.2.3 the configuration is the list itself.
  const listed = Array.isArray(config) ? config : new Entry(config, 'the model', fail).value('layers');
  const layers = layersOf(listed);
  const built = Array.isArray(config) ? undefined : new Entry(config, 'the model', fail).value('build_input_shape');
  const shape = inputShapeOf(layers[0]?.config) ?? shapeOf(built) ?? builtShapeOf((listed as unknown[])[0]) ?? fail('', 'does not say the shape of the input');
  const input: KerasCall = { layer: layers[0]?.className === 'InputLayer' ? layers[0] : { name: 'input', className: 'InputLayer', ordinal: 0, config: new Entry({}, 'the input', fail) }, from: [] };
  const calls = [input];
  for (const layer of layers) if (layer.className !== 'InputLayer') calls.push({ layer, from: calls.slice(-1) });
  return { calls, output: calls.at(-1) ?? input, inputShape: shape };
}

function functional(config: Entry): KerasModel {
  const listed = config.value('layers');
  const layers = layersOf(listed);
  const inbound = new Map((listed as unknown[]).map((value, index) => [layers[index]?.name ?? '', new Entry(value, `layer "${showName(layers[index]?.name ?? '')}"`, fail).value('inbound_nodes')]));
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const [output, otherOutput] = references(config.value('output_layers'));
  if (output === undefined || otherOutput !== undefined) throw new UserError(`its Keras configuration has ${output === undefined ? 'no output' : 'several outputs'}, a network here has one`);
  const inputs = layers.filter(({ className }) => className === 'InputLayer');
  if (inputs.length !== 1) throw new UserError(`its Keras configuration has ${inputs.length} inputs, a network here has one`);

  // From the output backwards, along a path of its own: models may be deeper than calls can be.
  const made = new Map<string, KerasCall>();
  const open: { readonly key: string; readonly layer: KerasLayerConfig; readonly from: readonly Reference[]; next: number }[] = [];
  const calls: KerasCall[] = [];
  const enter = ({ layer, call }: Reference): void => {
    const found = byName.get(layer) ?? fail('', `names a layer "${showName(layer)}" that it does not have`);
    const key = `${call} ${layer}`;
    if (open.some((each) => each.key === key)) fail(`layer "${showName(layer)}"`, 'takes its own value');
    const nodes = inbound.get(layer);
    const all: readonly unknown[] = Array.isArray(nodes) ? nodes : [];
    const from = found.className === 'InputLayer' ? [] : references(all[call]);
    if (found.className !== 'InputLayer' && from.length === 0) fail(`layer "${showName(layer)}"`, 'takes no value');
    open.push({ key, layer: found, from, next: 0 });
  };
  enter(output);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const reference = top.from[top.next];
    if (reference === undefined) {
      const call = { layer: top.layer, from: top.from.map((each) => made.get(`${each.call} ${each.layer}`)).filter((each) => each !== undefined) };
      made.set(top.key, call);
      calls.push(call);
      open.pop();
    } else if (made.has(`${reference.call} ${reference.layer}`)) top.next++;
    else enter(reference);
  }
  const last = calls.at(-1);
  if (last === undefined) return fail('', 'has no layers');
  return { calls, output: last, inputShape: inputShapeOf(inputs[0]?.config) ?? fail('', 'does not say the shape of the input') };
}

interface Reference {
  readonly layer: string;
  /** Which of the layer's calls. */
  readonly call: number;
}

/**
 * Every [name, call, output] within, in order: Keras 2 lists them, Keras 3 keeps them as the history of tensors among the arguments.
 * Arguments nest a few levels; deeper ones are not looked into.
 */
function references(value: unknown, depth = 8): Reference[] {
  if (depth === 0 || typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) {
    const [layer, call, output] = value as readonly unknown[];
    if (typeof layer === 'string' && typeof call === 'number' && typeof output === 'number') return [{ layer, call }];
    return value.flatMap((each) => references(each, depth - 1));
  }
  const fields = new Map(Object.entries(value));
  return [...fields].flatMap(([key, each]) => (key === 'args' || key === 'config' || key === 'keras_history' || key === 'kwargs' ? references(each, depth - 1) : []));
}

function inputShapeOf(config: Entry | undefined): (number | null)[] | undefined {
  return shapeOf(config?.value('batch_shape') ?? config?.value('batch_input_shape'));
}

/** Of a layer that was built on values of that shape before it came into the model. */
function builtShapeOf(layer: unknown): (number | null)[] | undefined {
  const entry = new Entry(layer, 'layer 1', fail);
  return entry.has('build_config') ? shapeOf(new Entry(entry.value('build_config') ?? {}, 'layer 1, build_config', fail).value('input_shape')) : undefined;
}

function shapeOf(value: unknown): (number | null)[] | undefined {
  const lengths: readonly unknown[] = Array.isArray(value) ? value : [];
  return lengths.length > 1 && lengths.every((length) => length === null || typeof length === 'number') ? lengths.slice(1) : undefined;
}
