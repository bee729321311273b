/**
 * Network descriptions: the JSON that says which tensors form which layers, in `NAME.network.json` beside the weights or under
 * the key `quotient.network` of safetensors metadata.
 *
 *     { "input": [2], "layers": [ { "dense": "0", "activation": "relu" }, { "dense": "2" } ] }
 *
 * An entry takes the value of the entry before it, or of those that its `"inputs"` name: an entry is called by its `"id"`, or else by the
 * prefix of its tensors, and the network's input by "input". The last entry is the output. What each kind of entry takes is in
 * `descriptionLayers.ts` and, for editors, in `media/network.schema.json`.
 */
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import { Entry, parseJson, type Fail } from './descriptionEntry.ts';
import { buildLayer, kindOf, layerPrefix, type TensorTable } from './descriptionLayers.ts';
import type { AxisOrder, Network, OutputHead } from './network.ts';
import { NetworkBuilder, NetworkError, type NodeId } from './networkBuilder.ts';
import type { NamedShape } from './tensorUses.ts';

const INPUT = 'input';

/**
 * @param text the JSON
 * @param source the file it stands in, for messages
 * @param tensors what the weight file holds
 * @throws WeightFileError that says where in the description, what was expected and what is there
 */
export function readDescription(text: string, source: string, tensors: readonly NamedShape[]): Network {
  const fail: Fail = (place, problem) => {
    throw new WeightFileError(source, place, problem);
  };
  const description = new Entry(parseJson(text, fail), '', fail);
  description.allow(['input', 'order', 'layers', 'head', '$schema']);
  const listed = description.value('layers');
  if (!Array.isArray(listed) || listed.length === 0) return fail('layers', 'expected a list with at least one layer');
  const layers = namedLayers(listed.map((value: unknown, index) => new Entry(value, `layers[${index}]`, fail)));
  const order = dependenciesFirst(layers);
  const table = tensorTable(tensors);

  const builder = new NetworkBuilder();
  const shape = inputShape(description, fail) ?? inferredInput(order, tensors) ?? fail('input', 'expected the shape of one input, channels first, such as [3, 32, 32]');
  const values = new Map<Layer | typeof INPUT, NodeId>([[INPUT, builder.input(shape, description.oneOf<AxisOrder>('order', ['channel-first', 'channel-last'], 'channel-first'))]]);
  for (const layer of order) {
    const { entry, kind, name } = layer;
    try {
      values.set(layer, buildLayer(kind, { entry, builder, name, tensors: table, from: layer.from.map((each) => values.get(each) ?? -1) }));
    } catch (error) {
      if (error instanceof NetworkError) entry.fail(error.problem);
      throw error;
    }
  }
  return builder.finish(values.get(layers.at(-1) ?? INPUT) ?? 0, description.oneOf<OutputHead>('head', ['none', 'softmax', 'sigmoid'], 'none'));
}

interface Layer {
  readonly entry: Entry;
  readonly kind: string;
  readonly name: string;
  readonly from: readonly (Layer | typeof INPUT)[];
}

/** @throws when an id is there twice, a name is unknown, or a layer takes too many or too few values */
function namedLayers(entries: readonly Entry[]): Layer[] {
  const drafts = entries.map((entry) => {
    const kind = kindOf(entry);
    return { entry, kind, name: layerPrefix(kind, entry) ?? entry.text('id') ?? kind, from: [] as readonly (Layer | typeof INPUT)[] };
  });
  const called = new Map<string, Layer | typeof INPUT>([[INPUT, INPUT]]);
  for (const layer of drafts) {
    const id = layer.entry.text('id');
    if (id === undefined) continue;
    const other = called.get(id);
    if (other !== undefined) layer.entry.fail(`the id "${showName(id)}" is already that of ${typeof other === 'string' ? 'the input' : other.entry.place}`);
    called.set(id, layer);
  }
  // What has no id is called by its prefix, or its kind; of several the first.
  for (const layer of drafts) if (!layer.entry.has('id') && !called.has(layer.name)) called.set(layer.name, layer);
  for (const [index, layer] of drafts.entries()) {
    const { entry, kind } = layer;
    const several = kind === 'add' || kind === 'concat';
    const names = entry.names('inputs') ?? (several && entry.value(kind) !== true ? entry.names(kind) : undefined);
    if (several && names === undefined) entry.fail(`"${kind}" should be a list of the ids of its inputs`);
    if (!several && names !== undefined && names.length !== 1) entry.fail(`takes one input, "inputs" names ${names.length}`);
    layer.from = names?.map((name) => called.get(name) ?? entry.fail(`no layer has the id "${showName(name)}"`)) ?? [drafts[index - 1] ?? INPUT];
  }
  return drafts;
}

