/**
 * A set of draws of the weights, chain × draw × D: what every posterior method gives and every posterior analysis takes.
 * From files: one whose tensors carry a leading `draw` axis or `chain` and `draw` axes, a list of state dicts, several such files, or
 * one checkpoint a draw. They are read in blocks, because ten thousand draws of a million parameters are 80 GB.
 */
import { setImmediate } from 'node:timers/promises';
import type { Network, NetworkNode } from '../network/network.ts';
import { readState } from '../network/parameters.ts';
import { readNetwork, requireNetwork } from '../network/readNetwork.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { DrawAxes, NetworkOptions } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { stackedStateDicts } from '../weights/stackedStateDicts.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { WeightFileError } from '../weights/weightFileError.ts';

export interface DrawSource {
  readonly network: Network;
  readonly chains: number;
  readonly drawsPerChain: number;
  /** M = chains · drawsPerChain. */
  readonly count: number;
  /** Sizes of the sets in which the draws come, in order: chains, files with several draws, folders. They add up to M. */
  readonly sets: readonly number[];
  /**
   * States w of draws [start, end), chain by chain, (end − start) × `stateSize`. Ascending ranges read every byte once.
   * @throws WeightFileError when a file is not a draw of the same network
   */
  read(start: number, end: number): Promise<Float64Array>;
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

/**
 * Reads headers only, and of one checkpoint a draw only the first's.
 * @param groups the files, grouped as the user gave them: a folder's are one group. Several groups of equal size, or several files
 *   with equally many draws each, are chains.
 * @throws UserError when the files do not form one set of draws
 */
export async function openDraws(groups: readonly (readonly string[])[], options: NetworkOptions, axes: DrawAxes | undefined): Promise<DrawSource> {
  const files = groups.flat();
  const [first] = files;
  if (first === undefined) throw new UserError('a posterior needs at least one weight file');
  const drawAxes = axes === undefined ? undefined : axes === 'draw' ? 1 : 2;
  const { network, leading } = await headerOf(first, options, drawAxes);
  if (leading.length === 0) {
    if (files.length === 1) {
      throw new WeightFileError(first, '', 'holds one network; a posterior needs draws: several files, or arrays with a leading draw axis (or chain and draw axes)');
    }
    return new FileDraws(network, options, files.map((path) => ({ path, draws: 1 })), groups.map(({ length }) => length), 0);
  }
  if (files.length > 1 && leading.length > 1) throw new WeightFileError(first, '', 'holds chains already; of files with chain and draw axes only one is taken at a time');
  const [chains, drawsPerChain] = leading.length === 2 ? [leading[0]!, leading[1]!] : [1, leading[0]!];
  if (chains * drawsPerChain * files.length < 2) throw new WeightFileError(first, '', `holds ${chains * drawsPerChain} draws; a posterior needs at least 2`);
  if (files.length === 1) return new FileDraws(network, options, [{ path: first, draws: chains * drawsPerChain }], Array<number>(chains).fill(drawsPerChain), leading.length);
  const entries: Entry[] = [];
  for (const path of files) {
    const header = await headerOf(path, options, leading.length as 1);
    requireSame(path, header.network, network);
    entries.push({ path, draws: header.leading[0]! });
  }
  return new FileDraws(network, options, entries, entries.map(({ draws }) => draws), 1);
}

async function headerOf(path: string, options: NetworkOptions, leadingAxes: 0 | 1 | 2 | undefined): Promise<{ readonly network: Network; readonly leading: readonly number[] }> {
  const opened = await openWeightFile(path);
  try {
    return await requireNetwork(stackedStateDicts(opened), options, leadingAxes);
  } finally {
    await opened.close();
  }
}

/** The states of all draws, M × `stateSize`. The caller has made sure that they fit into memory. */
export async function readAllDraws(source: DrawSource, context: Pick<JobContext, 'signal' | 'progress'>): Promise<Float64Array> {
  const { count, network: { stateSize } } = source;
  const states = new Float64Array(count * stateSize);
  const block = drawsInBlock(stateSize);
  for (let start = 0; start < count; start += block) {
    const end = Math.min(start + block, count);
    states.set(await source.read(start, end), start * stateSize);
    context.progress({ message: `Read ${end} of ${count} draws`, fraction: end / count });
    await setImmediate();
    context.signal.throwIfAborted();
  }
  return states;
}

class FileDraws implements DrawSource {
  readonly network: Network;
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
  #open: { readonly entry: number; readonly opened: WeightFile; readonly file: WeightFile; readonly network: Network } | undefined;

  constructor(network: Network, options: NetworkOptions, entries: readonly Entry[], sets: readonly number[], leadingAxes: number) {
    this.network = network;
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

  async read(start: number, end: number): Promise<Float64Array> {
    const size = this.network.stateSize;
    let entry = this.#begins.findLastIndex((begin) => begin <= start);
    const begin = this.#begins[entry]!;
    if (end <= begin + this.#entries[entry]!.draws) {
      const { file, network } = await this.#file(entry);
      return readState(file, network, start - begin, end - begin);
    }
    const states = new Float64Array((end - start) * size);
    for (let at = start; at < end; entry++) {
      const to = Math.min(end, this.#begins[entry]! + this.#entries[entry]!.draws);
      states.set(await this.read(at, to), (at - start) * size);
      at = to;
    }
    return states;
  }

  async close(): Promise<void> {
    await this.#open?.opened.close();
    this.#open = undefined;
  }

  async #file(entry: number): Promise<{ readonly file: WeightFile; readonly network: Network }> {
    if (this.#open?.entry === entry) return this.#open;
    await this.close();
    const { path } = this.#entries[entry]!;
    const opened = await openWeightFile(path);
    try {
      const file = this.#leadingAxes === 0 ? opened : stackedStateDicts(opened);
      const network = this.#leadingAxes === 0 ? await networkOfDraw(file, this.#options, this.network) : this.network;
      this.#open = { entry, opened, file, network };
      return this.#open;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }
}

/** What describes the first draw describes those that hold the same tensors and say nothing of their own. */
async function networkOfDraw(file: WeightFile, options: NetworkOptions, first: Network): Promise<Network> {
  const reading = await readNetwork(file, options, 0);
  if (reading.kind !== 'network') {
    const same = first.blocks.every(({ tensor, fileShape }) => file.tensor(tensor)?.shape.join() === fileShape.join());
    if (same) return first;
  }
  const own = (await requireNetwork(file, options, 0)).network;
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
