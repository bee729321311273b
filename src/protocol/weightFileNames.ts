/** Which files count as weight files, judged by name alone, and which of a folder are a set of draws: one answer for the terminal and the window. */
import path from 'node:path';

/** In the order in which a folder's draws are looked for. */
export const weightExtensions = ['.safetensors', '.pt', '.pth', '.ckpt', '.npz', '.npy', '.keras', '.h5', '.hdf5', '.nc', '.msgpack', '.onnx', '.gguf'] as const;

export const INDEX_SUFFIX = '.safetensors.index.json';

export const extensionOf = (file: string): string => path.extname(file).toLowerCase();

export function isShardIndex(file: string): boolean {
  return file.toLowerCase().endsWith(INDEX_SUFFIX);
}

export function isWeightFile(file: string): boolean {
  return isShardIndex(file) || (weightExtensions as readonly string[]).includes(extensionOf(file));
}

/** Name without folder and weight extension: `net` for `net.pt`, `model` for `model.safetensors.index.json`. */
export function stemOf(file: string): string {
  const name = path.basename(file);
  return isShardIndex(file) ? name.slice(0, -INDEX_SUFFIX.length) : name.slice(0, name.length - path.extname(name).length);
}

const naturally = new Intl.Collator('en', { numeric: true }).compare;

/** By name, with numbers by value: `draw2` before `draw10`, as whoever wrote them counted. */
export function inNaturalOrder(files: readonly string[]): string[] {
  return [...files].sort(naturally);
}

/** Named as data are, whatever the format; what is in it only its header tells. */
export const isNamedAsData = (file: string): boolean => /^(data|test|train)$/i.test(stemOf(file));

/**
 * The draws in a folder: the file called `draws` when there is one, else one draw a file, all files of the extension that
 * occurs most often. Data files that lie beside them are left out, unless there is nothing else, and
 * so is what was written of a network beside it.
 * @param names of the files in the folder
 */
export function drawsAmong(names: readonly string[]): string[] {
  const stems = new Set(names.filter(isWeightFile).map(stemOf));
  const isWritten = (name: string): boolean => {
    const stem = /^(.+)\.(aligned|canonical)$/.exec(stemOf(name))?.[1];
    return stem !== undefined && stems.has(stem);
  };
  const weights = names.filter((name) => isWeightFile(name) && !isShardIndex(name) && !isWritten(name));
  const named = weights.find((name) => stemOf(name).toLowerCase() === 'draws');
  if (named !== undefined) return [named];
  const candidates = weights.some((name) => !isNamedAsData(name)) ? weights.filter((name) => !isNamedAsData(name)) : weights;
  let draws: string[] = [];
  for (const extension of weightExtensions) {
    const group = candidates.filter((name) => extensionOf(name) === extension);
    if (group.length > draws.length) draws = group;
  }
  return inNaturalOrder(draws);
}
