/** The prior precision and noise that an analysis goes on with: as the user gives them, or where the Laplace evidence is largest; and what the evidence is there. */
import { laplaceEvidence, type Evidence } from '../curvature/evidence.ts';
import type { LikelihoodModel } from '../curvature/likelihood.ts';
import { outputsOf, type CurvatureProblem } from '../curvature/problem.ts';
import { rankEstimate } from '../curvature/rank.ts';
import type { GgnSpectrum } from '../curvature/spectrum.ts';
import { maximiseEvidence, type EvidenceMaximum } from './empiricalBayes.ts';

export interface ChosenHyperparameters {
  readonly priorPrecision: number;
  readonly likelihood: LikelihoodModel;
  readonly evidence: Evidence;
  /** When the evidence chose them. */
  readonly maximum: EvidenceMaximum | undefined;
}

/**
 * @param targets as `logLikelihood` takes them
 * @param spectrum of the problem
 */
export function curvatureEvidence(problem: CurvatureProblem, targets: Float64Array, priorPrecision: number | 'evidence', { singularValues, rows, parameters, resolution, floor, eigenvalues }: GgnSpectrum): ChosenHyperparameters {
  const { rank } = rankEstimate({ singularValues, rows, columns: parameters, resolution, floor, bound: Math.min(rows, parameters) });
  const counted = eigenvalues.slice(0, rank);
  if (priorPrecision !== 'evidence') return { priorPrecision, likelihood: problem.likelihood, evidence: laplaceEvidence(problem, targets, priorPrecision, counted), maximum: undefined };
  const { likelihood, state, sampleWeights } = problem;
  let squaredNorm = 0;
  for (let i = 0; i < parameters; i++) squaredNorm += state[i]! ** 2;
  const f = outputsOf(problem);
  const { outputs } = problem.network;
  const counts = (k: number): number => sampleWeights?.[Math.floor(k / outputs)] ?? 1;
  const gaussian = likelihood.kind === 'gaussian' ? { noise: likelihood.noise, count: f.reduce((sum, _, k) => sum + counts(k), 0), fixedNoise: false, squaredResidual: f.reduce((sum, value, k) => sum + counts(k) * (targets[k]! - value) ** 2, 0) } : undefined;
  const maximum = maximiseEvidence({ eigenvalues: counted, squaredNorm, gaussian }, 1);
  if (likelihood.kind !== 'gaussian' || maximum.noise === undefined) return { priorPrecision: maximum.priorPrecision, likelihood, evidence: laplaceEvidence(problem, targets, maximum.priorPrecision, counted), maximum };
  const scale = (likelihood.noise / maximum.noise) ** 2;
  const moved: LikelihoodModel = { kind: 'gaussian', noise: maximum.noise };
  return { priorPrecision: maximum.priorPrecision, likelihood: moved, evidence: laplaceEvidence({ ...problem, likelihood: moved }, targets, maximum.priorPrecision, counted.map((lambda) => scale * lambda)), maximum };
}

/** The spectrum of the same problem under another noise: λ is inverse to its square. */
export function underNoise(spectrum: GgnSpectrum, from: LikelihoodModel, to: LikelihoodModel): GgnSpectrum {
  if (from.kind !== 'gaussian' || to.kind !== 'gaussian' || from.noise === to.noise) return spectrum;
  const scale = from.noise / to.noise;
  return { ...spectrum, singularValues: spectrum.singularValues.map((s) => scale * s), eigenvalues: spectrum.eigenvalues.map((lambda) => scale ** 2 * lambda) };
}
