/**
 * Laplace's approximation with the GGN, q(w) = N(ŵ, (GGN + αI)⁻¹), in two orthogonal parts (the slides; Roy et al. 2024):
 *   image   U (Λ + α)^{-1/2} Uᵀ ε          constrained by the data
 *   kernel  α^{-1/2} (ε − U Uᵀ ε)          prior only; J w_ker = 0 on the data
 * A draw is ŵ + image + kernel. Nothing D × D is formed; the cost of a draw is two products with the r eigenvectors.
 */
import type { CurvatureProblem } from '../curvature/problem.ts';
import { rankEstimate, type RankEstimate } from '../curvature/rank.ts';
import { gramSpectrum, type GgnSpectrum } from '../curvature/spectrum.ts';
import type { Random } from '../linalg/random.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { UserError } from '../protocol/userError.ts';
import { imageBasis, type ImageBasis } from './imageBasis.ts';

export interface Laplace {
  readonly problem: CurvatureProblem;
  /** α */
  readonly priorPrecision: number;
  readonly spectrum: GgnSpectrum;
  readonly rank: RankEstimate;
  readonly basis: ImageBasis;
  /** λ_i > 0, descending; as many as the basis has vectors. */
  readonly eigenvalues: Float64Array;
}

/** Which of the two orthogonal parts a draw has. */
export type LaplacePart = 'whole' | 'image' | 'kernel';

/**
 * @param problem at ŵ, with `weighting: 'likelihood'`
 * @param known its spectrum with vectors, where that has been taken already
 * @throws UserError for a prior precision that is not positive; MemoryLimitError, UserError as `gramSpectrum` does
 */
export async function laplace(problem: CurvatureProblem, priorPrecision: number, context: JobContext, known?: GgnSpectrum): Promise<Laplace> {
  if (!(priorPrecision > 0 && Number.isFinite(priorPrecision))) throw new UserError(`the prior precision is a positive number, not ${priorPrecision}`);
  const spectrum = known ?? await gramSpectrum(problem, context, { vectors: true, economical: true });
  const { singularValues, rows, parameters, resolution, floor } = spectrum;
  const rank = rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound: Math.min(rows, parameters) });
  const basis = await imageBasis(problem, spectrum, rank.rank, context);
  return { problem, priorPrecision, spectrum, rank, basis, eigenvalues: spectrum.eigenvalues.slice(0, rank.rank) };
}

/** The same curvature under another prior. */
export function withPriorPrecision(approximation: Laplace, priorPrecision: number): Laplace {
  return { ...approximation, priorPrecision };
}

/**
 * Displacements w − ŵ of some draws.
 * @param noise ε, count × D; overwritten. The same ε gives the same draw, and its image and kernel parts add up to it
 * @returns count × D
 */
export async function laplaceDisplacements({ basis, eigenvalues, priorPrecision }: Pick<Laplace, 'basis' | 'eigenvalues' | 'priorPrecision'>, noise: Float64Array, part: LaplacePart): Promise<Float64Array> {
  const count = noise.length / basis.parameters;
  const prior = 1 / Math.sqrt(priorPrecision);
  if (basis.rank === 0) return part === 'image' ? noise.fill(0) : noise.map((value) => prior * value);
  return basis.applied(noise, count, eigenvalues.map((lambda) => (part === 'kernel' ? 0 : 1 / Math.sqrt(lambda + priorPrecision))), part === 'image' ? 0 : prior);
}

/** (GGN + αI)⁻¹ v for each of some vectors, count × D. */
export function posteriorSolve({ basis, eigenvalues, priorPrecision }: Pick<Laplace, 'basis' | 'eigenvalues' | 'priorPrecision'>, vectors: Float64Array): Promise<Float64Array> {
  return basis.rank === 0
    ? Promise.resolve(vectors.map((value) => value / priorPrecision))
    : basis.applied(vectors.slice(), vectors.length / basis.parameters, eigenvalues.map((lambda) => 1 / (lambda + priorPrecision)), 1 / priorPrecision);
}

/** Standard normal numbers, count × D. */
export function standardNormal(length: number, random: Random): Float64Array {
  return random.normals(new Float64Array(length));
}

/** Share of the posterior's variance that lies in the kernel: (D − r)/α over (D − r)/α + Σ 1/(λ_i + α). */
export function kernelVarianceShare({ eigenvalues, priorPrecision, basis }: Laplace): number {
  const kernel = (basis.parameters - basis.rank) / priorPrecision;
  const image = eigenvalues.reduce((sum, lambda) => sum + 1 / (lambda + priorPrecision), 0);
  return kernel / (kernel + image);
}

/** Σ λ_i/(λ_i + α): how many directions the data decide (MacKay 1992's γ). */
export function effectiveDimension({ eigenvalues, priorPrecision }: Pick<Laplace, 'eigenvalues' | 'priorPrecision'>): number {
  return eigenvalues.reduce((sum, lambda) => sum + lambda / (lambda + priorPrecision), 0);
}
