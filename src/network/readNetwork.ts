/**
 * Weight file → network. The first of these that is there decides: the description or the other file of this network that the user names,
 * `NAME.network.json` beside the file, the key `quotient.network` of its metadata, the file's own graph or configuration, its names and shapes
 * (with `--activation`), and where these leave something open, the graph of `NAME.onnx` beside it.
 */
import { basename as baseName } from 'node:path';
import type { NetworkOptions } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { shardOf } from '../weights/shard.ts';
import { showName, WeightFileError } from '../weights/weightFileError.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { weightTensors } from '../weights/weightTensors.ts';
import { activationNamed, activationNames } from './activation.ts';
import { readDescription } from './description.ts';
import { descriptionPath, findDescription, graphBeside } from './descriptionSource.ts';
import type { Network } from './network.ts';
import { isCounter, recognizeSelfDescribed, recognizeTensors } from './recognizeNetwork.ts';
import type { Recognition } from './recognition.ts';
import type { NamedShape } from './tensorUses.ts';

/** Sizes of the leading axes that every tensor of a set of draws has in common: [], [draws] or [chains, draws]. */
export type LeadingAxes = readonly number[];

export interface ReadNetwork {
  readonly kind: 'network';
  readonly network: Network;
  readonly leading: LeadingAxes;
  /** For people: the description's path, "its graph", "names and shapes". */
  readonly source: string;
  /** Sentences: what the file does not tell and was taken for granted. */
  readonly assumptions: readonly string[];
}

export type NetworkReading =
  | ReadNetwork
  /** `outline` says the layers without what lies between them: "2 → 3 → 1". */
  | { readonly kind: 'activation-needed'; readonly outline: string; readonly leading: LeadingAxes }
  | { readonly kind: 'unrecognised'; readonly reason: string };

/**
 * @param leadingAxes how many leading draw axes the tensors have; when left out, as many as the file says, or the fewest with which the tensors
 * form a network
 * @throws WeightFileError when a description is there and does not fit the file
 */
export async function readNetwork(file: WeightFile, options: NetworkOptions, leadingAxes?: 0 | 1 | 2): Promise<NetworkReading> {
  const weights = weightTensors(file).map(({ tensor }) => tensor);
  const axes = leadingAxes ?? file.drawAxes;
  const candidates = axes === undefined ? possibleLeadingAxes(weights) : [leadingSizes(file.path, weights, axes)];
  const shapes = (leading: LeadingAxes): NamedShape[] => weights.map(({ name, shape }) => ({ name, shape: shape.slice(leading.length) }));

  const description = await findDescription(file, options);
  if (description !== undefined) {
    const { text, source, graphOf } = description;
    const found = withGraphNamed(file, graphOf, () => firstThatFits(candidates, (leading): ReadNetwork => ({ kind: 'network', network: readDescription(text, source, shapes(leading)), leading, source, assumptions: [] })));
    requireAgreement(file, found, options);
    return found;
  }
  const shard = shardOf(file.path);
  if (shard !== undefined) return { kind: 'unrecognised', reason: `it is shard ${shard.index} of ${shard.count} of a model; ${shard.model} stands for all of them` };
  const described = await recognizeSelfDescribed(file);
  if (described !== undefined) return withOptions(file, described.recognition, described.source, [], options);
  const reading = recognised(file, candidates, shapes, options);
  if (reading.kind === 'network') return reading;
  return await readAsGraphBeside(file, candidates, shapes, options) ?? reading;
}

/** What names and shapes tell. */
function recognised(file: WeightFile, candidates: readonly LeadingAxes[], shapes: (leading: LeadingAxes) => NamedShape[], options: NetworkOptions): NetworkReading {
  let last: NetworkReading = { kind: 'unrecognised', reason: 'the file holds no tensors' };
  for (const leading of candidates) {
    const { recognition, source } = recognizeTensors(shapes(leading));
    last = withOptions(file, recognition, source, leading, options);
    if (last.kind !== 'unrecognised') break;
  }
  return last;
}

