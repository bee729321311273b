/**
 * Directions in weight space as pictures: what the data constrain most and least (eigenvectors of the largest eigenvalues, and of the
 * smallest that the rank counts), and a direction of the kernel. Blocks are matrices out × rest, thinned to a few thousand
 * cells, of which each shows the entry of the largest magnitude in it.
 */
import { sharedEngine } from '../linalg/engine/engine.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { type Block, type Network } from '../network/network.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { GgnImage } from './image.ts';

export interface WeightPicture {
  readonly block: Block;
  /** Cells: rows × columns, row-major; of the block's first axis and all others. */
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
  /** ‖block‖² / ‖direction‖². */
  readonly share: number;
}

export interface ConstrainedDirection {
  readonly kind: 'most' | 'least' | 'kernel';
  /** Of the GGN; 0 for the kernel. */
  readonly eigenvalue: number;
  /** Of norm 1, with its largest entry positive. */
  readonly direction: Float64Array;
  readonly pictures: readonly WeightPicture[];
}

const SIDE = 64;

/** @param side at most so many cells along either axis */
export function weightPictures(network: Network, direction: Float64Array, side = SIDE): WeightPicture[] {
  const total = squared(direction);
  return network.blocks.filter(({ trainable }) => trainable).map((block) => {
    const height = block.shape.length > 1 ? block.shape[0]! : 1;
    const width = block.length / height;
    const [rows, columns] = [Math.min(side, height), Math.min(side, width)];
    const values = new Float64Array(rows * columns);
    for (let k = 0; k < block.length; k++) {
      const cell = Math.floor((Math.floor(k / width) * rows) / height) * columns + Math.floor(((k % width) * columns) / width);
      const entry = direction[block.offset + k]!;
      if (Math.abs(entry) > Math.abs(values[cell]!)) values[cell] = entry;
    }
    return { block, rows, columns, values, share: total === 0 ? 0 : squared(direction.subarray(block.offset, block.offset + block.length)) / total };
  });
}

/**
 * The first `count` directions of each end of the image, and one of the kernel (a random direction's part in it), as far as there are any.
 * @param eigenvalues of the GGN, descending
 */
export async function constrainedDirections(image: GgnImage, eigenvalues: Float64Array, count: number, random: Random, context: JobContext): Promise<ConstrainedDirection[]> {
  await sharedEngine();
  const { network } = image.problem;
  const each = Math.min(count, image.rank);
  const most = Array.from({ length: each }, (_, k) => ({ kind: 'most' as const, index: k }));
  const least = Array.from({ length: Math.min(each, image.rank - each) }, (_, k) => ({ kind: 'least' as const, index: image.rank - 1 - k }));
  const directions: ConstrainedDirection[] = [];
  for (const { kind, index } of [...most, ...least]) {
    const direction = fixedSign(await interruptibly(image.eigenvector(index), context.signal));
    directions.push({ kind, eigenvalue: eigenvalues[index]!, direction, pictures: weightPictures(network, direction) });
  }
  if (image.rank < network.parameters) {
    const { kernel } = await image.split(Float64Array.from({ length: network.parameters }, () => random.normal()), context);
    const length = Math.sqrt(squared(kernel));
    const direction = fixedSign(kernel.map((entry) => entry / length));
    directions.push({ kind: 'kernel', eigenvalue: 0, direction, pictures: weightPictures(network, direction) });
  }
  return directions;
}

function squared(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}

function fixedSign(direction: Float64Array): Float64Array {
  let largest = 0;
  for (const entry of direction) if (Math.abs(entry) > Math.abs(largest)) largest = entry;
  return largest < 0 ? direction.map((entry) => -entry) : direction;
}
