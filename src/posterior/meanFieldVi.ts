/**
 * Mean-field variational inference: q(θ) = N(μ, diag(s²)) with s = log(1 + e^ρ), fitted by Adam on the reparameterised evidence lower bound
 *   ELBO = E_q[log p(D|θ)] − KL(q ‖ N(0, α⁻¹I)),  θ = μ + s ⊙ ε
 * (Kingma & Welling 2014; Blundell et al. 2015, whose ρ this is). The divergence is in closed form, the expectation by a few draws a step.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { UserError } from '../protocol/userError.ts';
import { adamAscent } from './adam.ts';
import { logPosterior, type PosteriorProblem } from './logPosterior.ts';

export interface MeanFieldOptions {
  readonly steps: number;
  readonly learningRate: number;
  /** Draws of ε a step; in antithetic pairs, so an even number. */
  readonly draws: number;
  /** s at the beginning. */
  readonly deviation: number;
  readonly random: Random;
  readonly onStep?: (step: number) => void;
}

export interface MeanField {
  /** μ, length D. */
  readonly mean: Float64Array;
  /** s, length D: standard deviations. */
  readonly deviation: Float64Array;
  /** Estimates of the ELBO, one a step. */
  readonly elbo: Float64Array;
}

/** @param start w whose θ is the first μ; its buffers are kept */
export function* meanFieldVi(problem: PosteriorProblem, start: Float64Array, { steps, learningRate, draws, deviation, random, onStep }: MeanFieldOptions): Interruptible<MeanField> {
  const { network, priorPrecision } = problem;
  const size = network.parameters;
  const mean = start.slice(0, size);
  const rho = new Float64Array(size).fill(Math.log(Math.expm1(deviation)));
  const scale = new Float64Array(size);
  const state = start.slice();
  const gradient = new Float64Array(size);
  const [meanGradient, rhoGradient] = [new Float64Array(size), new Float64Array(size)];
  const adam = [adamAscent(size), adamAscent(size)] as const;
  const elbo = new Float64Array(steps);
  const epsilon = new Float64Array(size);
  // The second half's iterates are averaged: the noise of single draws averages out.
  const averaged = { mean: new Float64Array(size), rho: new Float64Array(size), count: 0 };
  for (let step = 0; step < steps; step++) {
    let divergence = 0;
    for (let i = 0; i < size; i++) {
      const s = softplus(rho[i]!);
      scale[i] = s;
      divergence += 0.5 * (priorPrecision * (s * s + mean[i]! ** 2) - 1 - Math.log(priorPrecision * s * s));
      meanGradient[i] = -priorPrecision * mean[i]!;
      rhoGradient[i] = (1 / s - priorPrecision * s) * sigmoid(rho[i]!);
    }
    let expected = 0;
    for (let m = 0; m < draws; m++) {
      for (let i = 0; i < size; i++) {
        epsilon[i] = m % 2 === 0 ? random.normal() : -epsilon[i]!;
        state[i] = mean[i]! + scale[i]! * epsilon[i]!;
      }
      const { logLikelihood } = logPosterior(problem, state, gradient);
      expected += logLikelihood / draws;
      for (let i = 0; i < size; i++) {
        // The prior is in the divergence: only the likelihood's gradient counts here.
        const g = (gradient[i]! + priorPrecision * state[i]!) / draws;
        meanGradient[i]! += g;
        rhoGradient[i]! += g * epsilon[i]! * sigmoid(rho[i]!);
      }
      yield;
    }
    elbo[step] = expected - divergence;
    if (!Number.isFinite(elbo[step])) throw new UserError(`variational inference diverged in step ${step + 1}; a smaller learning rate than ${learningRate} may help`);
    const rate = learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
    adam[0](mean, meanGradient, rate);
    adam[1](rho, rhoGradient, rate);
    if (step >= steps / 2) {
      averaged.count++;
      for (let i = 0; i < size; i++) {
        averaged.mean[i]! += (mean[i]! - averaged.mean[i]!) / averaged.count;
        averaged.rho[i]! += (rho[i]! - averaged.rho[i]!) / averaged.count;
      }
    }
    onStep?.(step + 1);
  }
  return averaged.count === 0 ? { mean, deviation: scale, elbo } : { mean: averaged.mean, deviation: averaged.rho.map(softplus), elbo };
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
