/**
 * A set of draws of the weights, chain × draw × D: what every posterior method gives and every posterior analysis takes.
 * From files: one whose tensors carry a leading `draw` axis or `chain` and `draw` axes, a list of state dicts, or one checkpoint a
 * draw.
 */
import { setImmediate } from 'node:timers/promises';
import type { DenseChain } from '../network/denseChain.ts';
import { parameterBlocks, readParameters } from '../network/chainParameters.ts';
import { readNetwork, requireChain } from '../network/readNetwork.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { DrawAxes, NetworkOptions } from '../protocol/service.ts';
import { MemoryLimitError, UserError } from '../protocol/userError.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { stackedStateDicts } from '../weights/stackedStateDicts.ts';
import type { WeightFile } from '../weights/weightFile.ts';
import { WeightFileError } from '../weights/weightFileError.ts';

export interface Draws {
  readonly chain: DenseChain;
  readonly chains: number;
  readonly drawsPerChain: number;
  /** (chains · drawsPerChain) × D, chain by chain. */
  readonly theta: Float64Array;
}

/** Draws read at a time, so that reading can be cancelled and reports progress. */
const BLOCK_ELEMENTS = 1 << 20;

/**
 * @param copies how many arrays of this size the caller will hold in all; the memory limit is checked for them before reading
 * @throws UserError when the files do not form one set of draws, MemoryLimitError when they would not fit
 */
export async function readDraws(files: readonly string[], options: NetworkOptions, axes: DrawAxes | undefined, copies: number, context: JobContext): Promise<Draws> {
  const [first] = files;
  if (first === undefined) throw new UserError('a posterior needs at least one weight file');
  return files.length === 1 ? readStackedDraws(first, options, axes, copies, context) : readCheckpoints(files, options, copies, context);
}

async function readStackedDraws(path: string, options: NetworkOptions, axes: DrawAxes | undefined, copies: number, context: JobContext): Promise<Draws> {
  const opened = await openWeightFile(path);
  try {
    const file = stackedStateDicts(opened);
    const { chain, leading } = await requireChain(file, options, axes === undefined ? undefined : axes === 'draw' ? 1 : 2);
    if (leading.length === 0) {
      throw new WeightFileError(path, '', 'holds one network; a posterior needs draws: several files, or arrays with a leading draw axis (or chain and draw axes)');
    }
    const [chains, drawsPerChain] = leading.length === 2 ? [leading[0]!, leading[1]!] : [1, leading[0]!];
    const count = chains * drawsPerChain;
    if (count < 2) throw new WeightFileError(path, '', `holds ${count} draws; a posterior needs at least 2`);
    requireMemory(count, chain, copies, context);
    const theta = new Float64Array(count * chain.parameters);
    const block = Math.max(1, Math.floor(BLOCK_ELEMENTS / chain.parameters));
    for (let start = 0; start < count; start += block) {
      const end = Math.min(start + block, count);
      theta.set(await readParameters(file, chain, start, end), start * chain.parameters);
      context.progress({ message: `Read ${end} of ${count} draws`, fraction: end / count });
      await setImmediate();
      context.signal.throwIfAborted();
    }
    return { chain, chains, drawsPerChain, theta };
  } finally {
    await opened.close();
  }
}

async function readCheckpoints(paths: readonly string[], options: NetworkOptions, copies: number, context: JobContext): Promise<Draws> {
  let chain: DenseChain | undefined;
  let theta = new Float64Array(0);
  for (const [m, path] of paths.entries()) {
    const file = await openWeightFile(path);
    try {
      const own = await networkOfDraw(file, options, chain);
      if (chain === undefined) {
        chain = own;
        requireMemory(paths.length, chain, copies, context);
        theta = new Float64Array(paths.length * chain.parameters);
      } else if (architecture(own) !== architecture(chain)) {
        throw new WeightFileError(path, '', `is a network ${architecture(own)}, the first file ${architecture(chain)}; draws of one posterior share their architecture`);
      }
      theta.set(await readParameters(file, own), m * chain.parameters);
    } finally {
      await file.close();
    }
    context.progress({ message: `Read ${m + 1} of ${paths.length} checkpoints`, fraction: (m + 1) / paths.length });
    context.signal.throwIfAborted();
  }
  if (chain === undefined) throw new UserError('a posterior needs at least one weight file');
  return { chain, chains: 1, drawsPerChain: paths.length, theta };
}

/** What describes the first draw describes those that hold the same tensors and say nothing of their own. */
async function networkOfDraw(file: WeightFile, options: NetworkOptions, first: DenseChain | undefined): Promise<DenseChain> {
  if (first !== undefined) {
    const reading = await readNetwork(file, options, 0);
    if (reading.kind === 'network') return (await requireChain(file, options, 0)).chain;
    const same = parameterBlocks(first).every(({ reference, shape }) => file.tensor(reference.tensor)?.shape.join() === shape.join());
    if (same) return first;
  }
  return (await requireChain(file, options, 0)).chain;
}

/** "2 → 2 (relu) → 1": equal for networks whose θ can be compared entry by entry. */
function architecture(chain: DenseChain): string {
  const layers = chain.layers.map(({ outputs, activation, bias }) => `${outputs}${activation.name === 'linear' ? '' : ` (${activation.name})`}${bias === undefined ? ' without bias' : ''}`);
  return [chain.inputs, ...layers].join(' → ');
}

function requireMemory(count: number, chain: DenseChain, copies: number, { memoryLimitBytes }: JobContext): void {
  const bytes = count * chain.parameters * 8 * copies;
  if (bytes > memoryLimitBytes) {
    const mib = (b: number): string => `${Math.ceil(b / 2 ** 20)} MiB`;
    throw new MemoryLimitError(`${count} draws of ${chain.parameters} parameters need about ${mib(bytes)}, the limit is ${mib(memoryLimitBytes)}; pass fewer draws or raise the memory limit`);
  }
}
