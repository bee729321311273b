/**
 * Multilayer perceptrons with normalisation, by the names of a bare state dict: one `Sequential` whose numbering leaves a place between two
 * dense layers for the activation, or layers and norms that are numbered alike (`fc1`, `bn1`, `fc2`, …), a norm behind the layer of its number.
 */
import { UserError } from '../protocol/userError.ts';
import { LINEAR, type Activation } from './activation.ts';
import type { Network } from './network.ts';
import { NetworkBuilder, type NodeId } from './networkBuilder.ts';
import { unrecognised, type Recognition } from './recognition.ts';
import { NotThisFamily, StateDict } from './stateDict.ts';
import type { NamedShape } from './tensorUses.ts';

interface Module {
  readonly name: string;
  readonly stem: string;
  readonly number: number;
  readonly kind: 'dense' | 'batchnorm' | 'layernorm';
}

/** Undefined when there is no norm in it, or something else. */
export function recognizeNormalised(tensors: readonly NamedShape[]): Recognition | undefined {
  // Without a norm there is nothing to place; chains of dense layers are read elsewhere, however long.
  if (!tensors.some(({ name, shape }) => shape.length === 1 && /\d\.weight$/.test(name))) return undefined;
  const dict = new StateDict(tensors);
  const modules = modulesOf(dict);
  if (modules?.some(({ kind }) => kind !== 'dense') !== true) return undefined;
  const stems = new Set(modules.map(({ stem }) => stem));
  const ordered = [...modules].sort((a, b) => a.number - b.number || Number(b.kind === 'dense') - Number(a.kind === 'dense'));
  const places = stems.size === 1 ? sequentialPlaces(ordered) : stems.size === 2 && isPaired(ordered) ? pairedPlaces(ordered) : undefined;
  if (places === undefined) return unrecognised('the numbers of its layers and norms leave open where the activations stand; describe the network in a NAME.network.json');
  const withActivation = (activation: Activation): Network => {
    const own = new StateDict(tensors);
    const builder = new NetworkBuilder();
    let node: NodeId = builder.input([own.shape(`${ordered[0]?.name ?? ''}.weight`)[1] ?? 1]);
    for (const [k, { name, kind }] of ordered.entries()) {
      if (kind === 'dense') node = own.dense(builder, name, node);
      else if (kind === 'batchnorm') node = own.batchnorm(builder, name, node);
      else node = builder.layernorm(name, node, 'all', true, own.take(`${name}.weight`), own.bias(name), 1e-5);
      if (places.has(k) && activation.name !== 'linear') node = builder.activation(`${name} ${activation.name}`, node, activation);
    }
    return builder.finish(node);
  };
  try {
    withActivation(LINEAR);
  } catch (error) {
    if (error instanceof UserError || error instanceof NotThisFamily) return unrecognised(error.message);
    throw error;
  }
  const widths = ordered.map(({ name, kind }) => (kind === 'dense' ? ` → ${dict.shape(`${name}.weight`)[0] ?? 0}` : ` ${kind}`));
  return {
    kind: 'activation-needed', outline: `${dict.shape(`${ordered[0]?.name ?? ''}.weight`)[1] ?? 0}${widths.join('')}`, withActivation,
    assumptions: [`The state dict was read by its names and shapes, with ε 1e-5${stems.size === 1 ? ' and activations in the gaps of its numbering' : ' and each norm before the activation of its layer'}, which it does not say; a description in NAME.network.json overrides this.`],
  };
}

/** Every tensor belongs to a numbered dense layer or norm, and the first is a dense layer; undefined otherwise. */
function modulesOf(dict: StateDict): readonly Module[] | undefined {
  const modules = new Map<string, Module>();
  for (const tensor of dict.names()) {
    const [, name = '', stem = '', number = ''] = /^((.*?)(\d+))\.(?:weight|bias|running_mean|running_var)$/s.exec(tensor) ?? [];
    if (name === '') return undefined;
    const rank = dict.shape(`${name}.weight`).length;
    const kind = dict.has(`${name}.running_mean`) ? 'batchnorm' : rank === 2 ? 'dense' : rank === 1 && dict.has(`${name}.bias`) ? 'layernorm' : undefined;
    if (kind === undefined) return undefined;
    modules.set(name, { name, stem, number: Number(number), kind });
  }
  return [...modules.values()];
}

/** Between two dense layers exactly one run of numbers without tensors: the activation, and dropout. @returns positions that it stands behind */
function sequentialPlaces(ordered: readonly Module[]): ReadonlySet<number> | undefined {
  const places = new Set<number>();
  let gaps: number[] = [];
  let denses = 0;
  for (const [k, { number, kind }] of ordered.entries()) {
    const previous = ordered[k - 1];
    if (previous !== undefined && number > previous.number + 1) gaps.push(k - 1);
    if (kind !== 'dense') continue;
    if (denses > 0 && gaps.length !== 1) return undefined;
    if (denses++ > 0) places.add(gaps[0] ?? 0);
    gaps = [];
  }
  // Behind the last dense layer nothing is left open either.
  return gaps.length === 0 && ordered[0]?.kind === 'dense' && ordered.at(-1)?.kind === 'dense' ? places : undefined;
}

/** Dense layers of one stem, norms of the other, each norm with a dense layer of its number. */
function isPaired(ordered: readonly Module[]): boolean {
  const dense = ordered.filter(({ kind }) => kind === 'dense');
  const norms = ordered.filter(({ kind }) => kind !== 'dense');
  return new Set(dense.map(({ stem }) => stem)).size === 1 && new Set(norms.map(({ stem }) => stem)).size === 1 && norms.every(({ number }) => dense.some((layer) => layer.number === number));
}

/** Behind each norm, or the dense layer itself where there is none, but for the last layer. */
function pairedPlaces(ordered: readonly Module[]): ReadonlySet<number> | undefined {
  if (ordered.at(-1)?.kind !== 'dense') return undefined;
  return new Set(ordered.flatMap((_, k) => (ordered[k + 1]?.kind === 'dense' ? [k] : [])));
}
