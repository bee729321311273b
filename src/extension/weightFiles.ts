/** What the window says and offers of weight files by their names alone: opening one is the host's business. */
import path from 'node:path';
import { extensionOf, INDEX_SUFFIX, inNaturalOrder, isShardIndex, isWeightFile, stemOf, weightExtensions } from '../protocol/weightFileNames.ts';
import { t } from '../protocol/words.ts';

/** Files that may hold inputs `x` and targets `y`. */
const dataExtensions = ['.npz', '.csv', '.safetensors', '.pt'] as const;

const formats: Readonly<Record<string, string>> = {
  '.safetensors': 'safetensors', '.pt': 'PyTorch', '.pth': 'PyTorch', '.ckpt': 'PyTorch', '.npz': 'NumPy', '.npy': 'NumPy',
  '.keras': 'Keras', '.h5': 'HDF5', '.hdf5': 'HDF5', '.nc': 'NetCDF', '.msgpack': 'Flax', '.onnx': 'ONNX', '.gguf': 'GGUF',
};

const anyEnding = new RegExp([...weightExtensions, INDEX_SUFFIX].map((ending) => ending.replaceAll('.', '\\.')).join('|'), 'i');

/** Whether the text can hold the name of a weight file at all: a quick no for most lines of a program. */
export const mayNameWeights = (text: string): boolean => anyEnding.test(text);

/** The second view type offers itself for names that other programs' editors, or plain text, have a claim to. */
export const weightsEditors = ['quotient.weights', 'quotient.weights.optional'] as const;

const byRequest: readonly string[] = ['.h5', '.hdf5', '.nc', '.json'];

/** The view type that is for files of this name. */
export const viewTypeOf = (file: string): (typeof weightsEditors)[number] => (byRequest.includes(extensionOf(file)) ? 'quotient.weights.optional' : 'quotient.weights');

const DESCRIPTION_SUFFIX = '.network.json';

export const isNetworkDescription = (file: string): boolean => file.toLowerCase().endsWith(DESCRIPTION_SUFFIX);

/** The weight file beside a description that bears its name. */
export function weightsDescribedBy(description: string, names: readonly string[]): string | undefined {
  const stem = path.basename(description).slice(0, -DESCRIPTION_SUFFIX.length);
  return names.find((name) => isWeightFile(name) && stemOf(name) === stem);
}

/** "PyTorch weight file", for a tooltip that must not open the file. */
export function kindByName(file: string): string {
  return isShardIndex(file) ? t('Index of a sharded safetensors file') : t('{0} weight file', formats[extensionOf(file)] ?? t('Unknown'));
}

/** Where a canonical form goes unless the user says otherwise; the analysis uses the same name inside a folder. */
export function canonicalName(file: string): string {
  return `${stemOf(file)}.canonical.safetensors`;
}

/** Where an aligned network goes, likewise. */
export function alignedName(file: string): string {
  return `${stemOf(file)}.aligned.safetensors`;
}

/** Files beside a weight file that may be its data, the likeliest first: named as data, then by format. */
export function dataCandidates(names: readonly string[], weights: string): string[] {
  const likely = (name: string): number => (/data|train/i.test(name) ? 0 : 1) * dataExtensions.length
    + (dataExtensions as readonly string[]).indexOf(extensionOf(name));
  return inNaturalOrder(names)
    .filter((name) => name !== path.basename(weights) && (dataExtensions as readonly string[]).includes(extensionOf(name)))
    .sort((a, b) => likely(a) - likely(b));
}
