/**
 * Where the description of a weight file's network comes from: a file that the user names, `NAME.network.json` beside the weights, the key
 * `quotient.network` of their metadata. Another file of the same network may be named too, such as the ONNX export of a state dict's module: its
 * graph becomes the description, and the weights must have its tensors by name and shape.
 */
import { readFile, stat } from 'node:fs/promises';
import type { NetworkOptions } from '../protocol/service.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { activationNamed } from './activation.ts';
import { recognizeSelfDescribed } from './recognizeNetwork.ts';
import { writeDescription } from './writeDescription.ts';

export interface FoundDescription {
  readonly text: string;
  /** For people: the file it stands in. */
  readonly source: string;
  /** The other file of the network whose graph this is; undefined for a description that someone wrote. */
  readonly graphOf?: string;
}

/** Descriptions are small; anything larger is not one. */
const MAX_DESCRIPTION_BYTES = 4 * 1024 * 1024;

/** Undefined where none is. @throws WeightFileError when the named one, or one beside the weights, cannot be read */
export async function findDescription(file: WeightFile, { network: named, activation }: NetworkOptions): Promise<FoundDescription | undefined> {
  if (named !== undefined && !/\.json$/i.test(named)) return { ...await describedBy(named, activation), graphOf: named };
  const source = named ?? descriptionPath(file.path);
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

/** Where the description of a weight file is looked for: `model.network.json` beside `model.safetensors`. */
export function descriptionPath(weightPath: string): string {
  return withoutEnding(weightPath) + '.network.json';
}

/** The graph of `NAME.onnx` beside `NAME.pt`; undefined when there is none, or none that is understood. */
export async function graphBeside(weightPath: string): Promise<(FoundDescription & { readonly graphOf: string }) | undefined> {
  const beside = withoutEnding(weightPath) + '.onnx';
  if (beside === weightPath || !await stat(beside).then((entry) => entry.isFile(), () => false)) return undefined;
  try {
    return { ...await describedBy(beside, undefined), graphOf: beside };
  } catch (error) {
    if (error instanceof WeightFileError) return undefined;
    throw error;
  }
}

/** @throws WeightFileError when the file cannot be read or does not say what its network is */
async function describedBy(named: string, activation: string | undefined): Promise<FoundDescription> {
  const file = await openWeightFile(named);
  try {
    const embedded = file.metadata['quotient.network'];
    if (embedded !== undefined) return { text: embedded, source: `${named} (metadata "quotient.network")` };
    const found = await recognizeSelfDescribed(file);
    if (found === undefined) throw new WeightFileError(named, '', 'holds tensors and no graph, so that it cannot say what the network is; name a description (.json), or an ONNX or Keras file of the network');
    const { recognition, source } = found;
    if (recognition.kind === 'unrecognised') throw new WeightFileError(named, '', `not recognised as a network: ${recognition.reason}`);
    if (recognition.kind === 'activation-needed' && activation === undefined) throw new WeightFileError(named, '', `does not tell which activation lies between its layers ${recognition.outline}; name it (--activation)`);
    const network = recognition.kind === 'network' ? recognition.network : recognition.withActivation(activationNamed(activation ?? ''));
    return { text: writeDescription(network), source: `${showName(named)} (${source.replace(/^its /, 'the file’s ')})` };
  } finally {
    await file.close();
  }
}

function withoutEnding(weightPath: string): string {
  return weightPath.replace(/(\.safetensors\.index\.json|\.[^./\\]+)?$/, '');
}
