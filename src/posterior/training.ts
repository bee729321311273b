/**
 * Maximum a posteriori by gradient ascent on the log-posterior: stochastic gradient descent with momentum, and Adam (Kingma & Ba 2015,
 * algorithm 1), where the prior is the weight decay. Only as much as posteriors need: to continue to a mode, and to give SWAG its trajectory.
 */
import type { Interruptible } from '../linalg/interruptible.ts';
import type { Random } from '../linalg/random.ts';
import { UserError } from '../protocol/userError.ts';
import { adamAscent } from './adam.ts';
import { logPosterior, type PosteriorProblem } from './logPosterior.ts';

export type Optimizer =
  | { readonly kind: 'sgd'; readonly learningRate: number; readonly momentum: number }
  | { readonly kind: 'adam'; readonly learningRate: number };

export interface TrainingOptions {
  readonly optimizer: Optimizer;
  readonly epochs: number;
  /** Inputs a step; all of them when it is at least N. */
  readonly batch: number;
  /** Batches of an epoch share its inputs out (`epochs`), or each is drawn from all inputs anew, so that the noise of steps is independent (`independent`). */
  readonly batches: 'epochs' | 'independent';
  /** `constant`, or down to zero on half a cosine. */
  readonly schedule: 'constant' | 'cosine';
  readonly random: Random;
  /** Called after every epoch with the weights, which go on changing. */
  readonly onEpoch?: (state: Float64Array, epoch: number) => void;
}

export interface Training {
  readonly state: Float64Array;
  /** Mean negative log-posterior per input of each epoch's batches, measured before their steps. */
  readonly loss: Float64Array;
  /** ‖∂ log p(D, θ)/∂θ‖₂ at the end, on all data: zero at a mode. */
  readonly gradientNorm: number;
}

/**
 * Learning rates are for the mean over inputs of the negative log-posterior, as in deep-learning frameworks.
 * @param start w; left unchanged
 * @throws UserError when the weights leave the finite numbers
 */
export function* train(problem: PosteriorProblem, start: Float64Array, { optimizer, epochs, batch, batches, schedule, random, onEpoch }: TrainingOptions): Interruptible<Training> {
  const { network } = problem;
  const state = start.slice();
  const count = problem.x.length / network.inputs;
  const gradient = new Float64Array(network.parameters);
  const step = stepper(optimizer, network.parameters);
  const loss = new Float64Array(epochs);
  const perEpoch = Math.ceil(count / batch);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = batch >= count || batches === 'independent' ? undefined : random.permutation(count);
    for (let b = 0; b < perEpoch; b++) {
      const rows = batches === 'independent' && batch < count ? Int32Array.from({ length: batch }, () => random.below(count)) : order?.subarray(b * batch, Math.min(count, (b + 1) * batch));
      const { value } = logPosterior(problem, state, gradient, rows);
      if (!Number.isFinite(value)) throw new UserError(`training diverged in epoch ${epoch + 1}: the log-posterior is ${value}; a smaller learning rate than ${optimizer.learningRate} may help`);
      loss[epoch]! -= value / count / perEpoch;
      const share = (epoch * perEpoch + b) / (epochs * perEpoch);
      for (let i = 0; i < gradient.length; i++) gradient[i]! /= count;
      step(state, gradient, schedule === 'cosine' ? 0.5 * (1 + Math.cos(Math.PI * share)) : 1);
      yield;
    }
    onEpoch?.(state, epoch);
  }
  logPosterior(problem, state, gradient);
  return { state, loss, gradientNorm: Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0)) };
}

/** Moves θ up the gradient of the mean over inputs, at `share` of the learning rate. */
function stepper(optimizer: Optimizer, size: number): (state: Float64Array, gradient: Float64Array, share: number) => void {
  if (optimizer.kind === 'adam') {
    const ascent = adamAscent(size);
    return (state, gradient, share) => { ascent(state, gradient, share * optimizer.learningRate); };
  }
  const velocity = new Float64Array(size);
  const { learningRate, momentum } = optimizer;
  return (state, gradient, share) => {
    for (let i = 0; i < size; i++) {
      const v = momentum * velocity[i]! + gradient[i]!;
      velocity[i] = v;
      state[i]! += share * learningRate * v;
    }
  };
}
