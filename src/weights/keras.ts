/**
 * What Keras keeps in HDF5 besides arrays. Keras 2, and Keras 3 asked for `.h5`: the configuration in the attribute `model_config`, weights
 * below `model_weights` (a file of weights alone: below the root). Keras 3: variables numbered below `layers/…/vars`, and below `optimizer/vars`.
 */
import type { Hdf5Facts } from './hdf5.ts';
import type { Hdf5Contents, Hdf5Dataset } from './hdf5Protocol.ts';

/** Undefined when nothing says that Keras wrote the file. */
export function kerasFacts(contents: Hdf5Contents): Hdf5Facts | undefined {
  const { attributes, kerasLayers, datasets } = contents;
  const isNumbered = kerasLayers.some(({ weights }) => weights.some((name) => /(^|\/)vars\/0$/.test(name)));
  const config = attributes['model_config'];
  if (kerasLayers.length === 0 && config === undefined && attributes['keras_version'] === undefined) return undefined;
  const others = isNumbered ? ['optimizer/', 'metrics/', 'compile_metrics/'] : ['optimizer_weights/'];
  const isOther = (name: string): boolean => others.some((prefix) => name.startsWith(prefix));
  return {
    format: isNumbered ? 'Keras 3 weights' : 'Keras HDF5',
    datasets: isNumbered ? [...datasets].sort((a, b) => naturally(a.name.split('/'), b.name.split('/'))) : inOrder(datasets, kerasLayers.flatMap(({ weights }) => weights)),
    metadata: kerasMetadata(attributes),
    optimizerPrefixes: others.filter((prefix) => datasets.some(({ name }) => name.startsWith(prefix))),
    ...(datasets.some(({ name }) => name.startsWith('model_weights/')) ? { weightPrefix: 'model_weights/' } : {}),
    kerasLayers: kerasLayers.filter(({ weights }) => !weights.some(isOther)),
    ...(config === undefined ? {} : { kerasConfig: config }),
  };
}

function kerasMetadata(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(['keras_version', 'backend'].flatMap((key) => (attributes[key] === undefined ? [] : [[key, attributes[key]]])));
}

const { compare } = new Intl.Collator('en', { numeric: true });

/** Part by part of the paths, numbers by value. */
function naturally(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Those named first, in the order in which they are named; then the rest as it was. */
function inOrder(datasets: readonly Hdf5Dataset[], names: readonly string[]): readonly Hdf5Dataset[] {
  const rank = new Map(names.map((name, i) => [name, i]));
  return [...datasets].sort((a, b) => (rank.get(a.name) ?? names.length) - (rank.get(b.name) ?? names.length));
}
