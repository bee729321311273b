/**
 * Recognising a chain of dense layers from the names and shapes of a bare state dict (`0.weight`, `0.bias`, `2.weight`, …), or of Flax's
 * parameters, whose kernels are in × out (`params.Dense_0.kernel`).
 * Accepted only when there is one reading: either the widths allow a single order, or the layers are numbered alike and their
 * numbers give an order in which the widths fit.
 */
import { showName } from '../weights/weightFileError.ts';
import { LINEAR, type Activation } from './activation.ts';
import type { Network } from './network.ts';
import { NetworkBuilder } from './networkBuilder.ts';
import { unrecognised, type Recognition } from './recognition.ts';
import { inOutAxes, type NamedShape } from './tensorUses.ts';

interface DenseTensors {
  /** The common prefix of its tensors. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: NamedShape;
  readonly bias: NamedShape | undefined;
  /** Stored in × out. */
  readonly transposed: boolean;
}

/** @param tensors names and shapes, without leading draw axes */
export function recognizeDenseLayers(tensors: readonly NamedShape[]): Recognition {
  if (tensors.length === 0) return unrecognised('the file holds no tensors');
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const layers: DenseTensors[] = [];
  const covered = new Set<string>();
  for (const weight of tensors) {
    const { name, shape } = weight;
    const found = /^(?:(.*)([./]))?(weight|kernel)$/s.exec(name);
    if (found === null) continue;
    const [, layer = '', separator = '', last] = found;
    const transposed = last === 'kernel';
    const [outputs, inputs] = transposed ? [shape[1], shape[0]] : shape;
    if (shape.length !== 2 || outputs === undefined || inputs === undefined) {
      return unrecognised(`tensor "${showName(name)}" of shape [${shape.join(', ')}] is not the weight of a dense layer${shape.length >= 3 && shape.length <= 5 ? '; if it is a convolution’s, nothing in the file tells its stride and padding, and where values are pooled' : ''}`);
    }
    if (outputs === 0 || inputs === 0) return unrecognised(`tensor "${showName(name)}" is empty`);
    const bias = byName.get(`${layer}${separator}bias`);
    if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) {
      return unrecognised(`bias "${showName(bias.name)}" of shape [${bias.shape.join(', ')}] does not fit a layer with ${outputs} outputs`);
    }
    covered.add(name);
    if (bias !== undefined) covered.add(bias.name);
    layers.push({ name: layer === '' ? name : layer, inputs, outputs, weight, bias, transposed });
  }
  const stray = tensors.find(({ name }) => !covered.has(name));
  if (stray !== undefined) return unrecognised(`tensor "${showName(stray.name)}" of shape [${stray.shape.join(', ')}] does not belong to a dense layer`);

  const numbered = numberedOrder(layers);
  const order = numbered !== undefined && chains(numbered) ? numbered : onlyOrder(layers);
  if (order === undefined) return unrecognised('the names and shapes of its dense layers do not give one order; describe the network in a NAME.network.json');
  if (order.length === 1) return { kind: 'network', network: chainOf(order, LINEAR), assumptions: [] };
  return {
    kind: 'activation-needed',
    outline: [order[0]!.inputs, ...order.map(({ outputs }) => outputs)].join(' → '),
    withActivation: (activation) => chainOf(order, activation),
    assumptions: [],
  };
}

/** The chain with `activation` after every layer but the last. */
function chainOf(layers: readonly DenseTensors[], activation: Activation): Network {
  const builder = new NetworkBuilder();
  let node = builder.input([layers[0]!.inputs]);
  for (const [l, { name, weight, bias, transposed }] of layers.entries()) {
    node = builder.dense(name, node, { tensor: weight.name, shape: weight.shape, ...(transposed ? { fileAxes: inOutAxes(2) } : {}) }, bias === undefined ? undefined : { tensor: bias.name, shape: bias.shape });
    if (l < layers.length - 1 && activation.name !== 'linear') node = builder.activation(`${name} ${activation.name}`, node, activation);
  }
  return builder.finish(node);
}

const chains = (layers: readonly DenseTensors[]): boolean => layers.every((layer, l) => l === 0 || layers[l - 1]!.outputs === layer.inputs);

/** Sorted by the numbers in their names, when the names are alike but for these numbers. */
function numberedOrder(layers: readonly DenseTensors[]): DenseTensors[] | undefined {
  const pattern = (name: string): string => name.replace(/\d+/g, '#');
  const first = layers[0];
  if (first === undefined || layers.some(({ name }) => pattern(name) !== pattern(first.name))) return undefined;
  const numbered = layers.map((layer) => ({ layer, numbers: (layer.name.match(/\d+/g) ?? []).map(Number) }));
  numbered.sort((a, b) => {
    const at = a.numbers.findIndex((n, i) => n !== b.numbers[i]);
    return at < 0 ? 0 : a.numbers[at]! - b.numbers[at]!;
  });
  return numbered.map(({ layer }) => layer);
}

/**
 * The order in which the widths chain, when there is exactly one. Layers are edges from width to width, so that an order is an
 * Eulerian path; the search gives up, as ambiguous, on the second one it finds. It is for the few layers that people name by hand.
 */
function onlyOrder(layers: readonly DenseTensors[]): DenseTensors[] | undefined {
  if (layers.length > 32) return undefined;
  let found: DenseTensors[] | undefined;
  let visits = 0;
  const path: DenseTensors[] = [];
  /** Returns false when the search should stop. */
  const extend = (): boolean => {
    if (++visits > 10_000) return false;
    if (path.length === layers.length) {
      const first = found === undefined;
      found = first ? [...path] : undefined;
      return first;
    }
    for (const layer of layers) {
      const last = path.at(-1);
      if (path.includes(layer) || (last !== undefined && last.outputs !== layer.inputs)) continue;
      path.push(layer);
      const goOn = extend();
      path.pop();
      if (!goOn) return false;
    }
    return true;
  };
  return extend() ? found : undefined;
}
