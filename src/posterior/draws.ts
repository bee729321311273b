/**
 * A set of draws of the weights, chain × draw × D: what every posterior method gives and every posterior analysis takes.
 * From files: one whose tensors carry a leading `draw` axis or `chain` and `draw` axes, a list of state dicts, several such files, or
 * one checkpoint a draw; SWAG's moments or a mean-field Gaussian; a trajectory of checkpoints that SWAG is fitted to; one network with dropout.
 * They are read in blocks, because ten thousand draws of a million parameters are 80 GB.
 */
import { setImmediate } from 'node:timers/promises';
import type { Network, NetworkNode } from '../network/network.ts';
import { StateReader } from '../network/parameters.ts';
import { requireNetwork, requireNetworkLike, type ReadNetwork } from '../network/readNetwork.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { DrawOptions, NetworkOptions } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { gaussianWeights } from '../weights/gaussianWeights.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { stackedStateDicts } from '../weights/stackedStateDicts.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { WeightFileError } from '../weights/weightFileError.ts';
import { dropoutGaussian, gaussianDraws, readGaussian, trajectoryGaussian, type WeightGaussian } from './gaussianDraws.ts';

/** What a set of draws is. */
export interface DrawOrigin {
  /** `networks`: as many as the files hold, of whatever made them; the others are drawn, as many as are asked for. */
  readonly kind: 'networks' | 'swag' | 'mean-field' | 'dropout';
  /** Where the network was read from: "names and shapes", a description's path. */
  readonly source: string;
  /** Sentences: what the files do not say and was taken for granted. */
  readonly assumptions: readonly string[];
}

export interface DrawSource {
  readonly network: Network;
  readonly origin: DrawOrigin;
  /** Of a Gaussian its mean, of dropout the network itself, length `stateSize`; undefined for networks. */
  readonly centre: Float64Array | undefined;
  /** Numbers that the source keeps in memory itself. */
  readonly held: number;
  readonly chains: number;
  readonly drawsPerChain: number;
  /** M = chains · drawsPerChain. */
  readonly count: number;
  /** Sizes of the sets in which the draws come, in order: chains, files with several draws, folders. They add up to M. */
  readonly sets: readonly number[];
  /**
   * States w of draws [start, end), chain by chain, (end − start) × `stateSize`. Ascending ranges read every byte once. One read at a time.
   * @param into receives them when given; exactly as long
   * @throws WeightFileError when a file is not a draw of the same network
   */
  read(start: number, end: number, into?: Float64Array): Promise<Float64Array>;
  close(): Promise<void>;
}

/** Numbers in one block of draws (16 MiB), so that reading can be cancelled and reports progress. */
const BLOCK_ELEMENTS = 1 << 21;

/** How many draws of so many numbers are read at a time. */
export const drawsInBlock = (stateSize: number): number => Math.max(1, Math.floor(BLOCK_ELEMENTS / stateSize));

/** A file and how many draws it holds. */
interface Entry {
  readonly path: string;
  readonly draws: number;
}

export interface DrawRequest extends DrawOptions {
  /** S, of a Gaussian or of dropout. */
  readonly draws: number;
  readonly seed: number;
  /** Fewest draws that will do: 1 where a single network is an answer, too. */
  readonly least: 1 | 2;
}

/** Deviations that SWAG keeps of a trajectory. */
const SWAG_RANK = 20;

/**
 * Of networks it reads headers only, and of one checkpoint a draw only the first's.
 * @param groups the files, grouped as the user gave them: a folder's are one group. Several groups of equal size, or several files
 *   with equally many draws each, are chains.
 * @throws UserError when the files do not form one set of draws
 */
export async function openDraws(groups: readonly (readonly string[])[], request: DrawRequest, context: Pick<JobContext, 'signal' | 'progress'>): Promise<DrawSource> {
  const files = groups.flat();
  if (files.length === 0) throw new UserError('a posterior needs at least one weight file');
  const gaussians = request.as === 'dropout' ? undefined : await gaussiansOf(files, request);
  if (gaussians !== undefined) return gaussians;
  const single = request.as === 'dropout' ? 1 : request.least;
  const networks = await openNetworks(groups, { ...request, least: single });
  if (request.as === undefined || request.as === 'draws') return networks;
  try {
    const { network, origin, count } = networks;
    if (request.as === 'trajectory') {
      const fitted = await trajectoryGaussian(networks, SWAG_RANK, async (read) => {
        context.progress({ message: `Read ${read} of ${count} networks of the trajectory`, fraction: read / count });
        await setImmediate();
        context.signal.throwIfAborted();
      });
      const assumption = `A Gaussian by SWAG's moments of a trajectory of ${count} networks, in the order in which they are given.`;
      return gaussianDraws(network, [fitted], { ...request, origin: { ...origin, kind: 'swag', assumptions: [...origin.assumptions, assumption] } });
    }
    if (count > 1) throw new UserError(`dropout is of one network; the files hold ${count}`);
    const dropped = dropoutGaussian(network, await networks.read(0, 1), request.dropoutRate);
    return gaussianDraws(network, [dropped], { ...request, origin: { ...origin, kind: 'dropout' } });
  } finally {
    await networks.close();
  }
}

