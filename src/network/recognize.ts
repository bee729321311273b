/**
 * Recognising a chain of dense layers from the names and shapes of a bare state dict (`0.weight`, `0.bias`, `2.weight`, …).
 * Accepted only when there is one reading: either the widths allow a single order, or the layers are numbered alike and their
 * numbers give an order in which the widths fit.
 */
import { showName } from '../weights/weightFileError.ts';
import type { Activation } from './activation.ts';
import { LINEAR } from './activation.ts';
import { denseChain, type DenseChain, type DenseLayerShape } from './denseChain.ts';
import type { NamedShape } from './description.ts';

export type Recognition =
  /** Layers in order; every activation is still open. */
  | { readonly kind: 'layers'; readonly layers: readonly DenseLayerShape[] }
  | { readonly kind: 'unrecognised'; readonly reason: string };

/** @param tensors names and shapes, without leading draw axes */
export function recognizeDenseLayers(tensors: readonly NamedShape[]): Recognition {
  const unrecognised = (reason: string): Recognition => ({ kind: 'unrecognised', reason });
  if (tensors.length === 0) return unrecognised('the file holds no tensors');
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const layers: DenseLayerShape[] = [];
  const covered = new Set<string>();
  for (const { name, shape } of tensors) {
    const prefix = /^(?:(.*)\.)?weight$/s.exec(name);
    if (prefix === null) continue;
    const [outputs, inputs] = shape;
    if (shape.length !== 2 || outputs === undefined || inputs === undefined) {
      return unrecognised(`tensor "${showName(name)}" of shape [${shape.join(', ')}] is not the weight of a dense layer`);
    }
    if (outputs === 0 || inputs === 0) return unrecognised(`tensor "${showName(name)}" is empty`);
    const layer = prefix[1] ?? '';
    const biasName = layer === '' ? 'bias' : `${layer}.bias`;
    const biasShape = shapes.get(biasName);
    if (biasShape !== undefined && (biasShape.length !== 1 || biasShape[0] !== outputs)) {
      return unrecognised(`bias "${showName(biasName)}" of shape [${biasShape.join(', ')}] does not fit a layer with ${outputs} outputs`);
    }
    covered.add(name);
    if (biasShape !== undefined) covered.add(biasName);
    layers.push({ name: layer === '' ? 'weight' : layer, inputs, outputs, weight: name, bias: biasShape === undefined ? undefined : biasName, transposed: false, activation: LINEAR });
  }
  const stray = tensors.find(({ name }) => !covered.has(name));
  if (stray !== undefined) return unrecognised(`tensor "${showName(stray.name)}" of shape [${stray.shape.join(', ')}] does not belong to a dense layer`);

  const numbered = numberedOrder(layers);
  if (numbered !== undefined && chains(numbered)) return { kind: 'layers', layers: numbered };
  const order = onlyOrder(layers);
  if (order !== undefined) return { kind: 'layers', layers: order };
  return unrecognised('the names and shapes of its dense layers do not give one order; describe the network in a NAME.network.json');
}

/** The chain with `activation` after every layer but the last. */
export function withActivation(layers: readonly DenseLayerShape[], activation: Activation): DenseChain {
  return denseChain(layers.map((layer, l) => ({ ...layer, activation: l === layers.length - 1 ? LINEAR : activation })));
}

const chains = (layers: readonly DenseLayerShape[]): boolean => layers.every((layer, l) => l === 0 || layers[l - 1]!.outputs === layer.inputs);

/** Sorted by the numbers in their names, when the names are alike but for these numbers. */
function numberedOrder(layers: readonly DenseLayerShape[]): DenseLayerShape[] | undefined {
  const pattern = (name: string): string => name.replace(/\d+/g, '#');
  const first = layers[0];
  if (first === undefined || layers.some(({ name }) => pattern(name) !== pattern(first.name))) return undefined;
  const numbers = (name: string): number[] => (name.match(/\d+/g) ?? []).map(Number);
  return [...layers].sort((a, b) => {
    const left = numbers(a.name);
    const right = numbers(b.name);
    const at = left.findIndex((n, i) => n !== right[i]);
    return at < 0 ? 0 : left[at]! - right[at]!;
  });
}

/**
 * The order in which the widths chain, when there is exactly one. Layers are edges from width to width, so that an order is an
 * Eulerian path; the search gives up, as ambiguous, on the second one it finds. It is for the few layers that people name by hand.
 */
function onlyOrder(layers: readonly DenseLayerShape[]): DenseLayerShape[] | undefined {
  if (layers.length > 32) return undefined;
  let found: DenseLayerShape[] | undefined;
  let visits = 0;
  const path: DenseLayerShape[] = [];
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