/**
 * Layers so that each comes after those whose values it takes, otherwise in their order.
 * @throws when a layer's value depends on itself, or one does not lead to the last
 */
function dependenciesFirst(layers: readonly Layer[]): Layer[] {
  const order: Layer[] = [];
  const state = new Map<Layer, 'open' | 'done'>();
  const path: { readonly layer: Layer; next: number }[] = [];
  const enter = (layer: Layer): void => {
    state.set(layer, 'open');
    path.push({ layer, next: 0 });
  };
  // Depth first along a path of its own: a description may nest deeper than calls can.
  for (const start of layers) {
    if (!state.has(start)) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const from = top.layer.from[top.next++];
      if (from === undefined) {
        state.set(top.layer, 'done');
        order.push(top.layer);
        path.pop();
      } else if (from !== INPUT && !state.has(from)) enter(from);
      else if (from !== INPUT && state.get(from) === 'open') {
        const cycle = path.slice(path.findIndex(({ layer }) => layer === from)).map(({ layer }) => layer.entry.place);
        top.layer.entry.fail(`takes its own value: a cycle through ${cycle.slice(0, 10).join(', ')}`);
      }
    }
  }
  const used = new Set<Layer | typeof INPUT>(layers.slice(-1));
  for (const layer of order.toReversed()) if (used.has(layer)) for (const from of layer.from) used.add(from);
  layers.find((layer) => !used.has(layer))?.entry.fail('does not lead to the output, which is the last layer');
  return order;
}

function tensorTable(tensors: readonly NamedShape[]): TensorTable {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const usedBy = new Map<string, string>();
  return {
    has: (name) => byName.has(name),
    take(name, entry) {
      const tensor = byName.get(name) ?? entry.fail(`there is no tensor "${showName(name)}" in the weight file`);
      const other = usedBy.get(name);
      if (other !== undefined && !entry.flag('tied', false)) entry.fail(`tensor "${showName(name)}" is already used by ${other}; say "tied": true where layers share their weights`);
      usedBy.set(name, entry.place);
      return tensor;
    },
  };
}

function inputShape(description: Entry, fail: Fail): readonly number[] | undefined {
  const value = description.value('input');
  if (value === undefined) return undefined;
  const positive = (length: unknown): length is number => Number.isSafeInteger(length) && (length as number) > 0;
  if (Array.isArray(value) && value.length > 0 && value.every(positive)) return value;
  return fail('input', 'expected a list of positive whole numbers, the shape of one input: [width], or channels first [3, 32, 32]');
}

/** The width that the first dense layer takes, when nothing before it changes the width. */
function inferredInput(order: readonly Layer[], tensors: readonly NamedShape[]): readonly number[] | undefined {
  const first = order.find(({ kind }) => kind !== 'activation' && kind !== 'dropout');
  if (first?.kind !== 'dense') return undefined;
  const weight = first.entry.text('weight') ?? `${first.name}.weight`;
  const shape = tensors.find(({ name }) => name === weight)?.shape;
  const transposed = first.entry.value('order') === 'in-out' || (first.entry.value('axes') as readonly unknown[] | undefined)?.[0] === 1;
  // What is wrong with the tensor is said when the layer is built.
  return [Math.max(1, shape?.[transposed ? 0 : 1] ?? 1)];
}
