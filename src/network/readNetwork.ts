/**
 * Weight file → dense chain. The first of these that is there decides: the description the user names, `NAME.network.json`
 * beside the file, the key `quotient.network` of its metadata, its names and shapes with `--activation`.
 */
import { readFile, stat } from 'node:fs/promises';
import type { NetworkOptions } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { activationNamed, activationNames, LINEAR } from './activation.ts';
import type { DenseChain, DenseLayerShape } from './denseChain.ts';
import { readDescription, type NamedShape } from './description.ts';
import { recognizeDenseLayers, withActivation } from './recognize.ts';

/** Sizes of the leading axes that every tensor of a set of draws has in common: [], [draws] or [chains, draws]. */
export type LeadingAxes = readonly number[];

export type NetworkReading =
  | { readonly kind: 'chain'; readonly chain: DenseChain; readonly leading: LeadingAxes; readonly source: string }
  | { readonly kind: 'activation-needed'; readonly layers: readonly DenseLayerShape[]; readonly leading: LeadingAxes }
  | { readonly kind: 'unrecognised'; readonly reason: string };

/** Descriptions are small; anything larger is not one. */
const MAX_DESCRIPTION_BYTES = 4 * 1024 * 1024;

/**
 * @param leadingAxes how many leading draw axes the tensors have; found from the shapes when left out
 * @throws WeightFileError when a description is there and does not fit the file
 */
export async function readNetwork(file: WeightFile, options: NetworkOptions, leadingAxes?: 0 | 1 | 2): Promise<NetworkReading> {
  const weights = file.tensors.filter(({ name }) => file.optimizerPrefixes?.some((prefix) => name.startsWith(prefix)) !== true);
  const leading = leadingSizes(file.path, weights, leadingAxes ?? inferredLeadingAxes(weights));
  const tensors: NamedShape[] = weights.map(({ name, shape }) => ({ name, shape: shape.slice(leading.length) }));

  const description = await findDescription(file, options);
  if (description !== undefined) {
    if (options.activation !== undefined) {
      throw new UserError(`${description.source} already says which activations ${file.path} has; leave the activation out, or change it there`);
    }
    return { kind: 'chain', chain: readDescription(description.text, description.source, tensors), leading, source: description.source };
  }
  const recognition = recognizeDenseLayers(tensors);
  if (recognition.kind === 'unrecognised') return recognition;
  const { layers } = recognition;
  if (layers.length > 1 && options.activation === undefined) return { kind: 'activation-needed', layers, leading };
  const chain = withActivation(layers, options.activation === undefined ? LINEAR : activationNamed(options.activation));
  return { kind: 'chain', chain, leading, source: 'names and shapes' };
}

/** As `readNetwork`, for an analysis that cannot go on without a network. @throws UserError that says what is missing and what to do */
export async function requireNetwork(file: WeightFile, options: NetworkOptions, leadingAxes?: 0 | 1 | 2): Promise<Extract<NetworkReading, { kind: 'chain' }>> {
  const reading = await readNetwork(file, options, leadingAxes);
  switch (reading.kind) {
    case 'chain':
      return reading;
    case 'activation-needed': {
      const widths = [reading.layers[0]!.inputs, ...reading.layers.map((layer) => layer.outputs)].join(' → ');
      throw new WeightFileError(file.path, '', `dense layers ${widths}, but nothing says which activation lies between them; name it, on the command line with --activation (${activationNames.join(', ')}), or write ${descriptionPath(file.path)}`);
    }
    case 'unrecognised':
      throw new WeightFileError(file.path, '', `not recognised as a network: ${reading.reason}; a description in ${descriptionPath(file.path)} can say what it is`);
  }
}

/** Where the description of a weight file is looked for: `model.network.json` beside `model.safetensors`. */
function descriptionPath(weightPath: string): string {
  return weightPath.replace(/(\.safetensors\.index\.json|\.[^./\\]+)?$/, '.network.json');
}

/** Dense weights have two axes, so whatever the highest rank exceeds two by is draw axes, if every tensor begins with the same sizes. */
function inferredLeadingAxes(tensors: readonly NamedShape[]): number {
  const count = Math.max(0, ...tensors.map(({ shape }) => shape.length)) - 2;
  const first = tensors[0];
  if (first === undefined || count < 1 || count > 2) return 0;
  const leading = first.shape.slice(0, count);
  return tensors.every(({ shape }) => shape.length > count && leading.every((size, axis) => shape[axis] === size)) ? count : 0;
}

function leadingSizes(path: string, tensors: readonly NamedShape[], count: number): LeadingAxes {
  const leading = (tensors[0]?.shape ?? []).slice(0, count);
  for (const { name, shape } of tensors) {
    if (shape.length < count || leading.some((size, axis) => shape[axis] !== size)) {
      throw new WeightFileError(path, `tensor "${showName(name)}"`, `its shape [${shape.join(', ')}] does not begin with the draw axes [${leading.join(', ')}] that the first tensor has`);
    }
  }
  return leading;
}

interface FoundDescription {
  readonly text: string;
  readonly source: string;
}

async function findDescription(file: WeightFile, options: NetworkOptions): Promise<FoundDescription | undefined> {
  const named = options.network;
  const beside = descriptionPath(file.path);
  const source = named ?? beside;
  try {
    const { size } = await stat(source);
    if (size > MAX_DESCRIPTION_BYTES) throw new WeightFileError(source, '', `has ${size} bytes, more than a network description can have (${MAX_DESCRIPTION_BYTES})`);
    return { text: await readFile(source, 'utf8'), source };
  } catch (error) {
    if (error instanceof WeightFileError) throw error;
    if (named !== undefined) throw new WeightFileError(named, '', 'this network description cannot be read; check the path');
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new WeightFileError(source, '', 'this network description cannot be read');
  }
  const embedded = file.metadata['quotient.network'];
  return embedded === undefined ? undefined : { text: embedded, source: `${file.path} (metadata "quotient.network")` };
}