/** Undefined when the first file holds no Gaussian. */
async function gaussiansOf(files: readonly string[], request: DrawRequest): Promise<DrawSource | undefined> {
  const parts: WeightGaussian[] = [];
  let first: { readonly network: Network; readonly origin: DrawOrigin } | undefined;
  for (const path of files) {
    const opened = await openWeightFile(path);
    try {
      const gaussian = gaussianWeights(opened, request.scale);
      if (gaussian === undefined) {
        if (first === undefined) return undefined;
        throw new WeightFileError(path, '', `holds no Gaussian over weights, as ${files[0] ?? ''} does; the files of one posterior are of one kind`);
      }
      const { network, source, assumptions } = await requireNetwork(gaussian.mean, request, 0);
      if (first === undefined) first = { network, origin: { kind: gaussian.kind, source, assumptions: [...assumptions, gaussian.assumption] } };
      else requireSame(path, network, first.network);
      parts.push(await readGaussian(gaussian, network));
    } finally {
      await opened.close();
    }
  }
  if (first === undefined) return undefined;
  if (request.as !== undefined) throw new UserError(`${files[0] ?? ''} holds a Gaussian over weights, which ${request.as === 'draws' ? 'draws are made of anyway' : 'is no trajectory'}; leave --as out`);
  return gaussianDraws(first.network, parts, { ...request, origin: first.origin });
}

async function openNetworks(groups: readonly (readonly string[])[], { axes, least, ...options }: DrawRequest): Promise<DrawSource> {
  const files = groups.flat();
  const first = files[0]!;
  const drawAxes = axes === undefined ? undefined : axes === 'draw' ? 1 : 2;
  const { network, leading, source, assumptions } = await headerOf(first, options, drawAxes);
  const origin: DrawOrigin = { kind: 'networks', source, assumptions };
  if (leading.length === 0) {
    if (files.length < least) {
      throw new WeightFileError(first, '', 'holds one network; a posterior needs draws: several files, arrays with a leading draw axis (or chain and draw axes), SWAG moments or a mean-field Gaussian; of one network with dropout say --as dropout');
    }
    return new FileDraws(network, origin, options, files.map((path) => ({ path, draws: 1 })), groups.map(({ length }) => length), 0);
  }
  if (files.length > 1 && leading.length > 1) throw new WeightFileError(first, '', 'holds chains already; of files with chain and draw axes only one is taken at a time');
  const [chains, drawsPerChain] = leading.length === 2 ? [leading[0]!, leading[1]!] : [1, leading[0]!];
  if (chains * drawsPerChain * files.length < least) throw new WeightFileError(first, '', `holds ${chains * drawsPerChain} draws; a posterior needs at least ${least}`);
  if (files.length === 1) return new FileDraws(network, origin, options, [{ path: first, draws: chains * drawsPerChain }], Array<number>(chains).fill(drawsPerChain), leading.length);
  const entries: Entry[] = [];
  for (const path of files) {
    const header = await headerOf(path, options, leading.length as 1);
    requireSame(path, header.network, network);
    entries.push({ path, draws: header.leading[0]! });
  }
  return new FileDraws(network, origin, options, entries, entries.map(({ draws }) => draws), 1);
}

async function headerOf(path: string, options: NetworkOptions, leadingAxes: 0 | 1 | 2 | undefined): Promise<ReadNetwork> {
  const opened = await openWeightFile(path);
  try {
    return await requireNetwork(stackedStateDicts(opened), options, leadingAxes);
  } finally {
    await opened.close();
  }
}

