/**
 * Draws of Gaussians over weights, as a set of draws that is made when it is read: of SWAG's moments and of mean-field posteriors in files, of
 * SWAG fitted to a trajectory of checkpoints; and draws of dropout masks as weights. Several Gaussians are a mixture with equal shares
 * (Wilson & Izmailov 2020, MultiSWAG).
 */
import { seededRandom, type Random } from '../linalg/random.ts';
import { valueSize, type Block, type Network, type NetworkNode } from '../network/network.ts';
import { readState } from '../network/parameters.ts';
import { UserError } from '../protocol/userError.ts';
import type { GaussianWeights } from '../weights/gaussianWeights.ts';
import { showName } from '../weights/weightFileError.ts';
import { dropoutNodes } from './dropout.ts';
import type { DrawSource } from './draws.ts';
import { swagDraw, SwagCollector, type SwagMoments } from './swag.ts';

/** One Gaussian: its mean with the buffers, and how a draw is made around it. */
export interface WeightGaussian {
  /** Length `stateSize`. */
  readonly centre: Float64Array;
  /** Writes a draw of θ over the first D entries of a copy of `centre`. */
  readonly draw: (into: Float64Array, random: Random) => void;
  /** Numbers that it keeps in memory. */
  readonly held: number;
}

/** Reads a Gaussian out of its file. @throws WeightFileError for values that are not finite, or scales below 0 */
export async function readGaussian({ mean, deviation, deviations }: GaussianWeights, network: Network): Promise<WeightGaussian> {
  const size = network.parameters;
  const centre = await readState(mean, network);
  const spread = (await readState(deviation, network)).subarray(0, size);
  if (deviations === undefined) {
    const noise = new Float64Array(size);
    return {
      centre,
      held: 2 * centre.length + size,
      draw(into, random) {
        random.normals(noise);
        for (let i = 0; i < size; i++) into[i] = centre[i]! + spread[i]! * noise[i]!;
      },
    };
  }
  const { rank, file } = deviations;
  const rows = await readState(file, network, 0, rank);
  const columns = new Float64Array(rank * size);
  for (let k = 0; k < rank; k++) columns.set(rows.subarray(k * network.stateSize, k * network.stateSize + size), k * size);
  return swagGaussian({ mean: centre.subarray(0, size), variance: spread.map((s) => s * s), deviations: columns }, centre);
}

/** SWAG's moments of a trajectory. @param states of its networks, one after another, in blocks */
export async function trajectoryGaussian(source: DrawSource, rank: number, onBlock: (read: number) => Promise<void>): Promise<WeightGaussian> {
  const { network, count } = source;
  const collector = new SwagCollector(network.parameters, rank);
  const last = new Float64Array(network.stateSize);
  for (let m = 0; m < count; m++) {
    await source.read(m, m + 1, last);
    collector.add(last);
    await onBlock(m + 1);
  }
  const moments = collector.moments();
  // Running statistics belong to the last iterate: those of the mean are not in the files.
  last.set(moments.mean);
  return swagGaussian(moments, last);
}

function swagGaussian(moments: SwagMoments, centre: Float64Array): WeightGaussian {
  return { centre, held: centre.length + 2 * moments.mean.length + moments.deviations.length, draw(into, random) { into.set(swagDraw(moments, random)); } };
}

/** A network whose hidden units are dropped at random, as weights: what leaves a dropped unit is zero, what leaves the others is larger by 1/(1 − p). */
export function dropoutGaussian(network: Network, state: Float64Array, rate: number | undefined): WeightGaussian {
  const masked = dropoutNodes(network, rate).map(({ node, rate: own }) => ({ size: valueSize(node.shape), rate: own, weights: weightsAfter(network, node) }));
  return {
    centre: state,
    held: state.length,
    draw(into, random) {
      into.set(state);
      for (const { size, rate: own, weights } of masked) {
        const mask = Float64Array.from({ length: size }, () => (random.uniform() < own ? 0 : 1 / (1 - own)));
        for (const { offset, length } of weights) for (let k = 0; k < length; k++) into[offset + k]! *= mask[k % size]!;
      }
    },
  };
}

/** Weights of the dense layers that take this node's value, each row as long as the value. */
function weightsAfter(network: Network, node: NetworkNode): Block[] {
  return network.nodes.filter(({ inputs }) => inputs.includes(node.index)).flatMap((next): Block[] => {
    if (next.op === 'dense' && network.nodes.filter((other) => 'weight' in other && other.weight === next.weight).length === 1) return [next.weight];
    if (next.op === 'dropout' || (next.op === 'flatten' && (next.order === 'channel-first' || node.shape.length === 1))) return weightsAfter(network, next);
    throw new UserError(`what "${showName(node.name)}" drops goes into "${showName(next.name)}", which is no dense layer with weights of its own, so that no weights stand for it; its predictions are drawn by predict --method dropout`);
  });
}

/** @param parts equal shares of the draws, in this order */
export function gaussianDraws(network: Network, parts: readonly WeightGaussian[], { draws, seed, origin }: { readonly draws: number; readonly seed: number; readonly origin: DrawSource['origin'] }): DrawSource {
  const ends = parts.map((_, k) => Math.floor(((k + 1) * draws) / parts.length));
  const sets = ends.map((end, k) => end - (ends[k - 1] ?? 0));
  const partOf = (m: number): WeightGaussian => parts[ends.findIndex((end) => m < end)]!;
  return {
    network, chains: 1, drawsPerChain: draws, count: draws, sets: sets.filter((size) => size > 0), origin,
    centre: parts[0]!.centre,
    held: parts.reduce((sum, part) => sum + part.held, 0),
    read(start, end, target) {
      const states = target ?? new Float64Array((end - start) * network.stateSize);
      for (let m = start; m < end; m++) {
        const { centre, draw } = partOf(m);
        const into = states.subarray((m - start) * network.stateSize, (m - start + 1) * network.stateSize);
        into.set(centre);
        // A generator a draw: which draws are read together does not matter.
        draw(into, seededRandom(seed * 1_000_003 + m));
      }
      return Promise.resolve(states);
    },
    close: () => Promise.resolve(),
  };
}
