/**
 * Directions in weight space as pictures: what the data constrain most and least (eigenvectors of the largest eigenvalues, and of the
 * smallest that the rank counts), and a direction of the kernel.
 */
import { sharedEngine } from '../linalg/engine/engine.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { GgnImage } from './image.ts';
import type { MatrixFreeSpectrum } from './matrixFree.ts';
import { GgnOperators } from './operators.ts';
import type { CurvatureProblem } from './problem.ts';
import { squared, weightPictures, type WeightPicture } from './weightPictures.ts';

export interface ConstrainedDirection {
  readonly kind: 'most' | 'least' | 'kernel';
  /** Of the GGN; 0 for the kernel. */
  readonly eigenvalue: number;
  /** Of norm 1, with its largest entry positive. */
  readonly direction: Float64Array;
  readonly pictures: readonly WeightPicture[];
}

/** Of an eigenvalue: a direction whose eigenvalue is less certain than this is no picture of anything. */
const CONVERGED = 1e-3;

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

/**
 * The first `count` directions of the large end where only that is known: of the matrix-free spectrum, those that have converged.
 * @param keepBytes as `GgnOperators` takes it
 */
export async function leadingDirections(problem: CurvatureProblem, { side, leading: { values, errors, vectors } }: Pick<MatrixFreeSpectrum, 'side' | 'leading'>, count: number, keepBytes: number, context: JobContext): Promise<ConstrainedDirection[]> {
  const operators = new GgnOperators(problem, keepBytes);
  const directions: ConstrainedDirection[] = [];
  for (const [k, vector] of vectors.slice(0, count).entries()) {
    const eigenvalue = values[k]!;
    if (!(errors[k]! < CONVERGED * eigenvalue)) break;
    const along = side === 'parameters' ? vector : await interruptibly(operators.pullRows(vector), context.signal);
    const length = Math.sqrt(squared(along));
    const direction = fixedSign(along.map((entry) => entry / length));
    directions.push({ kind: 'most', eigenvalue, direction, pictures: weightPictures(problem.network, direction) });
  }
  return directions;
}

function fixedSign(direction: Float64Array): Float64Array {
  let largest = 0;
  for (const entry of direction) if (Math.abs(entry) > Math.abs(largest)) largest = entry;
  return largest < 0 ? direction.map((entry) => -entry) : direction;
}