class FileDraws implements DrawSource {
  readonly network: Network;
  readonly origin: DrawOrigin;
  readonly centre = undefined;
  readonly held: number;
  readonly chains: number;
  readonly drawsPerChain: number;
  readonly count: number;
  readonly sets: readonly number[];
  readonly #options: NetworkOptions;
  readonly #entries: readonly Entry[];
  /** The draw with which each entry begins. */
  readonly #begins: readonly number[];
  readonly #leadingAxes: number;
  /** The file that was read last stays open: the next block mostly goes on in it. */
  #open: { readonly entry: number; readonly opened: WeightFile; readonly file: WeightFile; readonly reader: StateReader } | undefined;
  /** Of the first file's network, and so of most. */
  readonly #reader: StateReader;

  constructor(network: Network, origin: DrawOrigin, options: NetworkOptions, entries: readonly Entry[], sets: readonly number[], leadingAxes: number) {
    this.network = network;
    this.#reader = new StateReader(network);
    // As many bytes as the longest tensor has.
    this.held = network.blocks.reduce((most, { length }) => Math.max(most, length), 0);
    this.origin = origin;
    this.#options = options;
    this.#entries = entries;
    this.#leadingAxes = leadingAxes;
    let count = 0;
    this.#begins = entries.map(({ draws }) => (count += draws) - draws);
    this.count = count;
    this.sets = sets;
    const equal = sets.every((size) => size === sets[0]) && (sets[0] ?? 0) > 1;
    this.chains = equal ? sets.length : 1;
    this.drawsPerChain = count / this.chains;
  }

  async read(start: number, end: number, into?: Float64Array): Promise<Float64Array> {
    const size = this.network.stateSize;
    const states = into ?? new Float64Array((end - start) * size);
    let entry = this.#begins.findLastIndex((begin) => begin <= start);
    for (let at = start; at < end; entry++) {
      const begin = this.#begins[entry]!;
      const to = Math.min(end, begin + this.#entries[entry]!.draws);
      const { file, reader } = await this.#file(entry);
      await reader.read(file, at - begin, to - begin, states.subarray((at - start) * size, (to - start) * size));
      at = to;
    }
    return states;
  }

  async close(): Promise<void> {
    await this.#open?.opened.close();
    this.#open = undefined;
  }

  async #file(entry: number): Promise<{ readonly file: WeightFile; readonly reader: StateReader }> {
    if (this.#open?.entry === entry) return this.#open;
    await this.close();
    const { path } = this.#entries[entry]!;
    const opened = await openWeightFile(path);
    try {
      const file = this.#leadingAxes === 0 ? opened : stackedStateDicts(opened);
      const network = this.#leadingAxes === 0 ? await networkOfDraw(file, this.#options, this.network) : this.network;
      this.#open = { entry, opened, file, reader: sameLayout(network, this.network) ? this.#reader : new StateReader(network) };
      return this.#open;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }
}

/** Whether the tensors of both are found and placed in the same way. */
function sameLayout({ blocks }: Network, other: Network): boolean {
  return blocks.length === other.blocks.length && blocks.every(({ tensor, offset, length, fileAxes }, b) => {
    const own = other.blocks[b]!;
    return tensor === own.tensor && offset === own.offset && length === own.length && fileAxes.join() === own.fileAxes.join();
  });
}

/** What describes the first draw describes those that hold the same tensors and say nothing of their own. */
async function networkOfDraw(file: WeightFile, options: NetworkOptions, first: Network): Promise<Network> {
  const own = (await requireNetworkLike(file, options, { path: '', network: first }, 0)).network;
  requireSame(file.path, own, first);
  return own;
}

function requireSame(path: string, own: Network, first: Network): void {
  const [left, right] = [own, first].map(architecture) as [string[], string[]];
  const at = left.findIndex((layer, k) => layer !== right[k]);
  if (at < 0 && left.length === right.length) return;
  const found = at < 0 ? `has ${left.length} layers, the first file ${right.length}` : `has the layer ${left[at]!}, where the first file has ${right[at] ?? 'none'}`;
  throw new WeightFileError(path, '', `${found}; draws of one posterior share their architecture`);
}

/** A line a layer: equal for networks whose w can be compared entry by entry. */
function architecture({ nodes }: Network): string[] {
  return nodes.map((node) => `${kindOf(node)} [${node.shape.join(' × ')}]`);
}

function kindOf(node: NetworkNode): string {
  switch (node.op) {
    case 'activation': return node.activation.name;
    case 'dense':
    case 'conv': return `${node.op}${node.bias === undefined ? ' without bias' : ''}`;
    default: return node.op;
  }
}