/** For what names and shapes leave open: a state dict is often exported as ONNX too. Undefined when no such graph has these tensors. */
async function readAsGraphBeside(file: WeightFile, candidates: readonly LeadingAxes[], shapes: (leading: LeadingAxes) => NamedShape[], options: NetworkOptions): Promise<ReadNetwork | undefined> {
  const graph = await graphBeside(file.path);
  if (graph === undefined) return undefined;
  const { text, source, graphOf } = graph;
  for (const leading of candidates) {
    try {
      const network = readDescription(text, source, shapes(leading));
      requireAgreement(file, { network, source }, options);
      return { kind: 'network', network, leading, source, assumptions: [`What lies between the layers is taken from ${showName(baseName(graphOf))}, whose tensors have the same names and shapes.`] };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  return undefined;
}

function withOptions(file: WeightFile, recognition: Recognition, source: string, leading: LeadingAxes, options: NetworkOptions): NetworkReading {
  const { activation } = options;
  switch (recognition.kind) {
    case 'network':
      requireAgreement(file, { network: recognition.network, source }, options);
      return { ...recognition, source, leading };
    case 'activation-needed':
      if (activation === undefined) return { kind: 'activation-needed', outline: recognition.outline, leading };
      return { kind: 'network', network: recognition.withActivation(activationNamed(activation)), leading, source, assumptions: recognition.assumptions };
    case 'unrecognised':
      return recognition;
  }
}

/**
 * An activation may be named for several files of which one says so itself.
 * @throws WeightFileError when what it says is another one
 */
function requireAgreement({ path }: WeightFile, { network: { nodes, output }, source }: Pick<ReadNetwork, 'network' | 'source'>, { activation }: NetworkOptions): void {
  if (activation === undefined) return;
  const hidden = new Set(nodes.flatMap((node) => (node.op === 'activation' && node.index !== output ? [node.activation.name] : node.op === 'prelu' ? ['prelu'] : [])));
  const layers = nodes.filter(({ op }) => op === 'dense' || op === 'conv').length;
  const own = hidden.size > 0 ? [...hidden] : layers > 1 ? ['linear'] : [];
  const { name } = activationNamed(activation);
  if (own.length > 0 && !own.includes(name)) throw new WeightFileError(path, '', `has ${new Intl.ListFormat('en-GB').format(own)} between its layers as ${showName(source)} says, not ${name}; leave the activation out${source.endsWith('.json') ? ', or change it there' : ''}`);
}

/** The first candidate that does not throw; what the last one throws when all do. */
function firstThatFits<T>(candidates: readonly LeadingAxes[], read: (leading: LeadingAxes) => T): T {
  for (const leading of candidates.slice(0, -1)) {
    try {
      return read(leading);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  return read(candidates.at(-1) ?? []);
}

/** A graph was never written by the user, so that its layers are no places to look at. */
function withGraphNamed<T>({ path }: WeightFile, graphOf: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (graphOf === undefined || !(error instanceof WeightFileError)) throw error;
    throw new WeightFileError(path, '', `does not hold the tensors of ${showName(baseName(graphOf))}: ${error.problem}; name an export that keeps names and shapes (of PyTorch with training=TrainingMode.PRESERVE and do_constant_folding=False, which leave batch normalisation apart)`);
  }
}

/** As `readNetwork`, for an analysis that cannot go on without a network. @throws UserError that says what is missing and what to do */
export async function requireNetwork(file: WeightFile, options: NetworkOptions, leadingAxes?: 0 | 1 | 2): Promise<ReadNetwork> {
  const reading = await readNetwork(file, options, leadingAxes);
  switch (reading.kind) {
    case 'network':
      return reading;
    case 'activation-needed':
      throw new WeightFileError(file.path, '', `dense layers ${reading.outline}, but nothing says which activation lies between them; name it, on the command line with --activation (${activationNames.join(', ')}), or write ${descriptionPath(file.path)}`);
    case 'unrecognised':
      throw new WeightFileError(file.path, '', `not recognised as a network: ${reading.reason}; a description in ${descriptionPath(file.path)} can say what it is, and so can an ONNX export that keeps the names of the tensors (--network FILE)`);
  }
}

/** As `requireNetwork`; but a file that says nothing of its own is the network of another file when it holds the same tensors. */
export async function requireNetworkLike(file: WeightFile, options: NetworkOptions, other: { readonly path: string; readonly network: Network }, leadingAxes?: 0 | 1 | 2): Promise<ReadNetwork> {
  const reading = await readNetwork(file, options, leadingAxes);
  if (reading.kind === 'network') return reading;
  const same = other.network.blocks.every(({ tensor, fileShape }) => file.tensor(tensor)?.shape.join() === fileShape.join());
  if (!same) return requireNetwork(file, options, leadingAxes);
  const [name, source] = [file.path, other.path].map((path) => showName(baseName(path))) as [string, string];
  return { kind: 'network', network: other.network, leading: [], source, assumptions: [`What lies between the layers of ${name} is taken from ${source}, whose tensors have the same names and shapes.`] };
}

/**
 * Draw axes are the same sizes at the beginning of every tensor, with at least one axis behind them; the counters of batch normalisation have
 * none. At most two: chains and draws.
 */
function possibleLeadingAxes(tensors: readonly NamedShape[]): LeadingAxes[] {
  const counted = tensors.filter(({ name }) => !isCounter(name));
  const first = counted[0]?.shape ?? [];
  const common = (count: number): boolean => counted.every(({ shape }) => shape.length > count && first.slice(0, count).every((size, axis) => shape[axis] === size));
  return [[], ...[1, 2].filter((count) => counted.length > 0 && common(count)).map((count) => first.slice(0, count))];
}

function leadingSizes(path: string, tensors: readonly NamedShape[], count: number): LeadingAxes {
  const leading = (tensors[0]?.shape ?? []).slice(0, count);
  for (const { name, shape } of tensors) {
    if (isCounter(name)) continue;
    if (shape.length < count || leading.some((size, axis) => shape[axis] !== size)) {
      throw new WeightFileError(path, `tensor "${showName(name)}"`, `its shape [${shape.join(', ')}] does not begin with the draw axes [${leading.join(', ')}] that the first tensor has`);
    }
  }
  return leading;
}
