/**
 * Planes through ŵ in which draws of the weights are shown: of two parameters, of the two directions in which draws spread most, and of a
 * direction of the GGN's image and one of its kernel.
 */
import { interruptibly } from '../linalg/interruptible.ts';
import { leadingEigen } from '../linalg/leadingEigen.ts';
import { norm2 } from '../linalg/matrixInput.ts';
import { addProduct } from '../linalg/product.ts';
import { seededRandom } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { drawGram } from './drawGram.ts';
import { everyRow, rowsOf } from './drawRows.ts';
import { laplaceDisplacements, standardNormal, type Laplace } from './laplace.ts';
import { logPosterior, type PosteriorProblem } from './logPosterior.ts';
import type { WeightPlane } from './lossSurface.ts';
import { principalComponents } from './principalComponents.ts';

/** Kernel draws whose gradients choose the kernel direction. */
const GRADIENTS = 32;

/** @param mode ŵ @param a @param b positions in θ, different ones */
export function parameterPlane(mode: Float64Array, parameters: number, [a, b]: readonly [number, number]): WeightPlane {
  const [x, y] = [new Float64Array(parameters), new Float64Array(parameters)];
  x[a] = 1;
  y[b] = 1;
  return { x, y, origin: [mode[a]!, mode[b]!] };
}

/**
 * @param weights θ of the draws, M × D row-major
 * @returns undefined when the draws spread in fewer than two directions
 */
export async function componentPlane(weights: Float64Array, parameters: number, seed: number, { signal }: JobContext): Promise<(WeightPlane & { readonly explained: readonly [number, number] }) | undefined> {
  const rows = rowsOf(weights, parameters);
  const all = everyRow(rows.rows);
  if (all.length < 3) return undefined;
  const known = await interruptibly(drawGram(rows, all), signal);
  const { axes: [x, y], explained } = await interruptibly(principalComponents(rows, all, known, seededRandom(seed)), signal);
  return [x, y].some((axis) => axis.every((entry) => entry === 0)) ? undefined : { x, y, origin: [0, 0], explained: [explained[0]!, explained[1]!] };
}

/**
 * Across: the kernel direction along which the likelihood changes most over the posterior's draws, the leading one of its gradients at ŵ + w_ker,
 * in the kernel (an active subspace: Constantine, Dow & Wang 2014). Upwards: the best constrained direction, the first eigenvector.
 * @returns undefined when the GGN has no kernel, or no image
 */
export async function imageKernelPlane({ problem: { state }, basis, eigenvalues, priorPrecision }: Laplace, problem: PosteriorProblem, seed: number, context: JobContext): Promise<WeightPlane | undefined> {
  const { rank, parameters } = basis;
  if (rank === 0 || rank === parameters) return undefined;
  const random = seededRandom(seed);
  const draws = await laplaceDisplacements({ basis, eigenvalues, priorPrecision }, standardNormal(GRADIENTS * parameters, random), 'kernel');
  const gradients = new Float64Array(GRADIENTS * parameters);
  const moved = state.slice();
  for (let s = 0; s < GRADIENTS; s++) {
    const gradient = gradients.subarray(s * parameters, (s + 1) * parameters);
    for (let i = 0; i < parameters; i++) moved[i] = state[i]! + draws[s * parameters + i]!;
    logPosterior(problem, moved, gradient);
    // The likelihood's alone.
    for (let i = 0; i < parameters; i++) gradient[i]! += problem.priorPrecision * moved[i]!;
    // One draw with huge outputs must not decide alone.
    const length = norm2(gradient, 0, parameters);
    for (let i = 0; i < parameters; i++) gradient[i] = length > 0 && Number.isFinite(length) ? gradient[i]! / length : 0;
    context.progress({ message: 'A direction of the kernel', fraction: (s + 1) / GRADIENTS });
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    context.signal.throwIfAborted();
  }
  await removeImage(basis, gradients, GRADIENTS);
  const gram = new Float64Array(GRADIENTS * GRADIENTS);
  addProduct(gram, gradients, gradients, GRADIENTS, GRADIENTS, parameters, 'nt');
  const { vectors } = await interruptibly(leadingEigen(gram, GRADIENTS, 1, random), context.signal);
  const kernel = new Float64Array(parameters);
  for (let s = 0; s < GRADIENTS; s++) for (let i = 0; i < parameters; i++) kernel[i]! += vectors[s]! * gradients[s * parameters + i]!;
  // A network whose likelihood the kernel does not change: any direction of it will do.
  if (!(norm2(kernel, 0, parameters) > 1e-10)) kernel.set(draws.subarray(0, parameters));
  await removeImage(basis, kernel, 1);
  const first = new Float64Array(rank);
  first[0] = 1;
  return { x: normalised(kernel), y: normalised(await basis.combinations(first, 1)), origin: [0, 0] };
}

/** Twice, because what is left after the first time may be small. */
async function removeImage(basis: Laplace['basis'], vectors: Float64Array, count: number): Promise<void> {
  for (let pass = 0; pass < 2; pass++) {
    const image = await basis.combinations(await basis.coefficients(vectors, count), count);
    for (let k = 0; k < vectors.length; k++) vectors[k]! -= image[k]!;
  }
}

/** Of norm 1, its largest entry positive. */
function normalised(direction: Float64Array): Float64Array {
  const largest = direction.reduce((most, entry) => (Math.abs(entry) > Math.abs(most) ? entry : most), 0);
  const length = norm2(direction, 0, direction.length) * (largest < 0 ? -1 : 1);
  return direction.map((entry) => entry / length);
}
