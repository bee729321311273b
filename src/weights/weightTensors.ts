/**
 * Which of a file's tensors are a network's weights, and what they are called without the wrappings of whoever saved them: dicts of
 * checkpoints (`state_dict`, `model`), `module.` of DataParallel and of stochastic weight averaging (`torch.optim.swa_utils.AveragedModel`),
 * `_orig_mod.` of torch.compile, `params` of Flax, groups of Keras and ArviZ. An optimiser's state, counters and second copies of the
 * weights (moving averages) are told apart.
 */
import type { TensorInfo, WeightFile } from './weightFile.ts';

export interface WeightTensor {
  /** Under the name by which the file reads it. */
  readonly tensor: TensorInfo;
  readonly shortName: string;
}

/** Dicts of a checkpoint that hold all of the weights, whatever lies beside them. */
const containers = ['state_dict', 'model_state_dict', 'model_state'];
/** Parts of names that say nothing, where all names begin with them. */
const wrappings = new Set([...containers, 'model', 'module', 'net', 'network', '_orig_mod', 'params']);
/** Dicts and modules that hold a moving average of the weights beside them. */
const averages = new Set(['model_ema', 'ema_model', 'ema', 'ema_state_dict', 'state_dict_ema', 'swa_model', 'swa_state_dict', 'averaged_model']);

/** What a tensor's numbers are, by what the format says of its name: parameters, what an optimiser remembers of them, or anything else that is kept with them, as data. */
export function tensorRole({ weightPrefix = '', optimizerPrefixes = [] }: WeightFile, name: string): 'parameters' | 'optimizer' | 'other' {
  if (optimizerPrefixes.some((prefix) => name.startsWith(prefix))) return 'optimizer';
  return name.startsWith(weightPrefix) ? 'parameters' : 'other';
}

export function elementsOf(file: WeightFile, role: ReturnType<typeof tensorRole>): number {
  return file.tensors.reduce((sum, { name, elements }) => sum + (tensorRole(file, name) === role ? elements : 0), 0);
}

/** In file order; none when nothing but an optimiser's state is there. */
export function weightTensors(file: WeightFile): readonly WeightTensor[] {
  const { weightPrefix = '' } = file;
  let weights = file.tensors
    .filter(({ name }) => tensorRole(file, name) === 'parameters')
    .map((tensor): WeightTensor => ({ tensor, shortName: tensor.name.slice(weightPrefix.length) }))
    .filter((weight) => !isBookkeeping(weight));
  // The tensors of a list of state dicts are numbered, not nested.
  if (file.stateDicts !== undefined) return weights;
  const container = containers.find((candidate) => weights.some(({ shortName }) => shortName.startsWith(`${candidate}.`)));
  if (container !== undefined) weights = weights.filter(({ shortName }) => shortName.startsWith(`${container}.`));
  const originals = weights.filter(({ shortName }) => !averages.has(firstPart(shortName)));
  if (originals.length > 0) weights = originals;
  for (;;) {
    const part = firstPart(weights[0]?.shortName ?? '');
    const isWrapping = wrappings.has(part) || (averages.has(part) && originals.length === 0);
    if (!isWrapping || !weights.every(({ shortName }) => firstPart(shortName) === part && shortName.length > part.length + 1)) return weights;
    weights = weights.map(({ tensor, shortName }) => ({ tensor, shortName: shortName.slice(part.length + 1) }));
  }
}

/**
 * The weights alone under their short names, for readers that know a network's tensors by these: a posterior's variables.
 * Closing it closes the file.
 */
export function weightsByShortName(file: WeightFile): WeightFile {
  const byName = new Map(weightTensors(file).map(({ tensor, shortName }) => [shortName, tensor]));
  const original = (name: string): string => byName.get(name)?.name ?? name;
  const named = (tensor: TensorInfo, name: string): TensorInfo => ({ ...tensor, name });
  return {
    path: file.path,
    format: file.format,
    fileBytes: file.fileBytes,
    metadata: file.metadata,
    warnings: file.warnings,
    ...(file.drawAxes === undefined ? {} : { drawAxes: file.drawAxes }),
    tensors: [...byName].map(([name, tensor]) => named(tensor, name)),
    tensor(name) {
      const tensor = byName.get(name);
      return tensor === undefined ? undefined : named(tensor, name);
    },
    read: (name, start, end) => file.read(original(name), start, end),
    plain: (name) => file.plain?.(original(name)),
    close: () => file.close(),
  };
}

function firstPart(name: string): string {
  return /^[^./]*/.exec(name)?.[0] ?? '';
}

/** How many models were averaged; the state of a random generator that Keras keeps with a Dropout layer. */
function isBookkeeping({ tensor, shortName }: WeightTensor): boolean {
  return (/(^|\.)n_averaged$/.test(shortName) && tensor.elements === 1) || /(^|\/)seed_generator\//.test(shortName);
}
