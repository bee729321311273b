/** Which files count as weight files, judged by name alone: opening one is the host's business. */
import path from 'node:path';

/** In the order in which a folder's draws are looked for. */
export const weightExtensions = ['.safetensors', '.pt', '.pth', '.ckpt', '.npz', '.npy', '.keras', '.h5', '.hdf5', '.nc', '.msgpack', '.onnx', '.gguf'] as const;

/** Files that may hold inputs `x` and targets `y`. */
const dataExtensions = ['.npz', '.csv', '.safetensors', '.pt'] as const;

const INDEX_SUFFIX = '.safetensors.index.json';

const formats: Readonly<Record<string, string>> = {
  '.safetensors': 'safetensors', '.pt': 'PyTorch', '.pth': 'PyTorch', '.ckpt': 'PyTorch', '.npz': 'NumPy', '.npy': 'NumPy',
  '.keras': 'Keras', '.h5': 'HDF5', '.hdf5': 'HDF5', '.nc': 'NetCDF', '.msgpack': 'Flax', '.onnx': 'ONNX', '.gguf': 'GGUF',
};

const extensionOf = (file: string): string => path.extname(file).toLowerCase();

export function isShardIndex(file: string): boolean {
  return file.toLowerCase().endsWith(INDEX_SUFFIX);
}

export function isWeightFile(file: string): boolean {
  return isShardIndex(file) || (weightExtensions as readonly string[]).includes(extensionOf(file));
}

const anyEnding = new RegExp([...weightExtensions, INDEX_SUFFIX].map((ending) => ending.replaceAll('.', '\\.')).join('|'), 'i');

/** Whether the text can hold the name of a weight file at all: a quick no for most lines of a program. */
export const mayNameWeights = (text: string): boolean => anyEnding.test(text);

const DESCRIPTION_SUFFIX = '.network.json';

export const isNetworkDescription = (file: string): boolean => file.toLowerCase().endsWith(DESCRIPTION_SUFFIX);

/** The weight file beside a description that bears its name. */
export function weightsDescribedBy(description: string, names: readonly string[]): string | undefined {
  const stem = path.basename(description).slice(0, -DESCRIPTION_SUFFIX.length);
  return names.find((name) => isWeightFile(name) && stemOf(name) === stem);
}

/** "PyTorch weight file", for a tooltip that must not open the file. */
export function kindByName(file: string): string {
  return isShardIndex(file) ? 'Index of a sharded safetensors file' : `${formats[extensionOf(file)] ?? 'Unknown'} weight file`;
}

/** Name without folder and weight extension: `net` for `net.pt`, `model` for `model.safetensors.index.json`. */
export function stemOf(file: string): string {
  const name = path.basename(file);
  return isShardIndex(file) ? name.slice(0, -INDEX_SUFFIX.length) : name.slice(0, name.length - path.extname(name).length);
}

/** Where a canonical form goes unless the user says otherwise; the analysis uses the same name inside a folder. */
export function canonicalName(file: string): string {
  return `${stemOf(file)}.canonical.safetensors`;
}

/** Where an aligned network goes, likewise. */
export function alignedName(file: string): string {
  return `${stemOf(file)}.aligned.safetensors`;
}

const naturally = new Intl.Collator('en', { numeric: true }).compare;

/** By name, with numbers by value: `draw2` before `draw10`, as whoever wrote them counted. */
export function inNaturalOrder(files: readonly string[]): string[] {
  return [...files].sort(naturally);
}

/**
 * The draws in a folder: the file called `draws` when there is one, else one draw a file, all files of the extension that
 * occurs most often. Data files that lie beside them are left out, unless there is nothing else, and
 * so is what was written of a network beside it.
 * @param names of the files in the folder
 */
export function drawsAmong(names: readonly string[]): string[] {
  const isData = (name: string): boolean => /^(data|test|train)$/i.test(stemOf(name));
  const stems = new Set(names.filter(isWeightFile).map(stemOf));
  const isWritten = (name: string): boolean => {
    const stem = /^(.+)\.(aligned|canonical)$/.exec(stemOf(name))?.[1];
    return stem !== undefined && stems.has(stem);
  };
  const weights = names.filter((name) => isWeightFile(name) && !isShardIndex(name) && !isWritten(name));
  const named = weights.find((name) => stemOf(name).toLowerCase() === 'draws');
  if (named !== undefined) return [named];
  const candidates = weights.some((name) => !isData(name)) ? weights.filter((name) => !isData(name)) : weights;
  let draws: string[] = [];
  for (const extension of weightExtensions) {
    const group = candidates.filter((name) => extensionOf(name) === extension);
    if (group.length > draws.length) draws = group;
  }
  return inNaturalOrder(draws);
}

/** Files beside a weight file that may be its data, the likeliest first: named as data, then by format. */
export function dataCandidates(names: readonly string[], weights: string): string[] {
  const likely = (name: string): number => (/data|train/i.test(name) ? 0 : 1) * dataExtensions.length
    + (dataExtensions as readonly string[]).indexOf(extensionOf(name));
  return inNaturalOrder(names)
    .filter((name) => name !== path.basename(weights) && (dataExtensions as readonly string[]).includes(extensionOf(name)))
    .sort((a, b) => likely(a) - likely(b));
}
